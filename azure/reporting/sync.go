package reporting

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// SyncNow has the devices that match reported now, whether or not anything
// changed, and answers how many. It passes by what a refused report or a
// failed try would wait for, and lets a tenant that is parked try at once.
// What waits for the user or for a policy evaluation still waits. One device,
// named by Filter.DeviceID, goes before those that nobody waits for, and past
// the guard. A tenant that is not registered is [ErrUnknownTenant].
func (e *Engine) SyncNow(ctx context.Context, f Filter) (int, error) {
	how := askedMany
	if f.DeviceID != "" {
		how = askedOne
	}
	n, err := e.changeAll(ctx, f, func(tx Tx, _ *Row, t *target) (bool, error) {
		r, _ := t.owner()
		if r == nil || t.AzureID == "" || r.State == compliance.StateUnspecified {
			return false, nil
		}
		t.Sync = max(t.Sync, how)
		t.forgive(true, tx.Now()) // once: if it fails again, it waits as any other
		return true, nil
	})
	if err == nil && f.TenantID != "" {
		err = e.probeNow(ctx, guid.Canonical(f.TenantID))
	}
	e.wake(false)
	if err != nil {
		return n, fmt.Errorf("reporting: sync: %w", err)
	}
	return n, nil
}

// Approve lets go what the guard holds of the devices that match, and answers
// how many. The guard then counts anew. Before it, [Engine.Preview] says what
// would be sent. To take back a removal that is held, Forget the device with
// force and observe it again. A tenant that is not registered is
// [ErrUnknownTenant].
func (e *Engine) Approve(ctx context.Context, f Filter) (int, error) {
	tenants := map[string]bool{}
	n, err := e.changeAll(ctx, f, func(tx Tx, row *Row, t *target) (bool, error) {
		if t.Held == compliance.StateUnspecified {
			return false, nil
		}
		t.Held = compliance.StateUnspecified
		t.forgive(true, tx.Now()) // what failed while it was held was an earlier standing
		tenants[row.Tenant] = true
		return true, nil
	})
	for _, tenant := range slices.Sorted(maps.Keys(tenants)) {
		if err == nil {
			err = e.update(ctx, func(tx Tx) error {
				rows, err := tx.Get(Key{Kind: kindGuard, Tenant: tenant})
				if err != nil || rows[0].Version == 0 {
					return err
				}
				var g guard
				if err := decodeJSON(rows[0], &g); err != nil {
					return err
				}
				rows[0].Data = encodeJSON(guard{Devices: g.Devices, Anew: tx.Now()})
				return tx.Put(rows[0])
			})
		}
	}
	e.wake(false)
	if err != nil {
		return n, fmt.Errorf("reporting: approve: %w", err)
	}
	return n, nil
}

// changeAll changes the targets of the devices that match, page by page. What
// was changed before an error stays changed.
func (e *Engine) changeAll(ctx context.Context, f Filter, change func(tx Tx, row *Row, t *target) (bool, error)) (int, error) {
	if err := f.check(); err != nil {
		return 0, err
	}
	if f.DeviceID != "" {
		p, err := e.pageOf(ctx, f.TenantID, f.DeviceID)
		if err != nil {
			return 0, err
		}
		d := p.targets[0].device(f.TenantID, p.targets[0].find(f.DeviceID), &p.tenant, p.now, e.rules())
		return e.changeTargets(ctx, p, func(int) bool { return f.matches(&d) }, change)
	}
	if f.TenantID != "" {
		if _, err := e.registered(ctx, f.TenantID); err != nil {
			return 0, err
		}
	}
	total := 0
	for p, err := range e.pages(ctx, f.TenantID) {
		if err != nil {
			return total, err
		}
		n, err := e.changeTargets(ctx, p, func(i int) bool {
			for d := range p.devices(i, e.rules()) {
				if f.matches(&d) {
					return true
				}
			}
			return false
		}, change)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// probeNow lets a parked tenant try at once.
func (e *Engine) probeNow(ctx context.Context, tenantID string) error {
	t, known, err := e.tenant(ctx, tenantID)
	if err != nil || !known || t.parked() == nil {
		return err
	}
	return e.updateTenant(ctx, t.Account, tenantID, func(tx Tx, t *tenantDocument, known bool) error {
		t.tryNow(tx.Now())
		e.wake(true, guid.Canonical(tenantID))
		return nil
	})
}
