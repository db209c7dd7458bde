package wire

import (
	"context"
	"errors"
	"sync"
)

// Flights lets one caller do a piece of work for a key while the others wait
// for its result, each no longer than its own context allows. The zero value is
// ready; safe for concurrent use.
type Flights[V any] struct {
	mu  sync.Mutex
	now map[string]*work[V]
}

type work[V any] struct {
	done  chan struct{}
	value V
	err   error
	own   bool // the error was the context of the caller who did it
}

// errAbandoned stands for the result of work that panicked: whoever waited does
// it himself.
var errAbandoned = errors.New("abandoned")

// Do answers what fetch answers, for this caller or another. A result that was
// spoilt by the context of the caller who fetched it is nobody else's.
func (f *Flights[V]) Do(ctx context.Context, key string, fetch func() (V, error)) (V, error) {
	for {
		f.mu.Lock()
		w := f.now[key]
		if w == nil {
			return f.lead(ctx, key, fetch)
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		case <-w.done:
		}
		if w.err == nil || !w.own {
			return w.value, w.err
		}
	}
}

// lead does the work. It is called with mu held.
func (f *Flights[V]) lead(ctx context.Context, key string, fetch func() (V, error)) (V, error) {
	w := &work[V]{done: make(chan struct{}), err: errAbandoned, own: true}
	if f.now == nil {
		f.now = map[string]*work[V]{}
	}
	f.now[key] = w
	f.mu.Unlock()
	// Deferred, so that work that panics leaves nobody waiting.
	defer func() {
		f.mu.Lock()
		delete(f.now, key)
		f.mu.Unlock()
		close(w.done)
	}()
	w.value, w.err = fetch()
	w.own = ctx.Err() != nil
	return w.value, w.err
}
