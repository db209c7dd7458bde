package azuretest_test

import (
	"fmt"
	"testing"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuretest"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/compliance"
)

// A service has wrapped a Reporter and holds its wrapper against the contract.
// Faults, the inventory and the count of calls are left out: the rules that
// need them are skipped by name. In a test file the function below stands as
// it is; a suite needs its t, so that this example is compiled and not run.
func ExampleTestReporter() {
	_ = func(t *testing.T) { // func TestMyReporter(t *testing.T)
		var entra *fake.Reporter
		azuretest.TestReporter(t, azuretest.Harness{
			NewReporter: func(*testing.T) azure.Reporter {
				entra = fake.New(nil)
				return entra // the wrapper around it
			},
			NewReport: func(_ *testing.T, n int) azure.Report {
				return azure.Report{
					TenantID: "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80",
					DeviceID: fmt.Sprintf("007c8232-9489-4074-9b35-%012d", n),
					Platform: azure.PlatformWindows,
				}
			},
			Standing: func(_ *testing.T, r azure.Report) (compliance.State, bool) {
				device, present := entra.Device(r.TenantID, r.DeviceID)
				return device.State, present
			},
		})
	}
}
