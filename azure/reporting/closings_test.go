package reporting_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
)

var rejected = azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}

// A device comes back to the id that it left while that is being closed: it is
// reported there anew.
func TestComesBackWhileItsIDIsClosed(t *testing.T) {
	named := func(change func(o *reporting.Observation)) reporting.Observation {
		o := phone(change)
		o.UserID, o.UserPrincipalName = "", "a@example.com"
		return o
	}
	for name, device := range map[string]func(func(*reporting.Observation)) reporting.Observation{
		"a PC": pc, "a phone": phone, "a phone of which only the user's name is known": named,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				h.see(device(nil))
				time.Sleep(10 * time.Minute)
				h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					if r.State == removed && r.DeviceID == deviceID {
						time.Sleep(20 * time.Second)
					}
					return h.azure.accept(r)
				})
				h.see(device(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
				time.Sleep(5 * time.Second)
				h.see(device(nil))
				time.Sleep(time.Hour)
				if got := h.azure.state(deviceID); got != compliant {
					t.Errorf("Azure holds %v, after %q", got, h.lines())
				}
			})
		})
	}
}

// What a report is refused for that was under way when its device went elsewhere
// does not keep the id from being closed.
func TestRefusalAfterTheDeviceLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(pc(nil))
		time.Sleep(10 * time.Minute)
		h.azure.play(func(context.Context, azure.Report) (azure.Receipt, error) {
			h.azure.play(nil)
			time.Sleep(20 * time.Second)
			return azure.Receipt{}, new(rejected)
		})
		h.see(pc(func(o *reporting.Observation) { o.Inventory.DeviceName = "other" }))
		time.Sleep(5 * time.Second)
		h.see(pc(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
		time.Sleep(time.Minute)
		if got := h.azure.state(deviceID); got != removed {
			t.Errorf("Azure holds %v, after %q", got, h.lines())
		}
	})
}
