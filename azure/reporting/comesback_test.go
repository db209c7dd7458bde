package reporting_test

import (
	"context"
	"errors"
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

// backAgain has a phone of user A, which Azure holds as compliant, be user B's for
// a while, and then A's again, who is signed out: after B's report or while one is
// under way. A's pair could not be closed meanwhile. It answers what Azure holds of
// each pair.
func backAgain(h *trial, when string) (holds func(user string) compliance.State) {
	pairs := map[string]compliance.State{}
	var down, slow atomic.Bool
	h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
		if down.Load() && r.UserID == userA {
			return azure.Receipt{}, &azure.Error{Kind: azure.ErrUserNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused, StatusCode: 404}
		}
		if slow.Load() && r.UserID == userB && r.State != removed {
			time.Sleep(20 * time.Second)
		}
		h.azure.mu.Lock()
		pairs[r.DeviceID+r.UserID] = r.State
		h.azure.mu.Unlock()
		return h.azure.accept(r)
	})
	ofB := func(version string) {
		h.see(phone(func(o *reporting.Observation) {
			o.UserID, o.State, o.Inventory.OSVersion = userB, nonCompliant, version
		}))
		time.Sleep(10 * time.Second)
	}
	h.see(phone(nil))
	time.Sleep(time.Hour)
	down.Store(true)
	slow.Store(when == "during the report")
	ofB("18.0")
	if when == "during a second report" {
		slow.Store(true)
		ofB("18.1")
	}
	h.see(phone(func(o *reporting.Observation) { o.ClientCode = status.CodeAccountLoggedOut }))
	down.Store(false)
	time.Sleep(time.Hour)
	return func(user string) compliance.State {
		h.azure.mu.Lock()
		defer h.azure.mu.Unlock()
		return pairs[deviceID+user]
	}
}

// The user of before comes back, whose pair Azure still holds as compliant: the
// device is not taken for one of which nothing is to be closed.
func TestUserWhoComesBack(t *testing.T) {
	for name, leave := range map[string]func(h *trial){
		"forgotten without force": func(h *trial) {
			if err := h.engine.Forget(h.t.Context(), account, tenantID, "phone-1", false); !errors.Is(err, reporting.ErrStillCompliant) {
				h.t.Errorf("Forget: %v", err)
			}
		},
		"reconciled": func(h *trial) {
			n := 0
			for range h.engine.Reconcile(h.t.Context(), tenantID, func(func(string) bool) {}) {
				n++
			}
			if n != 1 {
				h.t.Errorf("%d devices answered of which Azure holds something, want one", n)
			}
		},
		"moved": func(h *trial) {
			h.see(phone(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
		},
		"off-boarded": func(h *trial) {
			require.NoError(h.t, h.engine.OffBoard(h.t.Context(), account, tenantID, nil))
		},
	} {
		for _, when := range []string{"after the report", "during the report", "during a second report"} {
			t.Run(name+", "+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newTrial(t, nil)
					defer h.run()()
					holds := backAgain(h, when)
					require.Equal(t, compliant, holds(userA), "what the world is to be")
					leave(h)
					time.Sleep(time.Hour)
					if name == "moved" || name == "off-boarded" {
						if got := holds(userA); got == compliant {
							t.Errorf("Azure holds the id that nobody has any more as %v", got)
						}
					}
				})
			})
		}
	}
}

// Users that Azure does not know had the device, one of them twice: it is forgotten
// once it is removed.
func TestUsersWhomAzureDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.azure.refuse(azure.Error{Kind: azure.ErrUserNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused, StatusCode: 404})
		h.see(phone(nil))
		time.Sleep(time.Hour)
		h.see(phone(ofUser(userB)))
		time.Sleep(20 * time.Second)
		h.see(phone(nil))
		time.Sleep(time.Hour)
		h.see(phone(in(removed)))
		time.Sleep(60 * 24 * time.Hour)
		if err := h.engine.Forget(t.Context(), account, tenantID, "phone-1", false); err != nil {
			t.Errorf("Forget: %v", err)
		}
	})
}

// The closing of an id is accepted after its device came back, enrolled anew and
// not evaluated: what Azure holds is not shown as the compliance of before.
func TestClosedWhileNotEvaluated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		began := time.Now().Add(-time.Hour)
		see := func(id, enrolment string, at time.Time, s compliance.State) {
			h.see(pc(func(o *reporting.Observation) {
				o.AzureDeviceID, o.EnrollmentID, o.EnrolledAt, o.State = id, enrolment, at, s
			}))
		}
		see(deviceID, "one", began, compliant)
		time.Sleep(time.Hour)
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			time.Sleep(10 * time.Second)
			return h.azure.accept(r)
		})
		see(deviceID2, "one", began, compliant) // the first id is closed
		time.Sleep(5 * time.Second)
		see(deviceID, "two", began.Add(time.Minute), 0) // and comes back, not evaluated yet
		time.Sleep(time.Hour)
		d := h.device("pc-1")
		if got := h.azure.state(deviceID); got != removed || d.ComplianceStatus != status.InProgress || d.Blank.ReportTime != status.BlankNotEvaluated {
			t.Errorf("Azure holds %v; shown %s", got, line(d.Device))
		}
	})
}
