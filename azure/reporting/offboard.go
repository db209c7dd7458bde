package reporting

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// OffBoarding is how far an off-boarding is.
type OffBoarding struct {
	Devices int // Azure ids of which Azure may still hold something
	Closed  int // since this call of OffBoard

	// Cause is why nothing goes on, where the tenant is parked.
	Cause azure.Kind
}

// OffBoard ends the reporting of a tenant: every device is closed first, which
// is reported as not managed and not compliant; then the tenant is
// deprovisioned where the reporter is an [azure.Deprovisioner]; then all that
// is stored of it is deleted. No directory object is deleted. It returns when
// that is done. What Microsoft refuses to close is tried again for a week.
//
// It needs Run, here or in another process, to send what is to be sent, and
// the tenant's consent to be there still. progress, which may be nil, is told
// at the beginning and every Options.Poll. If OffBoard does not return nil,
// or the process ends, the tenant stays in ModeOffBoarding, and a second call
// goes on where the first ended. It may be called again after it succeeded.
func (e *Engine) OffBoard(ctx context.Context, account, tenantID string, progress func(OffBoarding)) error {
	fail := func(err error) error { return fmt.Errorf("reporting: off-board: %w", err) }
	f := Filter{TenantID: tenantID}
	if err := f.check(); err != nil {
		return fail(err)
	} else if tenantID == "" {
		return fail(unknownTenant(""))
	}
	if _, known, err := e.tenant(ctx, f.TenantID); err != nil || !known {
		if err != nil {
			return fail(err)
		}
		return nil
	}
	err := e.updateTenant(ctx, account, f.TenantID, func(tx Tx, t *tenantDocument, known bool) error {
		if known && t.Mode != ModeOffBoarding {
			t.Mode, t.Since = ModeOffBoarding, tx.Now()
		}
		t.tryNow(tx.Now())
		return nil
	})
	if err != nil {
		return err
	}
	first := -1
	for {
		left, released, err := e.closeAll(ctx, f.TenantID)
		if err != nil {
			return fail(err)
		}
		e.wake(false)
		if first < 0 {
			first = left
		}
		if progress != nil {
			now := OffBoarding{Devices: left, Closed: max(0, first-left)}
			if t, _, err := e.tenant(ctx, f.TenantID); err == nil && t.parked() != nil {
				now.Cause = t.parked().Err.Kind
			}
			progress(now)
		}
		if left == 0 && released == 0 {
			break // two looks in a row: an Observe that had begun before is done
		}
		pause := time.NewTimer(e.o.Poll)
		select {
		case <-ctx.Done():
			pause.Stop()
			return fail(ctx.Err())
		case <-pause.C:
		}
		if err := e.offBoards(ctx, f.TenantID); errors.Is(err, ErrUnknownTenant) {
			return nil // another call has ended it
		} else if err != nil {
			return fail(err)
		}
	}
	if d, ok := e.reporter.(azure.Deprovisioner); ok {
		call, stop := context.WithTimeout(ctx, e.o.CallTimeout)
		err := d.Deprovision(call, f.TenantID)
		stop()
		if err != nil && !errors.Is(err, azure.ErrNotProvisioned) {
			return fail(err)
		}
	}
	if err := e.deleteTenant(ctx, f.TenantID); err != nil {
		return fail(err)
	}
	e.log.Info("a tenant was off-boarded", "tenant", f.TenantID)
	return nil
}

// offBoards answers nil while a tenant is being off-boarded. Another call may have
// ended that, and the host have registered it again since.
func (e *Engine) offBoards(ctx context.Context, tenantID string) error {
	t, err := e.registered(ctx, tenantID)
	switch {
	case err != nil:
		return err
	case t.Mode != ModeOffBoarding:
		return fmt.Errorf("TenantID %s was registered again meanwhile", quote(tenantID))
	}
	return nil
}

// closeAll releases the records of a tenant and has every id closed of which
// Azure may hold something. It answers how many of those are left, and how
// many targets had records still.
func (e *Engine) closeAll(ctx context.Context, tenantID string) (left, released int, err error) {
	for p, err := range e.pages(ctx, tenantID) {
		if err != nil {
			return 0, 0, err
		}
		closing := map[Key]bool{}
		n, err := e.changeTargets(ctx, p, func(i int) bool { return len(p.targets[i].Records) > 0 },
			func(tx Tx, row *Row, t *target) (bool, error) {
				for len(t.Records) > 0 {
					r := t.Records[0]
					t.leave(&r, t.AzureID != "", row.Claims > 0, tx.Now())
				}
				t.DeleteAt, t.Held, t.Sync, t.Resync = time.Time{}, compliance.StateUnspecified, askedNot, resyncNot
				closing[row.Key] = t.Close != nil || len(t.Closing) > 0 || row.Claims > 0
				return true, nil
			})
		if err != nil {
			return 0, 0, err
		}
		released += n
		for i := range p.targets {
			t := &p.targets[i]
			// A call that has no outcome is waited for while somebody may have one:
			// what is left of a forgotten device is in no queue.
			calling := p.rows[i].Claims > 0 && (p.rows[i].Queue != "" || p.rows[i].LeaseUntil.After(p.now))
			if closing[p.rows[i].Key] || len(t.Records) == 0 && (t.Close != nil || len(t.Closing) > 0 || calling) {
				left++
			}
		}
	}
	return left, released, nil
}

// deleteTenant deletes all rows of a tenant, itself last, but for the events that
// nobody fetched yet.
func (e *Engine) deleteTenant(ctx context.Context, tenantID string) error {
	for _, kind := range []Kind{kindGuard, kindPace, kindDevice, kindTarget, kindTenant} {
		for {
			rows, err := e.store.Scan(ctx, kind, tenantID, Key{}, pageSize)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				break
			}
			keys := make([]Key, len(rows))
			for i := range rows {
				keys[i] = rows[i].Key
			}
			err = e.update(ctx, func(tx Tx) error {
				if _, err := tx.Get(keys...); err != nil {
					return err
				}
				return tx.Delete(keys...)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
