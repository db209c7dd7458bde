package reporting

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// Tenant is how the reporting of a tenant stands.
type Tenant struct {
	TenantID string    `json:"tenantId"`
	Account  string    `json:"account"`
	Mode     Mode      `json:"mode"`
	Since    time.Time `json:"since"` // of the mode

	// Parked is why devices of the tenant wait, but for one at a time that
	// tries: nil where none does. ParkedSince is since when, and NextTry when
	// the next one tries. Windows devices and all others have permissions of
	// their own at Microsoft, and wait by themselves: ParkedWindows and
	// ParkedOthers say which do. Where both do the rest is about Windows.
	Parked        *azure.Error `json:"parked,omitempty"`
	ParkedSince   time.Time    `json:"parkedSince,omitzero"`
	NextTry       time.Time    `json:"nextTry,omitzero"`
	ParkedWindows bool         `json:"parkedWindows,omitempty"`
	ParkedOthers  bool         `json:"parkedOthers,omitempty"`

	// LastSuccess is when Microsoft last accepted or answered something, to the
	// minute.
	LastSuccess time.Time `json:"lastSuccess,omitzero"`

	// Devices counts Azure ids, and devices without one, by where the report
	// of each stands.
	Devices map[status.ReportState]int `json:"devices,omitempty"`

	// Compliant is how many Azure holds as compliant, as far as this engine
	// reported it. Where the mode is off they stay so.
	Compliant int `json:"compliant"`

	// Unsent is how many have a newer standing than Azure holds, and
	// OldestUnsent since when the one has that waits longest.
	Unsent       int       `json:"unsent"`
	OldestUnsent time.Time `json:"oldestUnsent,omitzero"`

	Held    int `json:"held"`    // by the guard
	Overdue int `json:"overdue"` // accepted longer ago than Options.RefreshEvery

	// Alarms are the standings to which too many devices turned within an
	// hour, and since when.
	Alarms map[compliance.State]time.Time `json:"alarms,omitempty"`

	// CredentialExpires is what Options.CredentialExpires says.
	CredentialExpires time.Time `json:"credentialExpires,omitzero"`
}

// Tenant answers how the reporting of a tenant stands. It counts: cost grows
// with the tenant's devices on some stores.
func (e *Engine) Tenant(ctx context.Context, tenantID string) (Tenant, error) {
	f := Filter{TenantID: tenantID}
	if err := f.check(); err != nil || tenantID == "" {
		return Tenant{}, fmt.Errorf("reporting: tenant %.40q is not a GUID", tenantID)
	}
	t, err := e.registered(ctx, f.TenantID)
	if err == nil {
		var view Tenant
		if view, err = e.view(ctx, f.TenantID, &t); err == nil {
			return view, nil
		}
	}
	return Tenant{}, fmt.Errorf("reporting: tenant %s: %w", f.TenantID, err)
}

// Tenants goes through all tenants by their id. An error ends the sequence.
func (e *Engine) Tenants(ctx context.Context) iter.Seq2[Tenant, error] {
	return func(yield func(Tenant, error) bool) {
		after := Key{}
		for {
			rows, err := e.store.Scan(ctx, kindTenant, "", after, pageSize)
			if err != nil {
				yield(Tenant{}, fmt.Errorf("reporting: tenants: %w", err))
				return
			}
			if len(rows) == 0 {
				return
			}
			after = rows[len(rows)-1].Key
			for _, row := range rows {
				var t tenantDocument
				var view Tenant
				err := decodeJSON(row, &t)
				if err == nil {
					view, err = e.view(ctx, row.Tenant, &t)
				}
				if err != nil {
					yield(Tenant{}, fmt.Errorf("reporting: tenants: %w", err))
					return
				}
				if !yield(view, nil) {
					return
				}
			}
		}
	}
}

func (e *Engine) view(ctx context.Context, tenantID string, t *tenantDocument) (Tenant, error) {
	v := Tenant{
		TenantID: tenantID, Account: t.Account, Mode: t.Mode, Since: t.Since, LastSuccess: t.LastSuccess,
		Devices: map[status.ReportState]int{},
	}
	v.ParkedWindows, v.ParkedOthers = t.Windows.Parked != nil, t.Others.Parked != nil
	if p := t.parked(); p != nil {
		v.Parked, v.ParkedSince, v.NextTry = new(p.Err), p.Since, p.Probe
	}
	if e.o.CredentialExpires != nil {
		v.CredentialExpires, _ = e.o.CredentialExpires(tenantID)
	}
	now := e.now()
	tallies, err := e.store.Tally(ctx, kindTarget, tenantID, now.Add(-e.o.RefreshEvery))
	if err != nil {
		return v, err
	}
	for _, tally := range tallies {
		state, holds, _, p := parseLabel(tally.Label)
		v.Devices[state] += tally.Count
		if holds == compliance.StateCompliant {
			v.Compliant += tally.Count
		}
		switch p {
		case phaseUnsent:
			v.Unsent += tally.Count
			earliest(&v.OldestUnsent, tally.Since)
		case phaseHeld:
			v.Held += tally.Count
		case phaseConfirmed:
			v.Overdue += tally.Old
		}
	}
	rows, err := e.store.Scan(ctx, kindGuard, tenantID, Key{}, 1)
	if err != nil || len(rows) == 0 {
		return v, err
	}
	var g guard
	if err := decodeJSON(rows[0], &g); err != nil {
		return v, err
	}
	for _, s := range []compliance.State{compliance.StateCompliant, compliance.StateNonCompliant, compliance.StateRemoved} {
		if w := g.wave(s); w.alarmed(now) {
			if v.Alarms == nil {
				v.Alarms = map[compliance.State]time.Time{}
			}
			v.Alarms[s] = w.Alarm
		}
	}
	return v, nil
}

// alarmed reports whether the alarm stands: until a window without turns has
// passed, or fewer turned than are too many.
func (w *wave) alarmed(now time.Time) bool {
	if w.Alarm.IsZero() || len(w.Slots) == 0 {
		return false
	}
	return now.Sub(w.Slots[len(w.Slots)-1].At) < guardWindow+guardSlot
}

// earliest makes t the earlier of two times; the zero time is none.
func earliest(t *time.Time, other time.Time) {
	if !other.IsZero() && (t.IsZero() || other.Before(*t)) {
		*t = other
	}
}
