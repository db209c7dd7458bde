package azuretest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/compliance"
)

// routed is the harness of a Router over two fakes: device n is a phone where
// n is odd, or with phonesFirst where n is even.
func routed(t *testing.T, phonesFirst bool) Harness {
	phones := []azure.Platform{azure.PlatformIOS, azure.PlatformIPadOS, azure.PlatformAndroid, azure.PlatformMacOS}
	var pc, phone *fake.Reporter
	platform := func(n int) azure.Platform {
		if (n%2 == 0) == phonesFirst {
			return phones[n/2%len(phones)]
		}
		return azure.PlatformWindows
	}
	of := func(r azure.Report) *fake.Reporter {
		if r.Platform == azure.PlatformWindows {
			return pc
		}
		return phone
	}
	return Harness{
		NewReporter: func(*testing.T) azure.Reporter {
			windows := []azure.Platform{azure.PlatformWindows}
			pc = fake.New(&fake.Options{Channel: "graph", Platforms: windows, RegisteredOnly: true})
			phone = fake.New(&fake.Options{Channel: "intune", Platforms: phones, RegisteredOnly: true, SettleAfter: 3})
			for n := range 64 {
				p := platform(n)
				of(azure.Report{Platform: p}).Register(fake.Device{TenantID: tenant, DeviceID: deviceID(n), Platform: p})
			}
			router, err := azure.NewRouter(azure.Route{Reporter: pc, Platforms: windows}, azure.Route{Reporter: phone, Platforms: phones})
			require.NoError(t, err)
			return router
		},
		NewReport: func(_ *testing.T, n int) azure.Report {
			return azure.Report{TenantID: tenant, DeviceID: deviceID(n), UserID: user, Platform: platform(n)}
		},
		Standing: func(_ *testing.T, r azure.Report) (compliance.State, bool) {
			d, present := of(r).Device(r.TenantID, r.DeviceID)
			return d.State, present
		},
		Inventory: func(_ *testing.T, r azure.Report) azure.Inventory {
			d, _ := of(r).Device(r.TenantID, r.DeviceID)
			return d.Inventory
		},
		Calls: func(*testing.T) (n int) { return reached(pc) + reached(phone) },
		Fault: func(_ *testing.T, r azure.Report, f Fault) func() {
			one, other := meet(pc, r, f, 0), meet(phone, r, f, 0)
			if one == nil {
				return nil
			}
			return func() { one(); other() }
		},
	}
}

func TestTheRouterKeepsTheContract(t *testing.T) {
	t.Run("PCsFirst", func(t *testing.T) { TestReporter(t, routed(t, false)) })
	t.Run("PhonesFirst", func(t *testing.T) { TestReporter(t, routed(t, true)) })
}

// With PCs and phones in it the router leaves no rule out for want of a part.
func TestTheRouterHasEveryPart(t *testing.T) {
	first := map[string]bool{}
	for _, phonesFirst := range []bool{false, true} {
		for _, r := range rules() {
			if v := judge(t, routed(t, phonesFirst), r); v.missing == "" {
				first[r.name] = true
			}
		}
	}
	for _, r := range rules() {
		if !first[r.name] {
			t.Errorf("%s is looked at in neither world", r.name)
		}
	}
}
