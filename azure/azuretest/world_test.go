package azuretest

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/compliance"
)

const (
	tenant = "8a7b1f6e-3c1d-4f0a-9b57-2d1c5e6f7a80"
	user   = "5f0c2e61-7b7e-4f7e-8f43-0f4b6f6a9d11"
)

// world is a fake with something around it.
type world struct {
	options  fake.Options
	open     bool           // the first report of a device registers it
	platform azure.Platform // unspecified: Windows
	wrap     func(*fake.Reporter) azure.Reporter
	noAnswer time.Duration // how long NoAnswer lasts; zero: a day
	only     string        // the one rule that the world is for
}

func (w world) harness() Harness {
	w.options.RegisteredOnly = !w.open
	platform := cmp.Or(w.platform, azure.PlatformWindows)
	var entra *fake.Reporter
	return Harness{
		NewReporter: func(*testing.T) azure.Reporter {
			entra = fake.New(&w.options)
			for n := range 64 {
				if w.open {
					break
				}
				entra.Register(fake.Device{TenantID: tenant, DeviceID: deviceID(n), Platform: platform})
			}
			if w.wrap == nil {
				return entra
			}
			return w.wrap(entra)
		},
		NewReport: func(_ *testing.T, n int) azure.Report {
			r := azure.Report{TenantID: tenant, DeviceID: deviceID(n), Platform: platform}
			if platform != azure.PlatformWindows {
				r.UserID = user
			}
			return r
		},
		Standing: func(_ *testing.T, r azure.Report) (compliance.State, bool) {
			d, present := entra.Device(r.TenantID, r.DeviceID)
			return d.State, present
		},
		Inventory: func(_ *testing.T, r azure.Report) azure.Inventory {
			d, _ := entra.Device(r.TenantID, r.DeviceID)
			return d.Inventory
		},
		Calls: func(*testing.T) int { return reached(entra) },
		Fault: func(_ *testing.T, r azure.Report, f Fault) func() { return meet(entra, r, f, w.noAnswer) },
	}
}

// reached answers how many requests reached the fake's Microsoft.
func reached(entra *fake.Reporter) (n int) {
	for _, c := range entra.Calls() {
		if e, failed := c.Err.(*azure.Error); !failed || e.Outcome != azure.OutcomeNotSent {
			n++
		}
	}
	return n
}

// meet makes a fake's answers about r's device meet f.
func meet(entra *fake.Reporter, r azure.Report, f Fault, noAnswer time.Duration) (mend func()) {
	fault := fake.Fault{TenantID: r.TenantID, DeviceID: r.DeviceID, Times: fake.Always}
	switch f {
	case Throttled:
		fault.Err = &azure.Error{Kind: azure.ErrThrottled, RetryAfter: time.Minute}
	case Unavailable:
		fault.Err = &azure.Error{Kind: azure.ErrUnavailable, StatusCode: 503}
	case DeviceUnknown:
		fault.Err = &azure.Error{Kind: azure.ErrDeviceNotFound, StatusCode: 404}
	case Unauthorized:
		fault.Err = &azure.Error{Kind: azure.ErrUnauthorized, ErrorCode: "AADSTS7000222"}
		fault.DeviceID = ""
	case Forbidden:
		fault.Err = &azure.Error{Kind: azure.ErrForbidden, StatusCode: 403}
	case LostAnswer:
		fault.Err, fault.Applied = &azure.Error{Kind: azure.ErrUnavailable}, true
	case NoAnswer:
		fault.Delay = cmp.Or(noAnswer, 24*time.Hour)
	default:
		return nil
	}
	var stops []func()
	for _, step := range []fake.Step{fake.StepReport, fake.StepDelete, fake.StepCheck, fake.StepVerify} {
		fault.Step = step
		stops = append(stops, entra.Inject(fault))
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

func deviceID(n int) string { return fmt.Sprintf("007c8232-9489-4074-9b35-%012x", n) }
