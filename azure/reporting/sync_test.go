package reporting_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/status"
)

// sync asks for a device.
func (h *trial) sync(deviceID string) {
	h.t.Helper()
	n, err := h.engine.SyncNow(h.t.Context(), reporting.Filter{TenantID: tenantID, DeviceID: deviceID})
	require.NoError(h.t, err)
	require.Equal(h.t, 1, n)
}

// A device that was asked for and fails is tried as any other that fails, and
// what was asked for is sent in the end, or when it is asked for again.
func TestSyncNowThatFails(t *testing.T) {
	for _, test := range []struct {
		fault azure.Error
		most  int // tries in an hour
	}{
		{rejected, 1},
		{noAnswer, 60},
		{azure.Error{Kind: azure.ErrDeviceNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}, 5},
	} {
		t.Run(string(test.fault.Kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				h.see(pc(nil))
				time.Sleep(time.Minute)
				h.azure.refuse(test.fault)
				h.lines()
				h.sync("pc-1")
				time.Sleep(time.Hour)
				if n := len(h.lines()); n < 1 || n > test.most {
					t.Errorf("%d tries in an hour, want 1 to %d", n, test.most)
				}
				h.azure.play(nil)
				if test.fault.Kind == rejected.Kind {
					h.sync("pc-1")
				}
				time.Sleep(2 * time.Hour)
				if sent := h.lines(); len(sent) < 1 || sent[0] != "compliant to id, sync" {
					t.Errorf("in the end: sent %q", sent)
				}
			})
		})
	}
}

// What was asked for of a device before the guard held it does not pass the
// guard. What is asked for then does.
func TestEarlierSyncDoesNotPassTheGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, watchful())
		defer h.run()()
		h.see(pc(nil))
		time.Sleep(time.Minute)
		h.see(pc(func(o *reporting.Observation) { o.ClientCode = status.CodeAccountLoggedOut }))
		h.sync("pc-1") // which waits for the user
		time.Sleep(time.Hour)
		h.wave()
		h.see(pc(in(removed)))
		time.Sleep(time.Hour)
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("Azure holds %v, before it is approved", got)
		}
		h.sync("pc-1")
		time.Sleep(time.Minute)
		if got := h.azure.state(deviceID); got != removed {
			t.Errorf("Azure holds %v, after the device was asked for", got)
		}
	})
}
