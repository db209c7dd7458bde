package reporting_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
)

type slowClaims struct {
	reporting.Store
	wait atomic.Int64
}

func (s *slowClaims) Claim(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
	time.Sleep(time.Duration(s.wait.Load()))
	return s.Store.Claim(ctx, c)
}

type slowUpdates struct {
	reporting.Store
	wait atomic.Int64
}

func (s *slowUpdates) Update(ctx context.Context, fn func(tx reporting.Tx) error) error {
	time.Sleep(time.Duration(s.wait.Load()))
	return s.Store.Update(ctx, fn)
}

// A tenant is switched off: nothing new is sent for it, by any process.
func TestSetModeDuringASlowClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		slow := &slowClaims{Store: h.store}
		other := engineOn(t, slow, h.azure, nil)
		defer run(t, other)()
		h.see(pc(nil))
		slow.wait.Store(int64(30 * time.Second))
		time.Sleep(10 * time.Second)
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOff))
		off := time.Now()
		time.Sleep(time.Hour)
		for _, c := range h.azure.all() {
			t.Errorf("%s after the tenant was switched off", fmt.Sprint(c.report.State, " was sent ", c.at.Sub(off)))
		}
	})
}

// A parked tenant's try finds, after a stall, that the tenant is paused: it gives
// the right to try back.
func TestTryOfATenantThatIsPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		slow := &slowClaims{Store: h.store}
		other := engineOn(t, slow, h.azure, nil)
		defer run(t, other)()
		h.azure.refuse(azure.Error{Kind: azure.ErrUnauthorized, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent})
		h.see(pc(nil))
		time.Sleep(10 * time.Second)
		h.azure.play(nil)
		slow.wait.Store(int64(20 * time.Second))
		time.Sleep(time.Until(h.tenant().NextTry) + 10*time.Second)
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModePaused))
		time.Sleep(15 * time.Second)
		slow.wait.Store(0)
		require.NoError(t, other.SetMode(t.Context(), account, tenantID, reporting.ModeOn))
		time.Sleep(40 * time.Second)
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("40 s after it was switched on: %v, next try in %v", got, time.Until(h.tenant().NextTry))
		}
	})
}

// A tenant is off-boarded by one process while an Observe of another is held up:
// what that says durable is, or is refused; and nothing of it is the next account's.
func TestObserveDuringOffBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		slow := &slowUpdates{Store: h.store}
		other := engineOn(t, slow, h.azure, nil)
		slow.wait.Store(int64(20 * time.Second))
		type answer struct {
			seen reporting.Observed
			err  error
		}
		done := make(chan answer, 1)
		go func() {
			seen, err := other.Observe(t.Context(), pc(nil))
			done <- answer{seen, err}
		}()
		time.Sleep(time.Second)
		require.NoError(t, h.engine.OffBoard(t.Context(), account, tenantID, nil))
		a := <-done
		if a.err != nil || len(a.seen.Refused) > 0 {
			return
		}
		if _, err := h.engine.Device(t.Context(), tenantID, "pc-1"); err != nil {
			t.Errorf("Observe took it, and: %v", err)
		}
		require.NoError(t, h.engine.RegisterTenant(t.Context(), "another account", tenantID))
		time.Sleep(time.Minute)
		if got := h.azure.state(deviceID); got != 0 {
			t.Errorf("reported as %v for an account that never observed it", got)
		}
	})
}
