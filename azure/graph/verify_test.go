package graph_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/compliance"
)

func TestVerify(t *testing.T) {
	yes, no := new(true), new(false)
	for _, tc := range []struct {
		name               string
		state              compliance.State
		managed, compliant *bool
		verdict            azure.Verdict
		mismatches         []string
	}{
		{"compliant", compliance.StateCompliant, yes, yes, azure.VerdictMatch, nil},
		{"non-compliant", compliance.StateNonCompliant, yes, no, azure.VerdictMatch, nil},
		{"removed", compliance.StateRemoved, no, no, azure.VerdictMatch, nil},
		{"not compliant", compliance.StateCompliant, yes, no, azure.VerdictMismatch, []string{"isCompliant"}},
		{"still compliant", compliance.StateNonCompliant, yes, yes, azure.VerdictMismatch, []string{"isCompliant"}},
		{"not managed", compliance.StateCompliant, no, yes, azure.VerdictMismatch, []string{"isManaged"}},
		{"still managed", compliance.StateRemoved, yes, no, azure.VerdictMismatch, []string{"isManaged"}},
		{"both", compliance.StateRemoved, yes, yes, azure.VerdictMismatch, []string{"isManaged", "isCompliant"}},
		{"nothing reported yet", compliance.StateCompliant, nil, nil, azure.VerdictMismatch, []string{"isManaged", "isCompliant"}},
		{"nothing reported yet, none expected", compliance.StateRemoved, nil, nil, azure.VerdictMatch, nil},
		{"compliance without a value", compliance.StateNonCompliant, yes, nil, azure.VerdictMatch, nil},
	} {
		w := newWorld(t, nil, nil)
		w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) {
			d.IsManaged, d.IsCompliant, d.TrustType, d.MDMAppID = tc.managed, tc.compliant, "ServerAd", object1
		})
		got, err := w.reporter.Verify(t.Context(), w.report(tc.state))
		require.NoError(t, err, tc.name)
		want := azure.Verification{Verdict: tc.verdict, Mismatches: tc.mismatches, Device: azure.EntraDevice{
			ObjectID: w.device.ObjectID, OperatingSystem: "Windows", TrustType: "ServerAd", MDMAppID: object1, IsManaged: tc.managed, IsCompliant: tc.compliant,
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		const query = "?$select=id,operatingSystem,trustType,isCompliant,isManaged,mdmAppId"
		if diff := cmp.Diff("GET /v1.0/devices(deviceId='"+w.device.DeviceID+"')"+query+"\n", w.calls()); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", tc.name, diff)
		}
	}
}

// A device that is not there is what a removal wants, and absent otherwise.
func TestVerifyAbsent(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.sim.RemoveDevice(w.tenant.ID, w.device.DeviceID)
	for state, want := range map[compliance.State]azure.Verdict{
		compliance.StateCompliant: azure.VerdictAbsent, compliance.StateNonCompliant: azure.VerdictAbsent, compliance.StateRemoved: azure.VerdictMatch,
	} {
		got, err := w.reporter.Verify(t.Context(), w.report(state))
		require.NoError(t, err)
		if diff := cmp.Diff(azure.Verification{Verdict: want}, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", state, diff)
		}
	}
	if n := len(w.graphRequests()); n != 3 {
		t.Errorf("%d requests: an absence is not waited for", n)
	}
}

// Devices of every platform can be read.
func TestVerifyOtherPlatforms(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) {
		d.OperatingSystem, d.IsManaged, d.IsCompliant = "IPhone", new(true), new(true)
	})
	report := w.report(compliance.StateCompliant)
	report.Platform, report.UserID = azure.PlatformIOS, object1
	got, err := w.reporter.Verify(t.Context(), report)
	require.NoError(t, err)
	if got.Verdict != azure.VerdictMatch || got.Device.OperatingSystem != "IPhone" {
		t.Errorf("%+v", got)
	}
}

func TestVerifyFails(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		want   string
	}{
		{403, fault("Authorization_RequestDenied"), "forbidden (tenant, refused)"},
		{401, fault("InvalidAuthenticationToken"), "unauthorized (tenant, refused)"},
		{429, fault("TooManyRequests"), "throttled (tenant, unknown)"},
		{503, "", "unavailable (service, unknown)"},
		{400, fault("Request_BadRequest"), "rejected (device, refused)"},
		{200, "", "unexpected (device, unknown)"},
		{200, "<html>", "unexpected (device, unknown)"},
		{200, "{}", "unexpected (device, unknown)"},
		{200, `{"id":"x","isCompliant":"yes"}`, "unexpected (device, unknown)"},
		{200, fault("UnknownError"), "unexpected (device, unknown)"},
		{204, "", "unexpected (device, unknown)"},
	} {
		s := newStub(t, inTurn(always(tc.status, tc.body)))
		got, err := stubReporter(t, s, once).Verify(t.Context(), report1(compliance.StateCompliant))
		if diff := cmp.Diff(tc.want, summary(err)); diff != "" {
			t.Errorf("%d %s (-want +got):\n%s", tc.status, tc.body, diff)
		}
		if e, ok := errors.AsType[*azure.Error](err); ok && e.Op != "graph: verify" || !cmp.Equal(got, azure.Verification{}) {
			t.Errorf("%d %s: %+v, %v", tc.status, tc.body, got, err)
		}
	}
	s := newStub(t, func(int, sent) (*http.Response, error) { return nil, errors.New("broken") })
	_, err := stubReporter(t, s, once).Verify(t.Context(), report1(compliance.StateCompliant))
	if diff := cmp.Diff("unavailable (service, unknown)", summary(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := stubReporter(t, s, once).Verify(t.Context(), report1(compliance.StateUnspecified)); !errors.Is(err, azure.ErrInvalid) {
		t.Errorf("%v", err)
	}
}
