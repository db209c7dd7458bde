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

const userC = "11111111-2222-4333-8444-777777777777"

var rejected = azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}

// A device comes back to the id that it left while that is being closed: it is
// reported there anew.
func TestComesBackWhileItsIDIsClosed(t *testing.T) {
	named := func(change func(o *reporting.Observation)) reporting.Observation {
		o := phone(change)
		o.UserID, o.UserPrincipalName = "", "a@example.com"
		return o
	}
	for name, device := range map[string]func(func(*reporting.Observation)) reporting.Observation{
		"a PC": pc, "a phone": phone, "a phone of which only the user's name is known": named,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				h.see(device(nil))
				time.Sleep(10 * time.Minute)
				h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					if r.State == removed && r.DeviceID == deviceID {
						time.Sleep(20 * time.Second)
					}
					return h.azure.accept(r)
				})
				h.see(device(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
				time.Sleep(5 * time.Second)
				h.see(device(nil))
				time.Sleep(time.Hour)
				if got := h.azure.state(deviceID); got != compliant {
					t.Errorf("Azure holds %v, after %q", got, h.lines())
				}
			})
		})
	}
}

// What a report is refused for that was under way when its device went elsewhere
// does not keep the id from being closed.
func TestRefusalAfterTheDeviceLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(pc(nil))
		time.Sleep(10 * time.Minute)
		h.azure.play(func(context.Context, azure.Report) (azure.Receipt, error) {
			h.azure.play(nil)
			time.Sleep(20 * time.Second)
			return azure.Receipt{}, new(rejected)
		})
		h.see(pc(func(o *reporting.Observation) { o.Inventory.DeviceName = "other" }))
		time.Sleep(5 * time.Second)
		h.see(pc(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
		time.Sleep(time.Minute)
		if got := h.azure.state(deviceID); got != removed {
			t.Errorf("Azure holds %v, after %q", got, h.lines())
		}
	})
}

// pairs answers what was sent last for each user of an id.
func (h *trial) pairs(id string) map[string]string {
	m := map[string]string{}
	for _, c := range h.azure.all("report") {
		if c.report.DeviceID == id {
			u := map[string]string{userA: "A", userB: "B", userC: "C"}[c.report.UserID]
			m[u] = c.report.State.String()
		}
	}
	return m
}

// A removal that is in progress fails after the device enrolled anew under
// another id: the old one is closed all the same.
func TestRemovalFailsAfterTheDeviceLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(phone(nil))
		time.Sleep(10 * time.Minute)
		h.azure.later.Store(true)
		h.azure.mu.Lock()
		h.azure.check = func(_ context.Context, r azure.Receipt) (azure.Receipt, error) {
			if r.DeviceID == deviceID {
				r.State, r.Failure = status.Failed, new(rejected)
				h.azure.mu.Lock()
				h.azure.check = nil
				h.azure.mu.Unlock()
			} else {
				r.State = status.Successful
			}
			return r, nil
		}
		h.azure.mu.Unlock()
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			h.azure.play(nil)
			was := h.azure.holds[deviceID]
			got, err := h.azure.accept(r)
			h.azure.mu.Lock()
			h.azure.holds[deviceID] = was // it will fail
			h.azure.mu.Unlock()
			return got, err
		})
		h.see(phone(in(removed)))
		time.Sleep(2 * time.Second)
		h.see(phone(func(o *reporting.Observation) {
			o.EnrollmentID, o.EnrolledAt, o.AzureDeviceID = "e2", time.Now(), deviceID2
		}))
		time.Sleep(24 * time.Hour)
		if got := h.azure.state(deviceID); got != removed {
			t.Errorf("Azure holds %v, after %q", got, h.lines())
		}
	})
}

// The id that a phone left is claimed by another user's before it was closed: the
// pair of the first user is closed all the same.
func TestAnotherUserClaimsAnIDThatIsToBeClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(phone(nil))
		time.Sleep(10 * time.Minute)
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModePaused))
		h.see(phone(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
		time.Sleep(time.Second)
		h.see(phone(func(o *reporting.Observation) { o.DeviceID, o.UserID = "phone-2", userB }))
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOn))
		time.Sleep(time.Hour)
		if got := h.pairs(deviceID); got["A"] != "removed" || got["B"] != "compliant" {
			t.Errorf("pairs %v", got)
		}
	})
}

// Another record claims a phone's id, with another user, while the first report of
// the first is under way: the pair of that one is closed.
func TestAnotherRecordWhileTheFirstReportIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		began := time.Now()
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			h.azure.play(nil)
			time.Sleep(20 * time.Second)
			return h.azure.accept(r)
		})
		h.see(phone(func(o *reporting.Observation) { o.EnrolledAt = began.Add(-time.Hour) }))
		time.Sleep(5 * time.Second)
		h.see(phone(func(o *reporting.Observation) { o.DeviceID, o.UserID, o.EnrolledAt = "phone-2", userB, began }))
		time.Sleep(time.Hour)
		if got := h.pairs(deviceID); got["A"] != "removed" || got["B"] != "compliant" {
			t.Errorf("pairs %v", got)
		}
	})
}

// A phone has two records with a user each, of which the newer one was removed and
// the older enrolled anew: off-boarding closes both pairs.
func TestOffBoardClosesEveryPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		began := time.Now().Add(-time.Hour)
		see := func(device, user string, enrolled time.Duration, s func(*reporting.Observation)) {
			h.see(phone(func(o *reporting.Observation) {
				o.DeviceID, o.UserID, o.EnrolledAt = device, user, began.Add(enrolled)
				o.EnrollmentID = fmt.Sprint(enrolled)
				s(o)
			}))
			time.Sleep(time.Minute)
		}
		see("phone-1", userA, 1*time.Second, in(compliant))
		see("phone-2", userC, 2*time.Second, in(compliant))
		see("phone-2", userC, 2*time.Second, in(removed))
		see("phone-1", userA, 3*time.Second, in(compliant))
		time.Sleep(10 * time.Minute)
		if got := h.pairs(deviceID); got["A"] != "compliant" {
			t.Fatalf("pairs %v", got)
		}
		require.NoError(t, h.engine.OffBoard(t.Context(), account, tenantID, nil))
		if got := h.pairs(deviceID); got["A"] != "removed" {
			t.Errorf("pairs %v", got)
		}
	})
}

// That Azure does not know the device for a moment does not count as one refusal
// more, or the other way round: the pair is closed when that is possible.
func TestClosingIsRefusedAndNotFoundInTurn(t *testing.T) {
	for _, most := range []azure.Error{rejected, {Kind: azure.ErrDeviceNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}} {
		t.Run(string(most.Kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				h.see(phone(nil))
				time.Sleep(time.Minute)
				other := rejected
				if most.Kind == rejected.Kind {
					other.Kind = azure.ErrDeviceNotFound
				}
				var closes atomic.Int32
				var closed atomic.Bool
				h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					if r.DeviceID == deviceID2 {
						return h.azure.accept(r)
					}
					switch n := closes.Add(1); {
					case n <= 5:
						return azure.Receipt{}, new(most)
					case n == 6:
						return azure.Receipt{}, new(other)
					}
					closed.Store(true)
					return h.azure.accept(r)
				})
				h.see(phone(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
				time.Sleep(3 * 24 * time.Hour)
				if !closed.Load() {
					t.Errorf("given up after %d tries", closes.Load())
				}
			})
		})
	}
}

// The closing of an earlier user's pair says nothing of a claim of compliance
// for the present one that has no answer: the device is not forgotten while
// Azure may hold it.
func TestClosingSaysNothingOfThePresentUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		as := func(user string, s compliance.State) {
			h.see(phone(func(o *reporting.Observation) { o.UserID, o.State = user, s }))
		}
		as(userA, nonCompliant)
		time.Sleep(10 * time.Minute)
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			if r.UserID == userA {
				return azure.Receipt{}, &azure.Error{Kind: azure.ErrUserNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
			}
			return h.azure.accept(r)
		})
		as(userB, nonCompliant)
		time.Sleep(time.Second)
		var closed atomic.Bool
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			if r.UserID == userA {
				closed.Store(true)
				require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModePaused))
				return h.azure.accept(r)
			}
			return azure.Receipt{}, &azure.Error{
				Kind: azure.ErrUnavailable, Scope: azure.ScopeDevice, Outcome: azure.OutcomeUnknown, StatusCode: 500, RetryAfter: 10 * time.Minute,
			}
		})
		as(userB, compliant)
		time.Sleep(20 * time.Minute)
		as(userB, nonCompliant)
		time.Sleep(time.Second)
		require.True(t, closed.Load())
		if err := h.engine.Forget(t.Context(), account, tenantID, "phone-1", false); !errors.Is(err, reporting.ErrStillCompliant) {
			t.Errorf("forgotten: %v", err)
		}
	})
}

// What takes access away does not wait until it is known that nothing of before
// arrives any more: neither the present user's standing behind an earlier user's
// closing that is made once more, nor the closing of an id that was left.
func TestClosingThatIsMadeOnceMoreHoldsUpNothing(t *testing.T) {
	for device, play := range map[string]func(h *trial){
		"phone-1": func(h *trial) { // of another user
			h.see(phone(nil))
			time.Sleep(10 * time.Minute)
			givenUp(h, 90*time.Second)
			h.see(phone(func(o *reporting.Observation) { o.Inventory.OSVersion = "26.2" }))
			time.Sleep(70 * time.Second)
			h.see(phone(func(o *reporting.Observation) { o.UserID, o.State = userB, nonCompliant }))
		},
		"pc-1": func(h *trial) { // under another id
			givenUp(h, 90*time.Second)
			h.see(pc(in(nonCompliant)))
			time.Sleep(time.Second)
			h.see(pc(nil))
			time.Sleep(70 * time.Second)
			h.see(pc(func(o *reporting.Observation) { o.AzureDeviceID, o.State = deviceID2, nonCompliant }))
		},
	} {
		t.Run(device, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				play(h)
				time.Sleep(5 * time.Second)
				if got := h.azure.state(deviceID); got == compliant {
					t.Errorf("Azure holds %v, after %q", got, h.lines())
				}
				d, err := h.engine.Device(t.Context(), tenantID, device)
				require.NoError(t, err)
				if d.ComplianceStatus != status.Successful || d.LastReported.State != nonCompliant {
					t.Errorf("shown %s", line(d.Device))
				}
				calls := h.azure.all("report")
				time.Sleep(time.Hour)
				if again := h.azure.all("report")[len(calls):]; len(again) < 1 || len(again) > 2 {
					t.Errorf("%d reports once more, want what was closed, and no more than the newest standing behind it", len(again))
				}
			})
		})
	}
}
