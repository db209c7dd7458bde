package reporting_test

import (
	"context"
	"errors"
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

// fetched collects the events that an engine hands out.
func fetched(t *testing.T, e *reporting.Engine) []reporting.Event {
	t.Helper()
	var all []reporting.Event
	require.NoError(t, e.Events(t.Context(), func(_ context.Context, events []reporting.Event) error {
		all = append(all, events...)
		return nil
	}))
	return all
}

// Every change of the details is an event, numbered per device without a gap,
// and nothing else is.
func TestEventsOfADevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{Events: true})
		h.azure.later.Store(true)
		defer h.run()()
		ctx := t.Context()
		h.see(phone(nil))
		time.Sleep(time.Minute) // accepted, then settled
		h.see(phone(nil))       // nothing new
		time.Sleep(2 * time.Hour)
		h.see(phone(nil)) // written, and still nothing new
		h.azure.refuse(azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused})
		h.see(phone(in(nonCompliant)))
		time.Sleep(time.Minute)
		h.azure.play(nil)
		_, err := h.engine.SyncNow(ctx, reporting.Filter{TenantID: tenantID, DeviceID: "phone-1"})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		h.see(phone(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2; o.State = nonCompliant }))
		time.Sleep(time.Minute)
		var got []string
		var before status.Device
		var first int64
		for i, e := range fetched(t, h.engine) {
			if i == 0 {
				first = e.Sequence
			}
			if e.TenantID != tenantID || e.DeviceID != "phone-1" || e.Sequence != first+int64(i) || e.Time.IsZero() {
				t.Errorf("event %d: %s in %s, number %d at %v", i, e.DeviceID, e.TenantID, e.Sequence, e.Time)
			}
			if err := e.Device.Validate(); err != nil {
				t.Errorf("event %d: %v", i, err)
			}
			if e.Device == before {
				t.Errorf("event %d changes nothing", i)
			}
			before = e.Device
			got = append(got, line(e.Device))
		}
		want := []string{
			"id · In-progress · Success · [not-called-yet]",
			"id · In-progress · Success · time -> compliant",
			"id · Successful · Success · time -> compliant",
			"id · In-progress · Success · [not-called-yet] -> compliant",
			"id · Failed · Success · [error] (rejected) -> compliant",
			"id · In-progress · Success · [not-called-yet] -> compliant",
			"id · In-progress · Success · time -> non-compliant",
			"id · Successful · Success · time -> non-compliant",
			"id2 · In-progress · Success · [not-called-yet] -> non-compliant",
			"id2 · In-progress · Success · time -> non-compliant",
			"id2 · Successful · Success · time -> non-compliant",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
		if before != h.device("phone-1").Device {
			t.Errorf("the last event says %s, the details are %s", line(before), line(h.device("phone-1").Device))
		}
		if again := fetched(t, h.engine); len(again) != 0 {
			t.Errorf("%d events come again", len(again))
		}
	})
}

// What changes the details without a report is an event too: removal, approval,
// restored backups.
func TestEventsOfWhatAdministratorsDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{Events: true, GuardLeast: 1})
		h.see(pcs(4, nil)...)
		stop := h.run()
		time.Sleep(time.Minute)
		stop()
		fetched(t, h.engine)
		ctx := t.Context()
		last := func(what, want string) {
			t.Helper()
			got := map[string]string{}
			for _, e := range fetched(t, h.engine) {
				got[e.DeviceID] = line(e.Device)
			}
			if got["pc-0001"] != want {
				t.Errorf("%s: event %q, want %q", what, got["pc-0001"], want)
			}
		}
		id := pcs(2, nil)[1].AzureDeviceID
		h.see(pcs(4, in(removed))...)
		last("held", id+" · In-progress · Success · [held] -> compliant")
		h.approve(reporting.Filter{TenantID: tenantID})
		last("approved", id+" · In-progress · Success · [not-called-yet] -> compliant")
		stop = h.run()
		time.Sleep(time.Minute)
		stop()
		last("sent", id+" · Successful · Success · time -> removed")
		require.NoError(t, h.engine.Resync(ctx))
		last("restored", id+" · In-progress · Success · [not-called-yet] -> removed")
	})
}

// What becomes of a record because another is forgotten is an event of it.
func TestEventsOfTheRecordThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{Events: true})
		defer h.run()()
		h.see(pc(in(nonCompliant)), pc(func(o *reporting.Observation) { o.DeviceID, o.State = "twin", nonCompliant }))
		time.Sleep(time.Minute)
		fetched(t, h.engine)
		require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "twin", false))
		var events []string
		for _, e := range fetched(t, h.engine) {
			events = append(events, e.DeviceID+": "+line(e.Device))
		}
		if diff := cmp.Diff([]string{"pc-1: id · Successful · Success · time -> non-compliant"}, events); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
	})
}

// Delivery is at least once and in order: handle's error, a crash between
// handle and the deletion, and a second caller cost nothing but repetition.
func TestEventsAreDeliveredAtLeastOnceInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Store: newStore()}
		h := newTrialOn(t, store, &reporting.Options{Events: true, FlapDelay: -1})
		for i := range 3 {
			h.see(pcs(120, func(o *reporting.Observation) {
				o.ClientCode = []status.ClientCode{status.CodeSuccess, status.CodeUserCancelled, status.CodeInternalError}[i]
			})...)
			time.Sleep(time.Second)
		}
		first, highest := map[string]int64{}, map[string]int64{}
		failures := 0
		boom := errors.New("the host is not ready")
		handle := func(_ context.Context, events []reporting.Event) error {
			failures++
			fails := failures%3 == 1
			if len(events) > 100 {
				t.Errorf("%d events at once, want at most a hundred", len(events))
			}
			seen := map[string]int64{}
			for _, e := range events {
				if e.Sequence <= seen[e.DeviceID] {
					t.Errorf("%s: number %d after %d in one call", e.DeviceID, e.Sequence, seen[e.DeviceID])
				}
				before := seen[e.DeviceID]
				seen[e.DeviceID] = e.Sequence
				if first[e.DeviceID] == 0 {
					first[e.DeviceID], highest[e.DeviceID] = e.Sequence, e.Sequence-1
				}
				if e.Sequence > max(highest[e.DeviceID], before)+1 {
					t.Errorf("%s: number %d after %d", e.DeviceID, e.Sequence, highest[e.DeviceID])
				}
				if !fails {
					highest[e.DeviceID] = max(highest[e.DeviceID], e.Sequence)
				}
			}
			if fails {
				return boom // none of them counts as handled
			}
			return nil
		}
		for round := 0; ; round++ {
			if round%2 == 1 {
				store.failNext("Update") // the process dies before the deletion
			}
			err := h.engine.Events(t.Context(), handle)
			if err == nil {
				break
			}
			if !errors.Is(err, boom) && !errors.Is(err, errStore) {
				t.Fatalf("Events: %v", err)
			}
			require.Less(t, round, 100)
		}
		require.Len(t, highest, 120)
		for id, n := range highest {
			if n -= first[id] - 1; n != 3 {
				t.Errorf("%s: %d events, want 3", id, n)
			}
		}
	})
}

// handle may call the engine, and may take its time.
func TestHandleMayCallTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{Events: true})
		h.see(pcs(3, nil)...)
		n := 0
		require.NoError(t, h.engine.Events(t.Context(), func(ctx context.Context, events []reporting.Event) error {
			time.Sleep(time.Hour)
			for _, e := range events {
				n++
				if _, err := h.engine.Device(ctx, e.TenantID, e.DeviceID); err != nil {
					return err
				}
			}
			if n < 10 {
				h.see(pcs(3, func(o *reporting.Observation) { o.ClientCode = status.ClientCode(fmt.Sprint("Code_", n)) })...)
			}
			return nil
		}))
		if n < 6 {
			t.Errorf("%d events, want those too that came while it handled", n)
		}
	})
}

// Events is told that its context ended.
func TestEventsEndWithTheirContext(t *testing.T) {
	h := newTrial(t, &reporting.Options{Events: true})
	h.see(pc(nil))
	ctx, cancel := context.WithCancel(t.Context())
	err := h.engine.Events(ctx, func(context.Context, []reporting.Event) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Events: %v, want that it was canceled", err)
	}
	if n := len(fetched(t, h.engine)); n != 1 {
		t.Errorf("%d events afterwards, want the one again", n)
	}
}

// Without the option none are written.
func TestNoEventsByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(pc(nil))
		time.Sleep(time.Minute)
		if n := len(fetched(t, h.engine)); n != 0 {
			t.Errorf("%d events", n)
		}
	})
}

// Every change of a device's details is an event: also what a call's outcome
// changes after the user signed out while it was under way.
func TestEventAfterSignOutDuringACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{Events: true})
		defer h.run()()
		h.see(phone(nil))
		time.Sleep(time.Hour)
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			time.Sleep(10 * time.Second)
			return h.azure.accept(r)
		})
		h.see(phone(func(o *reporting.Observation) { o.Inventory.OSVersion = "18.1" }))
		time.Sleep(5 * time.Second)
		h.see(phone(func(o *reporting.Observation) {
			o.Inventory.OSVersion, o.ClientCode = "18.1", status.CodeAccountLoggedOut
		}))
		time.Sleep(time.Hour)
		events := fetched(t, h.engine)
		last := events[len(events)-1].Device
		if got := h.device("phone-1").Device; got != last {
			for _, e := range events {
				t.Log(line(e.Device))
			}
			t.Errorf("the last event says %s, the device %s", line(last), line(got))
		}
	})
}

// While a user is signed out, each try to close an earlier user's pair is an event
// where it changes what is shown, and none where it does not.
func TestEventsOfClosingsThatFail(t *testing.T) {
	for name, err := range map[string]error{
		"refused":   &azure.Error{Kind: azure.ErrUserNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused, StatusCode: 404},
		"no answer": new(noAnswer),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, &reporting.Options{Events: true})
				defer h.run()()
				h.see(phone(nil))
				time.Sleep(time.Hour)
				var later atomic.Bool
				h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					switch {
					case r.UserID != userA:
						return h.azure.accept(r)
					case !later.Load():
						return azure.Receipt{}, &azure.Error{Kind: azure.ErrUserNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused, StatusCode: 404}
					}
					return azure.Receipt{}, err
				})
				h.see(phone(ofUser(userB)))
				time.Sleep(time.Minute)
				h.see(phone(func(o *reporting.Observation) { o.UserID, o.ClientCode = userB, status.CodeAccountLoggedOut }))
				time.Sleep(time.Second)
				later.Store(true)
				var shown status.Device
				for range 10 {
					time.Sleep(20 * time.Minute)
					for _, e := range fetched(t, h.engine) {
						if e.Device == shown {
							t.Errorf("event %d changes nothing", e.Sequence)
						}
						shown = e.Device
					}
					if got := h.device("phone-1").Device; got != shown {
						t.Errorf("the last event says %s, the device %s", line(shown), line(got))
					}
				}
			})
		})
	}
}
