package reporting_test

import (
	"context"
	"fmt"
	"slices"
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

// step is one thing that happens to a device while the engine runs, what is
// sent for it within a minute, and what is shown then.
type step struct {
	do   func(h *trial)
	sent []string
	want string
}

// what the steps of the table do.
func sees(change func(o *reporting.Observation)) func(*trial) {
	return func(h *trial) {
		h.see(phone(func(o *reporting.Observation) {
			o.AzureDeviceID, o.ClientCode, o.State = "", "", compliance.StateUnspecified
			change(o)
		}))
	}
}

func as(code status.ClientCode, id string, s compliance.State) func(*trial) {
	return sees(func(o *reporting.Observation) { o.ClientCode, o.AzureDeviceID, o.State = code, id, s })
}

func mode(m reporting.Mode) func(*trial) {
	return func(h *trial) { require.NoError(h.t, h.engine.SetMode(h.t.Context(), account, tenantID, m)) }
}

func refusing(e azure.Error, then func(*trial)) func(*trial) {
	return func(h *trial) {
		h.azure.refuse(e)
		then(h)
	}
}

func accepting(then func(*trial)) func(*trial) {
	return func(h *trial) {
		h.azure.play(nil)
		then(h)
	}
}

func wait(d time.Duration) func(*trial) { return func(*trial) { time.Sleep(d) } }

// row plays steps, each with a minute after it.
func row(t *testing.T, steps []step) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{Poll: time.Hour})
		defer h.run()()
		for i, s := range steps {
			s.do(h)
			time.Sleep(time.Minute)
			lines := h.lines()
			slices.Sort(lines) // two ids have no order between them
			if diff := cmp.Diff(s.sent, lines); diff != "" {
				t.Errorf("step %d: sent (-want +got)\n%s", i, diff)
			}
			if got := line(h.device("phone-1").Device); got != s.want {
				t.Errorf("step %d: shown\nwant %s\ngot  %s", i, s.want, got)
			}
		}
	})
}

var (
	recoverable = []status.ClientCode{
		status.CodeInteractionRequired, status.CodeServerDeclinedScopes, status.CodeServerProtectionPoliciesRequired,
		status.CodeUserCancelled, status.CodeInternalError,
	}
	holding = []status.ClientCode{status.CodeWorkplaceJoinRequired, status.CodeAccountLoggedOut, "Newer_Code"}
)

// The table of what is sent and shown, row by row, on a phone.
func TestRows(t *testing.T) {
	const (
		success = status.CodeSuccess
		none    = compliance.StateUnspecified
	)
	began := func(code status.ClientCode, s compliance.State) step {
		return step{as(code, deviceID, s), []string{s.String() + " to id, change"},
			fmt.Sprintf("id · Successful · %s · time -> %s", code, s)}
	}
	rows := map[string][]step{}

	// 1: off.
	for _, s := range []compliance.State{none, compliant, nonCompliant, removed} {
		rows[fmt.Sprintf("1/no id, %v", s)] = []step{
			{func(h *trial) { mode(reporting.ModeOff)(h); as(status.CodeUserCancelled, "", s)(h) }, nil,
				"[client-error] · none[off] · User_Cancelled · [off]"},
		}
		rows[fmt.Sprintf("1/known, %v", s)] = []step{
			began(success, compliant),
			{func(h *trial) { mode(reporting.ModeOff)(h); as("", "", s)(h) }, nil, "id · none[off] · Success · [off] -> compliant"},
		}
	}

	// 2: parked and paused.
	dead := azure.Error{Kind: azure.ErrUnauthorized, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent, ErrorCode: "AADSTS7000222"}
	rows["2/parked"] = []step{
		began(success, compliant),
		{refusing(dead, as("", "", nonCompliant)), []string{"non-compliant to id, change", "non-compliant to id, change"},
			"id · Failed · Success · [not-called-yet] (unauthorized) -> compliant"},
		{accepting(wait(5 * time.Minute)), []string{"non-compliant to id, change"}, "id · Successful · Success · time -> non-compliant"},
	}
	rows["2/parked, nothing pending"] = []step{
		began(success, compliant),
		{refusing(dead, func(h *trial) {
			h.see(phone(func(o *reporting.Observation) { o.DeviceID, o.AzureDeviceID = "phone-2", deviceID2 }))
		}), []string{"compliant to id2, change", "compliant to id2, change"}, "id · Successful · Success · time -> compliant"},
	}
	rows["2/paused"] = []step{
		began(success, compliant),
		{func(h *trial) { mode(reporting.ModePaused)(h); as("", "", nonCompliant)(h) }, nil,
			"id · In-progress · Success · [not-called-yet] (paused) -> compliant"},
		{mode(reporting.ModeOn), []string{"non-compliant to id, change"}, "id · Successful · Success · time -> non-compliant"},
	}
	rows["2/report-only"] = []step{
		{func(h *trial) { mode(reporting.ModeReportOnly)(h); as(success, deviceID, compliant)(h) }, nil,
			"id · In-progress · Success · [report-only]"},
	}

	// 3: removed, never known.
	rows["3/no code"] = []step{{as("", "", removed), nil, "[no-result-yet] · none[nothing-to-remove] · [no-result-yet] · [nothing-to-remove]"}}
	for _, code := range append(recoverable, holding...) {
		rows["3/"+string(code)] = []step{{as(code, "", removed), nil,
			fmt.Sprintf("[client-error] · none[nothing-to-remove] · %s · [nothing-to-remove]", code)}}
	}
	rows["3/Success"] = []step{{as(success, "", removed), nil, "[no-id] · none[nothing-to-remove] · Success · [nothing-to-remove]"}}

	// 4: not evaluated.
	rows["4/nothing before"] = []step{{as(success, deviceID, none), nil, "id · In-progress · Success · [not-evaluated]"}}
	rows["4/no id"] = []step{{as("", "", none), nil, "[no-result-yet] · In-progress · [no-result-yet] · [not-evaluated]"}}
	rows["4/before"] = []step{
		began(success, nonCompliant),
		{as("", "", none), nil, "id · Successful · Success · time -> non-compliant"},
	}

	for _, s := range []compliance.State{compliant, nonCompliant} {
		// 5 to 7: no id.
		rows[fmt.Sprintf("5/%v", s)] = []step{{as("", "", s), nil, "[no-result-yet] · In-progress · [no-result-yet] · [no-result-yet]"}}
		for _, code := range append(recoverable, holding...) {
			rows[fmt.Sprintf("6/%s, %v", code, s)] = []step{{as(code, "", s), nil,
				fmt.Sprintf("[client-error] · Failed · %s · [client-error]", code)}}
		}
		rows[fmt.Sprintf("7/%v", s)] = []step{{as(success, "", s), nil, "[no-id] · Failed · Success · [no-id]"}}

		// 8: removed, the same enrolment.
		rows[fmt.Sprintf("8/%v", s)] = []step{
			began(success, compliant),
			{as("", "", removed), []string{"removed to id, change"}, "id · Successful · Success · time -> removed"},
			{as(success, deviceID, s), nil, "id · Successful · Success · time -> removed"},
			{wait(15 * 24 * time.Hour), nil, "id · Successful · Success · time -> removed"},
		}

		// 10: removed, and enrolled anew.
		rows[fmt.Sprintf("10/%v", s)] = []step{
			began(success, compliant),
			{as("", "", removed), []string{"removed to id, change"}, "id · Successful · Success · time -> removed"},
			{wait(5 * time.Minute), nil, "id · Successful · Success · time -> removed"}, // compliant is reported at most once in that time
			{sees(func(o *reporting.Observation) {
				o.EnrollmentID, o.EnrolledAt, o.ClientCode, o.AzureDeviceID, o.State = "second", o.SeenAt, success, deviceID, s
			}), []string{s.String() + " to id, change"}, "id · Successful · Success · time -> " + s.String()},
		}

		// 11: a new id.
		rows[fmt.Sprintf("11/%v", s)] = []step{
			began(success, compliant),
			{as(success, deviceID2, s), slices.Sorted(slices.Values([]string{"removed to id, change", s.String() + " to id2, change"})),
				"id2 · Successful · Success · time -> " + s.String()},
		}

		// 12: no answer.
		rows[fmt.Sprintf("12/%v", s)] = []step{
			{refusing(azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeDevice, Outcome: azure.OutcomeUnknown},
				as(success, deviceID, s)), repeated(4, s.String()+" to id, change"), "id · In-progress · Success · [no-answer] (unavailable)"},
			{accepting(wait(15 * time.Minute)), []string{s.String() + " to id, change"}, "id · Successful · Success · time -> " + s.String()},
		}

		// 13: refused.
		rejected := azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
		rows[fmt.Sprintf("13/%v, sync", s)] = []step{
			{refusing(rejected, as(success, deviceID, s)), []string{s.String() + " to id, change"},
				"id · Failed · Success · [error] (rejected)"},
			{accepting(func(h *trial) { as("", "", s)(h); time.Sleep(24 * time.Hour) }), nil, "id · Failed · Success · [error] (rejected)"},
			{func(h *trial) {
				n, err := h.engine.SyncNow(h.t.Context(), reporting.Filter{TenantID: tenantID, DeviceID: "phone-1"})
				require.NoError(h.t, err)
				require.Equal(h.t, 1, n)
			}, []string{s.String() + " to id, change"}, "id · Successful · Success · time -> " + s.String()},
		}
		rows[fmt.Sprintf("13/%v, change", s)] = []step{
			{refusing(rejected, as(success, deviceID, s)), []string{s.String() + " to id, change"},
				"id · Failed · Success · [error] (rejected)"},
			{accepting(sees(func(o *reporting.Observation) { o.Inventory.OSVersion = "26.1" })), []string{s.String() + " to id, change"},
				"id · Successful · Success · time -> " + s.String()},
		}
	}

	// 9: removed.
	for _, code := range append(append([]status.ClientCode{success}, recoverable...), holding...) {
		rows[fmt.Sprintf("9/%s, never reported", code)] = []step{began(code, removed)}
		for _, s := range []compliance.State{compliant, nonCompliant} {
			rows[fmt.Sprintf("9/%s, was %v", code, s)] = []step{
				began(success, s),
				{as(code, "", removed), []string{"removed to id, change"}, fmt.Sprintf("id · Successful · %s · time -> removed", code)},
			}
		}
		// 14: non-compliant.
		rows[fmt.Sprintf("14/%s, never reported", code)] = []step{began(code, nonCompliant)}
		rows[fmt.Sprintf("14/%s, was compliant", code)] = []step{
			began(success, compliant),
			{as(code, "", nonCompliant), []string{"non-compliant to id, change"},
				fmt.Sprintf("id · Successful · %s · time -> non-compliant", code)},
		}
	}

	// 15: compliant.
	for _, code := range append([]status.ClientCode{success}, recoverable...) {
		rows[fmt.Sprintf("15/%s, never reported", code)] = []step{began(code, compliant)}
		rows[fmt.Sprintf("15/%s, was non-compliant", code)] = []step{
			began(success, nonCompliant),
			{as(code, "", compliant), []string{"compliant to id, change"}, fmt.Sprintf("id · Successful · %s · time -> compliant", code)},
		}
	}

	for _, code := range holding {
		// 16: a new claim of compliance waits.
		rows[fmt.Sprintf("16/%s, never reported", code)] = []step{
			{as(code, deviceID, compliant), nil, fmt.Sprintf("id · Failed · %s · [waits-for-sign-in]", code)},
			{as(success, "", compliance.StateUnspecified), []string{"compliant to id, change"}, "id · Successful · Success · time -> compliant"},
		}
		rows[fmt.Sprintf("16/%s, was non-compliant", code)] = []step{
			began(success, nonCompliant),
			{as(code, "", compliant), nil, fmt.Sprintf("id · Failed · %s · [waits-for-sign-in] -> non-compliant", code)},
			{wait(30 * 24 * time.Hour), nil, fmt.Sprintf("id · Failed · %s · [waits-for-sign-in] -> non-compliant", code)},
		}

		// 17: compliance stands, and is not refreshed.
		rows["17/"+string(code)] = []step{
			began(success, compliant),
			{as(code, "", compliance.StateUnspecified), nil, fmt.Sprintf("id · Successful · %s · time -> compliant", code)},
			{wait(30 * 24 * time.Hour), nil, fmt.Sprintf("id · Successful · %s · time -> compliant", code)},
			{as(success, "", compliance.StateUnspecified), []string{"compliant to id, refresh"}, "id · Successful · Success · time -> compliant"},
		}
	}

	// 18: as accepted.
	for _, s := range []compliance.State{compliant, nonCompliant} {
		for _, code := range append([]status.ClientCode{success}, recoverable...) {
			rows[fmt.Sprintf("18/%s, %v", code, s)] = []step{
				began(code, s),
				{as("", "", s), nil, fmt.Sprintf("id · Successful · %s · time -> %v", code, s)},
				{wait(7 * 24 * time.Hour), []string{s.String() + " to id, refresh"}, fmt.Sprintf("id · Successful · %s · time -> %v", code, s)},
				{sees(func(o *reporting.Observation) { o.Inventory.DeviceName = "another" }), []string{s.String() + " to id, inventory"},
					fmt.Sprintf("id · Successful · %s · time -> %v", code, s)},
			}
		}
	}

	for name, steps := range rows {
		t.Run(name, func(t *testing.T) { row(t, steps) })
	}
}

func repeated(n int, text string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = text
	}
	return all
}

// The report time is when Microsoft accepted: on the partner channel when it
// took the message, before it is settled.
func TestReportTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		h.azure.later.Store(true)
		h.azure.check = func(_ context.Context, r azure.Receipt) (azure.Receipt, error) { return r, nil }
		h.see(phone(nil))
		if got, want := line(h.device("phone-1").Device), "id · In-progress · Success · [not-called-yet]"; got != want {
			t.Errorf("before any call: %s, want %s", got, want)
		}
		time.Sleep(time.Hour)
		defer h.run()()
		accepted := time.Now()
		time.Sleep(10 * time.Minute)
		d := h.device("phone-1")
		if got, want := line(d.Device), "id · In-progress · Success · time -> compliant"; got != want {
			t.Errorf("in progress: %s, want %s", got, want)
		}
		if !d.ReportTime.Equal(accepted) || d.ReportTime.Location() != time.UTC {
			t.Errorf("report time %v, want that of the acceptance, %v in UTC", d.ReportTime, accepted)
		}
		h.azure.mu.Lock()
		h.azure.check = nil
		h.azure.mu.Unlock()
		time.Sleep(30 * time.Minute)
		if d := h.device("phone-1"); d.ComplianceStatus != status.Successful || !d.ReportTime.Equal(accepted) {
			t.Errorf("settled: %s at %v, want Successful at %v", line(d.Device), d.ReportTime, accepted)
		}
	})
}

// While a refresh is pending, and where it fails, the time of the standing
// stays.
func TestReportTimeIsKeptWhileARefreshIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(phone(nil))
		time.Sleep(time.Minute)
		first := h.device("phone-1").ReportTime
		h.azure.refuse(azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeService, Outcome: azure.OutcomeUnknown})
		time.Sleep(8 * 24 * time.Hour)
		if len(h.azure.all()) < 10 {
			t.Errorf("%d calls, want the refresh tried again and again", len(h.azure.all()))
		}
		d := h.device("phone-1")
		if d.ComplianceStatus != status.Successful || !d.ReportTime.Equal(first) || !d.Confirmed.Equal(first) {
			t.Errorf("shown %s at %v, want Successful at %v", line(d.Device), d.ReportTime, first)
		}
		if d.Failure == nil || d.Failure.Kind != azure.ErrUnavailable {
			t.Errorf("Failure = %v, want what the refresh failed with", d.Failure)
		}
	})
}

// Windows has no client code: its id counts as Success, and is shown so.
func TestRowsOfAPC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(pc(func(o *reporting.Observation) { o.AzureDeviceID = "" }))
		time.Sleep(time.Minute)
		if got, want := line(h.device("pc-1").Device), "[no-result-yet] · In-progress · [no-result-yet] · [no-result-yet]"; got != want {
			t.Errorf("without an id: %s, want %s", got, want)
		}
		h.see(pc(nil))
		time.Sleep(time.Minute)
		if got, want := line(h.device("pc-1").Device), "id · Successful · Success · time -> compliant"; got != want {
			t.Errorf("with it: %s, want %s", got, want)
		}
		if diff := cmp.Diff([]string{"compliant to id, change"}, h.lines()); diff != "" {
			t.Errorf("sent (-want +got)\n%s", diff)
		}
		h.see(pc(in(removed)))
		time.Sleep(73 * time.Hour)
		if diff := cmp.Diff([]string{"removed to id, change", "delete id"}, h.lines()); diff != "" {
			t.Errorf("removed: sent (-want +got)\n%s", diff)
		}
		if got, want := line(h.device("pc-1").Device), "id · Successful · Success · time -> removed"; got != want {
			t.Errorf("removed: %s, want %s", got, want)
		}
	})
}
