package devicestatus_test

import (
	"context"
	"fmt"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// The whole way of one device: its policy's actions decide its standing, the
// standing is reported to Microsoft Graph, and the administrator sees what came
// of it. Microsoft is simulated here; without the Transport both clients would
// talk to the real one.
func Example() {
	sim := azuresim.New(nil)
	tenant := sim.AddTenant(azuresim.Tenant{})
	app := sim.AddApplication(azuresim.Application{Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true})
	sim.Consent(tenant.ID, app.ClientID)
	laptop := sim.AddDevice(tenant.ID, azuresim.Device{
		DeviceID: "007c8232-9489-4074-9b35-345b16f0a72d", OperatingSystem: "Windows",
	})

	options := azcore.ClientOptions{Transport: sim.Client()}
	credential, err := msal.NewClientSecretCredential(app.ClientID, app.Secrets[0].Value, &msal.Options{ClientOptions: options})
	if err != nil {
		fmt.Println(err)
		return
	}
	reporter, err := graph.New(credential, &graph.Options{ClientOptions: options})
	if err != nil {
		fmt.Println(err)
		return
	}

	standing := compliance.Resolve(compliance.ActionSendAlert, compliance.ActionBlockEmail)
	receipt, err := reporter.Report(context.Background(), azure.Report{
		TenantID: tenant.ID,
		DeviceID: laptop.DeviceID,
		Platform: azure.PlatformWindows,
		State:    standing,
		Trigger:  azure.TriggerChange,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	details := status.Device{
		AzureDeviceID:    receipt.DeviceID,
		ComplianceStatus: receipt.State,
		ReportTime:       receipt.AcceptedAt,
		Blank:            status.Blanks{ClientCode: status.BlankNoCode},
		LastReported:     status.LastReported{State: standing, Time: receipt.AcceptedAt, AzureDeviceID: receipt.DeviceID},
	}
	fmt.Println("Azure Device Identifier:       ", details.AzureDeviceID)
	fmt.Println("Azure Device Compliance Status:", details.ComplianceStatus)
	fmt.Println("Azure Client Status Code:       blank,", details.Blank.ClientCode.Description())
	fmt.Println("reported as:                   ", details.LastReported.State)
	// Output:
	// Azure Device Identifier:        007c8232-9489-4074-9b35-345b16f0a72d
	// Azure Device Compliance Status: Successful
	// Azure Client Status Code:       blank, devices of this platform have no client status code
	// reported as:                    non-compliant
}
