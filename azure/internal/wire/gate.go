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
	wrecked bool      // see wreck
	flights Flights[struct{}]
}

// errWrecked is of callers that wait for a credential that panics.
var errWrecked = &tokenError{errors.New("the credential panicked")}

// enter runs authorize at once where a token is at hand, and else once for all
// who wait.
func (g *gate) enter(ctx context.Context, authorize func(policy.TokenRequestOptions) error, ask policy.TokenRequestOptions) error {
	if time.Now().Before(g.end()) {
		if !g.usable() {
			return errWrecked
		}
		return authorize(ask)
	}
	mine := false
	_, err := g.flights.Do(ctx, "", func() (struct{}, error) {
		mine = true
		if !g.usable() {
			return struct{}{}, errWrecked
		}
		return struct{}{}, authorize(ask)
	})
	if err != nil || mine {
		return err
	}
	return authorize(ask) // with the token that another fetched
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
