package reporting_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
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
		h.azure.answerDeletions(func(context.Context, azure.Report) (azure.Receipt, error) {
			return azure.Receipt{}, &azure.Error{Kind: azure.ErrConflict, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent}
		})
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

// After a restored backup nothing counts as accepted: what takes away is sent
// at once, compliance when the host has observed the device again.
func TestResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		stop := h.run()
		name := func(i int, s compliance.State) func(o *reporting.Observation) {
			return func(o *reporting.Observation) {
				o.DeviceID, o.AzureDeviceID = fmt.Sprint("pc-", i), fmt.Sprintf("%08d-9489-4074-9b35-345b16f0a72d", i)
				o.State = s
			}
		}
		states := []compliance.State{compliant, nonCompliant, removed, compliance.StateUnspecified}
		for i, s := range states {
			h.see(pc(name(i, s)))
		}
		h.see(pc(func(o *reporting.Observation) { name(5, compliant)(o); o.AzureDeviceID = "" }))
		time.Sleep(time.Minute)
		stop()
		h.lines()
		require.NoError(t, h.engine.Resync(t.Context()))
		defer h.run()()
		time.Sleep(10 * time.Minute)
		want := map[string]bool{
			"non-compliant to 00000001-9489-4074-9b35-345b16f0a72d, change": true,
			"removed to 00000002-9489-4074-9b35-345b16f0a72d, change":       true,
		}
		for _, l := range h.lines() {
			if !want[l] {
				t.Errorf("sent %s", l)
			}
			delete(want, l)
		}
		if len(want) > 0 {
			t.Errorf("not sent: %v", want)
		}
		if d := h.device("pc-0"); d.ComplianceStatus == status.Successful || d.Blank.ReportTime != status.BlankNotEvaluated {
			t.Errorf("the compliant one, not observed again: %s", line(d.Device))
		}
		// The same observation as before lets it go.
		h.see(pc(name(0, compliant)))
		time.Sleep(10 * time.Minute)
		if diff := cmp.Diff([]string{"compliant to 00000000-9489-4074-9b35-345b16f0a72d, change"}, h.lines()); diff != "" {
			t.Errorf("observed again (-want +got)\n%s", diff)
		}
		for d, err := range h.engine.Devices(t.Context(), reporting.Filter{}) {
			require.NoError(t, err)
			h.valid(d)
		}
	})
}

// Observations that come while Resync goes through the devices count as seen
// again or not, but nothing is lost: each device ends as it was observed last.
func TestResyncWithObservationsBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrialOn(t, &slow{Store: newStore()}, nil)
		fleet := pcs(1200, nil)
		h.see(fleet...)
		stop := h.run()
		time.Sleep(3 * time.Minute)
		stop()
		done := make(chan error)
		go func() { done <- h.engine.Resync(context.WithoutCancel(t.Context())) }()
		for i := 0; ; i++ {
			time.Sleep(time.Millisecond)
			o := fleet[i*7%len(fleet)]
			o.SeenAt = time.Now()
			if i%3 == 0 {
				o.State = nonCompliant
			}
			if i%5 == 0 {
				o.DeviceID += "-new"
				o.AzureDeviceID = fmt.Sprintf("%08d-9489-4074-9b35-000000000000", i)
			}
			h.see(o)
			select {
			case err := <-done:
				require.NoError(t, err)
				done = nil
			default:
			}
			if done == nil {
				break
			}
		}
		defer h.run()()
		// The host observes everything again, as it is now.
		time.Sleep(time.Minute)
		for i := range fleet {
			fleet[i].SeenAt = time.Now()
		}
		h.see(fleet...)
		time.Sleep(20 * time.Minute)
		for _, o := range fleet {
			if got := h.azure.state(o.AzureDeviceID); got != compliant {
				t.Fatalf("Azure holds %s as %v", o.DeviceID, got)
			}
		}
		if v := h.tenant(); v.Unsent != 0 {
			t.Errorf("%d unsent", v.Unsent)
		}
	})
}

// After a restored backup an id counts as removed, of which Azure may hold
// compliant. Its device goes elsewhere, or its tenant is off-boarded: it is closed.
func TestIDIsLeftAfterARestoredBackup(t *testing.T) {
	for _, how := range []string{"moves", "off-boards"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				stop := h.run()
				h.see(pc(nil))
				time.Sleep(time.Minute)
				h.see(pc(in(removed)))
				time.Sleep(time.Minute)
				stop()
				// After the backup, which is this store, it enrolled anew.
				h.azure.arrive(azure.Report{DeviceID: deviceID, Platform: azure.PlatformWindows, State: compliant})
				require.NoError(t, h.engine.Resync(t.Context()))
				if how == "moves" {
					h.see(pc(func(o *reporting.Observation) {
						o.EnrollmentID, o.EnrolledAt, o.AzureDeviceID = "e2", time.Now(), deviceID2
					}))
					defer h.run()()
					time.Sleep(time.Hour)
				} else {
					defer h.run()()
					require.NoError(t, h.engine.OffBoard(t.Context(), account, tenantID, nil))
				}
				if got := h.azure.state(deviceID); got != removed {
					t.Errorf("Azure holds %v, after %q", got, h.lines())
				}
			})
		})
	}
}

// The same of an id that its device had left before the backup, and to which it
// came back after it: it is closed again, whether or not the host knows it.
func TestClosedIDAfterARestoredBackup(t *testing.T) {
	for _, back := range []bool{false, true} {
		t.Run(fmt.Sprintf("observed there again: %v", back), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				stop := h.run()
				on := func(id string) {
					h.see(pc(func(o *reporting.Observation) { o.AzureDeviceID = id }))
					time.Sleep(time.Minute)
				}
				on(deviceID)
				on(deviceID2)
				stop()
				if got := h.azure.state(deviceID); got != removed {
					t.Fatalf("Azure holds %v of what the device left", got)
				}
				h.azure.arrive(azure.Report{DeviceID: deviceID, Platform: azure.PlatformWindows, State: compliant})
				require.NoError(t, h.engine.Resync(t.Context()))
				want := removed
				if back {
					on(deviceID)
					want = compliant
				} else {
					on(deviceID3)
				}
				defer h.run()()
				time.Sleep(time.Hour)
				if got := h.azure.state(deviceID); got != want {
					t.Errorf("Azure holds %v, want %v, after %q", got, want, h.lines())
				}
			})
		})
	}
}
