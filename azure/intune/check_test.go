package intune_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// pending is a receipt as a store hands it out.
func pending() azure.Receipt {
	return azure.Receipt{Channel: "intune", TenantID: tenantA, DeviceID: device1, MessageID: message1, State: status.InProgress, Attempts: 1}
}

func TestCheckFromAnotherProcess(t *testing.T) {
	m := newMicrosoft(t)
	m.polls = 2
	report := report1(compliance.StateRemoved)
	report.UserID, report.UserPrincipalName, report.Inventory.DeviceName = "", upn1, "Anna-Phone"
	m.users[tenantA+" "+upn1] = user1
	given, err := m.reporter(t, nil).Report(t.Context(), report)
	require.NoError(t, err)
	for poll := range 4 {
		text, err := json.Marshal(given)
		require.NoError(t, err)
		var read azure.Receipt
		require.NoError(t, json.Unmarshal(text, &read))
		got, err := m.reporter(t, nil).Check(t.Context(), read)
		require.NoError(t, err)
		want := given
		if poll >= 2 {
			want.State = status.Successful
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("poll %d (-want +got):\n%s", poll, diff)
		}
		given = got
	}
	// Two that were still running, the verdict, and no call once it is known.
	if n := m.count("status"); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
	get := m.of("status")[0]
	if want := "https://fef.8a4e7f4c.manage.microsoft.com/StatelessDevice/DataUploadMessages(guid'" + given.MessageID + "')?api-version=1.2"; get.url != want || get.body != "" {
		t.Errorf("asked %s, want %s", get.url, want)
	}
}

func TestCheckVerdicts(t *testing.T) {
	for _, tc := range []struct {
		status        int
		body          string
		state         status.ReportState
		failure, code string
		detail        string
	}{
		{200, `{"Status":"Completed"}`, status.Successful, "", "", ""},
		{200, `{"Status":"Completed","ErrorCode":0,"ErrorDetail":null}`, status.Successful, "", "", ""},
		{200, `{"Status":"Failed","ErrorCode":"DeviceNotFound","ErrorDetail":"no device for anna@contoso.example"}`, status.Failed, "rejected (device, refused)", "DeviceNotFound", "no device for [redacted]"},
		{200, `{"Status":"Failed","ErrorCode":4,"ErrorDetail":["x"]}`, status.Failed, "rejected (device, refused)", "4", `["x"]`},
		{200, `{"Status":"Failed"}`, status.Failed, "rejected (device, refused)", "", ""},
		{200, `{"Status":"Failed","ErrorCode":"404"}`, status.Failed, "rejected (device, refused)", "404", ""},
		{200, `{"Status":"Processing"}`, status.InProgress, "", "", ""},
		{200, `{"Status":"Pending","ErrorCode":"500"}`, status.InProgress, "", "", ""},
		{200, `{"Status":"failed"}`, status.InProgress, "", "", ""},
		{200, `{"Status":"FailedOver"}`, status.InProgress, "", "", ""},
		{404, `{"error":{"code":"NotFound","message":"no such message"}}`, status.Failed, "rejected (device, unknown)", "NotFound", "no such message"},
		{404, ``, status.Failed, "rejected (device, unknown)", "", ""},
	} {
		m := newMicrosoft(t)
		m.hook = answering("status", tc.status, tc.body)
		got, err := m.reporter(t, nil).Check(t.Context(), pending())
		require.NoError(t, err, tc.body)
		if got.State != tc.state {
			t.Errorf("%s: %v, want %v", tc.body, got.State, tc.state)
		}
		if (got.Failure == nil) != (tc.failure == "") {
			t.Errorf("%s: failure %v, want %q", tc.body, got.Failure, tc.failure)
		}
		if f := got.Failure; f != nil && (summary(f) != tc.failure || f.ErrorCode != tc.code || f.Detail != tc.detail) {
			t.Errorf("%s: %s, code %q, detail %q; want %s, %q, %q", tc.body, summary(f), f.ErrorCode, f.Detail, tc.failure, tc.code, tc.detail)
		}
	}
}

// An error means that the question failed: the receipt is as it was.
func TestCheckErrors(t *testing.T) {
	change := func(do func(*azure.Receipt)) azure.Receipt { r := pending(); do(&r); return r }
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		name    string
		ctx     context.Context
		receipt azure.Receipt
		status  int
		body    string
		want    string
		calls   int
	}{
		{"another channel", t.Context(), change(func(r *azure.Receipt) { r.Channel = "graph" }), 200, "", "unsupported (device, not-sent)", 0},
		{"no channel", t.Context(), azure.Receipt{}, 200, "", "unsupported (device, not-sent)", 0},
		{"no message", t.Context(), change(func(r *azure.Receipt) { r.MessageID = "" }), 200, "", "invalid (device, not-sent)", 0},
		{"a message that is an address", t.Context(), change(func(r *azure.Receipt) { r.MessageID = "x')/../" + message1 }), 200, "", "invalid (device, not-sent)", 0},
		{"no tenant", t.Context(), change(func(r *azure.Receipt) { r.TenantID = upn1 }), 200, "", "invalid (device, not-sent)", 0},
		{"a context that is over", over, pending(), 200, "", "canceled (device, not-sent)", 0},
		{"not JSON", t.Context(), pending(), 200, "<html>", "unexpected (device, unknown)", 1},
		{"cut off", t.Context(), pending(), 200, `{"Status":"Comp`, "unexpected (device, unknown)", 1},
		{"no status", t.Context(), pending(), 200, `{"ErrorCode":"202"}`, "unexpected (device, unknown)", 1},
		{"nothing", t.Context(), pending(), 204, ``, "unexpected (device, unknown)", 1},
		{"throttled", t.Context(), pending(), 429, ``, "throttled (tenant, unknown)", 1},
		{"unavailable", t.Context(), pending(), 503, ``, "unavailable (service, unknown)", 1},
		{"forbidden", t.Context(), pending(), 403, ``, "forbidden (tenant, refused)", 1},
		{"unauthorized", t.Context(), pending(), 401, ``, "unauthorized (tenant, refused)", 1},
	} {
		m := newMicrosoft(t)
		m.hook = answering("status", tc.status, tc.body)
		got, err := m.reporter(t, nil).Check(tc.ctx, tc.receipt)
		if diff := cmp.Diff(tc.want, summary(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if diff := cmp.Diff(tc.receipt, got); diff != "" {
			t.Errorf("%s: the receipt changed (-want +got):\n%s", tc.name, diff)
		}
		if n := m.count("status"); n != tc.calls {
			t.Errorf("%s: asked %d times, want %d", tc.name, n, tc.calls)
		}
		if tc.ctx == over && !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want context.Canceled in it", err)
		}
	}
}

// Settled receipts cost nothing, not even a look at their ids.
func TestCheckSettled(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	for _, state := range []status.ReportState{status.Successful, status.Failed} {
		given := azure.Receipt{Channel: "intune", State: state, Failure: &azure.Error{Kind: azure.ErrRejected}}
		got, err := r.Check(t.Context(), given)
		if err != nil || got.State != state || got.Failure != given.Failure || m.calls() != 0 {
			t.Errorf("%v: %+v, %v after %d calls", state, got, err, m.calls())
		}
	}
}

// Microsoft says that a message is unknown to another tenant, not whose it is.
func TestCheckOfAnotherTenant(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	receipt, err := r.Report(t.Context(), report1(compliance.StateCompliant))
	require.NoError(t, err)
	receipt.TenantID = tenantB
	got, err := r.Check(t.Context(), receipt)
	if err != nil || got.State != status.Failed || m.of("status")[0].tenant != tenantB {
		t.Errorf("%+v, %v", got, err)
	}
}

// A service that has moved knows nothing where it was: the message is asked
// for at the new address before it is called lost, and at that alone.
func TestCheckAfterAMove(t *testing.T) {
	for _, moved := range []string{"", "fef.8a4e7f4c.west", "away"} {
		m := newMicrosoft(t)
		r := m.reporter(t, nil)
		given, err := r.Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err)
		m.hook = func(m *microsoft, s seen) (*http.Response, error) {
			switch {
			case s.is("status") && !strings.Contains(s.url, ".west."):
				return reply(404, ""), nil
			case moved == "away" && s.is("discovery"):
				return reply(503, ""), nil
			case moved != "" && strings.HasSuffix(s.url, "/endpoints"):
				return reply(200, strings.ReplaceAll(m.endpoints(s.tenant), "fef.8a4e7f4c", moved)), nil
			}
			return nil, nil
		}
		got, err := r.Check(t.Context(), given)
		want, calls := status.Failed, 1
		switch moved {
		case "away":
			want = status.InProgress
			require.ErrorIs(t, err, azure.ErrUnavailable)
		case "":
			require.NoError(t, err)
		default:
			want, calls = status.Successful, 2
			require.NoError(t, err)
		}
		if got.State != want || m.count("status") != calls {
			t.Errorf("moved %q: %v after %d questions, want %v after %d", moved, got.State, m.count("status"), want, calls)
		}
	}
}
