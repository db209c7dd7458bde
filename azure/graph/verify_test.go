package graph_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
)

func TestVerify(t *testing.T) {
	yes, no := new(true), new(false)
	for _, tc := range []struct {
		name               string
		state              compliance.State
		managed, compliant *bool
		want               azure.Verdict
		mismatches         []string
	}{
		{"compliant", compliance.StateCompliant, yes, yes, azure.VerdictMatch, nil},
		{"non-compliant", compliance.StateNonCompliant, yes, no, azure.VerdictMatch, nil},
		{"no value counts as false", compliance.StateNonCompliant, yes, nil, azure.VerdictMatch, nil},
		{"removed", compliance.StateRemoved, no, no, azure.VerdictMatch, nil},
		{"removed, without values", compliance.StateRemoved, nil, nil, azure.VerdictMatch, nil},
		{"compliant is not shown", compliance.StateCompliant, yes, no, azure.VerdictMismatch, []string{"isCompliant"}},
		{"compliant stays", compliance.StateNonCompliant, yes, yes, azure.VerdictMismatch, []string{"isCompliant"}},
		{"nothing is shown", compliance.StateCompliant, nil, nil, azure.VerdictMismatch, []string{"isManaged", "isCompliant"}},
		{"removal is not shown", compliance.StateRemoved, yes, no, azure.VerdictMismatch, []string{"isManaged"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) {
				d.IsManaged, d.IsCompliant, d.TrustType, d.MDMAppID = tc.managed, tc.compliant, "AzureAd", w.app.ClientID
			})
			got, err := w.reporter.Verify(t.Context(), w.report(tc.state))
			require.NoError(t, err)
			want := azure.Verification{Verdict: tc.want, Mismatches: tc.mismatches, Device: azure.EntraDevice{
				ObjectID: w.device.ObjectID, OperatingSystem: "Windows", TrustType: "AzureAd", MDMAppID: w.app.ClientID,
				IsManaged: tc.managed, IsCompliant: tc.compliant,
			}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Verify (-want +got)\n%s", diff)
			}
		})
	}
}

func TestVerifyAbsent(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.device.DeviceID = object1
	for state, want := range map[compliance.State]azure.Verdict{
		compliance.StateCompliant: azure.VerdictAbsent, compliance.StateRemoved: azure.VerdictMatch,
	} {
		got, err := w.reporter.Verify(t.Context(), w.report(state))
		require.NoError(t, err)
		if diff := cmp.Diff(azure.Verification{Verdict: want}, got); diff != "" {
			t.Errorf("%v (-want +got)\n%s", state, diff)
		}
	}
}

// Microsoft Graph shows the devices of every channel.
func TestVerifyOtherPlatforms(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) {
		d.OperatingSystem, d.IsManaged, d.IsCompliant = "iOS", new(true), new(true)
	})
	r := w.report(compliance.StateCompliant)
	r.Platform, r.UserID = azure.PlatformIOS, object1
	got, err := w.reporter.Verify(t.Context(), r)
	require.NoError(t, err)
	if got.Verdict != azure.VerdictMatch || got.Device.OperatingSystem != "iOS" {
		t.Errorf("got %+v", got)
	}
}

func TestVerifyFails(t *testing.T) {
	for name, tc := range map[string]struct {
		fault azuresim.Fault
		kind  azure.Kind
	}{
		"forbidden":            {azuresim.Fault{Status: 403, Code: "Authorization_RequestDenied"}, azure.ErrForbidden},
		"unavailable":          {azuresim.Fault{Status: 503}, azure.ErrUnavailable},
		"not a device":         {azuresim.Fault{Status: 200, Body: `{"value":[]}`, ContentType: "application/json"}, azure.ErrUnexpected},
		"HTML":                 {azuresim.Fault{Status: 200, Body: `<html>`, ContentType: "text/html"}, azure.ErrUnexpected},
		"200 that is an error": {azuresim.Fault{Status: 200, Code: "UnknownError"}, azure.ErrUnexpected},
	} {
		w := newWorld(t, nil, nil)
		w.reporter = w.newReporter(t, &graph.Options{ClientOptions: onceOptions()})
		tc.fault.Match = onGraph("GET")
		w.sim.Inject(tc.fault)
		got, err := w.reporter.Verify(t.Context(), w.report(compliance.StateCompliant))
		if !errors.Is(err, tc.kind) || !cmp.Equal(got, azure.Verification{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	w := newWorld(t, nil, nil)
	if _, err := w.reporter.Verify(t.Context(), azure.Report{}); !errors.Is(err, azure.ErrInvalid) {
		t.Errorf("an invalid report: %v", err)
	}
}
