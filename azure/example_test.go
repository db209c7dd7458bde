package azure_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/compliance"
)

// A device's policies asked for quarantine: Azure is told that it is
// non-compliant. In a service the reporter is a channel, such as that of
// package graph; here it is the fake.
func ExampleReporter() {
	var reporter azure.Reporter = fake.New(nil)

	receipt, err := reporter.Report(context.Background(), azure.Report{
		TenantID: "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80",
		DeviceID: "007c8232-9489-4074-9b35-345b16f0a72d",
		Platform: azure.PlatformWindows,
		State:    compliance.Resolve(compliance.ActionSendAlert, compliance.ActionQuarantine),
	})
	fmt.Println(receipt.DeviceID, receipt.State, err)
	// Output: 007c8232-9489-4074-9b35-345b16f0a72d Successful <nil>
}

// What an error says decides what a service does next.
func ExampleError() {
	reporter := fake.New(nil)
	reporter.Inject(fake.Fault{Err: &azure.Error{Kind: azure.ErrThrottled, RetryAfter: 30 * time.Second}})

	_, err := reporter.Report(context.Background(), azure.Report{
		TenantID: "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80",
		DeviceID: "007c8232-9489-4074-9b35-345b16f0a72d",
		Platform: azure.PlatformWindows,
		State:    compliance.StateCompliant,
	})
	if e, ok := errors.AsType[*azure.Error](err); ok {
		switch {
		case e.Kind == azure.ErrThrottled:
			fmt.Println("wait", e.RetryAfter, "before the next call for this", e.Scope)
		case e.Outcome == azure.OutcomeUnknown:
			fmt.Println("send it again")
		default:
			fmt.Println("show it:", e)
		}
	}
	// Output: wait 30s before the next call for this tenant
}

// An error is stored and read back, kind and all.
func ExampleError_MarshalJSON() {
	text, _ := json.Marshal(&azure.Error{
		Op: "graph: report", Kind: azure.ErrForbidden, Scope: azure.ScopeTenant, Outcome: azure.OutcomeRefused,
		StatusCode: 403, ErrorCode: "Authorization_RequestDenied",
	})
	fmt.Println(string(text))

	var e *azure.Error
	err := json.Unmarshal(text, &e)
	fmt.Println(err, errors.Is(e, azure.ErrForbidden))
	// Output:
	// {"op":"graph: report","kind":"forbidden","scope":"tenant","outcome":"refused","statusCode":403,"errorCode":"Authorization_RequestDenied"}
	// <nil> true
}

// All faults are named at once, and a user's name is not among them.
func ExampleReport_Validate() {
	r := azure.Report{
		TenantID:          "contoso.example",
		DeviceID:          "007c8232-9489-4074-9b35-345b16f0a72d",
		UserPrincipalName: "anna lind@contoso.example",
		Platform:          azure.PlatformIOS,
	}
	err := r.Validate()
	fmt.Println(errors.Is(err, azure.ErrInvalid))
	fmt.Println(err)
	// Output:
	// true
	// validate: invalid (device, not-sent): TenantID "contoso.example" is not a GUID; UserPrincipalName of 25 bytes is not a user principal name; State is unspecified: a device that was not evaluated is not reported
}

// Reports of any number, from wherever they come, in batches where the channel
// has them.
func ExampleReportAll() {
	reports := slices.Values([]azure.Report{
		{TenantID: "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80", DeviceID: "00000000-0000-0000-0000-000000000001", Platform: azure.PlatformWindows, State: compliance.StateCompliant},
		{TenantID: "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80", DeviceID: "00000000-0000-0000-0000-000000000002", Platform: azure.PlatformWindows},
		{TenantID: "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80", DeviceID: "00000000-0000-0000-0000-000000000003", Platform: azure.PlatformWindows, State: compliance.StateRemoved},
	})
	for report, result := range azure.ReportAll(context.Background(), fake.New(nil), reports) {
		if result.Err != nil {
			fmt.Println(report.DeviceID, result.Err)
			continue
		}
		fmt.Println(report.DeviceID, report.State, result.Receipt.State)
	}
	// Output:
	// 00000000-0000-0000-0000-000000000001 compliant Successful
	// 00000000-0000-0000-0000-000000000002 validate: invalid (device, not-sent): State is unspecified: a device that was not evaluated is not reported
	// 00000000-0000-0000-0000-000000000003 removed Successful
}

// Many reports in few calls: results[i] answers the ith report, and one that
// is refused costs the others nothing.
func ExampleBatchReporter() {
	var channel azure.BatchReporter = fake.New(nil)
	reports := []azure.Report{
		{TenantID: "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80", DeviceID: "PC-17", Platform: azure.PlatformWindows, State: compliance.StateCompliant},
		{TenantID: "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80", DeviceID: "007c8232-9489-4074-9b35-345b16f0a72d", Platform: azure.PlatformWindows, State: compliance.StateCompliant},
	}
	for i, result := range channel.ReportBatch(context.Background(), reports) {
		fmt.Println(reports[i].DeviceID, result.Receipt.State, errors.Is(result.Err, azure.ErrInvalid))
	}
	// Output:
	// PC-17 unspecified true
	// 007c8232-9489-4074-9b35-345b16f0a72d Successful false
}

// Texts are read in any letter case; what nobody knows is an error.
func ExamplePlatform_UnmarshalText() {
	var p azure.Platform
	fmt.Println(p.UnmarshalText([]byte("macOS")), p)
	fmt.Println(p.UnmarshalText([]byte("BeOS")), p)
	// Output:
	// <nil> macos
	// unknown Platform "BeOS" unspecified
}

// On a channel that answers later the receipt is kept, even by another
// process, until Check knows the verdict.
func ExampleChecker() {
	reporter := fake.New(&fake.Options{SettleAfter: 2})
	receipt, err := reporter.Report(context.Background(), azure.Report{
		TenantID: "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80",
		DeviceID: "007c8232-9489-4074-9b35-345b16f0a72d",
		UserID:   "5f0c2e61-7b7e-4f7e-8f43-0f4b6f6a9d11",
		Platform: azure.PlatformIOS,
		State:    compliance.StateCompliant,
	})
	fmt.Println(receipt.State, err)

	var channel azure.Checker = reporter
	for range 2 {
		receipt, err = channel.Check(context.Background(), receipt)
		fmt.Println(receipt.State, err)
	}
	// Output:
	// In-progress <nil>
	// In-progress <nil>
	// Successful <nil>
}

// A removal in its two steps: access ends at once, and the directory object is
// deleted when the service is sure.
func ExampleDeleter() {
	reporter := fake.New(nil)
	report := azure.Report{
		TenantID:   "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80",
		DeviceID:   "007c8232-9489-4074-9b35-345b16f0a72d",
		Platform:   azure.PlatformWindows,
		State:      compliance.StateRemoved,
		KeepObject: true,
	}
	receipt, err := reporter.Report(context.Background(), report)
	fmt.Println(receipt.Removal, err)

	var channel azure.Deleter = reporter
	receipt, err = channel.DeleteObject(context.Background(), report)
	fmt.Println(receipt.Removal, err)
	// Output:
	// marked <nil>
	// deleted <nil>
}

// A change that the channel does not carry costs no call.
func ExampleInventoryCarrier() {
	var channel azure.InventoryCarrier = fake.New(nil)
	before := azure.Inventory{DeviceName: "ANNAS-LAPTOP", Ownership: azure.OwnershipCompany}
	after := azure.Inventory{DeviceName: "ANNAS-LAPTOP", Ownership: azure.OwnershipPersonal}
	fmt.Println(channel.CarriedInventory(azure.PlatformWindows, before) == channel.CarriedInventory(azure.PlatformWindows, after))
	// Output: true
}

// Reading a device back shows whether Entra holds what was reported.
func ExampleVerifier() {
	reporter := fake.New(nil)
	report := azure.Report{
		TenantID: "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80",
		DeviceID: "007c8232-9489-4074-9b35-345b16f0a72d",
		Platform: azure.PlatformWindows,
		State:    compliance.StateCompliant,
	}
	if _, err := reporter.Report(context.Background(), report); err != nil {
		fmt.Println(err)
	}
	var channel azure.Verifier = reporter
	report.State = compliance.StateNonCompliant
	v, err := channel.Verify(context.Background(), report)
	fmt.Println(v.Verdict, v.Mismatches, err)
	// Output: mismatch [isCompliant] <nil>
}

// One Reporter for all platforms. In a service the channels are those of
// packages graph and intune; here they are fakes.
func ExampleRouter() {
	graph := fake.New(&fake.Options{Channel: "graph"})
	intune := fake.New(&fake.Options{Channel: "intune", SettleAfter: 1})
	router, err := azure.NewRouter(
		azure.Route{Reporter: graph, Platforms: []azure.Platform{azure.PlatformWindows}},
		azure.Route{Reporter: intune, Platforms: []azure.Platform{azure.PlatformIOS, azure.PlatformIPadOS, azure.PlatformAndroid, azure.PlatformMacOS}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	reports := []azure.Report{
		{DeviceID: "007c8232-9489-4074-9b35-345b16f0a72d", Platform: azure.PlatformWindows},
		{DeviceID: "b6f7a3c4-1d2e-4f5a-8b9c-0d1e2f3a4b5c", Platform: azure.PlatformIOS, UserID: "5f0c2e61-7b7e-4f7e-8f43-0f4b6f6a9d11"},
	}
	for i := range reports {
		reports[i].TenantID, reports[i].State = "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80", compliance.StateCompliant
	}
	for i, result := range router.ReportBatch(ctx, reports) {
		// A receipt that is settled already comes back as it is.
		receipt, err := router.Check(ctx, result.Receipt)
		fmt.Println(reports[i].Platform, receipt.Channel, result.Receipt.State, receipt.State, err)
	}
	// Output:
	// windows graph Successful Successful <nil>
	// ios intune In-progress Successful <nil>
}

// A platform stands in one route, and everything that is wrong is said at once.
func ExampleNewRouter() {
	graph := fake.New(nil)
	_, err := azure.NewRouter(
		azure.Route{Reporter: graph, Platforms: []azure.Platform{azure.PlatformWindows}},
		azure.Route{Platforms: []azure.Platform{azure.PlatformWindows}},
	)
	fmt.Println(err)
	// Output: azure: router: route 1 has no reporter; route 1: platform windows stands in route 0 already
}

// checkedChannel is a channel that can say whether a tenant is set up for it.
type checkedChannel struct{ *fake.Reporter }

func (checkedChannel) Preflight(context.Context, string, ...azure.Platform) []azure.Finding {
	return []azure.Finding{
		{Check: "graph: token", State: azure.CheckPassed, Saw: "a token"},
		{Check: "graph: write devices", State: azure.CheckFailed, Saw: "forbidden (403)", Advice: "consent to Device.ReadWrite.All"},
	}
}

// What stands between a tenant and its first report.
func ExamplePreflighter() {
	router, err := azure.NewRouter(azure.Route{Reporter: checkedChannel{fake.New(nil)}, Platforms: []azure.Platform{azure.PlatformWindows}})
	if err != nil {
		fmt.Println(err)
		return
	}
	findings := router.Preflight(context.Background(), "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80", azure.PlatformWindows, azure.PlatformIOS)
	for _, f := range findings {
		fmt.Println(f.State, f.Check)
		if f.State != azure.CheckPassed {
			fmt.Printf("   %s: %s\n", f.Saw, f.Advice)
		}
	}
	// Output:
	// passed graph: token
	// failed graph: write devices
	//    forbidden (403): consent to Device.ReadWrite.All
	// failed router: a channel for ios
	//    no channel is set up: give the router a route for ios
}
