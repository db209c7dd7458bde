package reporting_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// crash is a store that a process loses after its next claim: whatever it does
// then fails.
type crash struct {
	reporting.Store
	armed, dead atomic.Bool
}

var errCrashed = errors.New("the process is dead")

func (c *crash) Claim(ctx context.Context, claim reporting.Claim) ([]reporting.Row, error) {
	if c.dead.Load() {
		return nil, errCrashed
	}
	rows, err := c.Store.Claim(ctx, claim)
	if len(rows) > 0 && c.armed.Load() {
		c.dead.Store(true)
	}
	return rows, err
}

func (c *crash) Update(ctx context.Context, fn func(tx reporting.Tx) error) error {
	if c.dead.Load() {
		return errCrashed
	}
	return c.Store.Update(ctx, fn)
}

// opposite answers the other standing of a device that is not removed.
func opposite(s compliance.State) compliance.State {
	if s == compliant {
		return nonCompliant
	}
	return compliant
}

// diesReporting has a process die with its report of an observation under way,
// which arrives at Azure after a while.
func (h *trial) diesReporting(o reporting.Observation, arrives time.Duration) {
	h.t.Helper()
	dying := &crash{Store: h.store}
	dying.armed.Store(true)
	h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
		h.azure.play(nil)
		time.AfterFunc(arrives, func() { h.azure.arrive(r) })
		return azure.Receipt{}, new(noAnswer)
	})
	h.see(o)
	stop := run(h.t, engineOn(h.t, dying, h.azure, nil))
	time.Sleep(time.Second)
	stop()
}

// A process dies between a report and the writing of its outcome, and the
// device turns back to what was accepted before: another engine, to which the
// standing is nothing new, sends it all the same.
func TestTurnsBackWhileAReportIsLost(t *testing.T) {
	for _, before := range []compliance.State{compliant, nonCompliant} {
		for _, arrives := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v, the report arrived: %v", before, arrives), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					between := opposite(before)
					h := newTrial(t, nil)
					dying := &crash{Store: h.store}
					stop := run(t, engineOn(t, dying, h.azure, nil))
					h.see(pc(in(before)))
					time.Sleep(10 * time.Minute)
					dying.armed.Store(true)
					h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
						if arrives {
							h.azure.arrive(r)
						}
						return azure.Receipt{}, new(noAnswer)
					})
					h.see(pc(in(between)))
					time.Sleep(10 * time.Second)
					stop()
					h.azure.play(nil)
					h.see(pc(in(before)))
					defer h.run()()
					time.Sleep(10 * time.Minute)
					if got := h.azure.state(deviceID); got != before {
						t.Errorf("Azure holds %v, want %v", got, before)
					}
				})
			})
		}
	}
}

// The same where the next try is refused: that says nothing of the one that was
// lost, and the device turns back to what was accepted before.
func TestTurnsBackAfterALostReportAndARefusal(t *testing.T) {
	for _, before := range []compliance.State{compliant, nonCompliant} {
		t.Run(before.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				between := opposite(before)
				h := newTrial(t, nil)
				dying := &crash{Store: h.store}
				stop := run(t, engineOn(t, dying, h.azure, nil))
				h.see(pc(in(before)))
				time.Sleep(10 * time.Minute)
				dying.armed.Store(true)
				h.see(pc(in(between)))
				time.Sleep(10 * time.Second)
				stop()
				if got := h.azure.state(deviceID); got != between {
					t.Fatalf("Azure holds %v, want the lost report's %v", got, between)
				}
				h.azure.refuse(forbidden)
				stop = h.run()
				time.Sleep(3 * time.Minute) // the lease ends, and the report is tried again
				stop()
				h.azure.play(nil)
				h.see(pc(in(before)))
				defer h.run()()
				time.Sleep(2 * time.Hour)
				if got := h.azure.state(deviceID); got != before {
					t.Errorf("Azure holds %v, want %v", got, before)
				}
			})
		})
	}
}

// The same where what is due next is a question about an earlier user's pair:
// the device turns back before it is asked, while it is, or after.
func TestTurnsBackAfterALostReportAndAQuestion(t *testing.T) {
	for _, turns := range []string{"before it is asked", "while it is asked", "after it was asked"} {
		t.Run(turns, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				h.azure.later.Store(true)
				var takes time.Duration
				h.azure.check = func(_ context.Context, r azure.Receipt) (azure.Receipt, error) {
					if r.Removal == azure.RemovalUnspecified {
						r.State = status.Successful
					} else {
						time.Sleep(takes)
					}
					return r, nil // the closing stays in progress
				}
				of := func(user string, s compliance.State) reporting.Observation {
					return phone(func(o *reporting.Observation) { o.UserID, o.State = user, s })
				}
				dying := &crash{Store: h.store}
				stop := run(t, engineOn(t, dying, h.azure, nil))
				h.see(of(userA, nonCompliant))
				time.Sleep(time.Minute)
				h.see(of(userB, nonCompliant))
				time.Sleep(time.Hour)
				dying.armed.Store(true)
				h.see(of(userB, compliant))
				time.Sleep(10 * time.Second)
				stop()
				if got := h.azure.state(deviceID); got != compliant {
					t.Fatalf("Azure holds %v, want the lost report's", got)
				}
				time.Sleep(20 * time.Minute) // the question is overdue
				takes = 20 * time.Second
				if turns == "before it is asked" {
					h.see(of(userB, nonCompliant))
				}
				defer h.run()()
				time.Sleep(10 * time.Second)
				if turns == "while it is asked" {
					h.see(of(userB, nonCompliant))
				}
				if turns == "after it was asked" {
					// Before the lost report is made again.
					require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModePaused))
					time.Sleep(time.Minute)
					h.see(of(userB, nonCompliant))
					require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOn))
				}
				time.Sleep(time.Hour)
				if got := h.azure.state(deviceID); got != nonCompliant {
					t.Errorf("Azure holds %v, want %v", got, nonCompliant)
				}
			})
		})
	}
}

// A process dies while its call is stuck, and the call arrives after that of
// the engine that takes over. Nobody records what came of it; the newest
// standing is sent once more.
func TestLateCallOfADeadProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		h.diesReporting(pc(nil), 3*time.Minute)
		h.see(pc(in(nonCompliant)))
		defer h.run()()
		time.Sleep(20 * time.Minute)
		if got := h.azure.state(deviceID); got != nonCompliant {
			t.Errorf("Azure holds %v", got)
		}
	})
}

// The same of an inventory: what a lost report had said of the device is said
// anew, though nothing else is known to have changed.
func TestInventoryTurnsBackAfterALostReport(t *testing.T) {
	for _, state := range []compliance.State{compliant, nonCompliant} { // that it turns back in
		t.Run(state.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				see := func(s compliance.State, version string) {
					h.see(pc(func(o *reporting.Observation) {
						o.State, o.Inventory = s, azure.Inventory{DeviceName: "PC 1", OSVersion: version}
					}))
					time.Sleep(time.Second)
				}
				see(compliant, "10")
				var held atomic.Value
				h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					held.Store(r.Inventory.OSVersion)
					return azure.Receipt{}, new(noAnswer)
				})
				see(compliant, "11")
				if held.Load() != "11" {
					t.Fatalf("sent version %q", held.Load())
				}
				h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					if v := r.Inventory.OSVersion; v != "" {
						held.Store(v)
					}
					return h.azure.accept(r)
				})
				see(state, "10")
				time.Sleep(time.Hour)
				if held.Load() != "10" {
					t.Errorf("Azure holds version %q", held.Load())
				}
			})
		})
	}
}

// The outcome of a call whose lease was lost says nothing of the call that went
// out after it, under another's lease, and whose process died.
func TestOutcomeUnderALostLease(t *testing.T) {
	for _, last := range []compliance.State{compliant, nonCompliant} {
		t.Run(last.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				between := opposite(last)
				h := newTrial(t, &reporting.Options{CallsInFlight: 1}) // takes nothing over while it is stuck
				dying := &crash{Store: h.store}
				dying.armed.Store(true)
				stuck(h, 4*time.Minute)
				defer h.run()()
				h.see(phone(in(last)))
				time.Sleep(time.Minute)
				h.see(phone(in(between)))
				time.Sleep(50 * time.Second)
				stop := run(t, engineOn(t, dying, h.azure, nil))
				time.Sleep(30 * time.Second) // the lease has ended
				stop()
				if got := h.azure.state(deviceID); got != between || !dying.dead.Load() {
					t.Fatalf("Azure holds %v, want what the second process sent", got)
				}
				h.see(phone(in(last)))
				time.Sleep(time.Hour)
				if got := h.azure.state(deviceID); got != last {
					t.Errorf("Azure holds %v, want %v", got, last)
				}
			})
		})
	}
}

// A device is forgotten with force while its report is under way: what Azure then
// holds of its id is known, whether it is the first report or the second.
func TestForgetDuringTheFirstReport(t *testing.T) {
	for _, first := range []bool{false, true} {
		t.Run(fmt.Sprint("first ", first), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				if !first {
					h.see(pc(in(nonCompliant)))
					time.Sleep(time.Hour)
				}
				h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					time.Sleep(10 * time.Second)
					return h.azure.accept(r)
				})
				h.see(pc(nil))
				time.Sleep(5 * time.Second)
				require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "pc-1", true))
				time.Sleep(time.Hour)
				known := h.tenant().Compliant
				for range h.engine.Reconcile(t.Context(), tenantID, func(func(string) bool) {}) {
					known++
				}
				if got := h.azure.state(deviceID); got == compliant && known == 0 {
					t.Errorf("Azure holds %v, of which nothing is known", got)
				}
				require.NoError(t, h.engine.OffBoard(t.Context(), account, tenantID, nil))
				if got := h.azure.state(deviceID); got == compliant {
					t.Errorf("off-boarded: Azure holds %v", got)
				}
			})
		})
	}
}
