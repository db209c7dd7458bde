package reporting_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/status"
)

// Microsoft may ask to wait for more than a day: neither a question nor a closing
// comes before.
func TestRetryAfterOfDays(t *testing.T) {
	busy := azure.Error{Kind: azure.ErrConflict, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused, RetryAfter: 48 * time.Hour}
	for _, of := range []string{"a message", "a closing", "a closing's message"} {
		t.Run(of, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, &reporting.Options{MessageTimeout: 30 * 24 * time.Hour, Poll: time.Hour})
				defer h.run()()
				h.azure.answerChecks(func(r azure.Receipt) (azure.Receipt, error) { return r, new(busy) })
				step := "check"
				h.azure.later.Store(of == "a message")
				h.see(phone(nil))
				if of != "a message" {
					time.Sleep(time.Minute)
					h.azure.later.Store(true)
					h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
						if r.State == removed && of == "a closing" {
							return azure.Receipt{}, new(busy)
						}
						h.azure.later.Store(r.State == removed)
						return h.azure.accept(r)
					})
					h.see(phone(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
				}
				if of == "a closing" {
					step = "report"
				}
				began, before := time.Now(), len(h.azure.all(step))
				time.Sleep(time.Hour)
				if n := len(h.azure.all(step)) - before; n > 2 {
					t.Fatalf("%d within an hour", n)
				}
				time.Sleep(96 * time.Hour)
				var at []time.Duration
				for _, c := range h.azure.all(step) {
					if c.at.Before(began) || c.report.DeviceID != deviceID {
						continue
					}
					at = append(at, c.at.Sub(began).Round(time.Hour))
				}
				if diff := cmp.Diff([]time.Duration{0, 48 * time.Hour, 96 * time.Hour}, at); diff != "" {
					t.Errorf("asked, or sent (-want +got)\n%.2000s", diff)
				}
			})
		})
	}
}

// A message fails, time after time, since Microsoft has too much to do: no queue
// waits for that, so that the device waits longer and longer.
func TestMessageThatFailsAsThrottled(t *testing.T) {
	for _, of := range []string{"a standing", "a closing"} {
		for _, scope := range []azure.Scope{azure.ScopeDevice, azure.ScopeTenant} {
			t.Run(fmt.Sprint(of, scope), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newTrial(t, nil)
					defer h.run()()
					h.see(phone(nil))
					time.Sleep(time.Hour)
					h.azure.later.Store(true)
					h.azure.answerChecks(func(r azure.Receipt) (azure.Receipt, error) {
						if r.DeviceID == deviceID2 {
							r.State = status.Successful
							return r, nil
						}
						r.State = status.Failed
						r.Failure = &azure.Error{Kind: azure.ErrThrottled, Scope: scope, Outcome: azure.OutcomeUnknown}
						return r, nil
					})
					h.lines()
					if of == "a standing" {
						h.see(phone(in(nonCompliant)))
					} else {
						h.see(phone(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
					}
					time.Sleep(10 * time.Hour)
					if n := len(h.lines()); n < 40 || n > 60 {
						t.Errorf("%d messages in ten hours", n)
					}
				})
			})
		}
	}
}

// What failed before, by an outage say, does not count against a device that
// Azure does not know yet: it is tried as often as any that registers.
func TestNotKnownAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.azure.refuse(azure.Error{Kind: azure.ErrConflict, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused})
		h.see(pc(nil))
		time.Sleep(12 * time.Hour)
		h.azure.refuse(azure.Error{Kind: azure.ErrDeviceNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused, StatusCode: 404})
		before := len(h.azure.all())
		time.Sleep(2 * time.Hour)
		calls := h.azure.all()[before:]
		var waits []time.Duration
		for i := range calls[1:] {
			waits = append(waits, calls[i+1].at.Sub(calls[i].at).Round(time.Second))
		}
		if diff := cmp.Diff([]time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour}, waits); diff != "" {
			t.Errorf("waits (-want +got)\n%s", diff)
		}
		if d := h.device("pc-1"); d.ComplianceStatus != status.InProgress {
			t.Errorf("shown %s", line(d.Device))
		}
	})
}
