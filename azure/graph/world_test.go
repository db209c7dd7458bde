package graph_test

import (
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/compliance"
)

// world is a simulated Microsoft with one tenant, one approved application and
// one Windows device, and a reporter in it.
type world struct {
	sim      *azuresim.Simulator
	tenant   azuresim.Tenant
	app      azuresim.Application
	device   azuresim.Device
	reporter *graph.Reporter
}

const worldSecret = "s3cret-of-the-world"

func newWorld(t testing.TB, so *azuresim.Options, o *graph.Options) *world {
	t.Helper()
	w := &world{sim: azuresim.New(so)}
	w.app = w.sim.AddApplication(azuresim.Application{
		Secrets: []azuresim.Secret{{Value: worldSecret}}, Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true,
	})
	w.tenant = w.addTenant()
	w.device = w.sim.AddDevice(w.tenant.ID, azuresim.Device{DisplayName: "PC-1"})
	w.reporter = w.newReporter(t, o)
	return w
}

func (w *world) addTenant() azuresim.Tenant {
	tenant := w.sim.AddTenant(azuresim.Tenant{})
	w.sim.Consent(tenant.ID, w.app.ClientID)
	return tenant
}

// credential is the application's, through the simulator.
func (w *world) credential(t testing.TB) *msal.Credential {
	t.Helper()
	cred, err := msal.NewClientSecretCredential(w.app.ClientID, worldSecret, &msal.Options{
		ClientOptions: azcore.ClientOptions{Transport: w.sim.Client()},
	})
	require.NoError(t, err)
	return cred
}

// newReporter answers a reporter with options o whose transport, if it has
// none, is the simulator.
func (w *world) newReporter(t testing.TB, o *graph.Options) *graph.Reporter {
	t.Helper()
	var own graph.Options
	if o != nil {
		own = *o
	}
	if own.Transport == nil {
		own.Transport = w.sim.Client()
	}
	r, err := graph.New(w.credential(t), &own)
	require.NoError(t, err)
	return r
}

func (w *world) report(state compliance.State) azure.Report {
	return w.reportOf(w.tenant, w.device, state)
}

func (w *world) reportOf(tenant azuresim.Tenant, device azuresim.Device, state compliance.State) azure.Report {
	return azure.Report{TenantID: tenant.ID, DeviceID: device.DeviceID, Platform: azure.PlatformWindows, State: state}
}

// devices adds n devices to the first tenant and answers a report of each.
func (w *world) reports(n int, state compliance.State) []azure.Report {
	reports := make([]azure.Report, n)
	for i := range reports {
		reports[i] = w.reportOf(w.tenant, w.sim.AddDevice(w.tenant.ID, azuresim.Device{}), state)
	}
	return reports
}

// graphRequests are the calls to Microsoft Graph, batches as one each.
func (w *world) graphRequests() []azuresim.Request {
	var calls []azuresim.Request
	for _, r := range w.sim.Requests() {
		if strings.HasPrefix(r.Host, "graph.") {
			calls = append(calls, r)
		}
	}
	return calls
}

// calls are the methods and paths of the calls to Microsoft Graph, one a line.
func (w *world) calls() string {
	var b strings.Builder
	for _, r := range w.graphRequests() {
		b.WriteString(r.Method + " " + r.Path)
		if r.Query != "" {
			b.WriteString("?" + r.Query)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// bodies are what was written to the first device, oldest first.
func (w *world) bodies() []string {
	var bodies []string
	for _, write := range w.sim.Writes(w.tenant.ID, w.device.DeviceID) {
		bodies = append(bodies, write.Method+" "+write.Body)
	}
	return bodies
}

// onGraph matches calls to Microsoft Graph, and the items of batches, by
// method.
func onGraph(method string) azuresim.Match {
	return azuresim.All(azuresim.ForGraph(), azuresim.ForMethod(method))
}
