package reporting_test

import (
	"context"
	"fmt"
	"strings"
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

// imported is a trial with n compliant PCs that Azure holds.
func imported(t *testing.T, n int, o *reporting.Options) (*trial, []reporting.Observation) {
	t.Helper()
	h := newTrial(t, o)
	fleet := pcs(n, nil)
	for at := 0; at < n; at += 1000 {
		h.see(fleet[at:min(n, at+1000)]...)
	}
	stop := h.run()
	time.Sleep(time.Duration(n)*60*time.Millisecond + time.Minute)
	stop()
	require.Equal(t, n, h.tenant().Compliant)
	return h, fleet
}

// turn has devices turn, in calls of so many.
func (h *trial) turn(fleet []reporting.Observation, s compliance.State, atOnce int, pause time.Duration) {
	for at := 0; at < len(fleet); at += atOnce {
		some := fleet[at:min(len(fleet), at+atOnce)]
		for i := range some {
			some[i].State, some[i].SeenAt = s, time.Now()
		}
		h.see(some...)
		time.Sleep(pause)
	}
}

func (h *trial) approve(f reporting.Filter) int {
	h.t.Helper()
	n, err := h.engine.Approve(h.t.Context(), f)
	require.NoError(h.t, err)
	return n
}

// A policy by mistake removes 1,000 devices, in one call or one by one: they
// are held, but for those that turned before there were too many; an alarm is
// logged and shown; Preview says what they would do; Approve lets them go.
func TestGuardHoldsRemovals(t *testing.T) {
	for _, tc := range []struct {
		name   string
		atOnce int
		held   int
	}{
		{"in one call", 1000, 1000},
		{"one by one", 1, 1000 - 47}, // 5 % of those that are left
		{"in tens", 10, 1000 - 40},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logged
				h, fleet := imported(t, 1000, &reporting.Options{Poll: time.Hour, Logger: log.logger()})
				defer h.run()()
				h.turn(fleet, removed, tc.atOnce, time.Duration(tc.atOnce)*time.Second/100)
				time.Sleep(time.Minute)
				v := h.tenant()
				if v.Held != tc.held || v.Compliant != tc.held || v.Alarms[removed].IsZero() || len(v.Alarms) != 1 {
					t.Errorf("held %d, compliant %d, alarms %v; want %d held", v.Held, v.Compliant, v.Alarms, tc.held)
				}
				if n := strings.Count(log.String(), "many devices turned the same way"); n != 1 {
					t.Errorf("%d alarms logged, want one", n)
				}
				d := h.device("pc-0999")
				if got, want := line(d.Device), fmt.Sprintf("%s · In-progress · Success · [held] -> compliant", fleet[999].AzureDeviceID); got != want {
					t.Errorf("shown %s, want %s", got, want)
				}
				p, err := h.engine.Preview(t.Context(), tenantID)
				require.NoError(t, err)
				if p.Held != tc.held || p.HeldBlocked != tc.held || p.Removed != 0 {
					t.Errorf("preview: %+v", p)
				}
				c, err := h.engine.Counters(t.Context())
				require.NoError(t, err)
				if c.Held != tc.held || c.Queued["restrict"] != 0 {
					t.Errorf("counters: %d held, queued %v", c.Held, c.Queued)
				}

				// It is held for as long as nobody approves.
				time.Sleep(9 * 24 * time.Hour)
				if v := h.tenant(); v.Held != tc.held || len(v.Alarms) != 0 {
					t.Errorf("days later: held %d, alarms %v", v.Held, v.Alarms)
				}
				if n := h.approve(reporting.Filter{TenantID: tenantID, Held: true}); n != tc.held {
					t.Errorf("approved %d, want %d", n, tc.held)
				}
				time.Sleep(5 * time.Minute)
				if v := h.tenant(); v.Held != 0 || v.Compliant != 0 || v.Unsent != 0 {
					t.Errorf("approved: %+v", v)
				}
			})
		})
	}
}

// What is approved goes, and the rest stays held. The guard counts anew.
func TestApproveSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, fleet := imported(t, 100, nil)
		defer h.run()()
		h.turn(fleet[:60], removed, 60, 0)
		if n := h.approve(reporting.Filter{TenantID: tenantID, DeviceID: "pc-0007"}); n != 1 {
			t.Errorf("approved %d, want one", n)
		}
		if n := h.approve(reporting.Filter{TenantID: tenantID, DeviceID: "pc-0090"}); n != 0 {
			t.Errorf("approved %d of those that are not held", n)
		}
		time.Sleep(time.Minute)
		if got := h.azure.state(fleet[7].AzureDeviceID); got != removed {
			t.Errorf("the approved one: Azure holds %v", got)
		}
		if v := h.tenant(); v.Held != 59 || len(v.Alarms) != 0 {
			t.Errorf("held %d, alarms %v", v.Held, v.Alarms)
		}
		h.turn(fleet[60:80], removed, 1, 0)
		if v := h.tenant(); v.Held != 59 {
			t.Errorf("20 more, counted anew: %d held, want none of them", v.Held)
		}
		h.turn(fleet[80:81], removed, 1, 0)
		if v := h.tenant(); v.Held != 60 {
			t.Errorf("the 21st: %d held, want it among them", v.Held)
		}
	})
}

// SyncNow of one device passes the guard, of many does not.
func TestSyncNowOfOneDevicePassesTheGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, fleet := imported(t, 100, nil)
		defer h.run()()
		h.turn(fleet, removed, 100, 0)
		h.lines()
		n, err := h.engine.SyncNow(t.Context(), reporting.Filter{TenantID: tenantID})
		require.NoError(t, err)
		require.Equal(t, 100, n)
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string(nil), h.lines()); diff != "" {
			t.Errorf("a sync of the tenant sent (-want +got)\n%s", diff)
		}
		n, err = h.engine.SyncNow(t.Context(), reporting.Filter{TenantID: tenantID, DeviceID: "pc-0042"})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"removed to " + fleet[42].AzureDeviceID + ", change"}, h.lines()); diff != "" {
			t.Errorf("a sync of the device sent (-want +got)\n%s", diff)
		}
	})
}

// How many are too many: more than 20, and more than 5 % of the tenant's.
func TestGuardLimits(t *testing.T) {
	for _, tc := range []struct {
		devices, turn, held int
	}{
		{100, 20, 0}, {100, 21, 21}, // 20, since 5 % are fewer
		{400, 20, 0}, {400, 21, 21},
		{1000, 50, 0}, {1000, 51, 51},
		{15, 15, 0},
	} {
		t.Run(fmt.Sprintf("%d of %d", tc.turn, tc.devices), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, fleet := imported(t, tc.devices, nil)
				h.turn(fleet[:tc.turn], removed, tc.turn, 0)
				if v := h.tenant(); v.Held != tc.held || (len(v.Alarms) > 0) != (tc.held > 0) {
					t.Errorf("%d held, alarms %v; want %d", v.Held, v.Alarms, tc.held)
				}
			})
		})
	}
}

// The settings: which standings are held, an alarm alone, no guard.
func TestGuardSettings(t *testing.T) {
	all := []compliance.State{compliant, nonCompliant, removed}
	for _, tc := range []struct {
		name  string
		o     reporting.Options
		to    compliance.State
		held  bool
		alarm bool
	}{
		{"removed by default", reporting.Options{}, removed, true, true},
		{"non-compliant by default: an alarm alone", reporting.Options{}, nonCompliant, false, true},
		{"non-compliant by setting", reporting.Options{GuardHolds: all}, nonCompliant, true, true},
		{"an alarm alone", reporting.Options{GuardHolds: []compliance.State{}}, removed, false, true},
		{"no guard", reporting.Options{GuardShare: -1, GuardHolds: all}, removed, false, false},
		{"a larger share", reporting.Options{GuardShare: 0.5}, removed, false, false},
		{"more at least", reporting.Options{GuardLeast: 100}, removed, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, fleet := imported(t, 100, &tc.o)
				defer h.run()()
				h.turn(fleet[:40], tc.to, 40, 0)
				time.Sleep(time.Minute)
				v := h.tenant()
				if (v.Held > 0) != tc.held || (len(v.Alarms) > 0) != tc.alarm {
					t.Errorf("%d held, alarms %v; want held %v, an alarm %v", v.Held, v.Alarms, tc.held, tc.alarm)
				}
				want := tc.to
				if tc.held {
					want = compliant
				}
				if got := h.azure.state(fleet[0].AzureDeviceID); got != want {
					t.Errorf("Azure holds %v, want %v", got, want)
				}
			})
		})
	}
}

// Compliant again can be held too: a policy that lets everybody in.
func TestGuardHoldsCompliant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{GuardHolds: []compliance.State{compliant}})
		fleet := pcs(60, in(nonCompliant))
		h.see(fleet...)
		defer h.run()()
		time.Sleep(time.Minute)
		h.turn(fleet, compliant, 60, 0)
		time.Sleep(time.Hour)
		if v := h.tenant(); v.Held != 60 || v.Compliant != 0 || v.Alarms[compliant].IsZero() {
			t.Errorf("%d held, %d compliant, alarms %v", v.Held, v.Compliant, v.Alarms)
		}
		// A device that turns back is not held any more, and is as Azure has it.
		h.turn(fleet[:1], nonCompliant, 1, 0)
		time.Sleep(time.Minute)
		if d := h.device("pc-0000"); d.ComplianceStatus != status.Successful || d.LastReported.State != nonCompliant {
			t.Errorf("turned back: %s", line(d.Device))
		}
	})
}

// A first import is exempt, whatever the devices' standing is.
func TestFirstImportIsExempt(t *testing.T) {
	for _, s := range []compliance.State{compliant, nonCompliant, removed} {
		t.Run(s.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, &reporting.Options{GuardHolds: []compliance.State{compliant, nonCompliant, removed}})
				defer h.run()()
				// Their ids are known first, and how they stand a moment later.
				h.see(pcs(500, in(compliance.StateUnspecified))...)
				time.Sleep(time.Minute)
				h.see(pcs(500, in(s))...)
				time.Sleep(time.Minute)
				if v := h.tenant(); v.Held != 0 || len(v.Alarms) != 0 || v.Unsent != 0 {
					t.Errorf("%d held, alarms %v, %d unsent", v.Held, v.Alarms, v.Unsent)
				}
			})
		})
	}
}

// A device that flaps is one device, and turns that are an hour apart do not
// add up.
func TestGuardCountsDevicesWithinAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, fleet := imported(t, 100, &reporting.Options{GuardHolds: []compliance.State{nonCompliant}})
		for range 30 {
			h.turn(fleet[:15], nonCompliant, 15, time.Second)
			h.turn(fleet[:15], compliant, 15, time.Second)
		}
		if v := h.tenant(); v.Held != 0 || len(v.Alarms) != 0 {
			t.Errorf("15 devices that flap: %d held, alarms %v", v.Held, v.Alarms)
		}
		time.Sleep(61 * time.Minute)
		for i := range 80 {
			h.turn(fleet[i:i+1], nonCompliant, 1, 4*time.Minute)
		}
		if v := h.tenant(); v.Held != 0 || len(v.Alarms) != 0 {
			t.Errorf("15 an hour, all day: %d held, alarms %v", v.Held, v.Alarms)
		}
	})
}

// What is held and is turned again by its host, to another standing, goes on.
func TestHeldDeviceTurnsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, fleet := imported(t, 100, nil)
		defer h.run()()
		for i := range fleet {
			fleet[i].EnrollmentID, fleet[i].EnrolledAt = "one", time.Now().Add(-time.Hour)
		}
		h.turn(fleet, removed, 100, 0)
		time.Sleep(time.Minute)
		// A removal is final for the enrolment; a newer one clears it.
		one := fleet[3]
		one.EnrollmentID, one.EnrolledAt, one.State, one.SeenAt = "two", time.Now(), nonCompliant, time.Now()
		h.see(one)
		// Forget and observe again takes back one that is held.
		two := fleet[4]
		require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, two.DeviceID, true))
		two.State, two.SeenAt = compliant, time.Now()
		h.see(two)
		time.Sleep(10 * time.Minute)
		for i, want := range map[int]compliance.State{3: nonCompliant, 4: compliant, 5: compliant} {
			if got := h.azure.state(fleet[i].AzureDeviceID); got != want {
				t.Errorf("device %d: Azure holds %v, want %v", i, got, want)
			}
		}
		if v := h.tenant(); v.Held != 98 {
			t.Errorf("%d held, want 98", v.Held)
		}
	})
}

// While a removal is held, what may arrive late is sent once more as it was.
func TestHeldWhileACallMayArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{GuardLeast: 1, GuardShare: 0.0001})
		h.see(pcs(5, nil)...)
		defer h.run()()
		h.see(pc(in(nonCompliant)))
		time.Sleep(time.Minute)
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			h.azure.play(nil)
			h.azure.arrive(r)
			return azure.Receipt{}, new(noAnswer)
		})
		h.see(pc(nil))
		time.Sleep(time.Second)
		all := pcs(5, in(removed))
		h.see(append(all, pc(in(removed)))...)
		time.Sleep(10 * time.Minute)
		if d := h.device("pc-1"); d.Blank.ReportTime != status.BlankHeld {
			t.Errorf("shown %s, want it held", line(d.Device))
		}
		if got := h.azure.state(deviceID); got != nonCompliant {
			t.Errorf("Azure holds %v, want what it held before the lost answer", got)
		}
	})
}
