package graph_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/compliance"
)

// The SDK's bearer policy keeps one token and does not look at the tenant: a
// report of B after one of A must not carry A's.
func TestTokensDoNotCross(t *testing.T) {
	w := newWorld(t, nil, nil)
	other := w.addTenant()
	elsewhere := w.sim.AddDevice(other.ID, azuresim.Device{})
	for _, r := range []azure.Report{
		w.report(compliance.StateCompliant),
		w.reportOf(other, elsewhere, compliance.StateCompliant),
		w.report(compliance.StateNonCompliant),
	} {
		_, err := w.reporter.Report(t.Context(), r)
		require.NoError(t, err)
	}
	tokens := w.tokens()
	if len(tokens) != 3 || tokens[0] == tokens[1] || tokens[0] != tokens[2] {
		t.Errorf("the tokens of A, B, A: equal %v and %v, want them to differ and A's to be used again", tokens[0] == tokens[1], tokens[0] == tokens[2])
	}
}

func TestManyTenantsAtOnce(t *testing.T) {
	w := newWorld(t, &azuresim.Options{Throttle: azuresim.Throttle{}}, &graph.Options{MaxTenants: 7})
	var reports []azure.Report
	for range 30 {
		tenant := w.addTenant()
		for range 3 {
			reports = append(reports, w.reportOf(tenant, w.sim.AddDevice(tenant.ID, azuresim.Device{}), compliance.StateCompliant))
		}
	}
	var wait sync.WaitGroup
	for _, r := range reports {
		wait.Go(func() {
			if _, err := w.reporter.Report(t.Context(), r); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for i, result := range w.reporter.ReportBatch(t.Context(), reports) {
		if result.Err != nil || result.Receipt.TenantID != strings.ToLower(reports[i].TenantID) {
			t.Errorf("report %d: %+v", i, result)
		}
	}
	// The simulator refuses a token of another tenant, so that one that
	// crossed would have shown as an error.
	for _, r := range w.graphRequests() {
		if r.Status >= 400 {
			t.Errorf("%s %s was answered %d", r.Method, r.Path, r.Status)
		}
	}
}

func TestClouds(t *testing.T) {
	for _, tc := range []struct {
		name   string
		in     azuresim.Cloud
		config cloud.Configuration
		host   string
	}{
		{"global by default", azuresim.CloudGlobal, cloud.Configuration{}, "graph.microsoft.com"},
		{"global", azuresim.CloudGlobal, cloud.AzurePublic, "graph.microsoft.com"},
		{"US Government L4", azuresim.CloudUSGov, cloud.AzureGovernment, "graph.microsoft.us"},
		{"US Government L5", azuresim.CloudDoD, graph.CloudUSGovernmentDoD(), "dod-graph.microsoft.us"},
		{"China", azuresim.CloudChina, cloud.Configuration{ActiveDirectoryAuthorityHost: "https://login.partner.microsoftonline.cn/"}, "microsoftgraph.chinacloudapi.cn"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sim := azuresim.New(nil)
			tenant := sim.AddTenant(azuresim.Tenant{Cloud: tc.in})
			app := sim.AddApplication(azuresim.Application{Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true})
			sim.Consent(tenant.ID, app.ClientID)
			device := sim.AddDevice(tenant.ID, azuresim.Device{})
			options := azcore.ClientOptions{Cloud: tc.config, Transport: sim.Client()}
			cred, err := msal.NewClientSecretCredential(app.ClientID, app.Secrets[0].Value, &msal.Options{ClientOptions: options})
			require.NoError(t, err)
			r, err := graph.New(cred, &graph.Options{ClientOptions: options})
			require.NoError(t, err)
			_, err = r.Report(t.Context(), azure.Report{
				TenantID: tenant.ID, DeviceID: device.DeviceID, Platform: azure.PlatformWindows, State: compliance.StateCompliant,
			})
			require.NoError(t, err)
			requests := sim.Requests()
			if got := requests[len(requests)-1].Host; got != tc.host {
				t.Errorf("the report went to %s, want %s", got, tc.host)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	at := func(endpoint string) azcore.ClientOptions {
		return azcore.ClientOptions{Cloud: cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			graph.ServiceName: {Endpoint: endpoint},
		}}}
	}
	got := map[string]bool{}
	for name, o := range map[string]*graph.Options{
		"negative batches":     {BatchesInFlight: -1},
		"negative tenants":     {MaxTenants: -1},
		"an API version":       {ClientOptions: azcore.ClientOptions{APIVersion: "beta"}},
		"plain HTTP":           {ClientOptions: at("http://graph.example")},
		"no address":           {ClientOptions: at("graph")},
		"a user in it":         {ClientOptions: at("https://user@graph.example")},
		"a query in it":        {ClientOptions: at("https://graph.example?a=b")},
		"an unknown authority": {ClientOptions: azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: "https://login.example"}}},
	} {
		_, err := graph.New(staticToken{}, o)
		got[name] = err != nil && strings.HasPrefix(err.Error(), "graph: ")
	}
	for name, refused := range got {
		if !refused {
			t.Errorf("%s is not refused", name)
		}
	}
	if _, err := graph.New(nil, nil); err == nil {
		t.Error("no credential is not refused")
	}
	o := graph.Options{ClientOptions: at("http://graph.example")}
	o.InsecureAllowCredentialWithHTTP = true
	if _, err := graph.New(staticToken{}, &o); err != nil {
		t.Errorf("plain HTTP that the caller allows: %v", err)
	}
}

// Options are the caller's: New copies them.
func TestOptionsAreCopied(t *testing.T) {
	codes := []int{http.StatusServiceUnavailable}
	o := &graph.Options{ClientOptions: onceOptions()}
	o.Retry.StatusCodes = codes
	_, err := graph.New(staticToken{}, o)
	require.NoError(t, err)
	if diff := cmp.Diff([]int{http.StatusServiceUnavailable}, codes); diff != "" || o.Transport != nil || o.BatchesInFlight != 0 {
		t.Errorf("the caller's options changed: %+v\n%s", o, diff)
	}
}
