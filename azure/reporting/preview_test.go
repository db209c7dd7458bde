package reporting_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/status"
)

// Preview says what a tenant that sends nothing would send.
func TestPreview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, fleet := imported(t, 40, nil)
		ctx := t.Context()
		require.NoError(t, h.engine.SetMode(ctx, account, tenantID, reporting.ModeReportOnly))
		stop := h.run()
		h.turn(fleet[:3], nonCompliant, 3, 0)
		h.turn(fleet[3:5], removed, 2, 0)
		h.see(pcs(45, nil)[40:]...)
		h.see(pcs(50, in(nonCompliant))[45:]...)
		h.see(pcs(6, func(o *reporting.Observation) {
			o.AzureDeviceID = strings.Replace(o.AzureDeviceID, "9489", "aaaa", 1)
		})[5])
		_, err := h.engine.SyncNow(ctx, reporting.Filter{TenantID: tenantID, DeviceID: "pc-0030"})
		require.NoError(t, err)
		want := reporting.Preview{Compliant: 6, NonCompliant: 8, Removed: 3, Unchanged: 1, Blocked: 6}
		got, err := h.engine.Preview(ctx, tenantID)
		require.NoError(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Preview (-want +got)\n%s", diff)
		}
		before := len(h.azure.all())
		time.Sleep(time.Hour)
		if n := len(h.azure.all()); n != before {
			t.Errorf("%d calls while the tenant is report-only", n-before)
		}
		if d := h.device("pc-0000"); d.Blank.ReportTime != status.BlankReportOnly {
			t.Errorf("shown %s", line(d.Device))
		}
		// Switched on, exactly that is sent.
		h.lines()
		require.NoError(t, h.engine.SetMode(ctx, account, tenantID, reporting.ModeOn))
		time.Sleep(10 * time.Minute)
		stop()
		sent := map[string]int{}
		for _, l := range h.lines() {
			state, rest, _ := strings.Cut(l, " ")
			if strings.HasSuffix(rest, "sync") {
				state = "sync"
			}
			sent[state]++
		}
		if diff := cmp.Diff(map[string]int{"compliant": 6, "non-compliant": 8, "removed": 3, "sync": 1}, sent); diff != "" {
			t.Errorf("sent when it was switched on (-want +got)\n%s", diff)
		}
		for _, id := range []string{"", "contoso.com", tenantID2} {
			if _, err := h.engine.Preview(ctx, id); err == nil {
				t.Errorf("Preview of tenant %q: no error", id)
			}
		}
	})
}

// Preview counts the directory objects that are to be deleted until they are,
// also while nothing is sent.
func TestPreviewOfDeletions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		preview := func(when string, want reporting.Preview) {
			t.Helper()
			got, err := h.engine.Preview(t.Context(), tenantID)
			require.NoError(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", when, diff)
			}
		}
		h.see(pcs(2, nil)...)
		time.Sleep(time.Minute)
		h.see(pcs(1, in(removed))...)
		preview("before it is marked", reporting.Preview{Removed: 1, Blocked: 1})
		time.Sleep(time.Minute)
		preview("marked", reporting.Preview{Deleted: 1})
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeReportOnly))
		preview("report-only", reporting.Preview{Deleted: 1})
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOn))
		time.Sleep(73 * time.Hour)
		preview("deleted", reporting.Preview{})
	})
}
