package azuresim

import (
	"slices"
	"time"
)

// replaceLocked makes next the state of a device, and keeps the earlier one
// while lagging reads may still see it.
func (s *Simulator) replaceLocked(rec *record, next Device) {
	s.replaceAtLocked(rec, next, s.now())
}

// replaceAtLocked is replaceLocked for a change that happened at now, which
// may be a while ago.
func (s *Simulator) replaceAtLocked(rec *record, next Device, now time.Time) {
	if lag := s.options.ReadLag; lag > 0 {
		rec.older = append(rec.older, version{until: now, state: rec.current})
		past := slices.IndexFunc(rec.older, func(v version) bool { return v.until.After(now.Add(-lag)) })
		rec.older = slices.Delete(rec.older, 0, past)
	}
	rec.current = next
}

// deleteLocked takes a device out of sight and says it is not compliant.
func (s *Simulator) deleteLocked(t *tenant, rec *record) {
	next := rec.current.clone()
	next.DeletedAt = s.now()
	next.IsCompliant = new(false)
	s.replaceLocked(rec, next)
	if s.options.HardDelete {
		t.dropLocked(rec)
		t.compactLocked()
	}
}

// compactLocked keeps the list of devices from filling up with what is gone.
func (t *tenant) compactLocked() {
	t.dropped++
	if t.dropped < 64 || t.dropped*2 < len(t.ordered) {
		return
	}
	t.ordered = slices.DeleteFunc(t.ordered, func(rec *record) bool {
		return t.byObject[rec.current.ObjectID] != rec
	})
	t.dropped = 0
}

// seen answers the device as a read at now finds it; false where the read
// finds none.
func (s *Simulator) seen(rec *record, now time.Time) (Device, bool) {
	asOf := now.Add(-s.options.ReadLag)
	if now.Before(rec.visible) {
		return Device{}, false
	}
	state := rec.current
	if s.options.ReadLag > 0 {
		for _, v := range rec.older {
			if v.until.After(asOf) {
				state = v.state
				break
			}
		}
	}
	return state, state.DeletedAt.IsZero()
}
