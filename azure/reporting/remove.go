package reporting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// ErrStillCompliant: Azure may hold the device as compliant.
var ErrStillCompliant = errors.New("Azure may hold the device as compliant: remove it first, or forget it with force")

// Remove says that the device is gone from the host: it is reported as
// removed, as after an observation with StateRemoved, by which it would do as
// well for whoever has one at hand. Its record stays, to show what became of
// it, until it is forgotten.
func (e *Engine) Remove(ctx context.Context, account, tenantID, deviceID string) error {
	for {
		var o Observation
		err := e.withDevice(ctx, tenantID, deviceID, func(tx Tx, _ *tenantDocument, _, row Row, t *target) error {
			r := t.find(deviceID)
			o = Observation{
				Account: account, TenantID: row.Tenant, DeviceID: deviceID, Platform: r.Platform,
				State: compliance.StateRemoved, SeenAt: tx.Now(),
			}
			if !r.SeenAt.After(tx.Now().Add(mostAhead)) { // else by a clock that was set back since
				later(&o.SeenAt, r.SeenAt)
			}
			return nil
		})
		if err != nil {
			return err
		}
		seen, err := e.Observe(ctx, o)
		if err != nil {
			return err
		}
		if len(seen.Refused) > 0 {
			return fmt.Errorf("reporting: device %.60q: %w", deviceID, seen.Refused[0].Err)
		}
		if seen.Stale == 0 {
			return nil
		}
		// Something newer was observed meanwhile.
	}
}

// Forget drops the record of a device: what the host knows of it. What Azure
// holds is not changed by it, so that without force it is refused with
// [ErrStillCompliant] while Azure may hold the device as compliant and no other
// record's standing is reported on its Azure id then. The order of reports on that
// id is kept.
func (e *Engine) Forget(ctx context.Context, account, tenantID, deviceID string, force bool) error {
	return e.withDevice(ctx, tenantID, deviceID, func(tx Tx, tenant *tenantDocument, pointer, row Row, t *target) error {
		if tenant.Account != account {
			return ErrForeignTenant
		}
		var before map[string]status.Device
		if e.o.Events {
			before = t.everyDetails(tenant, tx.Now(), e.rules())
		}
		r, user := *t.find(deviceID), t.user()
		owned := t.release(deviceID, tx.Now())
		if owner, _ := t.owner(); !force && (owner == nil || !owner.live()) && (t.mayBeCompliant(row.Claims > 0) || t.Resync != resyncNot) {
			return ErrStillCompliant
		}
		if owned && r.live() {
			t.DeleteAt = time.Time{} // the object of what was removed before was this one's since
		}
		t.anotherUser(user, row.Claims > 0, tx.Now())
		if err := tx.Delete(pointer.Key); err != nil {
			return err
		}
		var err error
		var events []Row
		if e.o.Events {
			events = t.news(row.Tenant, before, tenant, tx.Now(), e.rules()) // of others that claim the id
		}
		if t.plan(&row, tx.Now(), e.rules()) {
			err = tx.Put(row)
		} else {
			err = tx.Delete(row.Key)
		}
		if err == nil && r.State != compliance.StateRemoved {
			err = uncount(tx, row.Tenant)
		}
		if err != nil {
			return err
		}
		return putEvents(tx, events)
	})
}

// uncount takes a device off those by which the guard counts what are too many.
func uncount(tx Tx, tenant string) error {
	rows, err := tx.Get(Key{Kind: kindGuard, Tenant: tenant})
	if err != nil || rows[0].Version == 0 {
		return err
	}
	var g guard
	if err := decodeJSON(rows[0], &g); err != nil {
		return err
	}
	g.Devices = max(0, g.Devices-1)
	rows[0].Data = encodeJSON(&g)
	return tx.Put(rows[0])
}

// mayBeCompliant reports whether Azure may hold the id as compliant. calling: a
// call is under way, or its outcome is not known.
func (t *target) mayBeCompliant(calling bool) bool {
	may := func(s compliance.State) bool {
		return s == compliance.StateCompliant || s == compliance.StateUnspecified
	}
	holds := func(a *accepted) bool { return a != nil && a.State == compliance.StateCompliant }
	return calling || t.uncertain(compliance.StateRemoved) || holds(t.Accepted) || holds(t.Before) ||
		t.Message != nil && slices.ContainsFunc(t.Message.Unsure, func(a attempt) bool { return may(a.State) }) ||
		slices.ContainsFunc(t.Doubts, func(d doubt) bool { return may(d.State) }) ||
		t.Close != nil || len(t.Closing) > 0 || t.Former != ""
}

// Resync is for after the host's database was restored from a backup: what is
// stored may be older than what Azure holds. Nothing counts as accepted any
// more; removals and non-compliance are reported again at once, ids that their
// devices have left are closed again, and compliance is reported when the host
// has observed the device again: its standing, and later than what is stored.
// Call it before Run; if it does not return nil, call it again.
func (e *Engine) Resync(ctx context.Context) error {
	for p, err := range e.pages(ctx, "") {
		if err == nil {
			err = e.resync(ctx, p)
		}
		if err != nil {
			return fmt.Errorf("reporting: resync: %w", err)
		}
	}
	e.wake(false)
	return nil
}

func (e *Engine) resync(ctx context.Context, p *page) error {
	hosts := map[Key]bool{} // pointers to be forgotten what they have seen
	for {
		var pointers, targets []Key
		for i := range p.rows {
			targets = append(targets, p.rows[i].Key)
			for j := range p.targets[i].Records {
				hosts[Key{kindDevice, p.rows[i].Tenant, p.targets[i].Records[j].Host}] = true
			}
		}
		for k := range hosts {
			pointers = append(pointers, k)
		}
		slices.SortFunc(pointers, compareKeys)
		complete := true
		err := e.update(ctx, func(tx Tx) error {
			complete = true
			var rows []Row
			if len(pointers) > 0 {
				var err error
				if rows, err = tx.Get(pointers...); err != nil {
					return err
				}
			}
			for _, row := range rows {
				if row.Version == 0 {
					continue
				}
				known, err := decodePointer(row)
				if err != nil {
					return err
				}
				known.digest = [16]byte{} // of no observation
				row.Data = known.encode()
				if err := tx.Put(row); err != nil {
					return err
				}
			}
			rows, err := tx.Get(targets...)
			if err != nil {
				return err
			}
			var events []Row
			for i, row := range rows {
				if row.Version == 0 {
					continue
				}
				t := &p.targets[i]
				if err := decodeTarget(row, row.Claims, t); err != nil {
					return err
				}
				for j := range t.Records {
					complete = complete && hosts[Key{kindDevice, row.Tenant, t.Records[j].Host}]
				}
				var before map[string]status.Device
				if e.o.Events {
					before = t.everyDetails(&p.tenant, tx.Now(), e.rules())
				}
				t.resync(tx.Now())
				if e.o.Events {
					events = append(events, t.news(row.Tenant, before, &p.tenant, tx.Now(), e.rules())...)
				}
				row.Queue = "" // it loses its place
				t.plan(&row, tx.Now(), e.rules())
				if err := tx.Put(row); err != nil {
					return err
				}
			}
			return putEvents(tx, events)
		})
		if err != nil || complete {
			return err
		}
		// A record came meanwhile whose pointer was not among them.
	}
}

// resync forgets what Microsoft accepted, but for showing it.
func (t *target) resync(now time.Time) {
	if t.AzureID == "" {
		return
	}
	t.Resync = resyncWaits
	t.Message, t.Before, t.Failure, t.Unsure, t.Doubts = nil, nil, nil, nil, nil
	t.DeleteAt, t.Deletions = time.Time{}, 0
	later(&t.Floor, now.Truncate(time.Second))
	for _, c := range t.closings() {
		*c = closing{Platform: c.Platform, UserID: c.UserID, UPN: c.UPN, Since: c.Since} // what became of it was before
	}
	owner, _ := t.owner()
	if a := t.Accepted; owner == nil && t.Close == nil && a != nil && a.State == compliance.StateRemoved &&
		a.Removal != azure.RemovalDeleted && a.Removal != azure.RemovalAbsent {
		t.close(closing{Platform: a.Platform, UserID: a.UserID, UPN: a.UPN, Since: now}) // a device may have come back since the backup
	}
}
