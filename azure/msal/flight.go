package msal

import (
	"context"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// flight is one question to Entra for which any number of callers wait. It ends
// by itself, by Options.RequestTimeout, or when the last caller has left.
type flight struct {
	done    chan struct{} // closed when token and err are set
	cancel  context.CancelFunc
	waiters int // guarded by the asker's mutex

	token azcore.AccessToken
	err   *Error
}

// join answers the flight for claims, with the caller counted in; it starts one
// where there is none. The mutex is held.
func (a *asker) join(ctx context.Context, s *slot, r request) *flight {
	if f, ok := s.flights[r.claims]; ok {
		f.waiters++
		return f
	}
	// The flight keeps the values of the caller that starts it and outlives
	// its cancellation, for others may be waiting.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.options.RequestTimeout)
	r.scopes = slices.Clone(r.scopes) // the caller may be gone and reuse them
	f := &flight{done: make(chan struct{}), cancel: cancel, waiters: 1}
	if s.flights == nil {
		s.flights = map[string]*flight{}
	}
	s.flights[r.claims] = f
	go a.fly(ctx, f, s, r)
	return f
}

func (a *asker) fly(ctx context.Context, f *flight, s *slot, r request) {
	defer f.cancel()
	token, err := a.ask(ctx, s, r)

	a.mu.Lock()
	defer a.mu.Unlock()
	s.land(f, r.claims)
	now := time.Now()
	s.tried = now
	switch {
	case err == nil:
		a.cache.keep(s, token, r.claims, now)
	case r.claims == "" && s.alive(now):
		// A renewal that fails takes nothing away.
		token, err = s.token, nil
	}
	f.token, f.err = token, err
	close(f.done)
}

// await answers the flight's outcome, or leaves it when ctx ends.
func (a *asker) await(ctx context.Context, f *flight, s *slot, r request) (azcore.AccessToken, error) {
	select {
	case <-f.done:
		if f.err != nil {
			return azcore.AccessToken{}, f.err.clone()
		}
		return f.token, nil
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if f.waiters--; f.waiters == 0 {
		f.cancel()
		s.land(f, r.claims)
	}
	return azcore.AccessToken{}, gaveUp(r.tenant, ctx.Err())
}

// land takes a flight off the board, so that nobody joins it any more.
func (s *slot) land(f *flight, claims string) {
	if s.flights[claims] == f {
		delete(s.flights, claims)
	}
}
