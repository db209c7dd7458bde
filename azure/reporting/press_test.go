package reporting_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// While devices of many tenants wait for the quota over all of them, each tenant
// for its turn, one that turns non-compliant does not.
func TestNonCompliantPassesTheTurnsOfOtherTenants(t *testing.T) {
	const tenants, devices = 100, 50
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{ApplicationQuota: reporting.Quota{Writes: 3000, Window: 5 * time.Minute}})
		of := func(n int) string { return fmt.Sprintf("8a4e7f4c-1f6d-4d0c-9a53-%012d", n) }
		for n := range tenants {
			require.NoError(t, h.engine.RegisterTenant(t.Context(), account, of(n)))
			h.see(pcs(devices, func(o *reporting.Observation) {
				o.TenantID, o.AzureDeviceID = of(n), fmt.Sprintf("%04d%s", n, o.AzureDeviceID[4:])
			})...)
		}
		defer h.run()()
		for n := range 20 {
			time.Sleep(3 * time.Second)
			tenant := n * 37 % tenants
			id := fmt.Sprintf("%04d0049-9489-4074-9b35-345b16f0a72d", tenant)
			h.see(pc(func(o *reporting.Observation) {
				o.TenantID, o.DeviceID, o.AzureDeviceID, o.State = of(tenant), "pc-0049", id, nonCompliant
			}))
			time.Sleep(time.Second)
			if got := h.azure.state(id); got != nonCompliant {
				t.Errorf("a second after a device of tenant %d turned non-compliant Azure holds %v", tenant, got)
			}
		}
		if sent := len(h.azure.all("report")); sent == 0 || sent > 1000 {
			t.Errorf("%d reports in 80 seconds: the others do not wait", sent)
		}
	})
}
