package wire

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var errRefused = errors.New("refused")

// crowd sends n callers through g at once and answers their errors.
func crowd(ctx context.Context, g *gate, n int, authorize func(policy.TokenRequestOptions) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = g.enter(ctx, authorize, policy.TokenRequestOptions{}) })
	}
	all.Wait()
	return errs
}

func TestGateColdLetsOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		var mu sync.Mutex
		fetched, calls := 0, 0
		errs := crowd(t.Context(), g, 64, func(policy.TokenRequestOptions) error {
			mu.Lock()
			calls++
			first := calls == 1
			mu.Unlock()
			if first {
				time.Sleep(time.Second)
				g.have(time.Now().Add(time.Hour))
				mu.Lock()
				fetched = calls
				mu.Unlock()
			}
			return nil
		})
		if diff := cmp.Diff(make([]error, 64), errs, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if fetched != 1 {
			t.Errorf("%d callers asked the SDK's policy before there was a token, want 1", fetched)
		}
		if calls != 64 {
			t.Errorf("%d of 64 callers were authorized", calls)
		}
	})
}

func TestGateSharesARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		calls := 0
		errs := crowd(t.Context(), g, 64, func(policy.TokenRequestOptions) error {
			calls++ // one at a time: the race detector sees otherwise
			time.Sleep(time.Second)
			return errRefused
		})
		for i, err := range errs {
			if err != errRefused {
				t.Errorf("caller %d got %v", i, err)
			}
		}
		if calls != 1 {
			t.Errorf("the credential was asked %d times, want once", calls)
		}
		// A refusal is not remembered: the next call asks anew.
		if err := g.enter(t.Context(), func(policy.TokenRequestOptions) error { calls++; return nil }, policy.TokenRequestOptions{}); err != nil || calls != 2 {
			t.Errorf("later: %v after %d calls", err, calls)
		}
	})
}

func TestGateLeaderWhoGivesUpIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		leader, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		var first error
		all.Go(func() {
			first = g.enter(leader, func(policy.TokenRequestOptions) error { <-leader.Done(); return leader.Err() }, policy.TokenRequestOptions{})
		})
		synctest.Wait()
		calls := 0
		var mu sync.Mutex
		errs := crowd(t.Context(), g, 8, func(policy.TokenRequestOptions) error {
			mu.Lock()
			calls++
			leads := calls == 1
			mu.Unlock()
			if leads {
				time.Sleep(time.Second)
				g.have(time.Now().Add(time.Hour))
			}
			return nil
		})
		for i, err := range errs {
			if err != nil {
				t.Errorf("caller %d got %v of a leader who gave up", i, err)
			}
		}
		all.Wait()
		if !errors.Is(first, context.DeadlineExceeded) {
			t.Errorf("the leader got %v", first)
		}
	})
}

func TestGateWaitsNoLongerThanTheCallerAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		release := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			_ = g.enter(t.Context(), func(policy.TokenRequestOptions) error { <-release; return nil }, policy.TokenRequestOptions{})
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		err := g.enter(ctx, func(policy.TokenRequestOptions) error {
			t.Error("authorized without a token")
			return nil
		}, policy.TokenRequestOptions{})
		if waited := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || waited != 3*time.Second {
			t.Errorf("got %v after %v", err, waited)
		}
		close(release)
		all.Wait()
	})
}

func TestGateWithATokenAtHandLetsAllPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		g.have(time.Now().Add(time.Hour))
		start := time.Now()
		crowd(t.Context(), g, 64, func(policy.TokenRequestOptions) error { time.Sleep(time.Second); return nil })
		if took := time.Since(start); took != time.Second {
			t.Errorf("64 callers of a second each took %v: they stood in line", took)
		}
		for _, tt := range []struct {
			why  string
			then func()
		}{
			{"rejected", g.lost},
			{"expired", func() { g.have(time.Now().Add(time.Minute)); time.Sleep(time.Minute) }},
		} {
			tt.then()
			var mu sync.Mutex
			inside, most := 0, 0
			crowd(t.Context(), g, 8, func(policy.TokenRequestOptions) error {
				mu.Lock()
				inside++
				most = max(most, inside)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				inside--
				mu.Unlock()
				return errRefused
			})
			if most != 1 {
				t.Errorf("%s: %d callers fetched at once", tt.why, most)
			}
		}
	})
}

func TestGatePanicLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		var all sync.WaitGroup
		all.Go(func() {
			defer func() {
				if v := recover(); v != "boom" {
					t.Errorf("the panic came out as %v", v)
				}
			}()
			_ = g.enter(t.Context(), func(policy.TokenRequestOptions) error {
				time.Sleep(time.Second)
				g.wreck()
				panic("boom")
			}, policy.TokenRequestOptions{})
		})
		synctest.Wait()
		for _, when := range []string{"while it was awaited", "afterwards"} {
			for i, err := range crowd(t.Context(), g, 8, func(policy.TokenRequestOptions) error {
				t.Errorf("%s: the SDK's policy was asked, which never answers", when)
				return nil
			}) {
				if err != errWrecked {
					t.Errorf("%s: caller %d got %v", when, i, err)
				}
			}
		}
		all.Wait()
	})
}
