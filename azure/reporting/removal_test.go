package reporting_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/status"
)

// The second step of a removal: its guards, its failures, and what is said.
func TestSecondStepOfARemoval(t *testing.T) {
	refused := func(k azure.Kind) func(h *trial) {
		return func(h *trial) {
			h.azure.answerDeletions(func(context.Context, azure.Report) (azure.Receipt, error) {
				return azure.Receipt{}, &azure.Error{Kind: k, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
			})
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
				h.azure.answerDeletions(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					return azure.Receipt{
						DeviceID: r.DeviceID, State: status.Successful, AcceptedAt: time.Now().UTC(), Removal: azure.RemovalMarked,
						Failure: &azure.Error{Kind: azure.ErrForbidden, Scope: azure.ScopeTenant, Outcome: azure.OutcomeRefused},
					}, nil
				})
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
