package reporting_test

import (
	"context"
	"fmt"
	"slices"
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

// refuseUser refuses what is said of one user, for good.
func (m *microsoft) refuseUser(user string) {
	m.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
		if r.UserID == user {
			return azure.Receipt{}, new(rejected)
		}
		return m.accept(r)
	})
}

func ofUser(user string) func(*reporting.Observation) {
	return func(o *reporting.Observation) { o.UserID = user }
}

// That an earlier user's pair cannot be closed says nothing of the device as it
// is now, whenever that is tried again. It is counted since the user went.
func TestEarlierUsersPairIsNotTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{Events: true})
		stop := h.run()
		h.see(phone(nil))
		time.Sleep(30 * 24 * time.Hour)
		fetched(t, h.engine)
		h.azure.refuseUser(userA)
		changed := time.Now().UTC()
		h.see(phone(ofUser(userB)))
		time.Sleep(time.Hour)
		stop()
		time.Sleep(2 * time.Hour) // it is time to try again
		const shown = "id · Successful · Success · time -> compliant"
		for _, m := range []reporting.Mode{reporting.ModeOn, reporting.ModePaused, reporting.ModeReportOnly} {
			require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, m))
			if got := line(h.device("phone-1").Device); got != shown {
				t.Errorf("%v: shown %s, want %s", m, got, shown)
			}
		}
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOn))
		c, err := h.engine.Counters(t.Context())
		require.NoError(t, err)
		if diff := cmp.Diff(map[status.ReportState]int{status.Successful: 1}, c.Devices); diff != "" || c.Queued["restrict"] != 1 {
			t.Errorf("counted as %v (-want +got)\n%s\nqueued %v", c.Devices, diff, c.Queued)
		}
		if !c.OldestRestrict.Equal(changed) || !h.tenant().OldestUnsent.Equal(changed) {
			t.Errorf("waits since %v, %v, want %v", c.OldestRestrict, h.tenant().OldestUnsent, changed)
		}
		var events []string
		for _, e := range fetched(t, h.engine) {
			events = append(events, line(e.Device))
		}
		if diff := cmp.Diff([]string{"id · In-progress · Success · [not-called-yet] -> compliant", shown}, events); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
	})
}

// An id that cannot be closed waits since its device left it, however often that
// is tried, and however long ago it was reported before.
func TestLeftIDWaitsSinceItWasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(phone(nil))
		time.Sleep(3 * 24 * time.Hour)
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			if r.DeviceID == deviceID {
				return azure.Receipt{}, new(rejected)
			}
			return h.azure.accept(r)
		})
		left := time.Now().UTC()
		h.see(phone(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
		for range 3 {
			time.Sleep(time.Hour)
			c, err := h.engine.Counters(t.Context())
			require.NoError(t, err)
			if !c.OldestRestrict.Equal(left) {
				t.Errorf("%v later: waits since %v, want %v", time.Since(left), c.OldestRestrict, left)
			}
		}
	})
}

// A phone has another user while its tenant waits: its standing is pending, with
// the tenant's reason. Nothing that was accepted of the earlier user is shown as
// the time of it.
func TestAnotherUserWhileTheTenantWaits(t *testing.T) {
	noToken := azure.Error{Kind: azure.ErrUnauthorized, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent}
	for want, mode := range map[string]reporting.Mode{
		"id · Failed · Success · [not-called-yet] (unauthorized) -> compliant": reporting.ModeOn,
		"id · In-progress · Success · [not-called-yet] (paused) -> compliant":  reporting.ModePaused,
		"id · In-progress · Success · [report-only] -> compliant":              reporting.ModeReportOnly,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				h.see(phone(nil))
				time.Sleep(time.Minute)
				h.azure.refuse(noToken)
				require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, mode))
				h.see(phone(ofUser(userB)))
				time.Sleep(time.Hour)
				if got := line(h.device("phone-1").Device); got != want {
					t.Errorf("shown %s, want %s", got, want)
				}
			})
		})
	}
}

// A phone that another user enrolled anew was not evaluated yet: what was
// accepted of the earlier user, and that it was closed, is not its standing.
func TestNotEvaluatedAfterAnotherUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		began := time.Now().Add(-time.Hour)
		stop := h.run()
		h.see(phone(func(o *reporting.Observation) { o.EnrolledAt = began }))
		time.Sleep(time.Minute)
		stop()
		h.see(phone(func(o *reporting.Observation) {
			o.DeviceID, o.UserID, o.EnrolledAt, o.State = "phone-2", userB, began.Add(time.Minute), 0
		}))
		shows := func(when string) {
			d := h.device("phone-2")
			if d.ComplianceStatus != status.InProgress || d.Blank.ReportTime != status.BlankNotEvaluated {
				t.Errorf("%s: %s", when, line(d.Device))
			}
		}
		shows("before the earlier user's pair is closed")
		defer h.run()()
		time.Sleep(time.Hour)
		shows("after it")
	})
}

// Preview says of phones that have another user what is sent of both.
func TestPreviewOfOtherUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		see := func(change func(o *reporting.Observation)) {
			for i, id := range []string{deviceID, deviceID2, deviceID3} {
				h.see(phone(func(o *reporting.Observation) {
					o.DeviceID, o.AzureDeviceID = fmt.Sprint("phone-", i+1), id
					change(o)
				}))
			}
			time.Sleep(time.Minute)
		}
		see(in(compliant))
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeReportOnly))
		see(func(o *reporting.Observation) {
			o.UserID = userB
			switch o.DeviceID {
			case "phone-2":
				o.ClientCode = status.CodeAccountLoggedOut
			case "phone-3":
				o.State = nonCompliant
			}
		})
		got, err := h.engine.Preview(t.Context(), tenantID)
		require.NoError(t, err)
		if diff := cmp.Diff(reporting.Preview{Compliant: 1, NonCompliant: 1, Removed: 3, Blocked: 2}, got); diff != "" {
			t.Errorf("Preview (-want +got)\n%s", diff)
		}
		h.lines()
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOn))
		time.Sleep(10 * time.Minute)
		sent := h.lines()
		slices.Sort(sent)
		want := []string{"compliant to id, change", "non-compliant to id3, change", "removed to id, change", "removed to id2, change", "removed to id3, change"}
		if diff := cmp.Diff(want, sent); diff != "" {
			t.Errorf("sent (-want +got)\n%s", diff)
		}
	})
}

// Where reporting is off, that is the reason, and no failure from before.
func TestOffHasNoOtherCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.azure.refuse(rejected)
		h.see(phone(nil))
		time.Sleep(time.Minute)
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOff))
		if got, want := h.device("phone-1").Explain(), "Reporting to Azure is off."; got != want {
			t.Errorf("explained as %q, want %q", got, want)
		}
	})
}

// A claim for another user goes as one that a user waits for, also where the
// earlier user's pair cannot be closed.
func TestClaimForAnotherUserIsNoInventory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(phone(nil))
		time.Sleep(time.Hour)
		h.azure.refuseUser(userA)
		h.lines()
		h.see(phone(ofUser(userB)))
		time.Sleep(time.Minute)
		if sent := h.lines(); !slices.Contains(sent, "compliant to id, change") {
			t.Errorf("sent %q", sent)
		}
	})
}

// That an earlier user's claim of compliance has no answer is no reason to make one
// for the present user, who is signed out.
func TestUnansweredClaimOfAnEarlierUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		unknown := noAnswer
		unknown.StatusCode = 500
		h.azure.refuse(unknown)
		h.see(phone(nil))
		time.Sleep(time.Second)
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModePaused))
		time.Sleep(time.Minute)
		for _, code := range []status.ClientCode{status.CodeSuccess, status.CodeAccountLoggedOut} {
			h.see(phone(func(o *reporting.Observation) { o.UserID, o.ClientCode = userB, code }))
			time.Sleep(time.Second)
		}
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			if r.UserID == userA {
				return azure.Receipt{}, &azure.Error{Kind: azure.ErrUserNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
			}
			return h.azure.accept(r)
		})
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOn))
		time.Sleep(time.Hour)
		if got := h.pairs(deviceID)["B"]; got != "" {
			t.Errorf("reported as %s for who is signed out; shown %s", got, line(h.device("phone-1").Device))
		}
	})
}

// The report of the present user fails after an earlier user's pair was closed:
// what Azure held of that pair before it holds no more.
func TestReportFailsAfterTheEarlierPairWasClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(phone(nil))
		time.Sleep(10 * time.Minute)
		h.azure.later.Store(true)
		var closing atomic.Value
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			receipt, err := h.azure.accept(r)
			if r.UserID == userA {
				closing.Store(receipt.MessageID)
			}
			return receipt, err
		})
		var fails atomic.Bool
		h.azure.answerChecks(func(r azure.Receipt) (azure.Receipt, error) {
			switch {
			case r.MessageID == closing.Load():
				r.State = status.Successful
			case fails.Load():
				return failedWith(azure.ErrRejected)(r)
			}
			return r, nil
		})
		h.see(phone(func(o *reporting.Observation) { o.UserID, o.State = userB, nonCompliant }))
		time.Sleep(time.Minute)
		fails.Store(true)
		time.Sleep(time.Hour)
		if got, want := line(h.device("phone-1").Device), "id · Failed · Success · [error] (rejected)"; got != want {
			t.Errorf("shown %s, want %s", got, want)
		}
		if n := h.tenant().Compliant; n != 0 {
			t.Errorf("%d counted as compliant in Azure", n)
		}
		if err := h.engine.Forget(t.Context(), account, tenantID, "phone-1", false); err != nil {
			t.Errorf("Forget: %v", err)
		}
	})
}
