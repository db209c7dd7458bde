package reporting

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

// Filter picks devices. What is zero does not restrict.
type Filter struct {
	TenantID    string // a GUID; empty: every tenant
	DeviceID    string // the host's id of one device; needs TenantID
	ReportState status.ReportState
	ClientCode  status.ClientCode
	ErrorKind   azure.Kind
	Held        bool // those that the guard holds

	// NotConfirmedSince: devices of which Microsoft accepted nothing at or
	// after this time.
	NotConfirmedSince time.Time
}

func (f *Filter) check() error {
	if f.TenantID != "" && !guid.Valid(f.TenantID) {
		return fmt.Errorf("Filter.TenantID %.40q is not a GUID", f.TenantID)
	}
	if f.DeviceID != "" && f.TenantID == "" {
		return errors.New("Filter.DeviceID needs Filter.TenantID")
	}
	f.TenantID = guid.Canonical(f.TenantID)
	f.ClientCode = status.ParseClientCode(string(f.ClientCode))
	return nil
}

func (f *Filter) matches(d *Device) bool {
	return (f.DeviceID == "" || d.DeviceID == f.DeviceID) &&
		(f.ReportState == status.ReportStateUnspecified || d.ComplianceStatus == f.ReportState) &&
		(f.ClientCode == "" || d.ClientCode == f.ClientCode) &&
		(f.ErrorKind == "" || d.Failure != nil && d.Failure.Kind == f.ErrorKind || d.Cause == string(f.ErrorKind)) &&
		(!f.Held || d.Blank.ReportTime == status.BlankHeld) &&
		(f.NotConfirmedSince.IsZero() || d.Confirmed.Before(f.NotConfirmedSince))
}

// Devices goes through the devices that match, by tenant and Azure id. It reads
// page by page: nothing is locked or open while the caller's code runs, and a
// device that changes meanwhile is seen as it was or as it is. An error ends
// the sequence; a tenant that is not registered is [ErrUnknownTenant]. Finding
// few devices by anything but their id costs a look at every device of the
// tenant.
func (e *Engine) Devices(ctx context.Context, f Filter) iter.Seq2[Device, error] {
	return func(yield func(Device, error) bool) {
		fail := func(err error) { yield(Device{}, fmt.Errorf("reporting: devices: %w", err)) }
		if err := f.check(); err != nil {
			fail(err)
			return
		}
		if f.DeviceID != "" {
			d, err := e.Device(ctx, f.TenantID, f.DeviceID)
			if err != nil || f.matches(&d) {
				yield(d, err)
			}
			return
		}
		if f.TenantID != "" {
			if _, err := e.registered(ctx, f.TenantID); err != nil {
				fail(err)
				return
			}
		}
		for page, err := range e.pages(ctx, f.TenantID) {
			if err != nil {
				fail(err)
				return
			}
			for i := range page.rows {
				for d := range page.devices(i, e.rules()) {
					if f.matches(&d) && !yield(d, nil) {
						return
					}
				}
			}
		}
	}
}

// page is some targets of one tenant, as they were a moment ago.
type page struct {
	tenant  tenantDocument
	rows    []Row
	targets []target
	now     time.Time
}

// pageOf answers the target of one device.
func (e *Engine) pageOf(ctx context.Context, tenantID, deviceID string) (*page, error) {
	p := &page{rows: make([]Row, 1), targets: make([]target, 1)}
	err := e.withDevice(ctx, tenantID, deviceID, func(tx Tx, tenant *tenantDocument, _, row Row, t *target) error {
		p.tenant, p.rows[0], p.targets[0], p.now = *tenant, row, *t, tx.Now()
		return nil
	})
	return p, err
}

// devices answers the devices of the i-th target.
func (p *page) devices(i int, k *rules) iter.Seq[Device] {
	return func(yield func(Device) bool) {
		t := &p.targets[i]
		for j := range t.Records {
			if !yield(t.device(p.rows[i].Tenant, &t.Records[j], &p.tenant, p.now, k)) {
				return
			}
		}
	}
}

// pageSize is how many targets are read, or changed in one transaction, at
// once.
const pageSize = 500

// pages goes through the targets of a tenant, or of every tenant. A page holds
// targets of one tenant.
func (e *Engine) pages(ctx context.Context, tenantID string) iter.Seq2[*page, error] {
	return func(yield func(*page, error) bool) {
		tenants := map[string]tenantDocument{}
		after := Key{}
		for {
			rows, err := e.store.Scan(ctx, kindTarget, tenantID, after, pageSize)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(rows) == 0 {
				return
			}
			after = rows[len(rows)-1].Key
			for len(rows) > 0 {
				p := &page{now: e.now()}
				for len(rows) > 0 && (len(p.rows) == 0 || rows[0].Tenant == p.rows[0].Tenant) {
					p.rows, rows = append(p.rows, rows[0]), rows[1:]
				}
				p.targets = make([]target, len(p.rows))
				for i := range p.rows {
					if err := decodeTarget(p.rows[i], p.rows[i].Claims, &p.targets[i]); err != nil {
						yield(nil, err)
						return
					}
				}
				tenant, known := tenants[p.rows[0].Tenant]
				if !known {
					if tenant, _, err = e.tenant(ctx, p.rows[0].Tenant); err != nil {
						yield(nil, err)
						return
					}
					tenants[p.rows[0].Tenant] = tenant
				}
				p.tenant = tenant
				if !yield(p, nil) {
					return
				}
			}
		}
	}
}

// changeTargets changes the targets of a page for which pick is true, in one
// transaction, as they are then, and answers how many of them changed.
func (e *Engine) changeTargets(ctx context.Context, p *page, pick func(i int) bool, change func(tx Tx, row *Row, t *target) (bool, error)) (int, error) {
	var keys []Key
	for i := range p.rows {
		if pick(i) {
			keys = append(keys, p.rows[i].Key)
		}
	}
	if len(keys) == 0 {
		return 0, nil
	}
	changed := 0
	err := e.update(ctx, func(tx Tx) error {
		changed = 0
		rows, err := tx.Get(keys...)
		if err != nil {
			return err
		}
		var events []Row
		for i := range rows {
			row := &rows[i]
			if row.Version == 0 {
				continue
			}
			var t target
			if err := decodeTarget(*row, row.Claims, &t); err != nil {
				return err
			}
			var before map[string]status.Device
			if e.o.Events {
				before = t.everyDetails(&p.tenant, tx.Now(), e.rules())
			}
			did, err := change(tx, row, &t)
			if err != nil {
				return err
			}
			if !did {
				continue
			}
			changed++
			if before != nil {
				events = append(events, t.news(row.Tenant, before, &p.tenant, tx.Now(), e.rules())...)
			}
			if t.plan(row, tx.Now(), e.rules()) {
				err = tx.Put(*row)
			} else {
				err = tx.Delete(row.Key)
			}
			if err != nil {
				return err
			}
		}
		return putEvents(tx, events)
	})
	return changed, err
}
