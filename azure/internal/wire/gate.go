package wire

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// gate lets one caller fetch a token while the others of the same tenant wait
// for it, each no longer than its own context allows. The SDK's bearer policy
// alone would make them wait without looking at their contexts, and after a
// refusal let each of them ask again, one after the other.
type gate struct {
	mu      sync.Mutex
	fresh   time.Time // a token is at hand until then
	flight  *flight
	wrecked bool // see wreck
}

type flight struct {
	done chan struct{}
	err  error
	own  bool // the error was the caller's own context
}

// errWrecked is of callers that wait for a credential that panics.
var errWrecked = &tokenError{errors.New("the credential panicked")}

// enter runs authorize at once where a token is at hand, and else once for all
// who wait.
func (g *gate) enter(ctx context.Context, authorize func(policy.TokenRequestOptions) error, ask policy.TokenRequestOptions) error {
	for {
		g.mu.Lock()
		if g.wrecked {
			g.mu.Unlock()
			return errWrecked
		}
		if time.Now().Before(g.fresh) {
			g.mu.Unlock()
			return authorize(ask)
		}
		f := g.flight
		if f == nil {
			return g.lead(ctx, authorize, ask)
		}
		g.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.done:
		}
		if f.err == nil {
			return authorize(ask)
		}
		if !f.own {
			return f.err
		}
	}
}

// lead runs authorize for everybody. It is called with mu held.
func (g *gate) lead(ctx context.Context, authorize func(policy.TokenRequestOptions) error, ask policy.TokenRequestOptions) error {
	f := &flight{done: make(chan struct{}), err: errWrecked}
	g.flight = f
	g.mu.Unlock()
	// Deferred, so that a credential that panics leaves nobody waiting.
	defer func() {
		g.mu.Lock()
		g.flight = nil
		g.mu.Unlock()
		close(f.done)
	}()
	f.err = authorize(ask)
	f.own = ctx.Err() != nil
	return f.err
}

// have notes that a token is at hand until expiry.
func (g *gate) have(expiry time.Time) {
	g.mu.Lock()
	g.fresh = expiry
	g.mu.Unlock()
}

// end answers until when a token is at hand.
func (g *gate) end() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fresh
}

// lost notes that the token at hand was not accepted.
func (g *gate) lost() { g.have(time.Time{}) }

// wreck notes that the credential panicked. The SDK's policy keeps waiting for
// its answer for ever then, and whoever asks that policy for a token with it: so
// nobody may, and the tenant needs a new pipeline.
func (g *gate) wreck() {
	g.mu.Lock()
	g.wrecked = true
	g.mu.Unlock()
}

func (g *gate) usable() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.wrecked
}
