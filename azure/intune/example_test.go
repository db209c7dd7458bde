package intune_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// In these examples a stub stands for Microsoft: as credential and as
// transport. A service takes a credential of package msal or azidentity, and
// leaves the transport out.
func exampleReporter() *intune.Reporter {
	m := newMicrosoft(&testing.B{})
	m.polls = 1
	r, err := intune.New(m, &intune.Options{ClientOptions: azcore.ClientOptions{Transport: m}})
	if err != nil {
		panic(err)
	}
	return r
}

func ExampleNew() {
	microsoft := newMicrosoft(&testing.B{})
	r, err := intune.New(microsoft, &intune.Options{
		ClientOptions: azcore.ClientOptions{Cloud: cloud.AzurePublic, Transport: microsoft},
		OSTexts:       map[azure.Platform]string{azure.PlatformAndroid: "AndroidEnterprise"},
	})
	fmt.Println(r != nil, err)
	_, err = intune.New(microsoft, &intune.Options{ClientOptions: azcore.ClientOptions{Cloud: cloud.AzureChina}})
	fmt.Println(err)
	// Output:
	// true <nil>
	// intune: the authority "https://login.chinacloudapi.cn/" has no partner compliance services that are known
}

func ExampleReporter_Report() {
	r := exampleReporter()
	receipt, err := r.Report(context.Background(), azure.Report{
		ID:        "d3b07384-d9a0-4c1f-8a8e-0242ac120002",
		TenantID:  "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11",
		DeviceID:  "007c8232-9489-4074-9b35-345b16f0a72d",
		UserID:    "5f0c6a51-2f2e-4f6f-9a20-9c3d1e0b7a01",
		Platform:  azure.PlatformIOS,
		State:     compliance.StateNonCompliant,
		Inventory: azure.Inventory{DeviceName: "iPhone", OSVersion: "18.2"},
		UpdatedAt: time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC),
	})
	fmt.Println(receipt.State, receipt.MessageID, err)
	// Output: In-progress d3b07384-d9a0-4c1f-8a8e-0242ac120002 <nil>
}

func ExampleReporter_ReportBatch() {
	r := exampleReporter()
	report := azure.Report{
		TenantID: "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11",
		DeviceID: "007c8232-9489-4074-9b35-345b16f0a72d",
		UserID:   "5f0c6a51-2f2e-4f6f-9a20-9c3d1e0b7a01",
		Platform: azure.PlatformMacOS,
		State:    compliance.StateCompliant,
	}
	invalid := report
	invalid.DeviceID = "17"
	for _, result := range r.ReportBatch(context.Background(), []azure.Report{report, invalid}) {
		fmt.Println(result.Receipt.State, result.Err)
	}
	// Output:
	// In-progress <nil>
	// unspecified validate: invalid (device, not-sent): DeviceID "17" is not a GUID
}

// The receipt is asked about until it is settled, now and then and not in a
// loop as here.
func ExampleReporter_Check() {
	r := exampleReporter()
	receipt, err := r.Report(context.Background(), azure.Report{
		TenantID: "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11",
		DeviceID: "007c8232-9489-4074-9b35-345b16f0a72d",
		UserID:   "5f0c6a51-2f2e-4f6f-9a20-9c3d1e0b7a01",
		Platform: azure.PlatformIPadOS,
		State:    compliance.StateRemoved,
	})
	for err == nil && receipt.State == status.InProgress {
		receipt, err = r.Check(context.Background(), receipt)
		fmt.Println(receipt.State, receipt.Removal, err)
	}
	// Output:
	// In-progress marked <nil>
	// Successful marked <nil>
}

func ExampleReporter_CarriedInventory() {
	r := exampleReporter()
	before := azure.Inventory{DeviceName: "iPhone", OSVersion: "18.2", Ownership: azure.OwnershipPersonal}
	after := before
	after.Ownership = azure.OwnershipCompany
	fmt.Println(r.CarriedInventory(azure.PlatformIOS, before) == r.CarriedInventory(azure.PlatformIOS, after))
	// Output: true
}

// A tenant is set up once its administrator has consented and has added the
// partner. Doing it again changes nothing.
func ExampleReporter_Provision() {
	r, ctx := exampleReporter(), context.Background()
	const tenant = "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11"
	err := r.Provision(ctx, tenant, intune.Provisioning{
		EnrollmentURL: "https://mdm.example/enroll", RemediationURL: "https://mdm.example/why",
	})
	fmt.Println("provisioned:", err)
	fmt.Println("off again:", r.Deprovision(ctx, tenant))
	// Output:
	// provisioned: <nil>
	// off again: <nil>
}

func ExampleReporter_Deprovision() {
	r := exampleReporter()
	err := r.Deprovision(context.Background(), "contoso.example")
	fmt.Println(errors.Is(err, azure.ErrInvalid), err)
	// Output: true intune: deprovision: invalid (tenant, not-sent): tenant "contoso.example" is not a GUID
}

func ExampleReporter_EnsurePolicy() {
	r, ctx := exampleReporter(), context.Background()
	const tenant = "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11"
	for range 2 {
		p, err := r.EnsurePolicy(ctx, tenant, azure.PlatformMacOS, "Contoso MDM", "Compliance by Contoso MDM")
		fmt.Println(p.ID, p.Platform, err)
	}
	// Output:
	// 66666666-0000-4000-8000-000000000001 macOS <nil>
	// 66666666-0000-4000-8000-000000000001 macOS <nil>
}

func ExampleReporter_AssignPolicy() {
	r, ctx := exampleReporter(), context.Background()
	const tenant = "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11"
	p, err := r.EnsurePolicy(ctx, tenant, azure.PlatformMacOS, "Contoso MDM", "")
	fmt.Println(err)
	fmt.Println(r.AssignPolicy(ctx, tenant, p.ID, "77777777-0000-4000-8000-000000000001"))
	// Output:
	// <nil>
	// <nil>
}

func ExampleReporter_Preflight() {
	r := exampleReporter()
	for _, f := range r.Preflight(context.Background(), "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11", azure.PlatformIOS) {
		if f.State == azure.CheckFailed {
			fmt.Printf("%s: %s\n  %s\n", f.Check, f.Saw, f.Advice)
		}
	}
	fmt.Println(len(r.Preflight(context.Background(), "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11", azure.PlatformWindows)))
	// Output:
	// intune: manage policies: no policy for ios
	//   make it with EnsurePolicy and assign it to a group
	// 0
}

func ExampleNewConsents() {
	_, err := intune.NewConsents("11111111-2222-4333-8444-555555555555", "http://mdm.example/consent", cloud.Configuration{}, nil)
	fmt.Println(err)
	// Output: intune: redirect "http://mdm.example/consent" is not an https address
}

// The administrator is sent to the address, and comes back to the redirect
// address with a query.
func ExampleConsents_URL() {
	c, err := intune.NewConsents("11111111-2222-4333-8444-555555555555", "https://mdm.example/consent", cloud.Configuration{}, nil)
	if err != nil {
		panic(err)
	}
	at, err := c.URL(context.Background(), "account-7", "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11")
	if err != nil {
		panic(err)
	}
	u, _ := url.Parse(at)
	fmt.Println(u.Host, u.Path)
	// Output: login.microsoftonline.com /8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11/adminconsent
}

func ExampleConsents_Check() {
	c, err := intune.NewConsents("11111111-2222-4333-8444-555555555555", "https://mdm.example/consent", cloud.Configuration{}, nil)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	at, err := c.URL(ctx, "account-7", "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11")
	if err != nil {
		panic(err)
	}
	u, _ := url.Parse(at)
	query := url.Values{"state": {u.Query().Get("state")}, "tenant": {"8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11"}}
	fmt.Println(c.Check(ctx, "account-7", query))
	fmt.Println(c.Check(ctx, "account-7", query)) // once only
	// Output:
	// 8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11 <nil>
	//  intune: no such consent is pending
}
