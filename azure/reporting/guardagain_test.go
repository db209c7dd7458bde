package reporting_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
)

// Approve: "The guard then counts anew": the same devices, turned again by the
// same mistake within the hour, are held again.
func TestGuardAfterApprove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, fleet := imported(t, 100, &reporting.Options{GuardHolds: []compliance.State{nonCompliant}})
		defer h.run()()
		h.turn(fleet, nonCompliant, 100, time.Minute)
		require.Equal(t, 100, h.tenant().Held)
		require.Equal(t, 100, h.approve(reporting.Filter{TenantID: tenantID}))
		time.Sleep(5 * time.Minute)
		h.turn(fleet, compliant, 100, 10*time.Minute) // the policy is mended
		require.Equal(t, 100, h.tenant().Compliant)
		h.turn(fleet, nonCompliant, 100, time.Minute) // and broken again
		if v := h.tenant(); v.Held != 100 {
			t.Errorf("%d held, %d still compliant, alarms %v", v.Held, v.Compliant, v.Alarms)
		}
	})
}

// The same with what the guard holds by default: removals, after a new enrolment.
func TestGuardAfterApproveOfRemovals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, fleet := imported(t, 100, nil)
		defer h.run()()
		h.turn(fleet, removed, 100, time.Minute)
		require.Equal(t, 100, h.tenant().Held)
		require.Equal(t, 100, h.approve(reporting.Filter{TenantID: tenantID}))
		time.Sleep(5 * time.Minute)
		for i := range fleet {
			fleet[i].EnrollmentID, fleet[i].EnrolledAt = "two", time.Now()
		}
		h.turn(fleet, compliant, 100, 10*time.Minute)
		require.Equal(t, 100, h.tenant().Compliant)
		h.turn(fleet, removed, 100, time.Minute)
		if v := h.tenant(); v.Held != 100 {
			t.Errorf("%d held, %d still compliant, alarms %v", v.Held, v.Compliant, v.Alarms)
		}
	})
}

// Without Approve: a fleet that turned, turned back, and turns again 57 minutes
// later is a wave all the same.
func TestGuardWaveComesAgainWithinTheHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, fleet := imported(t, 100, &reporting.Options{GuardHolds: []compliance.State{nonCompliant}})
		defer h.run()()
		time.Sleep(time.Until(time.Now().Truncate(5 * time.Minute).Add(9 * time.Minute)))
		h.turn(fleet, nonCompliant, 100, time.Minute)
		require.Equal(t, 100, h.tenant().Held)
		h.turn(fleet, compliant, 100, 56*time.Minute)
		require.Equal(t, 0, h.tenant().Held)
		h.turn(fleet, nonCompliant, 100, time.Minute)
		if v := h.tenant(); v.Held != 100 {
			t.Errorf("%d held, %d still compliant, alarms %v", v.Held, v.Compliant, v.Alarms)
		}
	})
}

// "More than 20 devices within an hour".
func TestGuardWindowIsAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, fleet := imported(t, 100, nil)
		defer h.run()()
		time.Sleep(time.Until(time.Now().Truncate(5 * time.Minute).Add(9*time.Minute + 50*time.Second)))
		h.turn(fleet[:20], removed, 20, 56*time.Minute)
		h.turn(fleet[20:40], removed, 20, time.Second)
		if v := h.tenant(); len(v.Alarms) == 0 {
			t.Errorf("40 of 100 devices were removed within 56 minutes: %d held, alarms %v", v.Held, v.Alarms)
		}
	})
}

// A device that flaps is one device for as long as its first turn counts.
func TestGuardCountsWhatFlapsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, fleet := imported(t, 100, &reporting.Options{GuardHolds: []compliance.State{nonCompliant}})
		defer h.run()()
		time.Sleep(time.Until(time.Now().Truncate(5 * time.Minute).Add(5*time.Minute + 10*time.Second)))
		h.turn(fleet[:11], nonCompliant, 11, 30*time.Minute)
		h.turn(fleet[:11], compliant, 11, 31*time.Minute)
		h.turn(fleet[:11], nonCompliant, 11, time.Minute)
		if v := h.tenant(); len(v.Alarms) != 0 || v.Held != 0 {
			t.Errorf("11 devices turned: %d held, alarms %v", v.Held, v.Alarms)
		}
	})
}
