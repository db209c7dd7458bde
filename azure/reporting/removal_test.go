package reporting_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// The second step of a removal: its guards, its failures, and what is said.
func TestSecondStepOfARemoval(t *testing.T) {
	refused := func(k azure.Kind) func(h *trial) {
		return func(h *trial) {
			h.azure.delete = func(context.Context, azure.Report) (azure.Receipt, error) {
				return azure.Receipt{}, &azure.Error{Kind: k, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
			}
		}
	}
	for _, tc := range []struct {
		name    string
		options reporting.Options
		play    func(h *trial)
		before  func(h *trial) // the removal
		then    func(h *trial) // an hour after the removal
		deletes [2]int         // how many, after 6 days
		cause   string
	}{
		{name: "it is deleted", deletes: [2]int{1, 1}},
		{name: "never", options: reporting.Options{DeleteAfter: -1}},
		{name: "forbidden", play: refused(azure.ErrForbidden), deletes: [2]int{1, 1}, cause: "the directory object stays: forbidden"},
		{name: "rejected", play: refused(azure.ErrRejected), deletes: [2]int{1, 1}, cause: "the directory object stays: rejected"},
		{name: "unavailable", play: refused(azure.ErrUnavailable), deletes: [2]int{10, 60}},
		{name: "forbidden, said in the receipt", deletes: [2]int{1, 1}, cause: "the directory object stays: forbidden",
			play: func(h *trial) {
				h.azure.delete = func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					return azure.Receipt{
						DeviceID: r.DeviceID, State: status.Successful, AcceptedAt: time.Now().UTC(), Removal: azure.RemovalMarked,
						Failure: &azure.Error{Kind: azure.ErrForbidden, Scope: azure.ScopeTenant, Outcome: azure.OutcomeRefused},
					}, nil
				}
			}},
		{name: "a new enrolment", then: func(h *trial) {
			h.see(pc(func(o *reporting.Observation) { o.EnrollmentID, o.EnrolledAt = "second", time.Now() }))
		}},
		{name: "a new enrolment that waits for its id", then: func(h *trial) {
			h.see(pc(func(o *reporting.Observation) {
				o.EnrollmentID, o.EnrolledAt, o.AzureDeviceID = "second", time.Now(), ""
			}))
		}},
		{name: "another record takes the id", then: func(h *trial) {
			h.see(pc(func(o *reporting.Observation) { o.DeviceID = "pc-2" }))
		}},
		{name: "an older record claims the id still", before: func(h *trial) {
			h.see(pc(func(o *reporting.Observation) { o.DeviceID, o.EnrolledAt = "pc-0", time.Now().Add(-24*time.Hour) }))
			h.see(pc(func(o *reporting.Observation) { o.EnrolledAt = time.Now().Add(-time.Hour) }))
		}},
		{name: "forgotten between the steps", deletes: [2]int{1, 1}, then: func(h *trial) {
			require.NoError(h.t, h.engine.Forget(h.t.Context(), account, tenantID, "pc-1", false))
		}},
		{name: "the tenant is switched off", then: func(h *trial) { mode(reporting.ModeOff)(h) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tc.options.Poll = time.Hour
				h := newTrial(t, &tc.options)
				if tc.play != nil {
					tc.play(h)
				}
				defer h.run()()
				h.see(pc(nil))
				if tc.before != nil {
					tc.before(h)
				}
				time.Sleep(time.Minute)
				h.see(pc(in(removed)))
				time.Sleep(time.Hour)
				if got := h.azure.state(deviceID); got != removed {
					t.Fatalf("Azure holds %v after the first step", got)
				}
				if tc.then != nil {
					tc.then(h)
				}
				began := time.Now()
				time.Sleep(6 * 24 * time.Hour)
				deletes := h.azure.all("delete")
				if n := len(deletes); n < tc.deletes[0] || n > tc.deletes[1] {
					t.Fatalf("%d deletions, want between %d and %d", n, tc.deletes[0], tc.deletes[1])
				}
				if len(deletes) > 0 && (deletes[0].at.Before(began.Add(71*time.Hour-time.Second)) || deletes[0].at.After(began.Add(72*time.Hour))) {
					t.Errorf("deleted %v after the removal, want 72 hours", deletes[0].at.Sub(began)+time.Hour)
				}
				d, err := h.engine.Device(t.Context(), tenantID, "pc-1")
				if errors.Is(err, reporting.ErrUnknownDevice) {
					return
				}
				require.NoError(t, err)
				h.valid(d)
				if d.Cause != tc.cause {
					t.Errorf("shown: %s, want the cause %q", line(d.Device), tc.cause)
				}
			})
		})
	}
}

// A phone has no second step, and a hybrid PC, which is protected, none either.
func TestRemovalWithoutASecondStep(t *testing.T) {
	for _, form := range []azure.RemovalForm{azure.RemovalAbsent, azure.RemovalProtected, azure.RemovalDeleted, azure.RemovalMarked} {
		t.Run(form.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, &reporting.Options{Poll: time.Hour})
				defer h.run()()
				o := pc(nil)
				if form == azure.RemovalMarked {
					o = phone(nil)
				}
				h.see(o)
				time.Sleep(time.Minute)
				h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					if !r.KeepObject {
						t.Error("the first step was not asked for alone")
					}
					receipt, err := h.azure.accept(r)
					receipt.Removal = form
					return receipt, err
				})
				o.State, o.SeenAt = removed, time.Now()
				h.see(o)
				time.Sleep(10 * 24 * time.Hour)
				if n := len(h.azure.all("delete")); n != 0 {
					t.Errorf("%d second steps, want none", n)
				}
				if d := h.device(o.DeviceID); d.ComplianceStatus != status.Successful || d.LastReported.State != removed {
					t.Errorf("shown: %s", line(d.Device))
				}
			})
		})
	}
}

// Remove does what an observation with StateRemoved does, also where the host's
// clock was ahead when the device was seen last.
func TestRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		ctx := t.Context()
		for name, change := range map[string]func(o *reporting.Observation){
			"plain":      func(*reporting.Observation) {},
			"seen ahead": func(o *reporting.Observation) { o.SeenAt = o.SeenAt.Add(4 * time.Minute) },
			"versioned":  func(o *reporting.Observation) { o.Version = 7 },
			"enrolled":   func(o *reporting.Observation) { o.EnrollmentID, o.EnrolledAt = "one", o.SeenAt },
		} {
			h.see(phone(func(o *reporting.Observation) { o.DeviceID, o.AzureDeviceID = name, ""; change(o) }))
			require.NoError(t, h.engine.Remove(ctx, account, tenantID, name), name)
			if d := h.device(name); d.Standing != removed || d.Blank.ReportTime != status.BlankNothingToRemove {
				t.Errorf("%s: %v, %s", name, d.Standing, line(d.Device))
			}
		}
		h.see(pc(nil))
		time.Sleep(time.Minute)
		require.NoError(t, h.engine.Remove(ctx, account, tenantID, "pc-1"))
		require.NoError(t, h.engine.Remove(ctx, account, tenantID, "pc-1"), "again")
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"compliant to id, change", "removed to id, change"}, h.lines()); diff != "" {
			t.Errorf("sent (-want +got)\n%s", diff)
		}
		for _, tc := range []struct {
			account, tenant, device string
			want                    error
		}{
			{account, tenantID, "nobody", reporting.ErrUnknownDevice},
			{account, tenantID2, "pc-1", reporting.ErrUnknownTenant},
			{"fabrikam", tenantID, "pc-1", reporting.ErrForeignTenant},
			{account, "contoso.com", "pc-1", nil},
			{account, tenantID, "", nil},
		} {
			for call, err := range map[string]error{
				"Remove": h.engine.Remove(ctx, tc.account, tc.tenant, tc.device),
				"Forget": h.engine.Forget(ctx, tc.account, tc.tenant, tc.device, false),
			} {
				if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("%s of %q in %s for %s: %v, want %v", call, tc.device, tc.tenant, tc.account, err, tc.want)
				}
			}
		}
	})
}

// A device is removed also when the store's clock was set back since it was seen.
func TestRemoveAfterTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock skewed
		h := newTrialOn(t, memstore.New(&memstore.Options{Clock: clock.now}), nil)
		defer h.run()()
		h.see(pc(nil))
		time.Sleep(time.Minute)
		clock.by.Store(int64(-time.Hour))
		require.NoError(t, h.engine.Remove(t.Context(), account, tenantID, "pc-1"))
		time.Sleep(time.Minute)
		if got := h.azure.state(deviceID); got != removed {
			t.Errorf("Azure holds %v", got)
		}
	})
}

// Forget is refused while Azure may hold the device as compliant, unless
// forced, or another record claims the id.
func TestForget(t *testing.T) {
	for _, tc := range []struct {
		name  string
		play  func(h *trial)
		allow bool
	}{
		{"never reported", func(h *trial) { mode(reporting.ModeOff)(h); h.see(pc(nil)) }, true},
		{"compliant", func(h *trial) { h.see(pc(nil)) }, false},
		{"non-compliant", func(h *trial) { h.see(pc(in(nonCompliant))) }, true},
		{"removed", func(h *trial) { h.see(pc(nil)); time.Sleep(time.Second); h.see(pc(in(removed))) }, true},
		{"turns non-compliant, not sent yet", func(h *trial) {
			h.see(pc(nil))
			time.Sleep(time.Second)
			mode(reporting.ModePaused)(h)
			h.see(pc(in(nonCompliant)))
		}, false},
		{"a call is under way", func(h *trial) { stuck(h, 50*time.Second); h.see(pc(nil)) }, false},
		{"no answer to compliant", func(h *trial) {
			h.azure.refuse(noAnswer)
			h.see(pc(nil))
		}, false},
		{"an answer of 500 to compliant", func(h *trial) {
			h.azure.refuse(azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeService, Outcome: azure.OutcomeUnknown, StatusCode: 500})
			h.see(pc(nil))
		}, false},
		{"refused", func(h *trial) {
			h.azure.refuse(azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused})
			h.see(pc(nil))
		}, true},
		{"another record claims the id", func(h *trial) {
			h.see(pc(nil), pc(func(o *reporting.Observation) { o.DeviceID = "pc-2" }))
		}, true},
		{"non-compliant, whose message is not settled after compliant", func(h *trial) {
			h.azure.later.Store(true)
			h.azure.check = func(_ context.Context, r azure.Receipt) (azure.Receipt, error) { return r, nil }
			h.see(phone(func(o *reporting.Observation) { o.DeviceID = "pc-1" }))
			time.Sleep(time.Minute)
			h.see(phone(func(o *reporting.Observation) { o.DeviceID, o.State = "pc-1", nonCompliant }))
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				tc.play(h)
				time.Sleep(10 * time.Second)
				err := h.engine.Forget(t.Context(), account, tenantID, "pc-1", false)
				if tc.allow && err != nil || !tc.allow && !errors.Is(err, reporting.ErrStillCompliant) {
					t.Fatalf("Forget: %v, want allowed %v", err, tc.allow)
				}
				if !tc.allow {
					h.device("pc-1")
					require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "pc-1", true), "forced")
				}
				if _, err := h.engine.Device(t.Context(), tenantID, "pc-1"); !errors.Is(err, reporting.ErrUnknownDevice) {
					t.Errorf("Device after it: %v", err)
				}
				for d, err := range h.engine.Devices(t.Context(), reporting.Filter{}) {
					require.NoError(t, err)
					h.valid(d)
					if d.DeviceID == "pc-1" {
						t.Error("it is still listed")
					}
				}
			})
		})
	}
}

// The order of reports on an id outlives the record: after Forget a new record
// reports with a later time.
func TestForgetKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		for range 4 {
			h.see(phone(in(nonCompliant)))
			time.Sleep(time.Millisecond)
			synctest.Wait()
			require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "phone-1", true))
		}
		time.Sleep(10 * time.Minute)
		h.see(phone(nil))
		time.Sleep(time.Minute)
		calls := h.azure.all("report")
		for i := range calls[1:] {
			if d := calls[i+1].report.UpdatedAt.Sub(calls[i].report.UpdatedAt); d < time.Second {
				t.Errorf("report %d is %v after the one before", i+1, d)
			}
		}
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("Azure holds %v", got)
		}
	})
}

// After a restored backup nothing counts as accepted: what takes away is sent
// at once, compliance when the host has observed the device again.
func TestResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		stop := h.run()
		name := func(i int, s compliance.State) func(o *reporting.Observation) {
			return func(o *reporting.Observation) {
				o.DeviceID, o.AzureDeviceID = fmt.Sprint("pc-", i), fmt.Sprintf("%08d-9489-4074-9b35-345b16f0a72d", i)
				o.State = s
			}
		}
		states := []compliance.State{compliant, nonCompliant, removed, compliance.StateUnspecified}
		for i, s := range states {
			h.see(pc(name(i, s)))
		}
		h.see(pc(func(o *reporting.Observation) { name(5, compliant)(o); o.AzureDeviceID = "" }))
		time.Sleep(time.Minute)
		stop()
		h.lines()
		require.NoError(t, h.engine.Resync(t.Context()))
		defer h.run()()
		time.Sleep(10 * time.Minute)
		want := map[string]bool{
			"non-compliant to 00000001-9489-4074-9b35-345b16f0a72d, change": true,
			"removed to 00000002-9489-4074-9b35-345b16f0a72d, change":       true,
		}
		for _, l := range h.lines() {
			if !want[l] {
				t.Errorf("sent %s", l)
			}
			delete(want, l)
		}
		if len(want) > 0 {
			t.Errorf("not sent: %v", want)
		}
		if d := h.device("pc-0"); d.ComplianceStatus == status.Successful || d.Blank.ReportTime != status.BlankNotEvaluated {
			t.Errorf("the compliant one, not observed again: %s", line(d.Device))
		}
		// The same observation as before lets it go.
		h.see(pc(name(0, compliant)))
		time.Sleep(10 * time.Minute)
		if diff := cmp.Diff([]string{"compliant to 00000000-9489-4074-9b35-345b16f0a72d, change"}, h.lines()); diff != "" {
			t.Errorf("observed again (-want +got)\n%s", diff)
		}
		for d, err := range h.engine.Devices(t.Context(), reporting.Filter{}) {
			require.NoError(t, err)
			h.valid(d)
		}
	})
}

// Observations that come while Resync goes through the devices count as seen
// again or not, but nothing is lost: each device ends as it was observed last.
func TestResyncWithObservationsBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrialOn(t, &slow{Store: newStore()}, nil)
		fleet := pcs(1200, nil)
		h.see(fleet...)
		stop := h.run()
		time.Sleep(3 * time.Minute)
		stop()
		done := make(chan error)
		go func() { done <- h.engine.Resync(context.WithoutCancel(t.Context())) }()
		for i := 0; ; i++ {
			time.Sleep(time.Millisecond)
			o := fleet[i*7%len(fleet)]
			o.SeenAt = time.Now()
			if i%3 == 0 {
				o.State = nonCompliant
			}
			if i%5 == 0 {
				o.DeviceID += "-new"
				o.AzureDeviceID = fmt.Sprintf("%08d-9489-4074-9b35-000000000000", i)
			}
			h.see(o)
			select {
			case err := <-done:
				require.NoError(t, err)
				done = nil
			default:
			}
			if done == nil {
				break
			}
		}
		defer h.run()()
		// The host observes everything again, as it is now.
		time.Sleep(time.Minute)
		for i := range fleet {
			fleet[i].SeenAt = time.Now()
		}
		h.see(fleet...)
		time.Sleep(20 * time.Minute)
		for _, o := range fleet {
			if got := h.azure.state(o.AzureDeviceID); got != compliant {
				t.Fatalf("Azure holds %s as %v", o.DeviceID, got)
			}
		}
		if v := h.tenant(); v.Unsent != 0 {
			t.Errorf("%d unsent", v.Unsent)
		}
	})
}

// A device is forgotten with force while its report is under way: an id that
// turns compliant when nobody knows of it any more is closed.
func TestForgetWhileAReportIsUnderWay(t *testing.T) {
	for _, make := range []func(func(*reporting.Observation)) reporting.Observation{pc, phone} {
		synctest.Test(t, func(t *testing.T) {
			h := newTrial(t, nil)
			h.see(make(in(nonCompliant)))
			defer h.run()()
			time.Sleep(10 * time.Minute)
			stuck(h, 30*time.Second)
			h.see(make(nil))
			time.Sleep(time.Second)
			require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, make(nil).DeviceID, true))
			time.Sleep(10 * time.Minute)
			if got := h.azure.state(deviceID); got != removed {
				t.Errorf("Azure holds %v, want it closed", got)
			}
		})
	}
}
