package reporting_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/status"
)

// Until a new Azure id is accepted, a device shows what was accepted under the
// earlier one.
func TestLastReportedUnderAnEarlierID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(pc(nil))
		time.Sleep(time.Minute)
		want := h.device("pc-1").LastReported
		h.azure.refuse(noAnswer)
		h.see(pc(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
		time.Sleep(time.Minute)
		d := h.device("pc-1")
		if diff := cmp.Diff(want, d.LastReported); diff != "" || want.AzureDeviceID != deviceID || want.State != compliant {
			t.Errorf("last reported under %s (-want +got)\n%s", want.AzureDeviceID, diff)
		}
		if why := d.Explain(); !strings.Contains(why, "; under an earlier id it was reported as compliant last, at 2000-01-01 00:00") {
			t.Errorf("explained: %s", why)
		}
		h.azure.play(nil)
		time.Sleep(time.Hour)
		if d := h.device("pc-1"); d.LastReported.AzureDeviceID != deviceID2 || d.ComplianceStatus != status.Successful {
			t.Errorf("after: %v, last reported %+v", d.ComplianceStatus, d.LastReported)
		}
	})
}

// A device that is refused what was accepted before, a sync here, says why.
func TestRefusedOnceMoreSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(pc(nil))
		time.Sleep(time.Minute)
		h.azure.refuse(azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused, StatusCode: 400})
		_, err := h.engine.SyncNow(t.Context(), reporting.Filter{TenantID: tenantID, DeviceID: "pc-1"})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		if got, want := line(h.device("pc-1").Device), "id · Failed · Success · time (rejected) -> compliant"; got != want {
			t.Errorf("shown %s, want %s", got, want)
		}
	})
}

// All devices that wait for a tenant without a token are found by its error, not
// only those that have tried.
func TestErrorKindOfAParkedTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.azure.refuse(noToken)
		h.see(pcs(10, nil)...)
		time.Sleep(time.Minute)
		found := 0
		for d, err := range h.engine.Devices(t.Context(), reporting.Filter{TenantID: tenantID, ErrorKind: azure.ErrUnauthorized}) {
			require.NoError(t, err)
			if found++; d.ComplianceStatus != status.Failed {
				t.Errorf("%s is %v", d.DeviceID, d.ComplianceStatus)
			}
		}
		if found != 10 {
			t.Errorf("found %d of 10", found)
		}
	})
}

// What is refused names its field and value.
func TestRefusedTenantsAreNamed(t *testing.T) {
	h := newTrial(t, nil)
	require.NoError(t, h.engine.RegisterTenant(t.Context(), "fabrikam", tenantID2))
	const unknown = "11111111-9489-4074-9b35-345b16f0a72d"
	seen, err := h.engine.Observe(t.Context(), pc(func(o *reporting.Observation) { o.TenantID = unknown }), pc(func(o *reporting.Observation) { o.TenantID = tenantID2 }))
	require.NoError(t, err)
	require.Len(t, seen.Refused, 2)
	require.ErrorIs(t, seen.Refused[0].Err, reporting.ErrUnknownTenant)
	require.ErrorContains(t, seen.Refused[0].Err, `TenantID "`+unknown+`"`)
	require.ErrorIs(t, seen.Refused[1].Err, reporting.ErrForeignTenant)
	require.ErrorContains(t, seen.Refused[1].Err, `Account "contoso"`)
	_, err = h.engine.Preview(t.Context(), unknown)
	require.ErrorIs(t, err, reporting.ErrUnknownTenant)
	require.ErrorContains(t, err, unknown)
}
