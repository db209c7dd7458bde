package reporting

import (
	"maps"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/compliance"
)

// guardWindow is how long the guard looks back at least, guardSlot the part of
// it that is counted, and forgotten, as one.
const (
	guardWindow = time.Hour
	guardSlot   = 5 * time.Minute
)

// guard counts how many devices of a tenant turn which way, so that a policy
// that was pushed by mistake does not lock everybody out unnoticed.
type guard struct {
	Devices int       `json:"devices"`       // of the tenant, without those that are removed
	Anew    time.Time `json:"anew,omitzero"` // turns until then do not count any more

	Compliant    wave `json:"compliant,omitzero"`
	NonCompliant wave `json:"nonCompliant,omitzero"`
	Removed      wave `json:"removed,omitzero"`
}

// wave is what turned one way within the window.
type wave struct {
	Slots []slot    `json:"slots,omitempty"`
	Alarm time.Time `json:"alarm,omitzero"` // since when there are too many
	Count int       `json:"count,omitempty"`
}

// slot counts the turns of a part of the window.
type slot struct {
	At time.Time `json:"at"`
	N  int       `json:"n"`
}

// wave answers the wave of a standing, nil where there is none.
func (g *guard) wave(s compliance.State) *wave {
	switch s {
	case compliance.StateCompliant:
		return &g.Compliant
	case compliance.StateNonCompliant:
		return &g.NonCompliant
	case compliance.StateRemoved:
		return &g.Removed
	}
	return nil
}

// turn counts n devices that turned at now and reports whether that are too
// many within the window: more than the larger of least and the share of the
// tenant's devices. first: they were not before.
func (w *wave) turn(n int, now time.Time, devices, least int, share float64) (tooMany, first bool) {
	kept := w.Slots[:0]
	count := n
	for _, s := range w.Slots {
		// Until its end is an hour ago; a clock that was set back does not keep
		// counts for ever.
		if now.Sub(s.At) < guardWindow+guardSlot && s.At.Sub(now) < guardWindow {
			kept = append(kept, s)
			count += s.N
		}
	}
	at := now.Truncate(guardSlot)
	if last := len(kept) - 1; last >= 0 && kept[last].At.Equal(at) {
		kept[last].N += n
	} else {
		kept = append(kept, slot{at, n})
	}
	w.Slots, w.Count = kept, count
	tooMany = count > max(least, int(share*float64(devices)))
	first = tooMany && w.Alarm.IsZero()
	switch {
	case first:
		w.Alarm = now
	case !tooMany:
		w.Alarm = time.Time{}
	}
	return tooMany, first
}

// turns are when a device last turned each way.
type turns struct {
	Compliant    time.Time `json:"compliant,omitzero"`
	NonCompliant time.Time `json:"nonCompliant,omitzero"`
	Removed      time.Time `json:"removed,omitzero"`
}

// turn notes a turn and reports whether it is to be counted: not while a slot is
// kept that an earlier one that way is in, since a device that flaps is one
// device.
func (t *turns) turn(s compliance.State, now time.Time) bool {
	at := t.last(s)
	since := now.Sub(at.Truncate(guardSlot))
	if !at.IsZero() && !at.After(now) && since < guardWindow+guardSlot {
		return false
	}
	*at = now
	return true
}

func (t *turns) last(s compliance.State) *time.Time {
	switch s {
	case compliance.StateCompliant:
		return &t.Compliant
	case compliance.StateNonCompliant:
		return &t.NonCompliant
	}
	return &t.Removed
}

// guard counts the turns of the transaction and holds those that are too many.
// A tenant's first devices turn from nothing, which is not a turn.
func (s *sighting) guard() error {
	if s.e.o.GuardShare < 0 || len(s.turned) == 0 && len(s.live) == 0 {
		return nil
	}
	tenants := map[string]bool{}
	for tenant := range s.live {
		tenants[tenant] = true
	}
	for _, t := range s.turned {
		tenants[t.tenant] = true
	}
	keys := make([]Key, 0, len(tenants))
	for _, tenant := range slices.Sorted(maps.Keys(tenants)) {
		keys = append(keys, Key{Kind: kindGuard, Tenant: tenant})
	}
	rows, err := s.tx.Get(keys...)
	if err != nil {
		return err
	}
	for i := range rows {
		var g guard
		if err := decodeJSON(rows[i], &g); err != nil {
			return err
		}
		s.guardTenant(rows[i].Tenant, &g)
		rows[i].Data = encodeJSON(&g)
	}
	return s.tx.Put(rows...)
}

// alarm is that too many devices turned the same way.
type alarm struct {
	tenant string
	state  compliance.State
	count  int
}

// alarm logs the alarms of a transaction that is done.
func (s *sighting) alarm() {
	for _, a := range s.alarms {
		s.e.log.Error("many devices turned the same way within an hour", "tenant", a.tenant, "state", a.state.String(),
			"devices", a.count, "held", slices.Contains(s.e.o.GuardHolds, a.state))
	}
}

func (s *sighting) guardTenant(tenant string, g *guard) {
	devices := g.Devices
	g.Devices = max(0, g.Devices+s.live[tenant])
	ends := map[Key]compliance.State{} // a device may turn twice in one call
	for _, t := range s.turned {
		ends[t.target] = t.to
	}
	for _, state := range []compliance.State{compliance.StateRemoved, compliance.StateNonCompliant, compliance.StateCompliant} {
		n, any := 0, false
		for _, t := range s.turned {
			if t.tenant == tenant && t.to == state {
				any = true
				if t.counts || s.countsAnew(t, g.Anew) {
					n++
				}
			}
		}
		if !any {
			continue
		}
		w := g.wave(state)
		tooMany, first := w.turn(n, s.now, max(devices, g.Devices), s.e.o.GuardLeast, s.e.o.GuardShare)
		if first {
			s.alarms = append(s.alarms, alarm{tenant, state, w.Count})
		}
		if !tooMany || !slices.Contains(s.e.o.GuardHolds, state) {
			continue
		}
		for _, t := range s.turned {
			if t.tenant == tenant && t.to == state && ends[t.target] == state {
				held := s.targets.byKey[t.target]
				held.Held, held.Sync = state, askedNot // who asked before did not mean this
			}
		}
	}
}

// countsAnew notes a turn anew that was counted before the guard was told to
// forget what it had counted, and reports whether it is such a one.
func (s *sighting) countsAnew(t turned, anew time.Time) bool {
	r := s.targets.byKey[t.target].find(t.host)
	if r == nil {
		return false // it turned, and is gone from here
	}
	at := r.Turned.last(t.to)
	if at.After(anew) || anew.After(s.now) { // or the clock was set back since
		return false
	}
	*at = s.now
	return true
}
