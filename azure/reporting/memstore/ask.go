package memstore

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// Claim implements [reporting.Store].
func (s *Store) Claim(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	if c.Queue == "" {
		return nil, nil
	}
	now := s.now()
	var taken []*entry
	for e := range s.urgencies(c.Queue) {
		if e.Urgency > c.Most || len(taken) >= c.Limit && !c.OldestFirst {
			break
		}
		of := 0
		for e := range s.due(e, now) {
			if of >= c.Limit || len(taken) >= c.Limit && !c.OldestFirst {
				break
			}
			taken = append(taken, e)
			of++
		}
	}
	if c.OldestFirst {
		slices.SortFunc(taken, byDue)
		taken = taken[:max(0, min(len(taken), c.Limit))]
	}
	rows := make([]reporting.Row, len(taken))
	for i, e := range taken {
		row := e.Row
		row.Version++
		row.Claims++
		row.ClaimedAt, row.LeaseUntil = now, exact(now.Add(c.Lease))
		s.change(e, row)
		rows[i] = clone(row)
	}
	return rows, nil
}

// urgencies answers the first row of each urgency of a queue, most urgent
// first.
func (s *Store) urgencies(queue string) func(yield func(*entry) bool) {
	return func(yield func(*entry) bool) {
		probe := &entry{Row: reporting.Row{Queue: queue}}
		for {
			e, ok := s.work.first(probe)
			if !ok || e.Queue != queue || !yield(e) || e.Urgency == math.MaxUint8 {
				return
			}
			probe.Urgency = e.Urgency + 1
		}
	}
}

// due answers the rows of e's queue and urgency, from e on, that can be claimed
// now. e is in the work index.
func (s *Store) due(e *entry, now time.Time) func(yield func(*entry) bool) {
	return func(yield func(*entry) bool) {
		for f := range s.work.from(e) {
			if f.Queue != e.Queue || f.Urgency != e.Urgency || f.Due.After(now) {
				return
			}
			if !f.LeaseUntil.After(now) && !yield(f) {
				return
			}
		}
	}
}

// Queues implements [reporting.Store].
func (s *Store) Queues(ctx context.Context, after string, limit int) ([]string, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	now := s.now()
	var queues []string
	for len(queues) < limit {
		// No name contains NUL, so that nothing is between a name and this.
		e, ok := s.work.first(&entry{Row: reporting.Row{Queue: after + "\x00"}})
		if !ok {
			break
		}
		after = e.Queue
		if s.anyDue(after, now) {
			queues = append(queues, after)
		}
	}
	return queues, nil
}

func (s *Store) anyDue(queue string, now time.Time) bool {
	for e := range s.urgencies(queue) {
		for range s.due(e, now) {
			return true
		}
	}
	return false
}

// NextDue implements [reporting.Store].
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	if err := s.begin(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.end()
	e, ok := s.ready.first(&entry{Row: reporting.Row{Due: s.now().Add(time.Microsecond)}})
	if !ok {
		return time.Time{}, nil
	}
	return ready(&e.Row), nil
}

// Scan implements [reporting.Store].
func (s *Store) Scan(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	from := &entry{Row: reporting.Row{Key: reporting.Key{Kind: kind, Tenant: tenant}}}
	if after != (reporting.Key{}) {
		from.ID = after.ID + "\x00"
		if tenant == "" {
			from.Tenant = after.Tenant
		}
	}
	var rows []reporting.Row
	for e := range s.keys.from(from) {
		if len(rows) >= limit || e.Kind != kind || tenant != "" && e.Tenant != tenant {
			break
		}
		rows = append(rows, clone(e.Row))
	}
	return rows, nil
}

// Tally implements [reporting.Store]. It answers by tenant, label and urgency.
func (s *Store) Tally(ctx context.Context, kind reporting.Kind, tenant string, before time.Time) ([]reporting.Tally, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	var tallies []reporting.Tally
	for c := range s.groups.from(&counted{group: group{kind: kind, tenant: tenant}}) {
		if c.kind != kind || tenant != "" && c.tenant != tenant {
			break
		}
		t := reporting.Tally{Tenant: c.tenant, Label: c.label, Urgency: c.urgency, Count: c.count}
		if len(c.sinces.chunks) > 0 {
			t.Old = c.sinces.below(&entry{Row: reporting.Row{Since: exact(before)}})
			t.Since = c.sinces.chunks[0][0].Since
		}
		if len(c.dues.chunks) > 0 {
			t.Due = c.dues.chunks[0][0].Due
		}
		tallies = append(tallies, t)
	}
	return tallies, nil
}
