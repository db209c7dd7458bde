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

// watchful is a guard that one removed device is too many for.
func watchful() *reporting.Options { return &reporting.Options{GuardLeast: 1, GuardShare: 0.0001} }

// wave has three other PCs be removed, so that the guard holds what comes after.
func (h *trial) wave() {
	for _, s := range []func(*reporting.Observation){in(compliant), in(removed)} {
		for i := range 3 {
			h.see(pc(func(o *reporting.Observation) {
				s(o)
				o.DeviceID, o.AzureDeviceID = fmt.Sprint("other-", i), fmt.Sprintf("%08d-9489-4074-9b35-345b16f0a72d", i)
			}))
		}
		time.Sleep(time.Minute)
	}
	h.lines()
}

// What the guard holds of a device stays so when it says something else of its
// client code, or when a record that an id does not go by turns.
func TestHeldUntilItsStandingChanges(t *testing.T) {
	for _, what := range []string{"the client code", "an older record"} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, watchful())
				defer h.run()()
				began := time.Now().Add(-time.Hour)
				see := func(device string, enrolled time.Duration, change func(o *reporting.Observation)) {
					h.see(pc(func(o *reporting.Observation) {
						o.DeviceID, o.EnrolledAt = device, began.Add(enrolled)
						change(o)
					}))
					time.Sleep(time.Minute)
				}
				see("old", 0, in(compliant))
				see("new", time.Second, in(compliant))
				h.wave()
				see("new", time.Second, in(removed))
				if what == "the client code" {
					see("new", time.Second, func(o *reporting.Observation) { o.State, o.ClientCode = removed, status.CodeAccountLoggedOut })
				} else {
					see("old", 0, in(nonCompliant))
				}
				time.Sleep(time.Hour)
				if diff := cmp.Diff([]string(nil), h.lines()); diff != "" {
					t.Errorf("nobody approved it: sent (-want +got)\n%s", diff)
				}
				if n := h.approve(reporting.Filter{TenantID: tenantID}); n < 1 {
					t.Errorf("%d approved", n)
				}
				time.Sleep(time.Minute)
				if got := h.azure.state(deviceID); got != removed {
					t.Errorf("approved: Azure holds %v", got)
				}
			})
		})
	}
}

// A device is asked for while what was reported of it before is on its way: the
// newer standing, which the guard holds, passes it.
func TestSyncNowWhileAnEarlierStandingIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, watchful())
		defer h.run()()
		h.see(pc(nil))
		h.wave()
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			h.azure.play(nil)
			time.Sleep(20 * time.Second)
			return h.azure.accept(r)
		})
		h.see(pc(func(o *reporting.Observation) { o.Inventory.DeviceName = "other" }))
		time.Sleep(2 * time.Second)
		h.see(pc(in(removed)))
		time.Sleep(2 * time.Second)
		n, err := h.engine.SyncNow(t.Context(), reporting.Filter{TenantID: tenantID, DeviceID: "pc-1"})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"compliant to id, inventory", "removed to id, change"}, h.lines()); diff != "" {
			t.Errorf("sent (-want +got)\n%s", diff)
		}
	})
}

// A removal that is held stays so where an older record leaves the id.
func TestHeldWhileAnOlderRecordLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, watchful())
		defer h.run()()
		began := time.Now().Add(-time.Hour)
		see := func(device, id string, enrolled time.Duration, s compliance.State) {
			h.see(pc(func(o *reporting.Observation) {
				o.DeviceID, o.AzureDeviceID, o.EnrolledAt, o.State = device, id, began.Add(enrolled), s
			}))
			time.Sleep(time.Minute)
		}
		see("old", deviceID, 0, compliant)
		see("new", deviceID, time.Second, compliant)
		h.wave()
		see("new", deviceID, time.Second, removed)
		see("old", deviceID2, 0, compliant)
		time.Sleep(time.Hour)
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("Azure holds %v, before it is approved", got)
		}
		if _, err := h.engine.Approve(t.Context(), reporting.Filter{TenantID: tenantID}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got := h.azure.state(deviceID); got != removed {
			t.Errorf("Azure holds %v, after it was approved", got)
		}
	})
}

// Devices that turn twice in one call are held in what they turned to last.
func TestHeldAsTurnedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := watchful()
		o.GuardHolds = []compliance.State{nonCompliant, removed}
		h := newTrial(t, o)
		defer h.run()()
		var turns []reporting.Observation
		for i := range 3 {
			device := func(s compliance.State, after time.Duration) reporting.Observation {
				return pc(func(o *reporting.Observation) {
					o.DeviceID, o.AzureDeviceID = fmt.Sprint("pc-", i), fmt.Sprintf("%08d-9489-4074-9b35-345b16f0a72d", i)
					o.State, o.SeenAt = s, o.SeenAt.Add(after)
				})
			}
			h.see(device(compliant, 0))
			turns = append(turns, device(nonCompliant, time.Second), device(removed, 2*time.Second))
		}
		time.Sleep(time.Minute)
		h.lines()
		h.see(turns...)
		time.Sleep(time.Hour)
		if sent := h.lines(); len(sent) > 0 {
			t.Errorf("sent %q, want all held", sent)
		}
		if got := h.device("pc-1").Blank.ReportTime; got != status.BlankHeld {
			t.Errorf("the report time is blank because of %v", got)
		}
	})
}

// A message fails that came to be before its device was removed, while the guard
// holds the removal: it is no refusal of the removal, which goes once it is approved.
func TestMessageFailsWhileARemovalIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, watchful())
		defer h.run()()
		h.see(phone(in(nonCompliant)))
		time.Sleep(10 * time.Minute)
		h.azure.later.Store(true)
		h.azure.answerChecks(inProgress)
		h.see(phone(nil))
		time.Sleep(time.Minute)
		h.wave()
		h.see(phone(in(removed)))
		h.azure.answerChecks(failedWith(azure.ErrRejected))
		time.Sleep(time.Hour)
		if got := h.lines(); len(got) > 0 {
			t.Errorf("nobody approved it: sent %q", got)
		}
		h.approve(reporting.Filter{TenantID: tenantID})
		time.Sleep(time.Minute)
		if got := h.azure.state(deviceID); got != removed {
			t.Errorf("Azure holds %v a minute after the removal was approved; shown %s", got, line(h.device("phone-1").Device))
		}
	})
}

// A removal that passed the guard because its device was asked for is not held
// again when it has to be sent once more: after a restored backup, and where its
// message came to nothing.
func TestWhatPassedTheGuardIsNotHeldAgain(t *testing.T) {
	t.Run("a restored backup", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newTrial(t, watchful())
			stop := h.run()
			h.see(pc(nil))
			h.wave()
			h.see(pc(in(removed)))
			h.sync("pc-1")
			time.Sleep(time.Minute)
			stop()
			// After the backup, which is this store, it enrolled anew.
			h.azure.arrive(azure.Report{DeviceID: deviceID, Platform: azure.PlatformWindows, State: compliant})
			require.NoError(t, h.engine.Resync(t.Context()))
			defer h.run()()
			time.Sleep(time.Minute)
			if got := h.azure.state(deviceID); got != removed {
				t.Errorf("Azure holds %v; shown %s", got, line(h.device("pc-1").Device))
			}
		})
	})
	t.Run("a message that never settles", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := watchful()
			o.MessageTimeout = time.Hour
			h := newTrial(t, o)
			defer h.run()()
			h.see(phone(nil))
			h.wave()
			h.azure.later.Store(true)
			h.azure.answerChecks(inProgress)
			h.see(phone(in(removed)))
			h.sync("phone-1")
			time.Sleep(90 * time.Minute)
			if diff := cmp.Diff([]string{"removed to id, change", "removed to id, change"}, h.lines()); diff != "" {
				t.Errorf("sent (-want +got)\n%s", diff)
			}
		})
	})
}

// What the guard holds is counted as held, also where an earlier user's pair
// waits to be closed.
func TestHeldBesideAClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, watchful())
		defer h.run()()
		h.see(phone(nil))
		time.Sleep(time.Minute)
		h.wave()
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModePaused))
		h.see(phone(ofUser(userB)))
		time.Sleep(time.Minute)
		h.see(phone(func(o *reporting.Observation) { o.UserID, o.State = userB, removed }))
		time.Sleep(time.Hour)
		listed := h.names(reporting.Filter{TenantID: tenantID, Held: true})
		c, err := h.engine.Counters(t.Context())
		require.NoError(t, err)
		p, err := h.engine.Preview(t.Context(), tenantID)
		require.NoError(t, err)
		if v := h.tenant(); v.Held != len(listed) || c.Held != len(listed) || p.Held != len(listed) {
			t.Errorf("listed as held %v; counted %d, %d, previewed %d; shown %s", listed, v.Held, c.Held, p.Held, line(h.device("phone-1").Device))
		}
	})
}

// What the guard holds is in progress, also where what Azure held before is to be
// sent once more: the details agree.
func TestHeldIsNotSuccessful(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, watchful())
		defer h.run()()
		h.see(pc(in(nonCompliant)))
		time.Sleep(time.Minute)
		h.wave()
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			h.azure.play(nil)
			return azure.Receipt{}, new(noAnswer)
		})
		h.see(pc(nil)) // compliant: no answer, and it may still arrive
		time.Sleep(time.Second)
		h.see(pc(in(nonCompliant))) // accepted, and to be sent once more in two minutes
		time.Sleep(20 * time.Second)
		h.see(pc(in(removed))) // held
		d := h.device("pc-1")  // checks that the details agree
		if d.Blank.ReportTime != status.BlankHeld || d.ComplianceStatus != status.InProgress {
			t.Errorf("shown %s, %s", line(d.Device), d.Explain())
		}
		for got := range h.engine.Devices(t.Context(), reporting.Filter{TenantID: tenantID, ReportState: status.Successful}) {
			if got.DeviceID == "pc-1" {
				t.Errorf("listed among the successful")
			}
		}
	})
}
