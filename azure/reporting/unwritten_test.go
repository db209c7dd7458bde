package reporting_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/status"
)

// Of a device that is not compliant, or whose user is signed out, what says
// nothing new is newer all the same than what comes late: by the host's version,
// also where another of its servers saw the device by a clock that is behind,
// and by when it was seen.
func TestLateObservationBesideWhatSaysNothingNew(t *testing.T) {
	for name, say := range map[string]func(o *reporting.Observation, order int){
		"not compliant, by version": func(o *reporting.Observation, order int) {
			o.Version, o.SeenAt = uint64(5+order), o.SeenAt.Add(-time.Duration(order)*time.Second)
			if order != 1 {
				o.State = nonCompliant
			}
		},
		"signed out": func(o *reporting.Observation, order int) {
			o.SeenAt = o.SeenAt.Add(time.Duration(order) * time.Second)
			if o.ClientCode = status.CodeSuccess; order != 1 {
				o.ClientCode = status.CodeAccountLoggedOut
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				for _, order := range []int{0, 2, 1} {
					h.see(pc(func(o *reporting.Observation) { say(o, order) }))
				}
				time.Sleep(time.Hour)
				if got := h.azure.state(deviceID); got == compliant {
					t.Errorf("Azure holds %v, which the newest does not say", got)
				}
			})
		})
	}
}
