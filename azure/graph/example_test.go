package graph_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/compliance"
)

// simulated answers a reporter to a simulated Microsoft and a report of a PC
// there.
func simulated() (*graph.Reporter, azure.Report, error) {
	sim := azuresim.New(nil)
	tenant := sim.AddTenant(azuresim.Tenant{})
	app := sim.AddApplication(azuresim.Application{Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true})
	sim.Consent(tenant.ID, app.ClientID)
	pc := sim.AddDevice(tenant.ID, azuresim.Device{OperatingSystem: "Windows"})
	options := azcore.ClientOptions{Transport: sim.Client()}
	credential, err := msal.NewClientSecretCredential(app.ClientID, app.Secrets[0].Value, &msal.Options{ClientOptions: options})
	if err != nil {
		return nil, azure.Report{}, err
	}
	reporter, err := graph.New(credential, &graph.Options{ClientOptions: options})
	return reporter, azure.Report{
		TenantID: tenant.ID, DeviceID: pc.DeviceID, Platform: azure.PlatformWindows, State: compliance.StateNonCompliant,
	}, err
}

func Example() {
	reporter, report, err := simulated()
	if err != nil {
		fmt.Println(err)
		return
	}
	receipt, err := reporter.Report(context.Background(), report)
	fmt.Println(receipt.State, err)

	// A phone is another channel's.
	report.Platform = azure.PlatformIOS
	_, err = reporter.Report(context.Background(), report)
	fmt.Println(errors.Is(err, azure.ErrUnsupported))
	// Output:
	// Successful <nil>
	// true
}

func ExampleNew() {
	credential, err := msal.NewClientSecretCredential("11111111-2222-4333-8444-555555555555", "secret", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = graph.New(credential, &graph.Options{
		ClientOptions: azcore.ClientOptions{
			Cloud: graph.CloudUSGovernmentDoD(),
			Retry: policy.RetryOptions{MaxRetries: 5, MaxRetryDelay: 2 * time.Minute},
		},
		BatchesInFlight: 2,
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleCloudUSGovernmentDoD() {
	dod := graph.CloudUSGovernmentDoD()
	fmt.Println(dod.ActiveDirectoryAuthorityHost, dod.Services[graph.ServiceName].Endpoint)
	// Output: https://login.microsoftonline.us/ https://dod-graph.microsoft.us
}

func ExampleReporter_ReportBatch() {
	reporter, report, err := simulated()
	if err != nil {
		fmt.Println(err)
		return
	}
	unknown := report
	unknown.DeviceID = "not a GUID"
	for _, result := range reporter.ReportBatch(context.Background(), []azure.Report{report, unknown}) {
		fmt.Println(result.Receipt.State, result.Err)
	}
	// Output:
	// Successful <nil>
	// unspecified validate: invalid (device, not-sent): DeviceID "not a GUID" is not a GUID
}

func ExampleReporter_Verify() {
	reporter, report, err := simulated()
	if err != nil {
		fmt.Println(err)
		return
	}
	before, _ := reporter.Verify(context.Background(), report)
	_, _ = reporter.Report(context.Background(), report)
	after, _ := reporter.Verify(context.Background(), report)
	fmt.Println(before.Verdict, before.Mismatches)
	fmt.Println(after.Verdict)
	// Output:
	// mismatch [isManaged]
	// match
}

// A host that wants to wait before a device's object is deleted takes the two
// steps of a removal apart.
func ExampleReporter_DeleteObject() {
	reporter, report, err := simulated()
	if err != nil {
		fmt.Println(err)
		return
	}
	report.State, report.KeepObject = compliance.StateRemoved, true
	first, _ := reporter.Report(context.Background(), report)
	// ... three days later, if the device was not enrolled anew:
	second, err := reporter.DeleteObject(context.Background(), report)
	fmt.Println(first.Removal, second.Removal, err)
	// Output: marked deleted <nil>
}

func ExampleReporter_Preflight() {
	reporter, report, err := simulated()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range reporter.Preflight(context.Background(), report.TenantID, azure.PlatformWindows) {
		fmt.Println(f.Check, "-", f.State)
	}
	// Output:
	// graph: token - passed
	// graph: credential's end - not-possible
	// graph: read devices - passed
	// graph: write devices - passed
	// graph: clock - passed
	// graph: approved MDM application - not-possible
}

func ExampleReporter_CarriedInventory() {
	reporter, _, err := simulated()
	if err != nil {
		fmt.Println(err)
		return
	}
	before := azure.Inventory{DeviceName: "PC-1", Ownership: azure.OwnershipPersonal}
	after := azure.Inventory{DeviceName: "PC-1", Ownership: azure.OwnershipCompany}
	same := reporter.CarriedInventory(azure.PlatformWindows, before) == reporter.CarriedInventory(azure.PlatformWindows, after)
	fmt.Println("the change costs a call:", !same)
	// Output: the change costs a call: false
}
