package reporting

import (
	"context"
	"fmt"
	"time"

	"github.com/mdmkit/devicestatus/internal/guid"
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
// processes. Observations of one device may come in any order.
func (e *Engine) Observe(ctx context.Context, observations ...Observation) (Observed, error) {
	tenants := map[string]*tenantDocument{}
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
	err := e.store.Update(ctx, func(tx Tx) error {
		result = Observed{} // fn may run again
		s := sighting{e: e, tx: tx, now: tx.Now(), tenants: tenants}
		return s.all(observations, &result)
	})
	if err != nil {
		return Observed{}, fmt.Errorf("reporting: observe: %w", err)
	}
	if result.Changed > 0 {
		e.wake()
	}
	return result, nil
}

// sighting is one transaction of Observe.
type sighting struct {
	e       *Engine
	tx      Tx
	now     time.Time
	tenants map[string]*tenantDocument

	pointers map[Key]*heldPointer
	targets  map[Key]*heldTarget
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
}

func (s *sighting) all(observations []Observation, result *Observed) error {
	taken := make([]Observation, 0, len(observations))
	refuse := func(i int, err error) { result.Refused = append(result.Refused, Refusal{Index: i, Err: err}) }
	for i := range observations {
		o := observations[i]
		if err := o.check(s.now); err != nil {
			refuse(i, err)
			continue
		}
		switch t := s.tenants[guid.Canonical(o.TenantID)]; {
		case t == nil:
			refuse(i, ErrUnknownTenant)
			continue
		case t.Account != o.Account:
			refuse(i, ErrForeignTenant)
			continue
		}
		o.canonical()
		taken = append(taken, o)
	}
	if err := s.getPointers(taken); err != nil {
		return err
	}
	news := taken[:0]
	for _, o := range taken {
		p := s.pointers[deviceKey(&o)]
		if p.target != "" && p.digest == o.digest() && o.SeenAt.Sub(time.UnixMicro(p.seen)) < seenEvery {
			result.Unchanged++
			continue
		}
		news = append(news, o)
	}
	if err := s.getTargets(news); err != nil {
		return err
	}
	for i := range news {
		switch s.take(&news[i]) {
		case effectStale:
			result.Stale++
		case effectNone:
			result.Unchanged++
		case effectChanged:
			result.Changed++
		}
	}
	return s.put()
}

func deviceKey(o *Observation) Key { return Key{kindDevice, o.TenantID, o.DeviceID} }

func (s *sighting) getPointers(observations []Observation) error {
	s.pointers = make(map[Key]*heldPointer, len(observations))
	keys := make([]Key, 0, len(observations))
	for i := range observations {
		key := deviceKey(&observations[i])
		if _, ok := s.pointers[key]; !ok {
			s.pointers[key] = nil
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	rows, err := s.tx.Get(keys...)
	if err != nil {
		return err
	}
	for _, row := range rows {
		p, err := decodePointer(row)
		if err != nil {
			return err
		}
		s.pointers[row.Key] = &heldPointer{pointer: p, row: row}
	}
	return nil
}

// getTargets gets every target that one of the observations can concern: where
// its device's record is, and where it may move to.
func (s *sighting) getTargets(observations []Observation) error {
	s.targets = make(map[Key]*heldTarget, 2*len(observations))
	var keys []Key
	want := func(tenant, id string) {
		key := Key{kindTarget, tenant, id}
		if _, ok := s.targets[key]; id != "" && !ok {
			s.targets[key] = nil
			keys = append(keys, key)
		}
	}
	for i := range observations {
		o := &observations[i]
		p := s.pointers[deviceKey(o)]
		want(o.TenantID, p.target)
		want(o.TenantID, home(o, &p.pointer))
	}
	if len(keys) == 0 {
		return nil
	}
	rows, err := s.tx.Get(keys...)
	if err != nil {
		return err
	}
	for _, row := range rows {
		t := &heldTarget{row: row}
		if err := decodeJSON(row, &t.target); err != nil {
			return err
		}
		s.targets[row.Key] = t
	}
	return nil
}

// take applies one observation to what the transaction holds.
func (s *sighting) take(o *Observation) effect {
	p := s.pointers[deviceKey(o)]
	toID := home(o, &p.pointer)
	to := s.targets[Key{kindTarget, o.TenantID, toID}]
	if o.AzureDeviceID != "" {
		to.AzureID = o.AzureDeviceID
	}
	var from *heldTarget
	if p.target != "" {
		from = s.targets[Key{kindTarget, o.TenantID, p.target}]
	}
	var did effect
	if from == nil {
		did = apply(o, nil, &to.target)
	} else {
		did = apply(o, &from.target, &to.target)
	}
	if did == effectStale {
		return did
	}
	to.changed = true
	if from != nil {
		from.changed = true
	}
	if to.find(o.DeviceID) != nil {
		p.target = toID
	}
	p.digest, p.seen, p.changed = o.digest(), max(p.seen, o.SeenAt.UnixMicro()), true
	return did
}

func (s *sighting) put() error {
	var rows []Row
	var gone []Key
	for _, p := range s.pointers {
		if p.changed {
			p.row.Data = p.encode()
			rows = append(rows, p.row)
		}
	}
	for _, t := range s.targets {
		if !t.changed {
			continue
		}
		k := s.e.rules(s.tenants[t.row.Tenant])
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
		return s.tx.Delete(gone...)
	}
	return nil
}
