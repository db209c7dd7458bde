package reporting_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
)

// A device is not forgotten beside a record that claims nothing, since a newer
// enrolment was removed: nothing would be sent for it.
func TestForgetBesideASupersededRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		began := time.Now().Add(-time.Hour)
		see := func(device string, enrolled time.Duration, s func(*reporting.Observation)) {
			h.see(pc(func(o *reporting.Observation) {
				o.DeviceID = device
				if enrolled > 0 {
					o.EnrolledAt = began.Add(enrolled)
					o.EnrollmentID = fmt.Sprint(enrolled)
				}
				s(o)
			}))
			time.Sleep(time.Minute)
		}
		see("old", 1*time.Second, in(nonCompliant))
		see("new", 2*time.Second, in(removed))
		require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "new", false))
		see("twin", 0, in(compliant))
		if got := h.azure.state(deviceID); got != compliant {
			t.Fatalf("Azure holds %v", got)
		}
		err := h.engine.Forget(t.Context(), account, tenantID, "twin", false)
		if !errors.Is(err, reporting.ErrStillCompliant) {
			t.Errorf("Forget: %v", err)
		}
	})
}

// A device is not forgotten while a call of a dead process may arrive that may have
// been a claim of compliance.
func TestForgetWhileALostCallMayArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		h.diesReporting(pc(nil), 3*time.Minute)
		h.see(pc(in(nonCompliant)))
		defer h.run()()
		time.Sleep(130 * time.Second)
		if got := h.azure.state(deviceID); got != nonCompliant {
			t.Fatalf("Azure holds %v", got)
		}
		err := h.engine.Forget(t.Context(), account, tenantID, "pc-1", false)
		if !errors.Is(err, reporting.ErrStillCompliant) {
			t.Errorf("Forget: %v", err)
		}
		time.Sleep(10 * time.Minute)
		require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "pc-1", false), "after it was reported once more")
	})
}

// A device is not forgotten after a restored backup before it was reported again.
func TestForgetAfterARestoredBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		stop := h.run()
		h.see(pc(in(nonCompliant)))
		time.Sleep(time.Minute)
		stop()
		require.NoError(t, h.engine.Resync(t.Context()))
		err := h.engine.Forget(t.Context(), account, tenantID, "pc-1", false)
		if !errors.Is(err, reporting.ErrStillCompliant) {
			t.Errorf("Forget: %v", err)
		}
		defer h.run()()
		time.Sleep(time.Minute)
		require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "pc-1", false), "after it was reported again")
	})
}

// The newer of two records of a phone is forgotten, which has another user than the
// older: its pair is closed.
func TestForgetClosesThePair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		began := time.Now().Add(-time.Hour)
		h.see(phone(func(o *reporting.Observation) { o.EnrolledAt = began }))
		time.Sleep(time.Minute)
		h.see(phone(func(o *reporting.Observation) {
			o.DeviceID, o.UserID, o.EnrolledAt = "phone-2", userB, began.Add(time.Minute)
		}))
		time.Sleep(time.Minute)
		require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "phone-2", false))
		time.Sleep(time.Hour)
		if got := h.pairs(deviceID); got["B"] != "removed" || got["A"] != "compliant" {
			t.Errorf("pairs %v", got)
		}
	})
}

// The newer of two records of an id is refused for good and then forgotten, or goes
// elsewhere: the older one, whose standing counts then, is reported at once.
func TestRefusalOfARecordThatIsGone(t *testing.T) {
	for _, how := range []string{"forgotten", "moved"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				began := time.Now().Add(-time.Hour)
				h.see(pc(func(o *reporting.Observation) { o.EnrolledAt, o.State = began, nonCompliant }))
				time.Sleep(time.Minute)
				two := func(f func(*reporting.Observation)) {
					h.see(pc(func(o *reporting.Observation) { o.DeviceID, o.EnrolledAt = "pc-2", began.Add(time.Minute); f(o) }))
					time.Sleep(time.Minute)
				}
				two(in(compliant))
				h.azure.refuse(rejected)
				two(func(o *reporting.Observation) { o.Inventory.DeviceName = "other" })
				h.azure.play(nil)
				if got := h.azure.state(deviceID); got != compliant {
					t.Fatalf("Azure holds %v", got)
				}
				if how == "moved" {
					two(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 })
				} else {
					require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "pc-2", false))
				}
				time.Sleep(time.Minute)
				if got := h.azure.state(deviceID); got != nonCompliant {
					t.Errorf("Azure holds %v; shown %s", got, line(h.device("pc-1").Device))
				}
			})
		})
	}
}

// After a removal the device enrolled anew, or another record claimed its id, and was
// forgotten before it was evaluated: the object is not deleted for the removal.
func TestNoDeletionForWhatWasForgottenSince(t *testing.T) {
	for _, how := range []string{"twin", "same", "twin in flight", "same in flight"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				h.see(pc(nil))
				time.Sleep(time.Minute)
				if how == "twin in flight" || how == "same in flight" {
					h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
						h.azure.play(nil)
						time.Sleep(20 * time.Second)
						return h.azure.accept(r)
					})
				}
				h.see(pc(in(removed)))
				time.Sleep(time.Second)
				who := "twin"
				if how == "same" || how == "same in flight" {
					who = "pc-1"
				}
				h.see(pc(func(o *reporting.Observation) {
					o.DeviceID, o.EnrollmentID, o.EnrolledAt, o.State = who, "e2", time.Now(), 0
				}))
				time.Sleep(time.Hour)
				require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, who, false))
				time.Sleep(10 * 24 * time.Hour)
				if n := len(h.azure.all("delete")); n > 0 {
					t.Errorf("%d deletions", n)
				}
			})
		})
	}
}

// A device is forgotten with force after a process died with its report:
// off-boarding does not wait for what became of that.
func TestOffBoardAfterALostReportWasForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		stop := h.run()
		h.see(pc(in(nonCompliant)))
		time.Sleep(time.Minute)
		stop()
		dying := &crash{Store: h.store}
		dying.armed.Store(true)
		h.see(pc(nil))
		stop = run(t, engineOn(t, dying, h.azure, nil))
		time.Sleep(time.Second)
		stop()
		require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "pc-1", true))
		defer h.run()()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.NoError(t, h.engine.OffBoard(ctx, account, tenantID, nil))
	})
}

// A twin claims the id and is forgotten while the removal is on its way: the
// object may be the twin's, and is not deleted.
func TestNoDeletionForWhatWasForgottenMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(pc(nil))
		time.Sleep(time.Minute)
		stuck(h, 10*time.Second)
		h.see(pc(in(removed)))
		time.Sleep(2 * time.Second)
		h.see(pc(func(o *reporting.Observation) { o.DeviceID, o.State = "twin", compliance.StateUnspecified }))
		time.Sleep(2 * time.Second)
		require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "twin", true))
		time.Sleep(30 * 24 * time.Hour)
		if got := h.azure.state(deviceID); got != removed {
			t.Errorf("Azure holds %v", got)
		}
		if n := len(h.azure.all("delete")); n != 0 {
			t.Errorf("%d deletions", n)
		}
	})
}

// A PC was removed and forgotten, and came back under the same name while nothing
// was sent. Its second removal is reported anew, and its object is deleted 72 hours
// after that one.
func TestSecondRemovalOfWhatWasForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(pc(nil))
		time.Sleep(time.Minute)
		h.see(pc(in(removed)))
		time.Sleep(time.Hour)
		require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "pc-1", false))
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModePaused))
		h.see(pc(nil))
		time.Sleep(80 * time.Hour)
		h.lines()
		h.see(pc(in(removed)))
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOn))
		time.Sleep(71 * time.Hour)
		if diff := cmp.Diff([]string{"removed to id, change"}, h.lines()); diff != "" {
			t.Errorf("within 71 hours (-want +got)\n%s", diff)
		}
		time.Sleep(2 * time.Hour)
		if diff := cmp.Diff([]string{"delete id"}, h.lines()); diff != "" {
			t.Errorf("then (-want +got)\n%s", diff)
		}
	})
}

// Forget is refused while Azure may hold the device as compliant, unless
// forced, or another record claims the id.
func TestForget(t *testing.T) {
	for _, tc := range []struct {
		name  string
		play  func(h *trial)
		allow bool
	}{
		{"never reported", func(h *trial) { mode(reporting.ModeOff)(h); h.see(pc(nil)) }, true},
		{"compliant", func(h *trial) { h.see(pc(nil)) }, false},
		{"non-compliant", func(h *trial) { h.see(pc(in(nonCompliant))) }, true},
		{"removed", func(h *trial) { h.see(pc(nil)); time.Sleep(time.Second); h.see(pc(in(removed))) }, true},
		{"turns non-compliant, not sent yet", func(h *trial) {
			h.see(pc(nil))
			time.Sleep(time.Second)
			mode(reporting.ModePaused)(h)
			h.see(pc(in(nonCompliant)))
		}, false},
		{"a call is under way", func(h *trial) { stuck(h, 50*time.Second); h.see(pc(nil)) }, false},
		{"no answer to compliant", func(h *trial) {
			h.azure.refuse(noAnswer)
			h.see(pc(nil))
		}, false},
		{"an answer of 500 to compliant", func(h *trial) {
			h.azure.refuse(azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeService, Outcome: azure.OutcomeUnknown, StatusCode: 500})
			h.see(pc(nil))
		}, false},
		{"refused", func(h *trial) {
			h.azure.refuse(azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused})
			h.see(pc(nil))
		}, true},
		{"another record claims the id", func(h *trial) {
			h.see(pc(nil), pc(func(o *reporting.Observation) { o.DeviceID = "pc-2" }))
		}, true},
		{"non-compliant, whose message is not settled after compliant", func(h *trial) {
			h.azure.later.Store(true)
			h.azure.check = func(_ context.Context, r azure.Receipt) (azure.Receipt, error) { return r, nil }
			h.see(phone(func(o *reporting.Observation) { o.DeviceID = "pc-1" }))
			time.Sleep(time.Minute)
			h.see(phone(func(o *reporting.Observation) { o.DeviceID, o.State = "pc-1", nonCompliant }))
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				tc.play(h)
				time.Sleep(10 * time.Second)
				err := h.engine.Forget(t.Context(), account, tenantID, "pc-1", false)
				if tc.allow && err != nil || !tc.allow && !errors.Is(err, reporting.ErrStillCompliant) {
					t.Fatalf("Forget: %v, want allowed %v", err, tc.allow)
				}
				if !tc.allow {
					h.device("pc-1")
					require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "pc-1", true), "forced")
				}
				if _, err := h.engine.Device(t.Context(), tenantID, "pc-1"); !errors.Is(err, reporting.ErrUnknownDevice) {
					t.Errorf("Device after it: %v", err)
				}
				for d, err := range h.engine.Devices(t.Context(), reporting.Filter{}) {
					require.NoError(t, err)
					h.valid(d)
					if d.DeviceID == "pc-1" {
						t.Error("it is still listed")
					}
				}
			})
		})
	}
}

// The order of reports on an id outlives the record: after Forget a new record
// reports with a later time.
func TestForgetKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		for range 4 {
			h.see(phone(in(nonCompliant)))
			time.Sleep(time.Millisecond)
			synctest.Wait()
			require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "phone-1", true))
		}
		time.Sleep(10 * time.Minute)
		h.see(phone(nil))
		time.Sleep(time.Minute)
		calls := h.azure.all("report")
		for i := range calls[1:] {
			if d := calls[i+1].report.UpdatedAt.Sub(calls[i].report.UpdatedAt); d < time.Second {
				t.Errorf("report %d is %v after the one before", i+1, d)
			}
		}
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("Azure holds %v", got)
		}
	})
}

// A device is forgotten with force while its report is under way: an id that
// turns compliant when nobody knows of it any more is closed.
func TestForgetWhileAReportIsUnderWay(t *testing.T) {
	for _, make := range []func(func(*reporting.Observation)) reporting.Observation{pc, phone} {
		synctest.Test(t, func(t *testing.T) {
			h := newTrial(t, nil)
			h.see(make(in(nonCompliant)))
			defer h.run()()
			time.Sleep(10 * time.Minute)
			stuck(h, 30*time.Second)
			h.see(make(nil))
			time.Sleep(time.Second)
			require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, make(nil).DeviceID, true))
			time.Sleep(10 * time.Minute)
			if got := h.azure.state(deviceID); got != removed {
				t.Errorf("Azure holds %v, want it closed", got)
			}
		})
	}
}
