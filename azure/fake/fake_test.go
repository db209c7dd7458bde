package fake_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

func pc(state compliance.State) azure.Report {
	return azure.Report{TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows, State: state}
}

func ipad(state compliance.State) azure.Report {
	return azure.Report{TenantID: tenantID, DeviceID: phone, UserID: userID, Platform: azure.PlatformIPadOS, State: state}
}

// report reports and expects no error.
func report(t *testing.T, f *fake.Reporter, r azure.Report) azure.Receipt {
	t.Helper()
	receipt, err := f.Report(t.Context(), r)
	require.NoError(t, err)
	return receipt
}

// failure answers the *azure.Error that err has to be.
func failure(t *testing.T, err error) *azure.Error {
	t.Helper()
	e, ok := errors.AsType[*azure.Error](err)
	require.True(t, ok, "error %v", err)
	return e
}

func TestReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fake.New(&fake.Options{Channel: "graph"})
		r := pc(compliance.StateCompliant)
		r.ID, r.DeviceID = userID, strings.ToUpper(laptop)
		r.Inventory.DeviceName = strings.Repeat("n", 300)
		want := azure.Receipt{
			Channel: "graph", TenantID: tenantID, DeviceID: laptop, MessageID: userID, State: status.Successful,
			AcceptedAt: time.Now().UTC().Round(0), Attempts: 1, Notes: []string{"DeviceName: 300 characters cut to 256"},
		}
		if diff := cmp.Diff(want, report(t, f, r)); diff != "" {
			t.Errorf("Report (-want +got):\n%s", diff)
		}
	})
}

// What the host gave is compared by ==, where cmp would ask Report.String.
func TestCallsAndAccepted(t *testing.T) {
	f := fake.New(nil)
	good, bad := pc(compliance.StateCompliant), pc(compliance.StateUnspecified)
	good.ID = strings.ToUpper(userID)
	good.Inventory = azure.Inventory{DeviceName: " PC-17", OSVersion: "10", Ownership: azure.OwnershipCompany}
	f.Inject(fake.Fault{DeviceID: phone, Err: &azure.Error{Kind: azure.ErrRejected}})
	kept := pc(compliance.StateRemoved)
	kept.ID, kept.KeepObject = phone, true

	results := f.ReportBatch(t.Context(), []azure.Report{good, bad, ipad(compliance.StateCompliant), kept})
	receipt, err := f.DeleteObject(t.Context(), kept)
	require.NoError(t, err)

	sent := good
	sent.ID = userID
	sent.Inventory = azure.Inventory{DeviceName: "PC-17", OSVersion: "10"}
	calls := f.Calls()
	require.Len(t, calls, 5)
	for i, want := range []fake.Call{
		{Step: fake.StepReport, Report: sent, Receipt: results[0].Receipt},
		{Step: fake.StepReport, Report: bad, Err: results[1].Err},
		{Step: fake.StepReport, Report: calls[2].Report, Err: results[2].Err},
		{Step: fake.StepReport, Report: kept, Receipt: results[3].Receipt},
		{Step: fake.StepDelete, Report: kept, Receipt: receipt},
	} {
		if got := calls[i]; got.Step != want.Step || got.Report != want.Report || got.Err != want.Err {
			t.Errorf("call %d = %s of %v, %v; want %s of %v, %v", i, got.Step, got.Report, got.Err, want.Step, want.Report, want.Err)
		}
		if diff := cmp.Diff(want.Receipt, calls[i].Receipt); diff != "" {
			t.Errorf("receipt of call %d (-want +got):\n%s", i, diff)
		}
	}
	accepted := f.Accepted()
	if len(accepted) != 3 || accepted[0] != sent || accepted[1] != kept || accepted[2] != kept {
		t.Errorf("Accepted() = %v, want %v, %v twice", accepted, sent, kept)
	}

	// What was handed out is the caller's.
	calls[0], accepted[0] = fake.Call{}, azure.Report{}
	if f.Calls()[0].Report != sent || f.Accepted()[0] != sent {
		t.Error("a caller's change shows in the record")
	}
}

func TestDirectory(t *testing.T) {
	f := fake.New(nil)
	first := pc(compliance.StateCompliant)
	first.UpdatedAt = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	first.Inventory = azure.Inventory{DeviceName: "PC-17", OSVersion: "10.0.26100", Ownership: azure.OwnershipCompany}
	second := pc(compliance.StateNonCompliant)
	second.UpdatedAt = time.Date(2026, 1, 31, 11, 0, 0, 0, time.UTC)
	second.Inventory.OSVersion = "10.0.26200"
	third := ipad(compliance.StateRemoved)
	third.UpdatedAt = second.UpdatedAt
	other := pc(compliance.StateCompliant)
	other.TenantID, other.UpdatedAt = userID, second.UpdatedAt
	for _, r := range []azure.Report{third, first, second, other} {
		report(t, f, r)
	}
	want := []fake.Device{
		{TenantID: userID, DeviceID: laptop, Platform: azure.PlatformWindows, State: compliance.StateCompliant, UpdatedAt: other.UpdatedAt},
		{TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows, State: compliance.StateNonCompliant, UpdatedAt: second.UpdatedAt,
			Inventory: azure.Inventory{DeviceName: "PC-17", OSVersion: "10.0.26200"}},
		{TenantID: tenantID, DeviceID: phone, Platform: azure.PlatformIPadOS, State: compliance.StateRemoved, UpdatedAt: second.UpdatedAt},
	}
	if diff := cmp.Diff(want, f.Devices(), cmpopts.IgnoreUnexported(fake.Device{})); diff != "" {
		t.Errorf("Devices (-want +got):\n%s", diff)
	}
	if d, ok := f.Device(strings.ToUpper(tenantID), strings.ToUpper(phone)); !ok || d.State != compliance.StateRemoved {
		t.Errorf("Device = %v, %v, want the removed iPad", d, ok)
	}
	if d, ok := f.Device(phone, phone); ok || d != (fake.Device{}) {
		t.Errorf("Device of another tenant = %v, %v, want none", d, ok)
	}
}

func TestRegisteredOnly(t *testing.T) {
	f := fake.New(&fake.Options{RegisteredOnly: true})
	_, err := f.Report(t.Context(), pc(compliance.StateCompliant))
	e := failure(t, err)
	if e.Kind != azure.ErrDeviceNotFound || e.Scope != azure.ScopeDevice || e.Outcome != azure.OutcomeRefused || len(f.Devices()) != 0 {
		t.Errorf("Report = %v, devices %v", err, f.Devices())
	}
	if receipt := report(t, f, pc(compliance.StateRemoved)); receipt.Removal != azure.RemovalAbsent {
		t.Errorf("removal of an unknown device: %v, want absent", receipt.Removal)
	}
	f.Register(fake.Device{TenantID: strings.ToUpper(tenantID), DeviceID: laptop, Platform: azure.PlatformWindows})
	if d, ok := f.Device(tenantID, laptop); !ok || d.State != compliance.StateUnspecified {
		t.Errorf("registered device = %v, %v, want it without a standing", d, ok)
	}
	report(t, f, pc(compliance.StateCompliant))
}

func TestPlatforms(t *testing.T) {
	platforms := []azure.Platform{azure.PlatformIPadOS}
	f := fake.New(&fake.Options{Platforms: platforms})
	platforms[0] = azure.PlatformWindows // copied at New
	report(t, f, ipad(compliance.StateCompliant))
	_, err := f.Report(t.Context(), pc(compliance.StateCompliant))
	if e := failure(t, err); e.Kind != azure.ErrUnsupported || e.Outcome != azure.OutcomeNotSent || !strings.Contains(err.Error(), "windows") {
		t.Errorf("Report of another platform = %v", err)
	}
	i := azure.Inventory{DeviceName: "x"}
	if got := f.CarriedInventory(azure.PlatformWindows, i); got != (azure.Inventory{}) {
		t.Errorf("carried for a platform that is not served: %v", got)
	}
	if got := f.CarriedInventory(azure.PlatformIPadOS, i); got != i {
		t.Errorf("carried for a platform that is served: %v, want %v", got, i)
	}
}

func TestRemoval(t *testing.T) {
	hybrid := pc(compliance.StateRemoved)
	hybrid.DeviceID = "b0000000-0000-0000-0000-000000000001"
	f := fake.New(nil)
	f.Register(fake.Device{TenantID: tenantID, DeviceID: hybrid.DeviceID, Platform: azure.PlatformWindows, Hybrid: true})
	kept := pc(compliance.StateRemoved)
	kept.KeepObject = true
	report(t, f, pc(compliance.StateCompliant))
	for _, step := range []struct {
		what        string
		do          func(context.Context, azure.Report) (azure.Receipt, error)
		report      azure.Report
		want        azure.RemovalForm
		wantPresent bool
	}{
		{"first step alone", f.Report, kept, azure.RemovalMarked, true},
		{"second step", f.DeleteObject, kept, azure.RemovalDeleted, false},
		{"second step again", f.DeleteObject, kept, azure.RemovalAbsent, false},
		{"both of what is gone", f.Report, pc(compliance.StateRemoved), azure.RemovalAbsent, false},
		{"both of a hybrid device", f.Report, hybrid, azure.RemovalProtected, true},
		{"second of a hybrid device", f.DeleteObject, hybrid, azure.RemovalProtected, true},
		{"where there is no second step", f.Report, ipad(compliance.StateRemoved), azure.RemovalMarked, true},
	} {
		receipt, err := step.do(t.Context(), step.report)
		_, present := f.Device(tenantID, step.report.DeviceID)
		if err != nil || receipt.Removal != step.want || receipt.State != status.Successful || receipt.AcceptedAt.IsZero() || present != step.wantPresent {
			t.Errorf("%s: %v %v, %v, present %v; want %v, present %v", step.what, receipt.Removal, receipt.State, err, present, step.want, step.wantPresent)
		}
	}

	// Unknown after its deletion, until it registers anew.
	_, err := f.Report(t.Context(), pc(compliance.StateCompliant))
	if !errors.Is(err, azure.ErrDeviceNotFound) {
		t.Errorf("report of a deleted device: %v, want %v", err, azure.ErrDeviceNotFound)
	}
	f.Register(fake.Device{TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows})
	report(t, f, pc(compliance.StateCompliant))

	for _, tc := range []struct {
		report azure.Report
		want   azure.Kind
	}{
		{kept, azure.ErrRejected}, // compliant again by now
		{pc(compliance.StateCompliant), azure.ErrInvalid},
		{azure.Report{}, azure.ErrInvalid},
		{ipad(compliance.StateRemoved), azure.ErrUnsupported},
	} {
		receipt, err := f.DeleteObject(t.Context(), tc.report)
		if !errors.Is(err, tc.want) || receipt.MessageID != "" {
			t.Errorf("DeleteObject of %v = %v, %v, want %v", tc.report, receipt, err, tc.want)
		}
	}
}

// The second step fails while the first stands.
func TestSecondStepFails(t *testing.T) {
	for _, tc := range []struct {
		kind        azure.Kind
		wantErr     bool // else it is in the receipt
		wantPresent bool
		applied     bool
	}{
		{azure.ErrForbidden, false, true, false},
		{azure.ErrThrottled, true, true, false},
		{azure.ErrUnavailable, true, false, true},
	} {
		f := fake.New(nil)
		f.Inject(fake.Fault{Step: fake.StepDelete, Err: &azure.Error{Kind: tc.kind}, Applied: tc.applied})
		receipt, err := f.Report(t.Context(), pc(compliance.StateRemoved))
		if receipt.Removal != azure.RemovalMarked || receipt.State != status.Successful || receipt.AcceptedAt.IsZero() {
			t.Errorf("%v: the receipt %+v does not show the first step", tc.kind, receipt)
		}
		got := err
		if !tc.wantErr && err == nil && receipt.Failure != nil {
			got = receipt.Failure
		}
		if (err != nil) != tc.wantErr || !errors.Is(got, tc.kind) || tc.wantErr && receipt.Failure != nil {
			t.Errorf("%v: error %v, failure %v", tc.kind, err, receipt.Failure)
		}
		if _, present := f.Device(tenantID, laptop); present != tc.wantPresent {
			t.Errorf("%v: the object is there: %v, want %v", tc.kind, present, tc.wantPresent)
		}
		f.Inject(fake.Fault{Step: fake.StepDelete, Err: &azure.Error{Kind: tc.kind}})
		if receipt, err := f.DeleteObject(t.Context(), pc(compliance.StateRemoved)); !errors.Is(err, tc.kind) || receipt.MessageID != "" {
			t.Errorf("%v: DeleteObject = %v, %v", tc.kind, receipt, err)
		}
	}
}

func TestVerify(t *testing.T) {
	f := fake.New(nil)
	f.Register(fake.Device{TenantID: tenantID, DeviceID: phone, Platform: azure.PlatformIPadOS, Hybrid: true})
	f.Register(fake.Device{TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows, State: compliance.StateCompliant})
	absent := pc(compliance.StateCompliant)
	absent.DeviceID = userID
	joined := azure.EntraDevice{TrustType: "AzureAd", IsCompliant: new(true), IsManaged: new(true)}
	for _, tc := range []struct {
		report azure.Report
		want   azure.Verification
	}{
		{pc(compliance.StateCompliant), azure.Verification{Verdict: azure.VerdictMatch, Device: joined}},
		{pc(compliance.StateNonCompliant), azure.Verification{Verdict: azure.VerdictMismatch, Mismatches: []string{"isCompliant"}, Device: joined}},
		{pc(compliance.StateRemoved), azure.Verification{Verdict: azure.VerdictMismatch, Mismatches: []string{"isCompliant", "isManaged"}, Device: joined}},
		// What was never written counts as false.
		{ipad(compliance.StateRemoved), azure.Verification{Verdict: azure.VerdictMatch, Device: azure.EntraDevice{TrustType: "ServerAd"}}},
		{ipad(compliance.StateNonCompliant), azure.Verification{Verdict: azure.VerdictMismatch, Mismatches: []string{"isManaged"}, Device: azure.EntraDevice{TrustType: "ServerAd"}}},
		{absent, azure.Verification{Verdict: azure.VerdictAbsent}},
	} {
		got, err := f.Verify(t.Context(), tc.report)
		require.NoError(t, err)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("Verify of %v (-want +got):\n%s", tc.report, diff)
		}
	}
	absent.State = compliance.StateRemoved
	if got, err := f.Verify(t.Context(), absent); err != nil || got.Verdict != azure.VerdictMatch {
		t.Errorf("Verify of a removed device that is gone = %v, %v", got, err)
	}
	if _, err := f.Verify(t.Context(), azure.Report{}); !errors.Is(err, azure.ErrInvalid) {
		t.Errorf("Verify of an invalid report: %v", err)
	}
	f.Inject(fake.Fault{Step: fake.StepVerify, Err: &azure.Error{Kind: azure.ErrUnavailable}})
	if got, err := f.Verify(t.Context(), pc(compliance.StateCompliant)); !errors.Is(err, azure.ErrUnavailable) || got.Verdict != azure.VerdictUnspecified {
		t.Errorf("Verify with a fault = %v, %v", got, err)
	}
	if len(f.Calls()) != 0 {
		t.Errorf("questions are recorded as reports: %v", f.Calls())
	}
}

func TestConcurrentUse(t *testing.T) {
	f := fake.New(&fake.Options{SettleAfter: 1})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				stop := f.Inject(fake.Fault{DeviceID: phone, Err: &azure.Error{Kind: azure.ErrConflict}})
				receipt, err := f.Report(t.Context(), pc(compliance.StateRemoved))
				if err == nil {
					receipt, err = f.Check(t.Context(), receipt)
				}
				if err != nil || receipt.State != status.Successful {
					t.Errorf("Report and Check = %v, %v", receipt, err)
				}
				f.Register(fake.Device{TenantID: tenantID, DeviceID: laptop})
				f.Release()
				f.Devices()
				f.Calls()
				stop()
			}
		})
	}
	group.Wait()
	if got := len(f.Accepted()); got != 400 {
		t.Errorf("%d reports accepted, want 400", got)
	}
}
