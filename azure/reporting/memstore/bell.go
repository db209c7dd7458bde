package memstore

import (
	"context"
	"sync"
)

// bell wakes everyone who waits. Rung while nobody waits, it lets the next one
// go at once.
type bell struct {
	mu      sync.Mutex
	waiting int
	rung    chan struct{} // closed by the next ring; nil where nobody waits
	missed  bool
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == 0 {
		b.missed = true
		return
	}
	close(b.rung)
	b.rung, b.waiting = nil, 0
}

func (b *bell) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	if b.missed {
		b.missed = false
		b.mu.Unlock()
		return nil
	}
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	rung := b.rung
	b.waiting++
	b.mu.Unlock()
	select {
	case <-rung:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if rung != b.rung {
		return nil // it rang in the same moment, and nobody else may have heard
	}
	if b.waiting--; b.waiting == 0 {
		b.rung = nil
	}
	return ctx.Err()
}
