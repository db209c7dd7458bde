package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// What counts as done, as not done, and as neither, since nothing was due.
func TestRecordOutcome(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	refused := &azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
	closed := &azure.Error{Kind: azure.ErrUnauthorized, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent}
	device := func(s status.ReportState, at time.Time, why status.BlankReason, cause string, failure *azure.Error) reporting.Device {
		return reporting.Device{Failure: failure, Device: status.Device{
			ComplianceStatus: s, ReportTime: at, Cause: cause, Blank: status.Blanks{ReportTime: why},
		}}
	}
	for _, tc := range []struct {
		name             string
		device           reporting.Device
		accepted, failed bool
		err              *azure.Error
	}{
		{"accepted", device(status.Successful, at, 0, "", nil), true, false, nil},
		{"accepted, not confirmed", device(status.InProgress, at, 0, "", nil), true, false, nil},
		{"accepted, a later change refused", device(status.Failed, at, 0, "rejected", refused), true, true, refused},
		{"accepted, the tenant parked since", device(status.Successful, at, 0, "", nil), true, false, nil},
		{"not called yet", device(status.InProgress, time.Time{}, status.BlankNotCalledYet, "", nil), false, true, nil},
		{"no answer", device(status.InProgress, time.Time{}, status.BlankNoAnswer, "unavailable", refused), false, true, refused},
		{"refused", device(status.Failed, time.Time{}, status.BlankError, "rejected", refused), false, true, refused},
		{"never tried, the tenant parked", device(status.Failed, time.Time{}, status.BlankNotCalledYet, "unauthorized", nil), false, true, closed},
		{"held", device(status.InProgress, time.Time{}, status.BlankHeld, "", nil), false, true, nil},
		{"waits for its user", device(status.Failed, time.Time{}, status.BlankWaitsForSignIn, "", nil), false, false, nil},
		{"not evaluated", device(status.InProgress, time.Time{}, status.BlankNotEvaluated, "", nil), false, false, nil},
		{"shown", device(status.InProgress, time.Time{}, status.BlankReportOnly, "", nil), false, false, nil},
	} {
		var r record
		r.take(tc.device, closed)
		if r.accepted() != tc.accepted || r.failed() != tc.failed || r.err != tc.err {
			t.Errorf("%s: accepted %v, failed %v, error %v; want %v, %v, %v", tc.name, r.accepted(), r.failed(), r.err, tc.accepted, tc.failed, tc.err)
		}
	}
}

// What would be sent is said in the words of the channel.
func TestWouldSend(t *testing.T) {
	const objectGoes = "isManaged false, isCompliant false would be sent, and the DIRECTORY OBJECT WOULD BE DELETED unless it is hybrid-joined."
	for _, tc := range []struct {
		platform              azure.Platform
		standing              compliance.State
		deleteObjects, shared bool
		want                  string
	}{
		{azure.PlatformWindows, compliance.StateCompliant, true, false, "isManaged true, isCompliant true, the device's name and version would be sent."},
		{azure.PlatformWindows, compliance.StateNonCompliant, true, true, "isManaged true, isCompliant false, the device's name and version would be sent. Another record claims the same Azure id."},
		{azure.PlatformWindows, compliance.StateRemoved, false, false, "isManaged false, isCompliant false would be sent; the directory object stays."},
		{azure.PlatformWindows, compliance.StateRemoved, true, true, "isManaged false, isCompliant false would be sent; the directory object stays. Another record claims the same Azure id."},
		{azure.PlatformWindows, compliance.StateRemoved, true, false, objectGoes},
		{azure.PlatformIOS, compliance.StateCompliant, true, false, "managed, compliant would be sent to Intune's partner services, with the device's name and version."},
		{azure.PlatformMacOS, compliance.StateNonCompliant, true, false, "managed, not compliant would be sent to Intune's partner services, with the device's name and version."},
		{azure.PlatformAndroid, compliance.StateRemoved, true, false, "not managed, not compliant would be sent to Intune's partner services, with the device's name and version."},
	} {
		if diff := cmp.Diff(tc.want, wouldSend(tc.standing, tc.platform, tc.shared, tc.deleteObjects)); diff != "" {
			t.Errorf("%v, %v (-want +got):\n%s", tc.platform, tc.standing, diff)
		}
	}
}

// A run across midnight shows the date.
func TestClock(t *testing.T) {
	day := time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC)
	if got := clock(day, day) + " " + clock(day.Add(time.Second), day); got != "23:59:59 2026-02-01 00:00:00" {
		t.Errorf("clocks %q", got)
	}
}
