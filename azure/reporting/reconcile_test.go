package reporting_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
)

// Reconcile answers what Azure holds and the host no longer has.
func TestReconcile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		stop := h.run()
		fleet := pcs(1100, nil)
		for i := range fleet {
			fleet[i].State = []compliance.State{compliant, nonCompliant, removed, compliance.StateUnspecified}[i%4]
		}
		h.see(fleet...)
		time.Sleep(10 * time.Minute)
		require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "pc-0000", true))
		stop()
		// One is removed, and that has not been sent.
		require.NoError(t, h.engine.Remove(t.Context(), account, tenantID, "pc-0004"))
		has := func(yield func(string) bool) {
			for i, o := range fleet {
				if i >= 100 && i < 1000 && !yield(o.DeviceID) {
					return
				}
			}
		}
		calls := len(h.azure.all())
		got := map[string]int{}
		for d, err := range h.engine.Reconcile(t.Context(), tenantID, has) {
			require.NoError(t, err)
			h.valid(d)
			got[d.DeviceID+d.Standing.String()]++
			if d.DeviceID == "" && d.AzureDeviceID != fleet[0].AzureDeviceID {
				t.Errorf("without a record: %s", d.AzureDeviceID)
			}
		}
		want := map[string]int{"unspecified": 1}
		for i, o := range fleet {
			if (i < 100 || i >= 1000) && i%4 < 2 && i != 0 && i != 4 {
				want[o.DeviceID+o.State.String()] = 1
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Reconcile (-want +got)\n%s", diff)
		}
		if len(h.azure.all()) != calls {
			t.Error("something was sent")
		}
		for range h.engine.Reconcile(t.Context(), tenantID, has) {
			break
		}
		for _, id := range []string{"contoso.com", tenantID2, ""} {
			n := 0
			for _, err := range h.engine.Reconcile(t.Context(), id, has) {
				if n++; err == nil {
					t.Errorf("tenant %q: no error", id)
				}
			}
			if n != 1 {
				t.Errorf("tenant %q: %d answers, want the error", id, n)
			}
		}
	})
}

// What was removed and came back may be compliant at Azure, though nobody has
// heard so.
func TestReconcileUnansweredClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		h.see(pc(func(o *reporting.Observation) { o.EnrollmentID, o.EnrolledAt = "first", time.Now().Add(-time.Hour) }))
		stop := h.run()
		time.Sleep(10 * time.Minute)
		require.NoError(t, h.engine.Remove(t.Context(), account, tenantID, "pc-1"))
		time.Sleep(10 * time.Minute)
		missed := func() (ids []string) {
			for d, err := range h.engine.Reconcile(t.Context(), tenantID, func(func(string) bool) {}) {
				require.NoError(t, err)
				ids = append(ids, d.DeviceID)
			}
			return ids
		}
		if ids := missed(); len(ids) != 0 {
			t.Errorf("after the removal: %q", ids)
		}
		givenUp(h, time.Second)
		h.see(pc(func(o *reporting.Observation) { o.EnrollmentID, o.EnrolledAt = "second", time.Now() }))
		time.Sleep(2 * time.Second)
		if got := h.azure.state(deviceID); got != compliant {
			t.Fatalf("Azure holds %v", got)
		}
		if ids := missed(); !slices.Equal(ids, []string{"pc-1"}) {
			t.Errorf("after a claim without an answer: %q", ids)
		}
		stop()
	})
}
