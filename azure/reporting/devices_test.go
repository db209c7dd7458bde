package reporting_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// names answers the host's ids of the devices that match, in order.
func (h *trial) names(f reporting.Filter) []string {
	h.t.Helper()
	var all []string
	for d, err := range h.engine.Devices(h.t.Context(), f) {
		require.NoError(h.t, err)
		h.valid(d)
		all = append(all, d.DeviceID)
	}
	return all
}

// Each field of a filter, alone and with others, for listing and for syncing.
func TestFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		require.NoError(t, h.engine.RegisterTenant(t.Context(), account, tenantID2))
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			if strings.HasPrefix(r.DeviceID, "00000003") {
				return azure.Receipt{}, &azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
			}
			return h.azure.accept(r)
		})
		defer h.run()()
		began := time.Now()
		codes := []status.ClientCode{"", status.CodeUserCancelled, status.CodeAccountLoggedOut, "", "", ""}
		h.see(pcs(6, func(o *reporting.Observation) { o.ClientCode = codes[o.DeviceID[6]-'0'] })...)
		h.see(pcs(1, func(o *reporting.Observation) { o.TenantID, o.DeviceID = tenantID2, "other" })...)
		h.see(pc(func(o *reporting.Observation) { o.DeviceID, o.AzureDeviceID = "unlinked", "" }))
		time.Sleep(time.Hour)
		later := time.Now()
		h.see(pcs(6, in(nonCompliant))[5])
		time.Sleep(time.Minute)
		for _, tc := range []struct {
			name string
			f    reporting.Filter
			want string
			sync int // those of them that a sync can send something for
		}{
			{"all", reporting.Filter{}, "pc-0000 pc-0001 pc-0002 pc-0003 pc-0004 pc-0005 unlinked other", 7},
			{"a tenant", reporting.Filter{TenantID: tenantID}, "pc-0000 pc-0001 pc-0002 pc-0003 pc-0004 pc-0005 unlinked", 6},
			{"a tenant in capitals", reporting.Filter{TenantID: strings.ToUpper(tenantID2)}, "other", 1},
			{"a device", reporting.Filter{TenantID: tenantID, DeviceID: "pc-0004"}, "pc-0004", 1},
			{"failed", reporting.Filter{ReportState: status.Failed}, "pc-0002 pc-0003", 2},
			{"successful", reporting.Filter{TenantID: tenantID, ReportState: status.Successful}, "pc-0000 pc-0001 pc-0004 pc-0005", 4},
			{"in progress", reporting.Filter{ReportState: status.InProgress}, "unlinked", 0},
			{"a code", reporting.Filter{ClientCode: "user canceled"}, "pc-0001", 1},
			{"Success, that of a Windows id", reporting.Filter{ClientCode: status.CodeSuccess}, "pc-0000 pc-0003 pc-0004 pc-0005 other", 5},
			{"a kind", reporting.Filter{ErrorKind: azure.ErrRejected}, "pc-0003", 1},
			{"another kind", reporting.Filter{ErrorKind: azure.ErrForbidden}, "", 0},
			{"not confirmed since", reporting.Filter{NotConfirmedSince: later}, "pc-0000 pc-0001 pc-0002 pc-0003 pc-0004 unlinked other", 6},
			{"never confirmed", reporting.Filter{NotConfirmedSince: began}, "pc-0002 pc-0003 unlinked", 2},
			{"held", reporting.Filter{Held: true}, "", 0},
			{"a device of another state", reporting.Filter{TenantID: tenantID, DeviceID: "pc-0004", ReportState: status.Failed}, "", 0},
			{"all at once", reporting.Filter{
				TenantID: tenantID, DeviceID: "pc-0003", ReportState: status.Failed, ClientCode: status.CodeSuccess,
				ErrorKind: azure.ErrRejected, NotConfirmedSince: later,
			}, "pc-0003", 1},
		} {
			if got := strings.Join(h.names(tc.f), " "); got != tc.want {
				t.Errorf("%s: Devices = %q, want %q", tc.name, got, tc.want)
			}
		}
		// Syncing changes what is shown, so each has devices as they were.
		for _, tc := range []struct {
			f    reporting.Filter
			want int
		}{
			{reporting.Filter{ReportState: status.Failed}, 2},
			{reporting.Filter{ReportState: status.InProgress}, 0},
			{reporting.Filter{ClientCode: "user canceled"}, 1},
			{reporting.Filter{ErrorKind: azure.ErrRejected}, 1},
			{reporting.Filter{TenantID: tenantID, DeviceID: "unlinked"}, 0},
			{reporting.Filter{}, 7},
		} {
			n, err := h.engine.SyncNow(t.Context(), tc.f)
			if err != nil || n != tc.want {
				t.Errorf("SyncNow of %+v: %d, %v, want %d", tc.f, n, err, tc.want)
			}
			time.Sleep(time.Minute)
		}
	})
}

// Filters that are not valid are refused by name, by all that take one.
func TestFilterIsChecked(t *testing.T) {
	h := newTrial(t, nil)
	ctx := t.Context()
	devices := func(f reporting.Filter) (err error) {
		n := 0
		for _, e := range h.engine.Devices(ctx, f) {
			n++
			err = e
		}
		if n != 1 {
			t.Errorf("%+v: %d answers, want the error", f, n)
		}
		return err
	}
	sync := func(f reporting.Filter) error { _, err := h.engine.SyncNow(ctx, f); return err }
	approve := func(f reporting.Filter) error { _, err := h.engine.Approve(ctx, f); return err }
	for name, call := range map[string]func(reporting.Filter) error{"Devices": devices, "SyncNow": sync, "Approve": approve} {
		for _, tc := range []struct {
			f    reporting.Filter
			want string
			is   error
		}{
			{reporting.Filter{TenantID: "contoso.com"}, "Filter.TenantID", nil},
			{reporting.Filter{DeviceID: "pc-1"}, "Filter.DeviceID", nil},
			{reporting.Filter{TenantID: tenantID, DeviceID: "nobody"}, "nobody", reporting.ErrUnknownDevice},
			{reporting.Filter{TenantID: tenantID2, DeviceID: "nobody"}, "nobody", reporting.ErrUnknownTenant},
		} {
			err := call(tc.f)
			if err == nil || !strings.Contains(err.Error(), tc.want) || tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("%s of %+v: %v", name, tc.f, err)
			}
		}
	}
}

// Devices pages underneath, and rows may change, come and go meanwhile: who is
// there throughout is seen exactly once, and no device twice.
func TestDevicesWhileRowsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		fleet := pcs(1700, nil)
		h.see(fleet...)
		seen, away := map[string]int{}, map[string]bool{}
		i := 0
		for d, err := range h.engine.Devices(t.Context(), reporting.Filter{TenantID: tenantID}) {
			require.NoError(t, err)
			seen[d.DeviceID]++
			if i++; i%50 != 0 {
				continue
			}
			// Of those behind and before, one changes, one goes, one comes.
			change, gone := fleet[(i*3)%1700], fmt.Sprintf("pc-%04d", (i*7)%1700)
			change.State, change.SeenAt = nonCompliant, time.Now()
			h.see(change)
			away[gone] = true
			if err := h.engine.Forget(t.Context(), account, tenantID, gone, true); err != nil && !errors.Is(err, reporting.ErrUnknownDevice) {
				t.Fatal(err)
			}
			h.see(pc(func(o *reporting.Observation) {
				o.DeviceID, o.AzureDeviceID = fmt.Sprint("new-", i), fmt.Sprintf("%08d-9489-4074-9b35-ffffffffffff", (i*11)%1700)
			}))
		}
		left := h.names(reporting.Filter{TenantID: tenantID})
		for _, id := range left {
			if strings.HasPrefix(id, "pc-") && !away[id] && seen[id] != 1 {
				t.Errorf("%s was there throughout and seen %d times", id, seen[id])
			}
		}
		for id, n := range seen {
			if n > 1 {
				t.Errorf("%s was seen %d times", id, n)
			}
		}
		if len(left) < 1600 {
			t.Errorf("%d devices are left: nothing was shown", len(left))
		}
		if !slices.IsSorted(h.azureIDs()) {
			t.Error("the devices do not come by their Azure ids")
		}
	})
}

func (h *trial) azureIDs() []string {
	var all []string
	for d := range h.engine.Devices(h.t.Context(), reporting.Filter{TenantID: tenantID}) {
		all = append(all, d.AzureDeviceID)
	}
	return all
}

// Who stops early stops; nothing is open while the caller's code runs.
func TestDevicesMayBeLeftEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		h.see(pcs(1100, nil)...)
		n := 0
		for d, err := range h.engine.Devices(t.Context(), reporting.Filter{}) {
			require.NoError(t, err)
			// The engine may be called meanwhile.
			require.NoError(t, h.engine.Remove(t.Context(), account, tenantID, d.DeviceID))
			if n++; n == 600 {
				break
			}
		}
		for range h.engine.Tenants(t.Context()) {
			break
		}
		for range h.engine.Devices(t.Context(), reporting.Filter{TenantID: tenantID, DeviceID: "pc-0001"}) {
			break
		}
	})
}

// Syncs and approvals of more devices than a page holds, of several tenants.
func TestSyncOfManyDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{Poll: time.Hour})
		require.NoError(t, h.engine.RegisterTenant(t.Context(), account, tenantID2))
		for _, tenant := range []string{tenantID, tenantID2} {
			h.see(pcs(700, func(o *reporting.Observation) { o.TenantID = tenant })...)
		}
		defer h.run()()
		time.Sleep(2 * time.Minute)
		h.lines()
		n, err := h.engine.SyncNow(t.Context(), reporting.Filter{})
		require.NoError(t, err)
		require.Equal(t, 1400, n)
		time.Sleep(3 * time.Minute)
		sent := map[string]int{}
		for _, l := range h.lines() {
			_, trigger, _ := strings.Cut(l, ", ")
			sent[trigger]++
		}
		if diff := cmp.Diff(map[string]int{"sync": 1400}, sent); diff != "" {
			t.Errorf("sent (-want +got)\n%s", diff)
		}
	})
}

// SyncNow sends a full report, past a refusal and a wait; what waits for the
// user or for an evaluation still waits.
func TestSyncNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		inventory := azure.Inventory{DeviceName: "PC 1", OSVersion: "10.0.26100"}
		h.see(pc(func(o *reporting.Observation) { o.Inventory = inventory }))
		h.see(pc(func(o *reporting.Observation) {
			o.DeviceID, o.AzureDeviceID, o.ClientCode = "waits", deviceID2, status.CodeAccountLoggedOut
		}))
		h.see(pc(func(o *reporting.Observation) {
			o.DeviceID, o.AzureDeviceID, o.State = "unevaluated", deviceID3, 0
		}))
		time.Sleep(time.Minute)
		h.lines()
		for id, want := range map[string]int{"pc-1": 1, "waits": 1, "unevaluated": 0} {
			n, err := h.engine.SyncNow(t.Context(), reporting.Filter{TenantID: tenantID, DeviceID: id})
			if err != nil || n != want {
				t.Errorf("SyncNow of %s: %d, %v, want %d", id, n, err, want)
			}
		}
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"compliant to id, sync"}, h.lines()); diff != "" {
			t.Errorf("sent (-want +got)\n%s", diff)
		}
		calls := h.azure.all("report")
		if got := calls[len(calls)-1].report.Inventory; got != inventory {
			t.Errorf("a sync carried %v, want all of it", got)
		}
		// A device that is tried again later, now.
		h.azure.refuse(azure.Error{Kind: azure.ErrDeviceNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused})
		h.see(pc(in(nonCompliant)))
		time.Sleep(20 * time.Minute)
		h.azure.play(nil)
		h.lines()
		_, err := h.engine.SyncNow(t.Context(), reporting.Filter{TenantID: tenantID, DeviceID: "pc-1"})
		require.NoError(t, err)
		time.Sleep(time.Second)
		if diff := cmp.Diff([]string{"non-compliant to id, change"}, h.lines()); diff != "" {
			t.Errorf("past a wait (-want +got)\n%s", diff)
		}
	})
}

// A sync of one device goes before thousands that nobody waits for.
func TestSyncOfOneDeviceGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := imported(t, 3000, nil)
		defer h.run()()
		_, err := h.engine.SyncNow(t.Context(), reporting.Filter{TenantID: tenantID})
		require.NoError(t, err)
		time.Sleep(20 * time.Second)
		_, err = h.engine.SyncNow(t.Context(), reporting.Filter{TenantID: tenantID, DeviceID: "pc-2999"})
		require.NoError(t, err)
		began := time.Now()
		time.Sleep(3 * time.Second)
		if d := h.device("pc-2999"); d.Confirmed.Before(began) {
			t.Errorf("confirmed at %v, want within 3 s of %v", d.Confirmed, began)
		}
		if v, err := h.engine.Preview(t.Context(), tenantID); err != nil || v.Unchanged < 1000 {
			t.Errorf("preview %+v, %v: nothing is waiting, and nothing shown", v, err)
		}
	})
}

// A device that is asked for by its id answers as the listing does, in either
// letter case of the tenant's id.
func TestDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(pcs(3, nil)...)
		time.Sleep(time.Minute)
		listed := map[string]reporting.Device{}
		for d, err := range h.engine.Devices(t.Context(), reporting.Filter{}) {
			require.NoError(t, err)
			listed[d.DeviceID] = d
		}
		require.Len(t, listed, 3)
		for id := range maps.Keys(listed) {
			d, err := h.engine.Device(t.Context(), strings.ToUpper(tenantID), id)
			require.NoError(t, err)
			if diff := cmp.Diff(listed[id], d); diff != "" {
				t.Errorf("%s (-listed +asked for)\n%s", id, diff)
			}
		}
		for _, tc := range []struct {
			tenant, device string
			want           error
		}{
			{"contoso.com", "pc-0001", nil}, {"", "pc-0001", nil}, {tenantID, "", nil}, {tenantID, "a\x00b", nil},
			{tenantID, strings.Repeat("x", 151), nil},
			{tenantID, "nobody", reporting.ErrUnknownDevice}, {tenantID2, "pc-0001", reporting.ErrUnknownTenant},
		} {
			if _, err := h.engine.Device(t.Context(), tc.tenant, tc.device); err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("Device %.20q in %q: %v, want %v", tc.device, tc.tenant, err, tc.want)
			}
		}
	})
}
