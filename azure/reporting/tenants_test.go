package reporting_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// A tenant is registered for one account.
func TestRegisterTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		ctx := t.Context()
		if v := h.tenant(); v.Mode != reporting.ModeOn || v.Account != account || v.TenantID != tenantID || !v.Since.Equal(time.Now()) {
			t.Errorf("registered: %+v", v)
		}
		since := h.tenant().Since
		time.Sleep(time.Hour)
		require.NoError(t, h.engine.SetMode(ctx, account, tenantID, reporting.ModePaused))
		require.NoError(t, h.engine.RegisterTenant(ctx, account, strings.ToUpper(tenantID)), "again")
		if v := h.tenant(); v.Mode != reporting.ModePaused || !v.Since.After(since) {
			t.Errorf("registered again: %+v, want it left as it is", v)
		}
		since = h.tenant().Since
		time.Sleep(time.Hour)
		require.NoError(t, h.engine.SetMode(ctx, account, tenantID, reporting.ModePaused))
		if v := h.tenant(); !v.Since.Equal(since) {
			t.Errorf("the same mode again: since %v, want %v", v.Since, since)
		}
		for _, tc := range []struct {
			account, tenant string
			want            error
		}{
			{"fabrikam", tenantID, reporting.ErrForeignTenant},
			{"", tenantID2, nil}, {"a\nb", tenantID2, nil}, {strings.Repeat("a", 201), tenantID2, nil}, {account, "contoso.com", nil}, {account, "", nil},
		} {
			for call, err := range map[string]error{
				"RegisterTenant": h.engine.RegisterTenant(ctx, tc.account, tc.tenant),
				"SetMode":        h.engine.SetMode(ctx, tc.account, tc.tenant, reporting.ModeOn),
			} {
				if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("%s of %q for %.20q: %v, want %v", call, tc.tenant, tc.account, err, tc.want)
				}
			}
		}
		if err := h.engine.SetMode(ctx, account, tenantID2, reporting.ModeOn); !errors.Is(err, reporting.ErrUnknownTenant) {
			t.Errorf("a mode of a tenant that is not registered: %v", err)
		}
		for _, m := range []reporting.Mode{reporting.ModeUnspecified, reporting.ModeOffBoarding, 99} {
			if err := h.engine.SetMode(ctx, account, tenantID, m); err == nil {
				t.Errorf("mode %v could be set", m)
			}
		}
		for _, id := range []string{"", "contoso.com"} {
			if _, err := h.engine.Tenant(ctx, id); err == nil {
				t.Errorf("Tenant %q: no error", id)
			}
		}
		if _, err := h.engine.Tenant(ctx, tenantID2); !errors.Is(err, reporting.ErrUnknownTenant) {
			t.Errorf("Tenant of one that is not registered: %v", err)
		}
		unknown := reporting.Filter{TenantID: tenantID2}
		for _, err := range h.engine.Devices(ctx, unknown) {
			if !errors.Is(err, reporting.ErrUnknownTenant) {
				t.Errorf("Devices of one that is not registered: %v", err)
			}
			unknown.TenantID = ""
		}
		if unknown.TenantID != "" {
			t.Error("Devices of one that is not registered: none, and no error")
		}
		for call, change := range map[string]func(context.Context, reporting.Filter) (int, error){"SyncNow": h.engine.SyncNow, "Approve": h.engine.Approve} {
			if _, err := change(ctx, reporting.Filter{TenantID: tenantID2}); !errors.Is(err, reporting.ErrUnknownTenant) {
				t.Errorf("%s of one that is not registered: %v", call, err)
			}
			if _, err := change(ctx, reporting.Filter{}); err != nil {
				t.Errorf("%s of all: %v", call, err)
			}
		}
	})
}

// What is counted of a tenant, and of all, for pages that people look at and
// alerts are set on.
func TestCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expires := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
		h := newTrial(t, &reporting.Options{
			Poll:              time.Hour,
			CredentialExpires: func(id string) (time.Time, bool) { return expires, id == tenantID },
		})
		ctx := t.Context()
		require.NoError(t, h.engine.RegisterTenant(ctx, account, tenantID2))
		began := time.Now().UTC()
		h.azure.later.Store(true)
		h.azure.answerChecks(inProgress)
		h.see(pcs(10, nil)...)
		h.see(phone(nil))
		h.see(pc(func(o *reporting.Observation) {
			o.DeviceID, o.AzureDeviceID, o.ClientCode = "unlinked", "", status.CodeUserCancelled
		}))
		c, err := h.engine.Counters(ctx)
		require.NoError(t, err)
		if diff := cmp.Diff(reporting.Counters{
			Tenants: 2, Devices: map[status.ReportState]int{status.InProgress: 11, status.Failed: 1}, Queued: map[string]int{"compliant": 11},
			Failing: map[azure.Kind]int{}, OldestUnsent: began,
		}, c); diff != "" {
			t.Errorf("nothing sent yet (-want +got)\n%s", diff)
		}
		stop := h.run()
		time.Sleep(time.Hour)
		c, err = h.engine.Counters(ctx)
		require.NoError(t, err)
		if diff := cmp.Diff(reporting.Counters{
			Tenants: 2, Devices: map[status.ReportState]int{status.Successful: 10, status.InProgress: 1, status.Failed: 1}, Compliant: 11,
			Queued: map[string]int{}, Failing: map[azure.Kind]int{}, OldestUnconfirmed: began, OldestConfirmed: began, Sent: 11,
		}, c); diff != "" {
			t.Errorf("all sent (-want +got)\n%s", diff)
		}
		h.azure.refuse(azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused})
		turned := time.Now().UTC()
		h.see(pcs(2, in(nonCompliant))...)
		time.Sleep(time.Minute)
		stop()
		h.see(pcs(4, in(removed))[2:]...)
		h.see(pcs(5, func(o *reporting.Observation) { o.Inventory.OSVersion = "11" })[4])
		c, err = h.engine.Counters(ctx)
		require.NoError(t, err)
		if diff := cmp.Diff(reporting.Counters{
			Tenants: 2, Devices: map[status.ReportState]int{status.Successful: 6, status.InProgress: 3, status.Failed: 3}, Compliant: 11,
			Queued: map[string]int{"restrict": 4, "inventory": 1}, Failing: map[azure.Kind]int{azure.ErrRejected: 2}, OldestRestrict: turned,
			OldestUnsent: turned, OldestUnconfirmed: began, OldestConfirmed: began, Sent: 11, Failed: map[azure.Kind]int64{azure.ErrRejected: 2},
		}, c); diff != "" {
			t.Errorf("some wait (-want +got)\n%s", diff)
		}
		v := h.tenant()
		want := reporting.Tenant{
			TenantID: tenantID, Account: account, Mode: reporting.ModeOn, Since: began, LastSuccess: began, Devices: c.Devices, Compliant: 11,
			Unsent: 4, OldestUnsent: turned, CredentialExpires: expires,
		}
		want.LastSuccess = v.LastSuccess // of a question that was answered
		if diff := cmp.Diff(want, v); diff != "" {
			t.Errorf("Tenant (-want +got)\n%s", diff)
		}

		// Nothing runs for nine days: refreshes are overdue.
		time.Sleep(9 * 24 * time.Hour)
		c, err = h.engine.Counters(ctx)
		require.NoError(t, err)
		if c.Overdue != 6 || h.tenant().Overdue != 6 {
			t.Errorf("overdue: %d, %d, want the six that are as accepted", c.Overdue, h.tenant().Overdue)
		}
		// Of a tenant that is off nothing is queued, overdue or oldest.
		require.NoError(t, h.engine.SetMode(ctx, account, tenantID, reporting.ModeOff))
		c, err = h.engine.Counters(ctx)
		require.NoError(t, err)
		if c.Overdue != 0 || len(c.Queued) != 0 || !c.OldestUnsent.IsZero() || !c.OldestConfirmed.IsZero() || c.Compliant != 11 {
			t.Errorf("off: %+v", c)
		}
		n := 0
		for v, err := range h.engine.Tenants(ctx) {
			require.NoError(t, err)
			n++
			one, err := h.engine.Tenant(ctx, v.TenantID)
			require.NoError(t, err)
			if diff := cmp.Diff(one, v); diff != "" {
				t.Errorf("%s (-alone +listed)\n%s", v.TenantID, diff)
			}
		}
		if n != 2 {
			t.Errorf("%d tenants listed", n)
		}
	})
}

// The second step of a removal is counted while it waits.
func TestCountsOfRemovals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(pcs(3, in(removed))...)
		time.Sleep(time.Hour)
		c, err := h.engine.Counters(t.Context())
		require.NoError(t, err)
		if diff := cmp.Diff(map[string]int{"delete": 3}, c.Queued); diff != "" || !c.OldestRestrict.IsZero() {
			t.Errorf("queued (-want +got)\n%s\noldest %v", diff, c.OldestRestrict)
		}
		time.Sleep(72 * time.Hour)
		c, err = h.engine.Counters(t.Context())
		require.NoError(t, err)
		if len(c.Queued) != 0 || c.Sent != 6 {
			t.Errorf("deleted: queued %v, %d sent", c.Queued, c.Sent)
		}
	})
}

// More tenants than a page holds.
func TestManyTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		for i := range 600 {
			require.NoError(t, h.engine.RegisterTenant(t.Context(), account, fmt.Sprintf("%08d-1f6d-4d0c-9a53-0f6a2f9d1c11", i)))
		}
		last, n := "", 0
		for v, err := range h.engine.Tenants(t.Context()) {
			require.NoError(t, err)
			if n++; v.TenantID <= last {
				t.Errorf("%s after %s", v.TenantID, last)
			}
			last = v.TenantID
		}
		c, err := h.engine.Counters(t.Context())
		require.NoError(t, err)
		if n != 601 || c.Tenants != 601 {
			t.Errorf("%d tenants listed, %d counted", n, c.Tenants)
		}
		// One device each, of several tenants in one call.
		var all []reporting.Observation
		for i := range 600 {
			all = append(all, pc(func(o *reporting.Observation) { o.TenantID = fmt.Sprintf("%08d-1f6d-4d0c-9a53-0f6a2f9d1c11", i) }))
		}
		h.see(all...)
		defer h.run()()
		time.Sleep(time.Minute)
		seen := 0
		for d, err := range h.engine.Devices(t.Context(), reporting.Filter{ReportState: status.Successful}) {
			require.NoError(t, err)
			h.valid(d)
			seen++
		}
		if seen != 600 {
			t.Errorf("%d devices reported after a minute", seen)
		}
	})
}

// What Observe counts: the same device twice in one call, and all else.
func TestObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		at := func(d time.Duration, s compliance.State) reporting.Observation {
			return pc(func(o *reporting.Observation) { o.SeenAt, o.State = o.SeenAt.Add(d), s })
		}
		for _, tc := range []struct {
			name string
			all  []reporting.Observation
			want reporting.Observed
		}{
			{"nothing", nil, reporting.Observed{}},
			{"twice in one call, in order", []reporting.Observation{at(0, compliant), at(time.Second, nonCompliant)}, reporting.Observed{Changed: 2}},
			{"the same", []reporting.Observation{at(time.Second, nonCompliant)}, reporting.Observed{Unchanged: 1}},
			{"late", []reporting.Observation{at(0, compliant)}, reporting.Observed{Stale: 1}},
			{"twice, the newer first", []reporting.Observation{at(3*time.Second, compliant), at(2*time.Second, nonCompliant)}, reporting.Observed{Changed: 1, Stale: 1}},
			{"a tie: the stricter", []reporting.Observation{at(3*time.Second, nonCompliant)}, reporting.Observed{Changed: 1}},
			{"a tie: the less strict", []reporting.Observation{at(3*time.Second, compliant)}, reporting.Observed{Unchanged: 1}},
			{"unchanged beside a change", []reporting.Observation{at(4*time.Second, nonCompliant), at(5*time.Second, compliant)}, reporting.Observed{Unchanged: 1, Changed: 1}},
		} {
			if diff := cmp.Diff(tc.want, h.see(tc.all...)); diff != "" {
				t.Errorf("%s (-want +got)\n%s", tc.name, diff)
			}
		}
		defer h.run()()
		time.Sleep(time.Minute)
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("Azure holds %v", got)
		}
	})
}

// An account that cannot be kept as it is is refused: its owner could not change
// the tenant any more.
func TestUnusableAccounts(t *testing.T) {
	h := newTrial(t, nil)
	for _, name := range []string{"", strings.Repeat("a", 10_000), "a\x00b", "a\nb", "acme\xff"} {
		if err := h.engine.RegisterTenant(t.Context(), name, tenantID2); err == nil || !strings.Contains(err.Error(), "account") {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	for _, name := range []string{"acme", "Müller & Söhne"} {
		require.NoError(t, h.engine.RegisterTenant(t.Context(), name, tenantID2))
		require.NoError(t, h.engine.OffBoard(t.Context(), name, tenantID2, nil))
	}
}
