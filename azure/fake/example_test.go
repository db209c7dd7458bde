package fake_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/compliance"
)

const (
	tenantID = "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80"
	laptop   = "007c8232-9489-4074-9b35-345b16f0a72d"
	phone    = "b6f7a3c4-1d2e-4f5a-8b9c-0d1e2f3a4b5c"
	userID   = "5f0c2e61-7b7e-4f7e-8f43-0f4b6f6a9d11"
)

// Service stands for the code under test: it owns an azure.Reporter and tells
// it what its policy engine decided.
type Service struct{ Azure azure.Reporter }

// Evaluated reports a laptop, and once more where Microsoft did not answer.
func (s *Service) Evaluated(ctx context.Context, deviceID string, actions ...compliance.Action) error {
	report := azure.Report{TenantID: tenantID, DeviceID: deviceID, Platform: azure.PlatformWindows, State: compliance.Resolve(actions...)}
	_, err := s.Azure.Report(ctx, report)
	if e, ok := errors.AsType[*azure.Error](err); ok && e.Outcome == azure.OutcomeUnknown {
		_, err = s.Azure.Report(ctx, report)
	}
	return err
}

// A unit test of a service in three steps: give it the fake, let it work, look
// at what Azure holds. In a test, print becomes t.Errorf.
func Example() {
	entra := fake.New(nil)
	service := &Service{Azure: entra}

	if err := service.Evaluated(context.Background(), laptop, compliance.ActionQuarantine); err != nil {
		fmt.Println(err)
	}

	device, ok := entra.Device(tenantID, laptop)
	fmt.Println(ok, device.State)
	for _, call := range entra.Calls() {
		fmt.Println(call.Report.DeviceID, call.Report.State, call.Receipt.State, call.Err)
	}
	// Output:
	// true non-compliant
	// 007c8232-9489-4074-9b35-345b16f0a72d non-compliant Successful <nil>
}

// The zero value is ready to use.
func ExampleReporter() {
	var entra fake.Reporter
	receipt, err := entra.Report(context.Background(), azure.Report{
		TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows, State: compliance.StateCompliant,
	})
	fmt.Println(receipt.Channel, receipt.State, err)
	// Output: fake Successful <nil>
}

// The answer is lost, the report is not: the service must send it again, and
// that must do no harm.
func ExampleReporter_Inject_lostAnswer() {
	entra := fake.New(nil)
	service := &Service{Azure: entra}
	entra.Inject(fake.Fault{Err: &azure.Error{Kind: azure.ErrUnavailable}, Applied: true})

	fmt.Println(service.Evaluated(context.Background(), laptop, compliance.ActionBlockEmail))
	for _, call := range entra.Calls() {
		fmt.Println(call.Report.State, call.Err)
	}
	// Output:
	// <nil>
	// non-compliant fake: report: unavailable (service, unknown)
	// non-compliant <nil>
}

// A tenant whose secret has expired, until somebody renews it.
func ExampleReporter_Inject_tenant() {
	entra := fake.New(nil)
	service := &Service{Azure: entra}
	renew := entra.Inject(fake.Fault{
		TenantID: tenantID,
		Times:    fake.Always,
		Err:      &azure.Error{Kind: azure.ErrUnauthorized, ErrorCode: "AADSTS7000222"},
	})

	fmt.Println(service.Evaluated(context.Background(), laptop))
	renew()
	fmt.Println(service.Evaluated(context.Background(), laptop))
	// Output:
	// fake: report: unauthorized (tenant, not-sent) AADSTS7000222
	// <nil>
}

// Microsoft takes a minute, and the service does not wait that long: whether
// the report was applied is not known. A test runs this inside synctest.Test,
// where any deadline is over at once.
func ExampleReporter_Inject_late() {
	entra := fake.New(nil)
	entra.Inject(fake.Fault{Delay: time.Minute})

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := entra.Report(ctx, azure.Report{
		TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows, State: compliance.StateCompliant,
	})
	fmt.Println(err, errors.Is(err, context.DeadlineExceeded))
	// Output: fake: report: canceled (device, unknown): context deadline exceeded true
}

// The channel of phones accepts a report now and judges it later.
func ExampleOptions_settleAfter() {
	entra := fake.New(&fake.Options{Channel: "intune", SettleAfter: 1})
	report := azure.Report{TenantID: tenantID, DeviceID: phone, UserID: userID, Platform: azure.PlatformIOS, State: compliance.StateCompliant}

	receipt, err := entra.Report(context.Background(), report)
	_, shown := entra.Device(tenantID, phone)
	fmt.Println(receipt.State, err, shown)

	receipt, err = entra.Check(context.Background(), receipt)
	device, _ := entra.Device(tenantID, phone)
	fmt.Println(receipt.State, err, device.State)
	// Output:
	// In-progress <nil> false
	// Successful <nil> compliant
}

// A verdict may also be that the report failed.
func ExampleReporter_Release() {
	entra := fake.New(&fake.Options{SettleAfter: fake.OnRelease})
	entra.Inject(fake.Fault{Step: fake.StepVerdict, Err: &azure.Error{Kind: azure.ErrUserNotFound}})
	report := azure.Report{TenantID: tenantID, DeviceID: phone, UserID: userID, Platform: azure.PlatformIOS, State: compliance.StateCompliant}

	receipt, _ := entra.Report(context.Background(), report)
	receipt, _ = entra.Check(context.Background(), receipt)
	fmt.Println(receipt.State)

	entra.Release()
	receipt, err := entra.Check(context.Background(), receipt)
	fmt.Println(receipt.State, err, receipt.Failure)
	// Output:
	// In-progress
	// Failed <nil> fake: verdict: user_not_found (device, refused)
}

// A retired PC: access ends, then the object goes, and the device is unknown
// until it registers again.
func ExampleReporter_DeleteObject() {
	entra := fake.New(nil)
	report := azure.Report{
		TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows, State: compliance.StateRemoved, KeepObject: true,
	}
	receipt, err := entra.Report(context.Background(), report)
	fmt.Println(receipt.Removal, err)
	receipt, err = entra.DeleteObject(context.Background(), report)
	fmt.Println(receipt.Removal, err)

	report.State = compliance.StateCompliant
	_, err = entra.Report(context.Background(), report)
	fmt.Println(err)

	entra.Register(fake.Device{TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows})
	_, err = entra.Report(context.Background(), report)
	fmt.Println(err)
	// Output:
	// marked <nil>
	// deleted <nil>
	// fake: report: device_not_found (device, refused): 404
	// <nil>
}

// The directory after a few reports, as a demo would print it.
func ExampleReporter_Devices() {
	entra := fake.New(nil)
	for _, r := range []azure.Report{
		{DeviceID: laptop, Platform: azure.PlatformWindows, State: compliance.StateCompliant, Inventory: azure.Inventory{DeviceName: "PC-17", OSVersion: "10.0.26100"}},
		{DeviceID: phone, Platform: azure.PlatformAndroid, UserID: userID, State: compliance.StateNonCompliant},
		{DeviceID: laptop, Platform: azure.PlatformWindows, State: compliance.StateNonCompliant, Inventory: azure.Inventory{OSVersion: "10.0.26200"}},
	} {
		r.TenantID = tenantID
		if _, err := entra.Report(context.Background(), r); err != nil {
			fmt.Println(err)
		}
	}
	for _, d := range entra.Devices() {
		fmt.Println(d.DeviceID, d.Platform, d.State, d.Inventory.DeviceName, d.Inventory.OSVersion)
	}
	// Output:
	// 007c8232-9489-4074-9b35-345b16f0a72d windows non-compliant PC-17 10.0.26200
	// b6f7a3c4-1d2e-4f5a-8b9c-0d1e2f3a4b5c android non-compliant
}

// A channel of a certain name that serves Windows and knows its devices.
func ExampleNew() {
	entra := fake.New(&fake.Options{
		Channel:        "graph",
		Platforms:      []azure.Platform{azure.PlatformWindows},
		RegisteredOnly: true,
	})
	entra.Register(fake.Device{TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows})

	for _, r := range []azure.Report{
		{TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows, State: compliance.StateCompliant},
		{TenantID: tenantID, DeviceID: phone, Platform: azure.PlatformWindows, State: compliance.StateCompliant},
		{TenantID: tenantID, DeviceID: phone, Platform: azure.PlatformIOS, UserID: userID, State: compliance.StateCompliant},
	} {
		receipt, err := entra.Report(context.Background(), r)
		fmt.Println(receipt.State, err)
	}
	// Output:
	// Successful <nil>
	// unspecified graph: report: device_not_found (device, refused): 404
	// unspecified graph: report: unsupported (device, not-sent): this channel does not serve ios
}

// A PC that belongs to a directory of its own keeps its object when it is
// retired.
func ExampleReporter_Register() {
	entra := fake.New(nil)
	entra.Register(fake.Device{TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows, Hybrid: true})
	receipt, err := entra.Report(context.Background(), azure.Report{
		TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows, State: compliance.StateRemoved,
	})
	fmt.Println(receipt.Removal, err)
	// Output: protected <nil>
}

// What came in, and of that what was accepted.
func ExampleReporter_Calls() {
	entra := fake.New(nil)
	entra.ReportBatch(context.Background(), []azure.Report{
		{TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows, State: compliance.StateCompliant},
		{TenantID: tenantID, DeviceID: "PC-17", Platform: azure.PlatformWindows, State: compliance.StateCompliant},
	})
	for _, call := range entra.Calls() {
		fmt.Println(call.Step, call.Report.DeviceID, call.Err)
	}
	fmt.Println(len(entra.Accepted()), "accepted")
	// Output:
	// report 007c8232-9489-4074-9b35-345b16f0a72d <nil>
	// report PC-17 validate: invalid (device, not-sent): DeviceID "PC-17" is not a GUID
	// 1 accepted
}
