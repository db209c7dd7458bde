package wire

import (
	"context"
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
	flights Flights[struct{}]
}

// enter runs authorize at once where a token is at hand, and else once for all
// who wait.
func (g *gate) enter(ctx context.Context, authorize func(policy.TokenRequestOptions) error, ask policy.TokenRequestOptions) error {
	g.mu.Lock()
	fresh := time.Now().Before(g.fresh)
	g.mu.Unlock()
	if fresh {
		return authorize(ask)
	}
	mine := false
	_, err := g.flights.Do(ctx, "", func() (struct{}, error) {
		mine = true
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

// lost notes that the token at hand was not accepted.
func (g *gate) lost() { g.have(time.Time{}) }
