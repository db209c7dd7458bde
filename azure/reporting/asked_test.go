package reporting_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
)

// ask has devices reported now.
func (h *trial) ask(f reporting.Filter) {
	h.t.Helper()
	n, err := h.engine.SyncNow(h.t.Context(), f)
	require.NoError(h.t, err)
	require.Equal(h.t, 1, n)
}

// A sync passes by what a report waits for once: if it fails again it waits as
// any other, and is not lost.
func TestSyncOfWhatFails(t *testing.T) {
	for _, f := range []reporting.Filter{{TenantID: tenantID}, {TenantID: tenantID, DeviceID: "pc-1"}} {
		for kind, want := range map[azure.Kind][2]int{ // calls within an hour
			azure.ErrRejected: {1, 1}, azure.ErrDeviceNotFound: {5, 5}, azure.ErrForbidden: {5, 20}, azure.ErrUnavailable: {5, 20},
		} {
			t.Run(fmt.Sprintf("%s%s", f.DeviceID, kind), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newTrial(t, nil)
					defer h.run()()
					h.see(pc(nil))
					time.Sleep(time.Minute)
					h.azure.refuse(azure.Error{Kind: kind, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused})
					h.lines()
					h.ask(f)
					time.Sleep(time.Hour)
					if n := len(h.lines()); n < want[0] || n > want[1] {
						t.Errorf("%d calls within an hour, want %d", n, want)
					}
					h.azure.play(nil)
					h.ask(f)
					time.Sleep(time.Second)
					if got := h.lines(); !slices.Equal(got, []string{"compliant to id, sync"}) {
						t.Errorf("asked for again: sent %q", got)
					}
					time.Sleep(24 * time.Hour)
					if got := h.lines(); len(got) > 0 {
						t.Errorf("and then %q", got)
					}
				})
			})
		}
	}
}

// A device is asked for while its report is under way, which is refused: it is
// tried once more.
func TestSyncWhileARefusalIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.azure.play(func(context.Context, azure.Report) (azure.Receipt, error) {
			time.Sleep(20 * time.Second)
			return azure.Receipt{}, new(rejected)
		})
		h.see(pc(nil))
		time.Sleep(10 * time.Second)
		h.ask(reporting.Filter{TenantID: tenantID, DeviceID: "pc-1"})
		time.Sleep(time.Hour)
		if got := h.lines(); len(got) != 2 {
			t.Errorf("sent %q, want it twice", got)
		}
	})
}

// The same while it is asked how a message stands, which failed.
func TestSyncWhileAMessageFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.azure.later.Store(true)
		h.azure.answerChecks(func(r azure.Receipt) (azure.Receipt, error) {
			time.Sleep(20 * time.Second)
			return failedWith(azure.ErrRejected)(r)
		})
		h.see(phone(in(nonCompliant)))
		time.Sleep(10 * time.Second)
		h.ask(reporting.Filter{TenantID: tenantID, DeviceID: "phone-1"})
		time.Sleep(time.Hour)
		if got := h.lines(); len(got) != 2 {
			t.Errorf("sent %q, want it twice", got)
		}
	})
}

// A sync that was refused is answered: what the device turns to later does not
// pass the guard by it.
func TestSyncThatWasRefusedDoesNotPassTheGuardLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, watchful())
		defer h.run()()
		h.see(pc(nil))
		h.wave()
		h.azure.refuse(rejected)
		h.ask(reporting.Filter{TenantID: tenantID, DeviceID: "pc-1"})
		time.Sleep(time.Minute)
		h.azure.play(nil)
		h.lines()
		h.see(pc(in(removed)))
		time.Sleep(time.Minute)
		if got := h.lines(); len(got) > 0 {
			t.Errorf("nobody approved it: sent %q", got)
		}
	})
}

// A tenant that is parked tries at once when it is synced, whatever the letter
// case of its id.
func TestSyncOfAParkedTenant(t *testing.T) {
	for _, id := range []string{tenantID, strings.ToUpper(tenantID)} {
		synctest.Test(t, func(t *testing.T) {
			h := newTrial(t, nil)
			defer h.run()()
			h.azure.refuse(azure.Error{Kind: azure.ErrUnauthorized, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent})
			h.see(pc(nil))
			time.Sleep(5 * time.Hour)
			h.azure.play(nil)
			_, err := h.engine.SyncNow(t.Context(), reporting.Filter{TenantID: id})
			require.NoError(t, err)
			time.Sleep(time.Minute)
			if got := h.azure.state(deviceID); got != compliant {
				t.Errorf("%s: Azure holds %v a minute after the sync; next try %v from now", id, got, time.Until(h.tenant().NextTry))
			}
		})
	}
}
