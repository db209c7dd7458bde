package graph_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/compliance"
)

// Tokens never cross: not between two tenants in turn, nor among a hundred at
// once, alone and in batches.
func TestTokensDoNotCross(t *testing.T) {
	w := newWorld(t, nil, nil)
	tenants := []azuresim.Tenant{w.tenant}
	devices := map[string]azuresim.Device{w.tenant.ID: w.device}
	for range 99 {
		tenant := w.addTenant()
		tenants = append(tenants, tenant)
		devices[tenant.ID] = w.sim.AddDevice(tenant.ID, azuresim.Device{})
	}
	of := func(tenant azuresim.Tenant) azure.Report {
		return w.reportOf(tenant, devices[tenant.ID], compliance.StateCompliant)
	}
	for _, i := range []int{0, 1, 0, 1, 1, 0} {
		_, err := w.reporter.Report(t.Context(), of(tenants[i]))
		require.NoError(t, err)
	}
	var wg sync.WaitGroup
	var all []azure.Report
	for _, tenant := range tenants {
		all = append(all, of(tenant))
		wg.Go(func() {
			if _, err := w.reporter.Report(t.Context(), of(tenant)); err != nil {
				t.Error(err)
			}
		})
	}
	for i, result := range w.reporter.ReportBatch(t.Context(), all) {
		require.NoError(t, result.Err, i)
	}
	wg.Wait()

	owner := map[string]string{} // of a token
	for _, r := range w.graphRequests() {
		requests := append([]azuresim.Request{r}, r.Items...)
		for _, item := range requests {
			if item.DeviceID != "" && devices[r.TenantID].DeviceID != item.DeviceID {
				t.Errorf("device %s was reported with a token of tenant %s", item.DeviceID, r.TenantID)
			}
		}
		token := r.Header.Get("Authorization")
		if before, known := owner[token]; known && before != r.TenantID {
			t.Errorf("one token for the tenants %s and %s", before, r.TenantID)
		}
		owner[token] = r.TenantID
	}
	if n := w.sim.Count(azuresim.ForTokens()); len(owner) != 100 || n != 100 {
		t.Errorf("%d tokens used, %d asked for, of 100 tenants", len(owner), n)
	}
}

// Beyond MaxTenants the tenant that was used longest ago loses its token.
func TestMaxTenants(t *testing.T) {
	cred := &recorder{give: func(_ context.Context, _ int, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
		return azcore.AccessToken{Token: o.TenantID, ExpiresOn: time.Now().Add(time.Hour)}, nil
	}}
	s := newStub(t, inTurn(always(204, "")))
	r, err := graph.New(cred, &graph.Options{MaxTenants: 2, ClientOptions: withTransport(s)})
	require.NoError(t, err)
	letters := map[string]string{tenantA: "A", tenantB: "B", device1: "C"}
	ids := map[string]string{"A": tenantA, "B": tenantB, "C": device1}
	for _, letter := range strings.Split("ABABACACBA", "") {
		report := report1(compliance.StateCompliant)
		report.TenantID = ids[letter]
		_, err := r.Report(t.Context(), report)
		require.NoError(t, err)
	}
	var asked string
	for _, o := range cred.asked() {
		asked += letters[o.TenantID]
	}
	// B leaves when C comes, A when B comes back, since C was used after it.
	if diff := cmp.Diff("ABCBA", asked); diff != "" {
		t.Errorf("tokens were asked for (-want +got):\n%s", diff)
	}
	for i, call := range s.requests() {
		want := strings.Split("ABABACACBA", "")[i]
		if got := letters[strings.TrimPrefix(call.header.Get("Authorization"), "Bearer ")]; got != want {
			t.Errorf("call %d carries the token of %s, want %s", i, got, want)
		}
	}
}

// What a credential is asked.
func TestTokenRequest(t *testing.T) {
	cred := &recorder{}
	r := reporterWith(t, cred, newStub(t, inTurn(always(204, ""))), once)
	report := report1(compliance.StateCompliant)
	report.TenantID = strings.ToUpper(tenantA)
	_, err := r.Report(t.Context(), report)
	require.NoError(t, err)
	want := []policy.TokenRequestOptions{{Scopes: []string{"https://graph.microsoft.com/.default"}, TenantID: tenantA, EnableCAE: true}}
	if diff := cmp.Diff(want, cred.asked()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each cloud has its own Graph and its own authority; DoD has a Graph of its
// own and the authority of US Government L4.
func TestClouds(t *testing.T) {
	for name, tc := range map[string]struct {
		sim       azuresim.Cloud
		config    cloud.Configuration
		graph     string
		authority string
	}{
		"default":  {azuresim.CloudGlobal, cloud.Configuration{}, "graph.microsoft.com", "login.microsoftonline.com"},
		"global":   {azuresim.CloudGlobal, cloud.AzurePublic, "graph.microsoft.com", "login.microsoftonline.com"},
		"US L4":    {azuresim.CloudUSGov, cloud.AzureGovernment, "graph.microsoft.us", "login.microsoftonline.us"},
		"US L5":    {azuresim.CloudDoD, graph.CloudUSGovernmentDoD(), "dod-graph.microsoft.us", "login.microsoftonline.us"},
		"21Vianet": {azuresim.CloudChina, cloud.AzureChina, "microsoftgraph.chinacloudapi.cn", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			tenant := w.sim.AddTenant(azuresim.Tenant{Cloud: tc.sim})
			w.sim.Consent(tenant.ID, w.app.ClientID)
			device := w.sim.AddDevice(tenant.ID, azuresim.Device{})
			o := azcore.ClientOptions{Transport: w.sim.Client(), Cloud: tc.config}
			cred, err := msal.NewClientSecretCredential(w.app.ClientID, worldSecret, &msal.Options{ClientOptions: o})
			require.NoError(t, err)
			r, err := graph.New(cred, &graph.Options{ClientOptions: o})
			require.NoError(t, err)
			_, err = r.Report(t.Context(), w.reportOf(tenant, device, compliance.StateCompliant))
			require.NoError(t, err)
			calls := w.sim.Requests()
			if got := calls[len(calls)-1].Host; got != tc.graph {
				t.Errorf("Graph is %s, want %s", got, tc.graph)
			}
			for _, call := range calls[:len(calls)-1] {
				if tc.authority != "" && call.Host != tc.authority {
					t.Errorf("the authority is %s, want %s", call.Host, tc.authority)
				}
			}
		})
	}
	if _, known := cloud.AzureGovernment.Services[graph.ServiceName]; known {
		t.Error("the SDK's own configuration was changed")
	}
}
