package reporting_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// A row that cannot be read, as after somebody edited the database, costs the
// others nothing, and whoever asks for it is told which it is.
func TestDamagedRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logged
		h := newTrial(t, &reporting.Options{Logger: log.logger()})
		fleet := pcs(30, nil)
		h.see(fleet...)
		damage := func(kind reporting.Kind, id string) {
			require.NoError(t, h.store.Update(t.Context(), func(tx reporting.Tx) error {
				rows, err := tx.Get(reporting.Key{Kind: kind, Tenant: tenantID, ID: id})
				if err != nil {
					return err
				}
				require.NotZero(t, rows[0].Version)
				rows[0].Data = []byte(`{"records":7`)
				return tx.Put(rows[0])
			}))
		}
		const devices, targets = 2, 3
		damage(targets, fleet[3].AzureDeviceID)
		damage(devices, fleet[4].DeviceID)
		defer h.run()()
		time.Sleep(10 * time.Minute)
		for i, o := range fleet {
			if got := h.azure.state(o.AzureDeviceID); i != 3 && got != compliant {
				t.Errorf("Azure holds device %d as %v", i, got)
			}
		}
		if n := len(h.azure.all()); n != 29 {
			t.Errorf("%d calls, want one for each that can be read", n)
		}
		if n := strings.Count(log.String(), "a row cannot be read"); n < 2 || n > 20 {
			t.Errorf("it was logged %d times in ten minutes", n)
		}
		ctx := t.Context()
		list := func(seq func(yield func(reporting.Device, error) bool)) (err error) {
			for _, e := range seq {
				err = e
			}
			return err
		}
		observe := func(i int) error {
			o := fleet[i]
			o.State, o.SeenAt = nonCompliant, time.Now()
			_, err := h.engine.Observe(ctx, o)
			return err
		}
		device := func(i int) error { _, err := h.engine.Device(ctx, tenantID, fleet[i].DeviceID); return err }
		for name, tc := range map[string]struct {
			err  error
			want string
		}{
			"Observe, target": {observe(3), fleet[3].AzureDeviceID}, "Observe, pointer": {observe(4), fleet[4].DeviceID},
			"Device, target": {device(3), fleet[3].AzureDeviceID}, "Device, pointer": {device(4), fleet[4].DeviceID},
			"Devices":   {list(h.engine.Devices(ctx, reporting.Filter{})), fleet[3].AzureDeviceID},
			"Reconcile": {list(h.engine.Reconcile(ctx, tenantID, func(func(string) bool) {})), fleet[3].AzureDeviceID},
			"Resync":    {h.engine.Resync(ctx), fleet[3].AzureDeviceID},
		} {
			if tc.err == nil || !strings.Contains(tc.err.Error(), tc.want) {
				t.Errorf("%s: %v, want an error that names %s", name, tc.err, tc.want)
			}
		}
	})
}

// A tenant's row, its pace or its guard that cannot be read.
func TestDamagedTenant(t *testing.T) {
	const tenants, pace, guard, event = 1, 4, 5, 6
	for name, kind := range map[string]reporting.Kind{"tenant": tenants, "pace": pace, "guard": guard, "event": event} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, &reporting.Options{Events: true})
				require.NoError(t, h.engine.RegisterTenant(t.Context(), account, tenantID2))
				stop := h.run()
				h.see(pcs(3, nil)...)
				time.Sleep(time.Minute)
				stop()
				rows, err := h.store.Scan(t.Context(), kind, tenantID, reporting.Key{}, 1)
				require.NoError(t, err)
				require.Len(t, rows, 1)
				require.NoError(t, h.store.Update(t.Context(), func(tx reporting.Tx) error {
					if _, err := tx.Get(rows[0].Key); err != nil {
						return err
					}
					rows[0].Data = []byte("[]")
					return tx.Put(rows[0])
				}))
				defer h.run()()
				// Another tenant is served as ever.
				h.see(pcs(3, func(o *reporting.Observation) { o.TenantID = tenantID2; o.State = nonCompliant })...)
				_, _ = h.engine.Observe(t.Context(), pcs(3, in(nonCompliant))...)
				time.Sleep(time.Minute)
				n := 0
				for _, c := range h.azure.all("report") {
					if c.report.TenantID == tenantID2 {
						n++
					}
				}
				if n != 3 {
					t.Errorf("%d reports of the other tenant, want 3", n)
				}
				var said []error
				_, err = h.engine.Tenant(t.Context(), tenantID)
				said = append(said, err)
				_, err = h.engine.Counters(t.Context())
				said = append(said, err)
				for _, err := range h.engine.Tenants(t.Context()) {
					said = append(said, err)
				}
				said = append(said, h.engine.Events(t.Context(), func(context.Context, []reporting.Event) error { return nil }))
				_, err = h.engine.Observe(t.Context(), pcs(3, in(removed))...)
				said = append(said, err)
				named := false
				for _, err := range said {
					named = named || err != nil && strings.Contains(err.Error(), "row ")
				}
				if !named && kind != pace { // which is asked for by Run alone
					t.Errorf("nobody is told of the row: %v", said)
				}
			})
		})
	}
}
