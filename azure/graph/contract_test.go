package graph_test

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/azuretest"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
)

// The contract of azure.Reporter, against the simulated Microsoft.
func TestContract(t *testing.T) {
	var w *world
	var devices []azuresim.Device
	azuretest.TestReporter(t, azuretest.Harness{
		NewReporter: func(t *testing.T) azure.Reporter {
			o := &graph.Options{}
			o.Retry = policy.RetryOptions{MaxRetries: -1}
			w = newWorld(t, nil, o)
			devices = nil
			for range 64 {
				devices = append(devices, w.sim.AddDevice(w.tenant.ID, azuresim.Device{}))
			}
			return w.reporter
		},
		NewReport: func(_ *testing.T, n int) azure.Report {
			return w.reportOf(w.tenant, devices[n], compliance.StateCompliant)
		},
		Standing: func(t *testing.T, r azure.Report) (compliance.State, bool) {
			d, there := w.sim.Device(r.TenantID, r.DeviceID)
			switch {
			case !there || !d.DeletedAt.IsZero():
				return compliance.StateUnspecified, false
			case d.IsManaged == nil && d.IsCompliant == nil:
				return compliance.StateUnspecified, true
			case d.IsManaged == nil || d.IsCompliant == nil || !*d.IsManaged && *d.IsCompliant:
				t.Errorf("device %s: isManaged %v, isCompliant %v", r.DeviceID, d.IsManaged, d.IsCompliant)
				return compliance.StateUnspecified, true
			case !*d.IsManaged:
				return compliance.StateRemoved, true
			case *d.IsCompliant:
				return compliance.StateCompliant, true
			}
			return compliance.StateNonCompliant, true
		},
		Inventory: func(_ *testing.T, r azure.Report) azure.Inventory {
			d, _ := w.sim.Device(r.TenantID, r.DeviceID)
			return azure.Inventory{DeviceName: d.DisplayName, OSVersion: d.OperatingSystemVersion}
		},
		Calls: func(*testing.T) int { return len(w.graphRequests()) },
		Fault: func(_ *testing.T, r azure.Report, f azuretest.Fault) func() {
			fault := azuresim.Fault{Name: string(f), Match: azuresim.ForDevice(r.DeviceID)}
			switch f {
			case azuretest.Throttled:
				fault.Status, fault.Code, fault.RetryAfter = 429, "TooManyRequests", "7"
			case azuretest.Unavailable:
				fault.Status, fault.Code = 503, "serviceNotAvailable"
			case azuretest.DeviceUnknown:
				fault.Status, fault.Code = 404, "Request_ResourceNotFound"
			case azuretest.Unauthorized:
				fault.Status, fault.Code = 401, "Authorization_IdentityNotFound"
			case azuretest.Forbidden:
				fault.Status, fault.Code = 403, "Authorization_RequestDenied"
			case azuretest.LostAnswer:
				fault.Reset = azuresim.ResetAfter
			case azuretest.NoAnswer:
				fault.Delay = 24 * time.Hour
			default:
				return nil
			}
			return w.sim.Inject(fault)
		},
	})
}
