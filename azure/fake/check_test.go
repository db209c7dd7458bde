package fake_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// check asks and expects no error.
func check(t *testing.T, f *fake.Reporter, r azure.Receipt) azure.Receipt {
	t.Helper()
	got, err := f.Check(t.Context(), r)
	require.NoError(t, err)
	return got
}

func TestSettleAfterChecks(t *testing.T) {
	f := fake.New(&fake.Options{SettleAfter: 3})
	receipt := report(t, f, ipad(compliance.StateNonCompliant))
	if receipt.State != status.InProgress || receipt.AcceptedAt.IsZero() {
		t.Fatalf("Report = %+v, want it accepted and in progress", receipt)
	}
	for n, want := range []status.ReportState{status.InProgress, status.InProgress, status.Successful, status.Successful} {
		got := check(t, f, receipt)
		_, there := f.Device(tenantID, phone)
		if got.State != want || there != (want == status.Successful) {
			t.Errorf("Check %d: %v, the directory has it: %v; want %v", n+1, got.State, there, want)
		}
		want := receipt
		want.State = got.State
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Check %d changed more than the state (-want +got):\n%s", n+1, diff)
		}
	}
}

func TestRelease(t *testing.T) {
	f := fake.New(&fake.Options{SettleAfter: fake.OnRelease})
	first, second := report(t, f, ipad(compliance.StateNonCompliant)), report(t, f, pc(compliance.StateRemoved))
	for range 10 {
		if got := check(t, f, first); got.State != status.InProgress {
			t.Fatalf("Check = %v before anybody released it", got.State)
		}
	}
	f.Release(first.MessageID)
	if a, b := check(t, f, first), check(t, f, second); a.State != status.Successful || b.State != status.InProgress {
		t.Errorf("one released: %v and %v, want it alone settled", a.State, b.State)
	}
	f.Release()
	if got := check(t, f, second); got.State != status.Successful || got.Removal != azure.RemovalDeleted {
		t.Errorf("all released: %v, %v, want a removal in two steps", got.State, got.Removal)
	}
	if _, there := f.Device(tenantID, laptop); there {
		t.Error("the removed device is still there")
	}
	f.Release() // nothing waits
}

// Reports are settled in the order in which they were accepted, so that a
// script for the next verdict meets the oldest.
func TestReleaseOrder(t *testing.T) {
	for range 20 { // the map of what waits has an order of its own
		f := fake.New(&fake.Options{SettleAfter: fake.OnRelease})
		var receipts []azure.Receipt
		for range 4 {
			receipts = append(receipts, report(t, f, ipad(compliance.StateCompliant)))
		}
		f.Inject(fake.Fault{Step: fake.StepVerdict, Err: &azure.Error{Kind: azure.ErrRejected}, Times: 2})
		f.Release()
		for i, receipt := range receipts {
			if got := check(t, f, receipt); (got.State == status.Failed) != (i < 2) {
				t.Fatalf("verdict %d: %v, want the first two refused", i, got.State)
			}
		}
	}
}

// Of two reports of one device the newer stays, in whichever order Microsoft
// comes to them.
func TestNewestStays(t *testing.T) {
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name          string
		first, second time.Time
		want          compliance.State
	}{
		{"by UpdatedAt", noon, noon.Add(time.Second), compliance.StateNonCompliant},
		{"by UpdatedAt, against the order of sending", noon.Add(time.Second), noon, compliance.StateCompliant},
		{"of the same time the later sent", noon, noon, compliance.StateNonCompliant},
		{"without one, by the time of sending", time.Time{}, time.Time{}, compliance.StateNonCompliant},
	} {
		for _, settleSecondFirst := range []bool{false, true} {
			f := fake.New(&fake.Options{SettleAfter: 1})
			a, b := ipad(compliance.StateCompliant), ipad(compliance.StateNonCompliant)
			a.UpdatedAt, b.UpdatedAt = tc.first, tc.second
			receipts := []azure.Receipt{report(t, f, a), report(t, f, b)}
			if settleSecondFirst {
				receipts[0], receipts[1] = receipts[1], receipts[0]
			}
			for _, receipt := range receipts {
				if got := check(t, f, receipt); got.State != status.Successful {
					t.Errorf("%s: %v", tc.name, got.State)
				}
			}
			if d, _ := f.Device(tenantID, phone); d.State != tc.want {
				t.Errorf("%s, second settled first %v: %v, want %v", tc.name, settleSecondFirst, d.State, tc.want)
			}
		}
	}
}

func TestVerdicts(t *testing.T) {
	f := fake.New(&fake.Options{SettleAfter: 1, RegisteredOnly: true})
	unknown := report(t, f, ipad(compliance.StateCompliant))
	f.Register(fake.Device{TenantID: tenantID, DeviceID: laptop, Platform: azure.PlatformWindows})
	f.Inject(fake.Fault{Step: fake.StepVerdict, DeviceID: laptop, Err: &azure.Error{Kind: azure.ErrRejected, ErrorCode: "17"}})
	refused := report(t, f, pc(compliance.StateCompliant))
	nobodys := refused
	nobodys.MessageID = userID
	kept := pc(compliance.StateRemoved)
	kept.KeepObject = true
	for _, tc := range []struct {
		name    string
		receipt azure.Receipt
		want    string
	}{
		{"a device that is not there", unknown, "fake: report: device_not_found (device, refused): 404"},
		{"a scripted refusal", refused, "fake: verdict: rejected (device, refused) 17"},
		{"a message nobody sent", nobodys, "fake: check: rejected (device, refused): no such message"},
	} {
		for range 2 {
			got := check(t, f, tc.receipt)
			if got.State != status.Failed || got.Failure == nil || got.Failure.Error() != tc.want {
				t.Errorf("%s: %v, %v, want failed: %s", tc.name, got.State, got.Failure, tc.want)
			}
		}
	}
	if d, _ := f.Device(tenantID, laptop); d.State != compliance.StateUnspecified {
		t.Errorf("a refused report was applied: %v", d.State)
	}
	if got := check(t, f, report(t, f, kept)); got.Removal != azure.RemovalMarked {
		t.Errorf("a removal that keeps the object: %v", got.Removal)
	}
}

// A report that is sent again under its ID is one message.
func TestSentAgain(t *testing.T) {
	f := fake.New(&fake.Options{SettleAfter: 2})
	r := ipad(compliance.StateCompliant)
	r.ID = userID
	first := report(t, f, r)
	check(t, f, first)
	second := report(t, f, r)
	if got := check(t, f, second); got.State != status.InProgress {
		t.Errorf("the first Check after sending again: %v, want it to start anew", got.State)
	}
	if got := check(t, f, first); got.State != status.Successful {
		t.Errorf("the second Check, by the older receipt: %v", got.State)
	}
}

func TestCheckErrors(t *testing.T) {
	f := fake.New(&fake.Options{SettleAfter: 1})
	given := report(t, f, ipad(compliance.StateCompliant))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	foreign := given
	foreign.Channel = "graph"
	f.Inject(fake.Fault{Step: fake.StepCheck, DeviceID: phone, Err: &azure.Error{Kind: azure.ErrUnavailable}})
	for _, tc := range []struct {
		name    string
		ctx     context.Context
		receipt azure.Receipt
		want    azure.Kind
	}{
		{"over", over, given, azure.ErrCanceled},
		{"foreign", t.Context(), foreign, azure.ErrUnsupported},
		{"scripted", t.Context(), given, azure.ErrUnavailable},
	} {
		got, err := f.Check(tc.ctx, tc.receipt)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
		if diff := cmp.Diff(tc.receipt, got); diff != "" {
			t.Errorf("%s: the receipt changed (-want +got):\n%s", tc.name, diff)
		}
	}
	settled := check(t, f, given)
	if got, err := f.Check(over, settled); err != nil || got.State != status.Successful {
		t.Errorf("a settled receipt, in a context that is over: %v, %v; it needs no call", got.State, err)
	}
}
