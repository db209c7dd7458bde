package reporting_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
)

// The backup was made while the closing of an id was in progress. After it the
// device came back, so that what became of that closing says nothing: it is
// closed anew, or an earlier user's pair is.
func TestClosingInProgressInARestoredBackup(t *testing.T) {
	for name, change := range map[string]func(o *reporting.Observation){
		"another id":   func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 },
		"another user": func(o *reporting.Observation) { o.UserID, o.State = userB, nonCompliant },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				stop := h.run()
				h.see(phone(nil))
				time.Sleep(time.Minute)
				h.azure.later.Store(true)
				h.see(phone(change))
				time.Sleep(2 * time.Second)
				stop()
				require.Equal(t, "removed", h.pairs(deviceID)["A"])
				before := len(h.azure.all("report"))
				time.Sleep(time.Hour)
				require.NoError(t, h.engine.Resync(t.Context()))
				defer h.run()()
				time.Sleep(time.Hour)
				closed := 0
				for _, c := range h.azure.all("report")[before:] {
					if c.report.DeviceID == deviceID && c.report.UserID == userA && c.report.State == removed {
						closed++
					}
				}
				if closed != 1 {
					t.Errorf("closed %d times after the restore, want once", closed)
				}
			})
		})
	}
}

// An id that its device had left is closed again too where a record is left there
// that claims nothing.
func TestClosedIDBesideASupersededRecordInARestoredBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		stop := h.run()
		began := time.Now().Add(-time.Hour)
		see := func(device, id string, enrolled time.Duration, s compliance.State) {
			h.see(pc(func(o *reporting.Observation) {
				o.DeviceID, o.AzureDeviceID, o.State = device, id, s
				o.EnrolledAt = began.Add(enrolled)
				o.EnrollmentID = o.EnrolledAt.String()
			}))
			time.Sleep(time.Minute)
		}
		see("old", deviceID, 0, compliant)
		see("new", deviceID, time.Minute, compliant)
		see("new", deviceID, time.Minute, removed)
		see("new", deviceID2, 2*time.Minute, compliant)
		stop()
		if got := h.azure.state(deviceID); got != removed {
			t.Fatalf("Azure holds %v of what the device left", got)
		}
		h.azure.arrive(azure.Report{DeviceID: deviceID, Platform: azure.PlatformWindows, State: compliant})
		require.NoError(t, h.engine.Resync(t.Context()))
		defer h.run()()
		time.Sleep(time.Hour)
		if got := h.azure.state(deviceID); got != removed {
			t.Errorf("Azure holds %v, after %q", got, h.lines())
		}
	})
}

// After a restored backup a stored claim of compliance is not let go by an
// observation that was made before the backup, by one that says nothing of the
// standing, or by one of an older enrolment: the device may have turned since.
func TestComplianceWaitsForItsStandingAfterARestore(t *testing.T) {
	for how, want := range map[string]compliance.State{
		"the same again": nonCompliant, "not evaluated": nonCompliant, "an older record": nonCompliant, "evaluated": compliant,
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				stop := h.run()
				began := time.Now().Add(-time.Hour)
				old := func() reporting.Observation {
					return pc(func(o *reporting.Observation) { o.DeviceID, o.EnrolledAt = "old", began })
				}
				h.see(old())
				time.Sleep(time.Second)
				o := pc(func(o *reporting.Observation) { o.EnrolledAt = began.Add(time.Minute) })
				h.see(o)
				time.Sleep(time.Minute)
				stop()
				// After the backup, which is this store, it turned.
				h.azure.arrive(azure.Report{DeviceID: deviceID, Platform: azure.PlatformWindows, State: nonCompliant})
				require.NoError(t, h.engine.Resync(t.Context()))
				switch how {
				case "not evaluated":
					o.State, o.SeenAt = compliance.StateUnspecified, time.Now()
				case "an older record":
					o = old()
				case "evaluated":
					o.SeenAt = time.Now()
				}
				h.see(o)
				defer h.run()()
				time.Sleep(time.Hour)
				if got := h.azure.state(deviceID); got != want {
					t.Errorf("Azure holds %v, want %v; shown %s", got, want, line(h.device("pc-1").Device))
				}
			})
		})
	}
}

// Azure shows a device as compliant whose object is to be deleted, and whose record
// was forgotten since its removal: the first step comes first again all the same.
func TestDeletionOfWhatIsShownAsCompliantAndWasForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.azure.delete = func(context.Context, azure.Report) (azure.Receipt, error) {
			return azure.Receipt{}, &azure.Error{Kind: azure.ErrConflict, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent}
		}
		h.see(pc(nil))
		time.Sleep(time.Minute)
		h.see(pc(in(removed)))
		time.Sleep(time.Minute)
		require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "pc-1", false))
		h.azure.arrive(azure.Report{DeviceID: deviceID, Platform: azure.PlatformWindows, State: compliant})
		time.Sleep(10 * 24 * time.Hour)
		if got := h.azure.state(deviceID); got != removed {
			t.Errorf("Azure holds %v, after %q", got, h.lines())
		}
		if n := len(h.azure.all("delete")); n != 1 {
			t.Errorf("%d deletions tried, want one", n)
		}
	})
}
