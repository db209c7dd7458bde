package reporting_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
)

// What failed for days was another standing: a device that turns back to what
// Azure holds is not shown as failed until it is refreshed.
func TestFailureOfAnotherStandingIsNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{RefreshSpread: -1})
		defer h.run()()
		h.see(pc(nil))
		time.Sleep(time.Minute)
		h.azure.refuse(azure.Error{Kind: azure.ErrDeviceNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused})
		h.see(pc(in(nonCompliant)))
		time.Sleep(2 * 24 * time.Hour)
		if got, want := line(h.device("pc-1").Device), "id · Failed · Success · [error] (device_not_found) -> compliant"; got != want {
			t.Errorf("after two days: %s, want %s", got, want)
		}
		h.see(pc(nil))
		time.Sleep(time.Minute)
		if got, want := line(h.device("pc-1").Device), "id · Successful · Success · time -> compliant"; got != want {
			t.Errorf("turned back: %s, want %s", got, want)
		}
	})
}
