package graph_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
)

func TestPreflight(t *testing.T) {
	const approval = "graph: approved MDM application"
	for _, tc := range []struct {
		name  string
		spoil func(w *world)
		want  map[string]azure.CheckState // what is not passed
	}{
		{"ready", func(*world) {}, map[string]azure.CheckState{}},
		{"the secret is wrong", func(w *world) {
			w.sim.UpdateApplication(w.app.ClientID, func(a *azuresim.Application) { a.Secrets = []azuresim.Secret{{Value: "another"}} })
		}, map[string]azure.CheckState{
			"graph: token": azure.CheckFailed, "graph: clock": azure.CheckNotPossible,
			"graph: read devices": azure.CheckNotPossible, "graph: write devices": azure.CheckNotPossible,
		}},
		{"no consent", func(w *world) { w.sim.RevokeConsent(w.tenant.ID, w.app.ClientID) }, map[string]azure.CheckState{
			"graph: token": azure.CheckFailed, "graph: clock": azure.CheckNotPossible,
			"graph: read devices": azure.CheckNotPossible, "graph: write devices": azure.CheckNotPossible,
		}},
		{"only reading is permitted", func(w *world) {
			w.sim.UpdateApplication(w.app.ClientID, func(a *azuresim.Application) { a.Roles = []string{"Device.Read.All"} })
			w.sim.Consent(w.tenant.ID, w.app.ClientID)
		}, map[string]azure.CheckState{"graph: write devices": azure.CheckFailed}},
		{"Microsoft Graph is down", func(w *world) {
			w.sim.Inject(azuresim.Fault{Match: azuresim.ForGraph(), Status: 503})
		}, map[string]azure.CheckState{"graph: read devices": azure.CheckFailed, "graph: write devices": azure.CheckFailed}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			tc.spoil(w)
			w.reporter = w.newReporter(t, &graph.Options{ClientOptions: onceOptions()})
			tc.want[approval] = azure.CheckNotPossible
			tc.want["graph: credential's end"] = azure.CheckNotPossible // a secret does not say
			got := map[string]azure.CheckState{}
			for _, f := range w.reporter.Preflight(t.Context(), w.tenant.ID, azure.PlatformWindows, azure.PlatformIOS) {
				if f.Saw == "" || (f.Advice == "") != (f.State == azure.CheckPassed) {
					t.Errorf("a finding without what it saw, or without advice where it did not pass: %+v", f)
				}
				if f.State != azure.CheckPassed {
					got[f.Check] = f.State
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("not passed (-want +got)\n%s", diff)
			}
			if n := w.sim.WriteCount(w.tenant.ID, w.device.DeviceID); n != 0 {
				t.Errorf("%d writes", n)
			}
		})
	}
}

func TestPreflightOfOtherPlatformsAndTenants(t *testing.T) {
	w := newWorld(t, nil, nil)
	if got := w.reporter.Preflight(t.Context(), w.tenant.ID, azure.PlatformIOS); got != nil {
		t.Errorf("without Windows: %+v", got)
	}
	got := w.reporter.Preflight(t.Context(), "contoso.com", azure.PlatformWindows)
	if len(got) != 1 || got[0].State != azure.CheckFailed {
		t.Errorf("a tenant that is no GUID: %+v", got)
	}
}
