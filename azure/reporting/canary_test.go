package reporting_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
)

// What must never be in a log or an error: each is unlike anything else.
const (
	canaryUPN    = "canary-upn@example.com"
	canaryName   = "Canary's laptop"
	canaryDetail = "canary-detail of Microsoft's, who names canary-user"
)

// User names, sign-in names, device names and Microsoft's own sentences never
// appear in a log, at any level, nor in an error, whatever fails.
func TestCanaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text, json logged
		store := &faulty{Store: newStore()}
		o := &reporting.Options{Events: true, GuardLeast: 1, GuardShare: 0.001, Poll: time.Minute}
		o.Logger = slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
		h := newTrialOn(t, store, o)
		also := *o
		also.Logger = json.logger()
		other := engineOn(t, store, h.azure, &also)
		var said []error
		say := func(err error) {
			if err != nil {
				said = append(said, err)
			}
		}
		see := func(all ...reporting.Observation) {
			for i := range all {
				all[i].UserPrincipalName, all[i].Inventory.DeviceName = canaryUPN, canaryName
			}
			seen, err := h.engine.Observe(t.Context(), all...)
			say(err)
			for _, r := range seen.Refused {
				say(r.Err)
			}
		}
		h.azure.later.Store(true)
		h.azure.answerChecks(func(r azure.Receipt) (azure.Receipt, error) {
			return r, &azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeService, Outcome: azure.OutcomeUnknown, Detail: canaryDetail}
		})
		defer h.run()()
		defer run(t, other)()

		kinds := []azure.Kind{
			azure.ErrInvalid, azure.ErrUnsupported, azure.ErrDeviceNotFound, azure.ErrUserNotFound, azure.ErrNotProvisioned,
			azure.ErrUnauthorized, azure.ErrForbidden, azure.ErrThrottled, azure.ErrUnavailable, azure.ErrConflict, azure.ErrRejected,
			azure.ErrUnexpected, azure.ErrCanceled,
		}
		fails := 0
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			h.azure.mu.Lock()
			fails++
			n := fails
			h.azure.mu.Unlock()
			if n%3 == 0 {
				return h.azure.accept(r)
			}
			if n%3 == 1 {
				return azure.Receipt{}, errors.New("a foreign error about " + canaryUPN + " and " + canaryName)
			}
			return azure.Receipt{}, &azure.Error{
				Op: "test: report", Kind: kinds[n/3%len(kinds)], Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused, Detail: canaryDetail,
			}
		})
		for i := range 40 {
			see(pcs(10, in([]compliance.State{compliant, nonCompliant}[i%2]))...)
			see(phone(in([]compliance.State{compliant, nonCompliant}[i%2])))
			time.Sleep(20 * time.Minute)
		}
		h.azure.play(nil)
		see(pcs(10, in(removed))...)
		// Observations with faults, whose faulty values are not names.
		see(
			phone(func(o *reporting.Observation) { o.SeenAt = time.Time{} }),
			phone(func(o *reporting.Observation) { o.Platform, o.State = 99, 99 }),
			phone(func(o *reporting.Observation) { o.UserID = canaryUPN }),
			phone(func(o *reporting.Observation) { o.AzureDeviceID = canaryUPN }),
			phone(func(o *reporting.Observation) { o.DeviceID = canaryUPN + "\x00" }),
			phone(func(o *reporting.Observation) { o.EnrollmentID = canaryUPN + "\n" }),
			phone(func(o *reporting.Observation) { o.Account = "another" }),
		)
		// The store fails for everybody.
		store.mu.Lock()
		store.fail = func(_ string, n int) (bool, bool) { return n%2 == 0, false }
		store.mu.Unlock()
		for range 4 {
			see(pcs(3, nil)...)
			say(h.engine.Remove(t.Context(), account, tenantID, "pc-0001"))
			say(h.engine.Forget(t.Context(), account, tenantID, "pc-0002", false))
			say(h.engine.Resync(t.Context()))
			_, err := h.engine.SyncNow(t.Context(), reporting.Filter{TenantID: tenantID, DeviceID: "pc-0003"})
			say(err)
			_, err = h.engine.Device(t.Context(), tenantID, "pc-0003")
			say(err)
			say(h.engine.Events(t.Context(), func(context.Context, []reporting.Event) error { return nil }))
			time.Sleep(time.Hour)
		}
		store.mu.Lock()
		store.fail = nil
		store.mu.Unlock()

		h.azure.refuse(azure.Error{
			Op: "test: report", Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused, Detail: canaryDetail,
		})
		see(pc(func(o *reporting.Observation) { o.AzureDeviceID = deviceID3 }))
		time.Sleep(time.Hour)

		// They are there to be found: in the details, and in the store.
		found := false
		for d, err := range h.engine.Devices(t.Context(), reporting.Filter{}) {
			require.NoError(t, err)
			found = found || d.Failure != nil && d.Failure.Detail == canaryDetail
			if text := fmt.Sprintf("%v %+v %#v", d.Failure, d.Device, d.Failure); strings.Contains(strings.ToLower(text), "canary") {
				t.Errorf("printed: %s", text)
			}
			if strings.Contains(strings.ToLower(d.Explain()), "canary") {
				t.Errorf("explained: %s", d.Explain())
			}
		}
		if !found {
			t.Error("no device shows Microsoft's own sentence: nothing is proven")
		}
		if len(said) < 10 || text.String() == "" || json.String() == "" {
			t.Errorf("%d errors, %d bytes logged: nothing is proven", len(said), len(text.String())+len(json.String()))
		}
		for _, err := range said {
			if strings.Contains(strings.ToLower(err.Error()), "canary") {
				t.Errorf("an error says: %v", err)
			}
		}
		for _, log := range []*logged{&text, &json} {
			for l := range strings.Lines(log.String()) {
				if strings.Contains(strings.ToLower(l), "canary") {
					t.Errorf("logged: %s", l)
				}
			}
		}
	})
}
