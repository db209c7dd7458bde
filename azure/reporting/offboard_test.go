package reporting_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
)

// provisioned is a Microsoft with which tenants are set up.
type provisioned struct {
	*microsoft
	mu     sync.Mutex
	ended  []string
	answer error
}

func (p *provisioned) Deprovision(ctx context.Context, tenant string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = append(p.ended, tenant)
	if p.answer != nil {
		return p.answer
	}
	return ctx.Err()
}

// standing is a tenant with devices of all sorts, some of them forgotten.
func standing(t *testing.T, o *reporting.Options) (*trial, *provisioned, []reporting.Observation) {
	h := newTrial(t, o)
	p := &provisioned{microsoft: h.azure}
	h.engine = engineOn(t, h.store, p, o)
	fleet := append(pcs(60, nil), pcs(80, in(nonCompliant))[60:]...)
	fleet = append(fleet, pcs(90, in(removed))[80:]...)
	fleet = append(fleet,
		phone(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }),
		pc(func(o *reporting.Observation) { o.DeviceID, o.AzureDeviceID = "unlinked", "" }),
		pc(func(o *reporting.Observation) { o.DeviceID, o.AzureDeviceID, o.State = "unevaluated", deviceID3, 0 }),
	)
	h.see(fleet...)
	stop := h.run()
	time.Sleep(time.Minute)
	stop()
	require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "pc-0001", true))
	h.lines()
	return h, p, fleet
}

// closedAll checks that no device is held as compliant or non-compliant.
func (h *trial) closedAll(fleet []reporting.Observation, but ...string) {
	h.t.Helper()
	for _, o := range fleet {
		if got := h.azure.state(o.AzureDeviceID); (got == compliant || got == nonCompliant) && !slices.Contains(but, o.DeviceID) {
			h.t.Errorf("Azure holds %s as %v, want it closed", o.DeviceID, got)
		}
	}
}

// gone checks that the store holds nothing of the tenant.
func (h *trial) gone() {
	h.t.Helper()
	for kind := range reporting.Kind(10) {
		rows, err := h.store.Scan(h.t.Context(), kind, tenantID, reporting.Key{}, 10)
		require.NoError(h.t, err)
		for _, r := range rows {
			h.t.Errorf("a row of kind %d is left: %q", r.Kind, r.ID)
		}
	}
	if _, err := h.engine.Tenant(h.t.Context(), tenantID); !errors.Is(err, reporting.ErrUnknownTenant) {
		h.t.Errorf("Tenant: %v", err)
	}
}

// Every device is closed first, with progress; then the tenant is
// deprovisioned; then nothing is left of it. No object is deleted.
func TestOffBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, p, fleet := standing(t, nil)
		defer h.run()()
		var told []reporting.OffBoarding
		err := h.engine.OffBoard(t.Context(), account, strings.ToUpper(tenantID), func(o reporting.OffBoarding) {
			told = append(told, o)
			if len(p.ended) > 0 {
				t.Error("the tenant was deprovisioned before its devices were closed")
			}
		})
		require.NoError(t, err)
		// pc-0001 was forgotten with force: what Azure holds of it stays.
		h.closedAll(fleet, "pc-0001")
		if diff := cmp.Diff([]string{tenantID}, p.ended); diff != "" {
			t.Errorf("deprovisioned (-want +got)\n%s", diff)
		}
		if first, last := told[0], told[len(told)-1]; first.Devices != 80 || last.Devices != 0 || last.Closed != 80 || last.Cause != "" {
			t.Errorf("progress from %+v to %+v, want 80 closed", first, last)
		}
		if n := len(h.azure.all("delete")); n != 0 {
			t.Errorf("%d objects were deleted", n)
		}
		for _, l := range h.lines() {
			if !strings.HasPrefix(l, "removed to ") {
				t.Errorf("sent %s", l)
			}
		}
		h.gone()
		// Again, and of tenants that nobody knows.
		require.NoError(t, h.engine.OffBoard(t.Context(), account, tenantID, nil), "again")
		for _, id := range []string{"", "contoso.com"} {
			if err := h.engine.OffBoard(t.Context(), account, id, nil); err == nil {
				t.Errorf("OffBoard of %q: no error", id)
			}
		}
		time.Sleep(100 * time.Hour)
		if n := len(h.lines()); n != 0 {
			t.Errorf("%d calls afterwards", n)
		}
		// It may come back, and begins anew.
		require.NoError(t, h.engine.RegisterTenant(t.Context(), account, tenantID))
		h.see(pc(nil))
		time.Sleep(time.Minute)
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("registered again: Azure holds %v", got)
		}
	})
}

// An off-boarding that was interrupted stays one: observations are refused, no
// other mode can be set, Run goes on closing, and a second call ends it.
func TestOffBoardInterruptedAndResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, p, fleet := standing(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		// Nothing runs, so that nothing is closed.
		err := h.engine.OffBoard(ctx, account, tenantID, func(o reporting.OffBoarding) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("OffBoard: %v, want that it was canceled", err)
		}
		if v := h.tenant(); v.Mode != reporting.ModeOffBoarding {
			t.Errorf("mode %v", v.Mode)
		}
		seen, err := h.engine.Observe(t.Context(), pc(nil))
		require.NoError(t, err)
		if len(seen.Refused) != 1 || !errors.Is(seen.Refused[0].Err, reporting.ErrOffBoarding) {
			t.Errorf("an observation: %+v", seen)
		}
		for _, m := range []reporting.Mode{reporting.ModeOn, reporting.ModeOff, reporting.ModePaused} {
			if err := h.engine.SetMode(t.Context(), account, tenantID, m); !errors.Is(err, reporting.ErrOffBoarding) {
				t.Errorf("SetMode to %v: %v", m, err)
			}
		}
		if err := h.engine.OffBoard(t.Context(), "fabrikam", tenantID, nil); !errors.Is(err, reporting.ErrForeignTenant) {
			t.Errorf("another account: %v", err)
		}
		if err := h.engine.RegisterTenant(t.Context(), account, tenantID); err != nil || h.tenant().Mode != reporting.ModeOffBoarding {
			t.Errorf("registered meanwhile: %v, mode %v", err, h.tenant().Mode)
		}
		for d, err := range h.engine.Devices(t.Context(), reporting.Filter{}) {
			require.NoError(t, err)
			h.valid(d)
		}
		// Another engine goes on.
		e := engineOn(t, h.store, p, nil)
		defer run(t, e)()
		p.answer = &azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeService, Outcome: azure.OutcomeUnknown}
		if err := e.OffBoard(t.Context(), account, tenantID, nil); !errors.Is(err, azure.ErrUnavailable) {
			t.Errorf("Microsoft does not answer to the deprovisioning: %v", err)
		}
		h.closedAll(fleet, "pc-0001")
		p.answer = azure.ErrNotProvisioned
		require.NoError(t, e.OffBoard(t.Context(), account, tenantID, nil))
		h.gone()
	})
}

// With the tenant parked an off-boarding says why it does not go on, and goes
// on when that has passed. It tries at once.
func TestOffBoardOfAParkedTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, fleet := standing(t, nil)
		h.azure.refuse(noToken)
		h.see(pcs(3, in(nonCompliant))...)
		defer h.run()()
		time.Sleep(20 * time.Minute)
		require.NotNil(t, h.tenant().Parked)
		causes := map[azure.Kind]int{}
		began := time.Now()
		err := h.engine.OffBoard(t.Context(), account, tenantID, func(o reporting.OffBoarding) {
			causes[o.Cause]++
			if causes[azure.ErrUnauthorized] == 10 {
				h.azure.play(nil)
			}
		})
		require.NoError(t, err)
		if causes[azure.ErrUnauthorized] < 10 || causes[""] == 0 {
			t.Errorf("causes %v, want the tenant's, then none", causes)
		}
		if took := time.Since(began); took > 40*time.Minute {
			t.Errorf("it took %v", took)
		}
		h.closedAll(fleet, "pc-0001")
		h.gone()
	})
}

// Observations that race with the beginning of an off-boarding are refused, or
// their devices closed: whatever was taken does not stay compliant.
func TestOffBoardWithObservationsBeside(t *testing.T) {
	for _, shift := range []time.Duration{0, 3 * time.Millisecond, 11 * time.Millisecond, 17 * time.Millisecond, 29 * time.Millisecond} {
		t.Run(shift.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrialOn(t, &slow{Store: newStore()}, nil)
				defer h.run()()
				h.see(pcs(50, nil)...)
				time.Sleep(time.Minute)
				taken := pcs(50, nil)
				var observing sync.WaitGroup
				for worker := range 4 {
					observing.Go(func() {
						for i := range 200 {
							o := pc(func(o *reporting.Observation) {
								o.DeviceID = fmt.Sprintf("new-%d-%d", worker, i)
								o.AzureDeviceID = fmt.Sprintf("%04d%04d-9489-4074-9b35-000000000000", worker, i)
							})
							seen, err := h.engine.Observe(t.Context(), o)
							if err != nil {
								t.Error(err)
							}
							if len(seen.Refused) > 0 {
								if !errors.Is(seen.Refused[0].Err, reporting.ErrOffBoarding) && !errors.Is(seen.Refused[0].Err, reporting.ErrUnknownTenant) {
									t.Error(seen.Refused[0].Err)
								}
								return
							}
							h.azure.mu.Lock()
							taken = append(taken, o)
							h.azure.mu.Unlock()
						}
					})
				}
				time.Sleep(50*time.Millisecond + shift)
				require.NoError(t, h.engine.OffBoard(t.Context(), account, tenantID, nil))
				observing.Wait()
				time.Sleep(10 * time.Minute)
				h.closedAll(taken)
				h.gone()
			})
		})
	}
}

// A call that is under way when the off-boarding begins is waited for.
func TestOffBoardWithCallsInFlight(t *testing.T) {
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				h.azure.play(func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
					h.azure.play(nil)
					return answer(h, ctx, r)
				})
				h.see(pc(nil))
				time.Sleep(time.Second)
				require.NoError(t, h.engine.OffBoard(t.Context(), account, tenantID, nil))
				time.Sleep(10 * time.Minute)
				if got := h.azure.state(deviceID); got != removed {
					t.Errorf("Azure holds %v, want it closed", got)
				}
				h.gone()
			})
		})
	}
}

// A tenant that is set off with calls in flight: they are not called back, what
// they came to is recorded, and nothing else is sent.
func TestSetOffWithCallsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			time.Sleep(30 * time.Second)
			return h.azure.accept(r)
		})
		h.see(pcs(3, nil)...)
		time.Sleep(time.Second)
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOff))
		h.see(pcs(6, in(nonCompliant))...)
		time.Sleep(10 * time.Minute)
		if n := len(h.lines()); n != 3 {
			t.Errorf("%d calls, want the three that were under way", n)
		}
		v := h.tenant()
		if v.Compliant != 3 || v.Mode != reporting.ModeOff {
			t.Errorf("the tenant: %+v, want three held as compliant", v)
		}
		if got, want := line(h.device("pc-0000").Device), pcs(1, nil)[0].AzureDeviceID+" · none[off] · Success · [off] -> compliant"; got != want {
			t.Errorf("shown %s, want %s", got, want)
		}
		c, err := h.engine.Counters(t.Context())
		require.NoError(t, err)
		if len(c.Queued) != 0 || !c.OldestUnsent.IsZero() || c.Compliant != 3 {
			t.Errorf("counters: %+v, want nothing queued of a tenant that is off", c)
		}
		// On again, current standings alone.
		h.azure.play(nil)
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOn))
		time.Sleep(time.Minute)
		for _, l := range h.lines() {
			if !strings.HasPrefix(l, "non-compliant to") {
				t.Errorf("sent %s", l)
			}
		}
		if v := h.tenant(); v.Compliant != 0 || v.Unsent != 0 {
			t.Errorf("on again: %+v", v)
		}
	})
}

// Two off-boardings of a tenant: the one that comes late leaves alone what the
// host has registered again since the other ended.
func TestOffBoardTwiceAndRegisteredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, p, _ := standing(t, nil)
		defer h.run()()
		late := engineOn(t, h.store, p, &reporting.Options{Poll: time.Minute})
		var both sync.WaitGroup
		both.Go(func() {
			if err := late.OffBoard(t.Context(), account, tenantID, nil); err == nil {
				t.Error("the late one says that the tenant is off-boarded")
			}
		})
		time.Sleep(time.Second)
		require.NoError(t, h.engine.OffBoard(t.Context(), account, tenantID, nil))
		require.NoError(t, h.engine.RegisterTenant(t.Context(), account, tenantID))
		h.see(pc(nil))
		both.Wait()
		time.Sleep(10 * time.Minute)
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("registered again: Azure holds %v", got)
		}
		if n := len(p.ended); n != 1 {
			t.Errorf("deprovisioned %d times", n)
		}
	})
}
