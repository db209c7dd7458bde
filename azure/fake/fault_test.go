package fake_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/compliance"
)

// Whom a kind concerns and what it says of Microsoft's side, where the script
// does not say.
func TestFaultDefaults(t *testing.T) {
	for kind, want := range map[azure.Kind]string{
		azure.ErrInvalid:        "invalid (device, not-sent)",
		azure.ErrUnsupported:    "unsupported (device, not-sent)",
		azure.ErrDeviceNotFound: "device_not_found (device, refused)",
		azure.ErrUserNotFound:   "user_not_found (device, refused)",
		azure.ErrUnauthorized:   "unauthorized (tenant, not-sent)",
		azure.ErrForbidden:      "forbidden (tenant, refused)",
		azure.ErrThrottled:      "throttled (tenant, refused)",
		azure.ErrUnavailable:    "unavailable (service, unknown)",
		azure.ErrConflict:       "conflict (device, refused)",
		azure.ErrRejected:       "rejected (device, refused)",
		azure.ErrUnexpected:     "unexpected (device, unknown)",
		azure.ErrCanceled:       "canceled (device, unknown): context canceled",
		"":                      "unexpected (device, unknown): the injected error has no kind",
	} {
		f := fake.New(nil)
		f.Inject(fake.Fault{Err: &azure.Error{Kind: kind}})
		_, err := f.Report(t.Context(), pc(compliance.StateCompliant))
		if diff := cmp.Diff("fake: report: "+want, fmt.Sprint(err)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", kind, diff)
		}
	}
}

// What the script says is what comes, in an error of its own each time.
func TestFaultAsScripted(t *testing.T) {
	f := fake.New(&fake.Options{Channel: "graph"})
	scripted := &azure.Error{
		Kind: azure.ErrThrottled, Scope: azure.ScopeService, Outcome: azure.OutcomeUnknown, StatusCode: 429, ErrorCode: "TooManyRequests",
		RetryAfter: time.Minute, Detail: "slow down", Err: context.DeadlineExceeded,
	}
	f.Inject(fake.Fault{Err: scripted, Times: 2})
	_, first := f.Report(t.Context(), pc(compliance.StateCompliant))
	_, second := f.Report(t.Context(), pc(compliance.StateCompliant))
	a, b := failure(t, first), failure(t, second)
	want := *scripted
	want.Op = "graph: report"
	if *a != want || *b != want || a == b || a == scripted || scripted.Op != "" {
		t.Errorf("answered %#v and %#v, want two copies of %#v", a, b, scripted)
	}
	if _, err := f.Report(t.Context(), pc(compliance.StateCompliant)); err != nil {
		t.Errorf("the third call met a fault for two: %v", err)
	}
}

// run reports the laptop n times and says which of them failed.
func run(t *testing.T, f *fake.Reporter, n int) string {
	t.Helper()
	shape := ""
	for range n {
		if _, err := f.Report(t.Context(), pc(compliance.StateCompliant)); err != nil {
			shape += "x"
		} else {
			shape += "."
		}
	}
	return shape
}

func TestFaultCounts(t *testing.T) {
	conflict := &azure.Error{Kind: azure.ErrConflict}
	for _, tc := range []struct {
		name   string
		faults []fake.Fault
		want   string
	}{
		{"once", []fake.Fault{{Err: conflict}}, "x....."},
		{"the next three", []fake.Fault{{Err: conflict, Times: 3}}, "xxx..."},
		{"the third", []fake.Fault{{Err: conflict, After: 2}}, "..x..."},
		{"the third and fourth", []fake.Fault{{Err: conflict, After: 2, Times: 2}}, "..xx.."},
		{"always", []fake.Fault{{Err: conflict, Times: fake.Always}}, "xxxxxx"},
		{"always from the second", []fake.Fault{{Err: conflict, After: 1, Times: fake.Always}}, ".xxxxx"},
		{"another device", []fake.Fault{{Err: conflict, DeviceID: phone, Times: fake.Always}}, "......"},
		{"another tenant", []fake.Fault{{Err: conflict, TenantID: phone, Times: fake.Always}}, "......"},
		{"another step", []fake.Fault{{Err: conflict, Step: fake.StepDelete, Times: fake.Always}}, "......"},
		{"this device", []fake.Fault{{Err: conflict, DeviceID: "007C8232-9489-4074-9B35-345B16F0A72D", TenantID: "8A7B1F6E-3C1D-4F0A-9B57-2D1C5E6F7A80"}}, "x....."},
		{"no match", []fake.Fault{{Err: conflict, Times: fake.Always, Match: func(azure.Report) bool { return false }}}, "......"},
		{"a match", []fake.Fault{{Err: conflict, Match: func(r azure.Report) bool { return r.State == compliance.StateCompliant }}}, "x....."},
		{"two, one after the other", []fake.Fault{{Err: conflict}, {Err: conflict}}, "xx...."},
		{"two, counting apart", []fake.Fault{{Err: conflict, After: 1}, {Err: conflict, After: 3}}, ".x..x."},
		{"no error", []fake.Fault{{}}, "......"},
	} {
		f := fake.New(nil)
		for _, fault := range tc.faults {
			f.Inject(fault)
		}
		if got := run(t, f, 6); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestFaultStops(t *testing.T) {
	f := fake.New(nil)
	stop := f.Inject(fake.Fault{Err: &azure.Error{Kind: azure.ErrConflict}, Times: fake.Always})
	other := f.Inject(fake.Fault{Err: &azure.Error{Kind: azure.ErrThrottled}, Times: fake.Always})
	_, err := f.Report(t.Context(), pc(compliance.StateCompliant))
	if !errors.Is(err, azure.ErrConflict) {
		t.Errorf("two faults: %v, want the one injected first", err)
	}
	stop()
	stop()
	_, err = f.Report(t.Context(), pc(compliance.StateCompliant))
	if !errors.Is(err, azure.ErrThrottled) {
		t.Errorf("the first is taken back: %v, want the second", err)
	}
	other()
	if got := run(t, f, 2); got != ".." {
		t.Errorf("both are taken back: %s", got)
	}
}

// In a batch each report counts for itself.
func TestFaultInBatch(t *testing.T) {
	f := fake.New(nil)
	f.Inject(fake.Fault{Err: &azure.Error{Kind: azure.ErrThrottled}, After: 1})
	results := f.ReportBatch(t.Context(), []azure.Report{pc(compliance.StateCompliant), ipad(compliance.StateCompliant), pc(compliance.StateNonCompliant)})
	if results[0].Err != nil || !errors.Is(results[1].Err, azure.ErrThrottled) || results[2].Err != nil {
		t.Errorf("results: %v", results)
	}
}

func TestLostAnswer(t *testing.T) {
	for _, applied := range []bool{false, true} {
		f := fake.New(nil)
		f.Inject(fake.Fault{Err: &azure.Error{Kind: azure.ErrThrottled}, Applied: applied})
		receipt, err := f.Report(t.Context(), pc(compliance.StateNonCompliant))
		want := azure.OutcomeRefused
		if applied {
			want = azure.OutcomeUnknown
		}
		if e := failure(t, err); e.Outcome != want || receipt.MessageID != "" {
			t.Errorf("applied %v: %v, %v, want outcome %v and no receipt", applied, receipt, err, want)
		}
		if _, there := f.Device(tenantID, laptop); there != applied {
			t.Errorf("applied %v: the directory has it: %v", applied, there)
		}
	}
	// Applied without an error is a call like any other.
	f := fake.New(&fake.Options{RegisteredOnly: true})
	f.Inject(fake.Fault{Applied: true})
	if _, err := f.Report(t.Context(), pc(compliance.StateCompliant)); !errors.Is(err, azure.ErrDeviceNotFound) {
		t.Errorf("Report = %v, want %v", err, azure.ErrDeviceNotFound)
	}
}

func TestDelay(t *testing.T) {
	for _, tc := range []struct {
		name      string
		fault     fake.Fault
		patience  time.Duration
		wantKind  azure.Kind // empty: no error
		wantAfter time.Duration
		wantThere bool
	}{
		{"patient", fake.Fault{Delay: time.Minute}, time.Hour, "", time.Minute, true},
		{"late and failing", fake.Fault{Delay: time.Minute, Err: &azure.Error{Kind: azure.ErrThrottled}}, time.Hour, azure.ErrThrottled, time.Minute, false},
		{"impatient", fake.Fault{Delay: time.Minute}, time.Second, azure.ErrCanceled, time.Second, false},
		{"impatient, but it got there", fake.Fault{Delay: time.Minute, Applied: true}, time.Second, azure.ErrCanceled, time.Second, true},
		{"impatient of a failure", fake.Fault{Delay: time.Minute, Err: &azure.Error{Kind: azure.ErrThrottled}}, time.Second, azure.ErrCanceled, time.Second, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := fake.New(nil)
			f.Inject(tc.fault)
			ctx, cancel := context.WithTimeout(t.Context(), tc.patience)
			defer cancel()
			start := time.Now()
			_, err := f.Report(ctx, pc(compliance.StateNonCompliant))
			if tc.wantKind == "" && err != nil || tc.wantKind != "" && !errors.Is(err, tc.wantKind) {
				t.Errorf("%s: %v, want %q", tc.name, err, tc.wantKind)
			}
			if tc.wantKind == azure.ErrCanceled {
				if e := failure(t, err); e.Outcome != azure.OutcomeUnknown || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v, want an unknown outcome and the deadline", tc.name, err)
				}
			}
			if took := time.Since(start); took != tc.wantAfter {
				t.Errorf("%s: answered after %v, want %v", tc.name, took, tc.wantAfter)
			}
			if _, there := f.Device(tenantID, laptop); there != tc.wantThere {
				t.Errorf("%s: the directory has it: %v, want %v", tc.name, there, tc.wantThere)
			}
		})
	}
}

// One late device does not hold up the others.
func TestDelayHoldsNoLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fake.New(nil)
		f.Inject(fake.Fault{DeviceID: laptop, Delay: time.Hour})
		done := make(chan error)
		go func() {
			_, err := f.Report(t.Context(), pc(compliance.StateCompliant))
			done <- err
		}()
		synctest.Wait()
		start := time.Now()
		report(t, f, ipad(compliance.StateCompliant))
		if took := time.Since(start); took != 0 {
			t.Errorf("another device waited %v", took)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
