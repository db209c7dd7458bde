package reporting

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

// seenEvery is how often an observation that changes nothing is written, so
// that it is known when the device was seen.
const seenEvery = time.Hour

// Observe takes what the host saw. When it returns nil, everything that was
// not refused is durable, and the newest standing of each device will reach
// Azure or be shown with the reason why not, whether or not Run is running.
// After an error nothing is. Call it with as many observations as are at hand:
// a thousand in one call cost little more than ten.
//
// It may be called before, beside and after Run, by several goroutines and
// processes. Observations of one device may come in any order. One limit: of
// a compliant device, an observation that changes nothing is written at most
// hourly, so that a late one that says non-compliant may pass for newer than
// one of the same hour that was not written.
func (e *Engine) Observe(ctx context.Context, observations ...Observation) (Observed, error) {
	tenants, read := map[string]*tenantDocument{}, time.Now()
	for i := range observations {
		id := guid.Canonical(observations[i].TenantID)
		if _, ok := tenants[id]; ok || !guid.Valid(id) {
			continue
		}
		t, known, err := e.tenant(ctx, id)
		if err != nil {
			return Observed{}, fmt.Errorf("reporting: observe: %w", err)
		}
		tenants[id] = nil
		if known {
			tenants[id] = &t
		}
	}
	var result Observed
	var s sighting
	err := e.update(ctx, func(tx Tx) error {
		result = Observed{} // fn may run again
		if e.heldUp(read) {
			if err := readTenants(tx, tenants); err != nil {
				return err
			}
		}
		s = sighting{e: e, tx: tx, now: tx.Now(), tenants: tenants}
		return s.all(observations, &result)
	})
	if err != nil {
		return Observed{}, fmt.Errorf("reporting: observe: %w", err)
	}
	s.alarm()
	if result.Changed > 0 {
		maps.DeleteFunc(tenants, func(_ string, t *tenantDocument) bool { return t == nil })
		e.wake(false, slices.Sorted(maps.Keys(tenants))...)
	}
	return result, nil
}

// heldUp reports whether so much time has passed since a tenant was read that
// it may be switched off, or off-boarded: OffBoard waits for Options.Poll.
func (e *Engine) heldUp(since time.Time) bool { return time.Since(since) > e.o.Poll/2 }

// readTenants reads tenants within a transaction: one that was held up may find
// that they are off-boarded. OffBoard waits for those that were not held up.
func readTenants(tx Tx, tenants map[string]*tenantDocument) error {
	ids := slices.Sorted(maps.Keys(tenants))
	keys := make([]Key, len(ids))
	for i, id := range ids {
		keys[i] = Key{Kind: kindTenant, Tenant: id}
	}
	rows, err := tx.Get(keys...)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if tenants[id] = nil; rows[i].Version != 0 {
			tenants[id] = &tenantDocument{}
			if err := decodeJSON(rows[i], tenants[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

// sighting is one transaction of Observe.
type sighting struct {
	e       *Engine
	tx      Tx
	now     time.Time
	tenants map[string]*tenantDocument

	// In the order in which they were asked for, so that what is written has
	// an order too.
	pointers ordered[heldPointer]
	targets  ordered[heldTarget]

	turned []turned
	live   map[string]int // by tenant
	alarms []alarm
}

// ordered is a set of rows in the order in which they were asked for.
type ordered[T any] struct {
	keys  []Key
	byKey map[Key]*T
}

// want adds a key and reports whether it is new.
func (o *ordered[T]) want(k Key) bool {
	if o.byKey == nil {
		o.byKey = map[Key]*T{}
	}
	_, there := o.byKey[k]
	if !there {
		o.byKey[k] = nil
		o.keys = append(o.keys, k)
	}
	return !there
}

type heldPointer struct {
	pointer
	row     Row
	changed bool
}

type heldTarget struct {
	target
	row     Row
	changed bool
	before  map[string]status.Device // details by host, where events are wanted
}

// turned is a device that turned to another standing.
type turned struct {
	tenant string
	host   string
	target Key
	to     compliance.State
	counts bool
}

func (s *sighting) all(observations []Observation, result *Observed) error {
	refuse := func(i int, err error) { result.Refused = append(result.Refused, Refusal{Index: i, Err: err}) }
	taken := make([]int, 0, len(observations)) // those that are not refused, by their places
	keys := make([]Key, 0, len(observations))
	for i := range observations {
		o := &observations[i]
		if err := o.check(s.now); err != nil {
			refuse(i, err)
			continue
		}
		key := Key{kindDevice, guid.Canonical(o.TenantID), o.DeviceID}
		switch t := s.tenants[key.Tenant]; {
		case t == nil:
			refuse(i, unknownTenant(key.Tenant))
			continue
		case t.Account != o.Account:
			refuse(i, fmt.Errorf("Account %s for TenantID %s: %w", quote(o.Account), quote(key.Tenant), ErrForeignTenant))
			continue
		case t.Mode == ModeOffBoarding:
			refuse(i, fmt.Errorf("TenantID %s: %w", quote(key.Tenant), ErrOffBoarding))
			continue
		}
		taken = append(taken, i)
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil
	}
	rows, err := s.tx.Get(keys...)
	if err != nil {
		return err
	}
	// Most observations change nothing, so that finding this out has to cost
	// little: no copy, no document, no map.
	isNews := make([]bool, len(taken))
	news := 0
	for at, i := range taken {
		if !knows(rows[at], &observations[i], s.now) {
			isNews[at] = true
			news++
		}
	}
	if news > 0 {
		s.pointers.byKey = make(map[Key]*heldPointer, news)
		for at, row := range rows {
			if isNews[at] && s.pointers.want(row.Key) {
				p, err := decodePointer(row)
				if err != nil {
					return err
				}
				s.pointers.byKey[row.Key] = &heldPointer{pointer: p, row: row}
			}
		}
		// What says nothing new beside the stored may do so beside another
		// observation of this call.
		for at, row := range rows {
			if _, ok := s.pointers.byKey[row.Key]; ok && !isNews[at] {
				isNews[at] = true
				news++
			}
		}
	}
	result.Unchanged = len(taken) - news
	if news == 0 {
		return nil
	}
	some := make([]Observation, 0, news)
	for at, i := range taken {
		if isNews[at] {
			some = append(some, observations[i])
			some[len(some)-1].canonical(s.now)
		}
	}
	if err := s.getTargets(some); err != nil {
		return err
	}
	for i := range some {
		switch s.take(&some[i]) {
		case effectStale:
			result.Stale++
		case effectNone:
			result.Unchanged++
		case effectChanged:
			result.Changed++
		}
	}
	if err := s.guard(); err != nil {
		return err
	}
	return s.put()
}

func deviceKey(o *Observation) Key { return Key{kindDevice, o.TenantID, o.DeviceID} }

// getTargets gets every target that one of the observations can concern: where
// its device's record is, and where it may move to.
func (s *sighting) getTargets(observations []Observation) error {
	want := func(tenant, id string) {
		if id != "" {
			s.targets.want(Key{kindTarget, tenant, id})
		}
	}
	for i := range observations {
		o := &observations[i]
		p := s.pointers.byKey[deviceKey(o)]
		want(o.TenantID, p.target)
		want(o.TenantID, home(o, &p.pointer))
	}
	if len(s.targets.keys) == 0 {
		return nil
	}
	rows, err := s.tx.Get(s.targets.keys...)
	if err != nil {
		return err
	}
	for _, row := range rows {
		t := &heldTarget{row: row}
		if err := decodeTarget(row, row.Claims, &t.target); err != nil {
			return err
		}
		if s.e.o.Events {
			t.before = t.everyDetails(s.tenants[row.Tenant], s.now, s.e.rules())
		}
		s.targets.byKey[row.Key] = t
	}
	return nil
}

// take applies one observation to what the transaction holds.
func (s *sighting) take(o *Observation) effect {
	p := s.pointers.byKey[deviceKey(o)]
	toKey := Key{kindTarget, o.TenantID, home(o, &p.pointer)}
	to := s.targets.byKey[toKey]
	if o.AzureDeviceID != "" {
		to.AzureID = o.AzureDeviceID
	}
	var from *heldTarget
	if p.target != "" {
		from = s.targets.byKey[Key{kindTarget, o.TenantID, p.target}]
	}
	var c change
	if from == nil {
		c = apply(o, s.now, nil, &to.target, false)
	} else {
		// Claims counts calls that have no outcome yet.
		c = apply(o, s.now, &from.target, &to.target, from.row.Claims > 0)
	}
	if c.effect == effectStale {
		return c.effect
	}
	to.changed = true
	if from != nil {
		from.changed = true
	}
	at := to
	if to.find(o.DeviceID) != nil {
		p.target = toKey.ID
	} else {
		at = from
	}
	p.digest, p.changed = o.digest(), true
	if c.partly {
		p.digest = [16]byte{} // the same again, later, says more
	}
	if r := at.find(o.DeviceID); r != nil {
		p.seen = r.SeenAt.UnixMicro()
		p.strict = r.State == compliance.StateNonCompliant || r.Waits || r.NoID || r.Code != "" && r.Code.HoldsCompliant()
	}
	if c.turned != compliance.StateUnspecified {
		s.turned = append(s.turned, turned{tenant: o.TenantID, host: o.DeviceID, target: at.row.Key, to: c.turned, counts: c.counts})
	}
	if c.live != 0 {
		if s.live == nil {
			s.live = map[string]int{}
		}
		s.live[o.TenantID] += c.live
	}
	return c.effect
}

func (s *sighting) put() error {
	var rows, events []Row
	var gone []Key
	for _, key := range s.pointers.keys {
		if p := s.pointers.byKey[key]; p.changed {
			p.row.Data = p.encode()
			rows = append(rows, p.row)
		}
	}
	for _, key := range s.targets.keys {
		t := s.targets.byKey[key]
		if !t.changed {
			continue
		}
		k := s.e.rules()
		if t.before != nil {
			events = append(events, t.news(key.Tenant, t.before, s.tenants[key.Tenant], s.now, k)...)
		}
		if t.plan(&t.row, s.now, k) {
			rows = append(rows, t.row)
		} else if t.row.Version != 0 {
			gone = append(gone, t.row.Key)
		}
	}
	if len(rows) > 0 {
		if err := s.tx.Put(rows...); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		if err := s.tx.Delete(gone...); err != nil {
			return err
		}
	}
	return putEvents(s.tx, events)
}
