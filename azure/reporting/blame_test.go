package reporting_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/status"
)

var (
	noToken   = azure.Error{Kind: azure.ErrUnauthorized, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent, ErrorCode: "AADSTS7000222"}
	forbidden = azure.Error{Kind: azure.ErrForbidden, Scope: azure.ScopeTenant, Outcome: azure.OutcomeRefused, StatusCode: 403}
	noAnswer  = azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeDevice, Outcome: azure.OutcomeUnknown}
)

// pcs are n PCs of a tenant.
func pcs(n int, change func(o *reporting.Observation)) []reporting.Observation {
	all := make([]reporting.Observation, n)
	for i := range all {
		all[i] = pc(func(o *reporting.Observation) {
			o.DeviceID = fmt.Sprintf("pc-%04d", i)
			o.AzureDeviceID = fmt.Sprintf("%08d-9489-4074-9b35-345b16f0a72d", i)
			if change != nil {
				change(o)
			}
		})
	}
	return all
}

func (h *trial) tenant() reporting.Tenant {
	h.t.Helper()
	v, err := h.engine.Tenant(h.t.Context(), tenantID)
	require.NoError(h.t, err)
	return v
}

// A token that is refused concerns every device: nothing is tried but one
// device at a time, each time another, at growing intervals. When one goes
// through, all do.
func TestTokenRefusalParksTheTenantAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		var atOnce, most atomic.Int32
		h.azure.play(func(context.Context, azure.Report) (azure.Receipt, error) {
			most.Store(max(most.Load(), atOnce.Add(1)))
			defer atOnce.Add(-1)
			time.Sleep(3 * time.Second)
			return azure.Receipt{}, new(noToken)
		})
		h.see(pc(nil))
		defer h.run()()
		time.Sleep(4 * time.Second)
		h.see(pcs(100, nil)...)
		time.Sleep(30 * time.Minute)
		calls := h.azure.all()
		// At 0, then after 30 s, 1, 2, 4, 8, 16 minutes, and what a try takes
		// itself.
		if len(calls) < 6 || len(calls) > 7 {
			t.Errorf("%d calls in 30 minutes, want the first and 5 or 6 tries", len(calls))
		}
		if most.Load() != 1 {
			t.Errorf("%d calls at once, want one", most.Load())
		}
		ids := map[string]bool{}
		for _, c := range calls {
			ids[c.report.DeviceID] = true
		}
		if len(ids) != len(calls) {
			t.Errorf("%d devices tried in %d calls, want each call by another", len(ids), len(calls))
		}
		v := h.tenant()
		if v.Parked == nil || v.Parked.Kind != azure.ErrUnauthorized || v.Parked.ErrorCode != "AADSTS7000222" || v.ParkedSince.IsZero() || !v.NextTry.After(time.Now()) {
			t.Errorf("the tenant: %+v, want it parked with its cause", v)
		}
		if d := h.device("pc-0099"); d.ComplianceStatus != status.Failed || d.Cause != "unauthorized" || d.Blank.ReportTime != status.BlankNotCalledYet {
			t.Errorf("a device that was not tried: %s", line(d.Device))
		}
		c, err := h.engine.Counters(t.Context())
		require.NoError(t, err)
		if c.Parked != 1 || c.Failed[azure.ErrUnauthorized] != int64(len(calls)) {
			t.Errorf("counters: %d parked, %v failed, want 1 and %d", c.Parked, c.Failed, len(calls))
		}

		h.azure.play(nil)
		time.Sleep(time.Until(h.tenant().NextTry) + 20*time.Second)
		if v := h.tenant(); v.Parked != nil || v.LastSuccess.IsZero() || v.Unsent != 0 {
			t.Errorf("20 s after a try that went through: %+v, want everything sent", v)
		}
	})
}

// SyncNow of a tenant has it try at once.
func TestSyncNowEndsAParking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		h.azure.refuse(noToken)
		h.see(pcs(10, nil)...)
		defer h.run()()
		time.Sleep(20 * time.Minute)
		h.azure.play(nil)
		if wait := time.Until(h.tenant().NextTry); wait < time.Minute {
			t.Fatalf("the next try is in %v: nothing is shown", wait)
		}
		n, err := h.engine.SyncNow(t.Context(), reporting.Filter{TenantID: tenantID})
		require.NoError(t, err)
		require.Equal(t, 10, n)
		time.Sleep(20 * time.Second)
		if v := h.tenant(); v.Parked != nil || v.Unsent != 0 {
			t.Errorf("after a sync: %+v, want everything sent", v)
		}
	})
}

// A write that is forbidden may be one device's fault: the tenant is parked
// only after three devices without a success between.
func TestForbidden(t *testing.T) {
	for _, tc := range []struct {
		name    string
		refused int // of ten devices, the first ones
		succeed bool
		parked  bool
	}{
		{"one device alone", 1, false, false},
		{"two devices", 2, false, false},
		{"three devices", 3, false, true},
		{"one among others", 1, true, false},
		{"three with a success between", 3, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				bad := map[string]bool{}
				for _, o := range pcs(tc.refused, nil) {
					bad[o.AzureDeviceID] = true
				}
				h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					if bad[r.DeviceID] {
						return azure.Receipt{}, new(forbidden)
					}
					return h.azure.accept(r)
				})
				defer h.run()()
				fleet := pcs(10, nil)
				for i := range tc.refused {
					h.see(fleet[i])
					time.Sleep(time.Second)
					if tc.succeed {
						h.see(fleet[9-i])
						time.Sleep(time.Second)
					}
				}
				if got := h.tenant().Parked != nil; got != tc.parked {
					t.Errorf("parked: %v, want %v", got, tc.parked)
				}
				if d := h.device("pc-0000"); d.Failure == nil || d.Failure.Kind != azure.ErrForbidden {
					t.Errorf("the refused device: failure %v", d.Failure)
				}
			})
		})
	}
}

// A device whose write is forbidden while others go through does not have the
// service asked for ever every other minute.
func TestForbiddenDeviceIsTriedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{Poll: time.Hour})
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			if r.DeviceID == deviceID {
				return azure.Receipt{}, new(forbidden)
			}
			return h.azure.accept(r)
		})
		defer h.run()()
		h.see(pc(nil))
		h.see(pcs(1, nil)...)
		time.Sleep(24 * time.Hour)
		n := 0
		for _, c := range h.azure.all() {
			if c.report.DeviceID == deviceID {
				n++
			}
		}
		if n < 10 || n > 50 {
			t.Errorf("%d calls in a day, want it tried about hourly", n)
		}
		if d := h.device("pc-1"); d.ComplianceStatus != status.Failed || d.Cause != "forbidden" {
			t.Errorf("after a day: %s, want it shown as failed", line(d.Device))
		}
	})
}

// A tenant that is parked, throttled or slow costs another nothing.
func TestOneTenantDoesNotSlowAnother(t *testing.T) {
	slow := func(e azure.Error) func(h *trial) func(context.Context, azure.Report) (azure.Receipt, error) {
		return func(h *trial) func(context.Context, azure.Report) (azure.Receipt, error) {
			return func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				if r.TenantID != tenantID {
					return h.azure.accept(r)
				}
				if e.Kind == "" {
					<-ctx.Done()
					return azure.Receipt{}, &azure.Error{Kind: azure.ErrCanceled, Outcome: azure.OutcomeUnknown, Err: ctx.Err()}
				}
				return azure.Receipt{}, new(e)
			}
		}
	}
	for name, play := range map[string]func(h *trial) func(context.Context, azure.Report) (azure.Receipt, error){
		"no token":  slow(noToken),
		"throttled": slow(azure.Error{Kind: azure.ErrThrottled, Scope: azure.ScopeTenant, Outcome: azure.OutcomeRefused, RetryAfter: 10 * time.Minute}),
		"silent":    slow(azure.Error{}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				require.NoError(t, h.engine.RegisterTenant(t.Context(), account, tenantID2))
				h.azure.play(play(h))
				h.see(pcs(200, nil)...)
				defer h.run()()
				time.Sleep(2 * time.Minute)
				h.see(pcs(20, func(o *reporting.Observation) { o.TenantID = tenantID2 })...)
				time.Sleep(2 * time.Second)
				other, err := h.engine.Tenant(t.Context(), tenantID2)
				require.NoError(t, err)
				if other.Unsent != 0 || other.Compliant != 20 {
					t.Errorf("the other tenant after two seconds: %+v, want all sent", other)
				}
			})
		})
	}
}

// A device that Azure does not know is tried at 30 s, 2, 10 and 30 minutes,
// hourly for a day, then daily, and shown as failed.
func TestDeviceThatAzureDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{Poll: time.Hour})
		h.azure.refuse(azure.Error{Kind: azure.ErrDeviceNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused, StatusCode: 404})
		h.see(pc(nil))
		defer h.run()()
		time.Sleep(20 * time.Hour)
		if d := h.device("pc-1"); d.ComplianceStatus != status.InProgress || d.Cause != "device_not_found" {
			t.Errorf("within a day: %s, want it in progress", line(d.Device))
		}
		time.Sleep(5*24*time.Hour - 20*time.Hour)
		if d := h.device("pc-1"); d.ComplianceStatus != status.Failed || d.Blank.ReportTime != status.BlankError {
			t.Errorf("after days: %s, want it failed", line(d.Device))
		}
		var waits []time.Duration
		calls := h.azure.all()
		for i := range calls[1:] {
			waits = append(waits, calls[i+1].at.Sub(calls[i].at).Round(time.Second))
		}
		want := []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}
		for range 24 {
			want = append(want, time.Hour)
		}
		for len(want) < len(waits) {
			want = append(want, 24*time.Hour)
		}
		if diff := cmp.Diff(want, waits); diff != "" || len(waits) < 30 {
			t.Errorf("waits (-want +got)\n%s", diff)
		}
		// It registers after all.
		h.azure.play(nil)
		time.Sleep(25 * time.Hour)
		if d := h.device("pc-1"); d.ComplianceStatus != status.Successful {
			t.Errorf("when it is there: %s", line(d.Device))
		}
	})
}

// An outage of the service has everything back off, and nothing is lost.
func TestOutageOfTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		h.azure.refuse(azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeService, Outcome: azure.OutcomeUnknown, StatusCode: 503})
		h.see(pcs(1000, nil)...)
		defer h.run()()
		time.Sleep(time.Hour)
		if n := len(h.azure.all()); n > 1500 {
			t.Errorf("%d calls in an hour of an outage of 1,000 devices", n)
		}
		if v := h.tenant(); v.Parked != nil {
			t.Errorf("the tenant is parked: %v", v.Parked)
		}
		h.azure.play(nil)
		time.Sleep(20 * time.Minute)
		if v := h.tenant(); v.Unsent != 0 {
			t.Errorf("%d unsent 20 minutes after the outage", v.Unsent)
		}
	})
}

// A deletion that a parked tenant tries, and that is forbidden as all else is, is
// made when the tenant goes on.
func TestForbiddenDeletionOfAParkedTenant(t *testing.T) {
	for name, form := range map[string]func(context.Context, azure.Report) (azure.Receipt, error){
		"an error": func(context.Context, azure.Report) (azure.Receipt, error) { return azure.Receipt{}, new(forbidden) },
		"said in the receipt": func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			return azure.Receipt{
				DeviceID: r.DeviceID, State: status.Successful, AcceptedAt: time.Now().UTC(), Removal: azure.RemovalMarked, Failure: new(forbidden),
			}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				h.see(pcs(5, nil)...)
				time.Sleep(time.Hour)
				require.NoError(t, h.engine.Remove(t.Context(), account, tenantID, "pc-0004"))
				time.Sleep(71 * time.Hour)
				h.azure.play(func(context.Context, azure.Report) (azure.Receipt, error) { return azure.Receipt{}, new(forbidden) })
				h.azure.answerDeletions(form)
				h.see(pcs(4, in(nonCompliant))...)
				time.Sleep(12 * time.Hour)
				tries := len(h.azure.all("delete"))
				if v := h.tenant(); v.Parked == nil || tries == 0 {
					t.Fatalf("parked: %v, %d deletions were tried", v.Parked, tries)
				}
				h.azure.play(nil)
				h.azure.answerDeletions(nil)
				time.Sleep(48 * time.Hour)
				if n := len(h.azure.all("delete")); n <= tries {
					t.Errorf("no deletion since the tenant goes on, after %d that were forbidden", tries)
				}
				if d := h.device("pc-0004"); d.Removal != azure.RemovalDeleted {
					t.Errorf("shown as %v, %q", d.Removal, d.Cause)
				}
			})
		})
	}
}
