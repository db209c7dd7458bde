package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// plan is what one cell is to measure.
type plan struct {
	Store   string
	Devices int
	Tenants int
	Rounds  int
	AtOnce  []int
	Calls   int // in flight, of a worker; zero: the default
	Postgres,
	Folder string // DSN; of SQLite's files
	Profiles string // empty: none
}

// atMost is how many devices one round changes and drains, and unchangedAtMost
// how many it observes as they are.
const (
	atMost          = 50_000
	unchangedAtMost = 200_000
)

// weigh notes what the database takes after all that was written.
func (b *bench) weigh(ctx context.Context) (err error) {
	b.cell.UsedBytes, err = b.size(ctx)
	return err
}

// bench is one cell while it is measured.
type bench struct {
	plan
	*database
	cell    *cell
	fleet   *fleet
	engine  *reporting.Engine
	server  serverTime
	profile int
}

// measure measures one cell in this process, which does nothing else: what it
// takes of memory is the cell's.
func measure(ctx context.Context, p plan) (*cell, error) {
	d, err := openDatabase(ctx, p.Store, p.Postgres, p.Folder)
	if err != nil {
		return nil, err
	}
	defer d.drop()
	b := &bench{plan: p, database: d, fleet: newFleet(p.Devices, p.Tenants), cell: &cell{Store: p.Store, Devices: p.Devices, Tenants: p.Tenants}}
	if b.server, err = d.serverTime(ctx); err != nil {
		return nil, err
	}
	if b.cell.Database, err = d.describe(ctx); err != nil {
		return nil, err
	}
	if b.engine, err = newEngine(d.store, p.Calls); err != nil {
		return nil, err
	}
	for n := range p.Tenants {
		if err := b.engine.RegisterTenant(ctx, account(n), tenantID(n)); err != nil {
			return nil, err
		}
	}
	watch := watchMemory()
	for _, step := range []func(context.Context) error{b.fill, b.unchanged, b.turns, b.weigh} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	b.cell.Memory, b.cell.Load = watch.end(), loadOf()
	return b.cell, b.bare(ctx) // after the memory: it holds many rows
}

// profiled runs do, under a profile where that is wanted.
func (b *bench) profiled(name string, do func() error) error {
	if b.Profiles == "" {
		return do()
	}
	b.profile++
	f, err := os.Create(filepath.Join(b.Profiles, fmt.Sprintf("%s-%d-%02d-%s.prof", b.Store, b.Devices, b.profile, name)))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return do()
}

// fill observes the whole fleet for the first time, and drains it.
func (b *bench) fill(ctx context.Context) error {
	r, err := b.observe(ctx, b.Devices, 1, false, false, nil)
	if err != nil {
		return err
	}
	b.cell.add(whatNew, 1, false, r)
	if _, err := b.drain(ctx, b.Devices, 1); err != nil {
		return err
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	b.cell.FilledBytes, err = b.size(ctx)
	return err
}

// unchanged observes devices as they are. Every device is compliant: of one
// that is not, every observation is written.
func (b *bench) unchanged(ctx context.Context) error {
	for range b.Rounds {
		for _, callers := range b.AtOnce {
			n := max(min(b.Devices, unchangedAtMost), 100_000/b.slowness())
			err := b.profiled(whatUnchanged, func() error {
				r, err := b.observe(ctx, n, callers, false, false, func(o reporting.Observed) int { return o.Unchanged })
				b.cell.add(whatUnchanged, callers, false, r)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// slowness keeps the measurements of a store in memory from being too short.
func (b *bench) slowness() int {
	if b.Store == inMemory {
		return 1
	}
	return 4
}

// turns lets devices turn, and drains them.
func (b *bench) turns(ctx context.Context) error {
	type way struct {
		atOnce   int
		anywhere bool
	}
	var ways []way
	for _, n := range b.AtOnce {
		ways = append(ways, way{n, false})
	}
	ways = append(ways, way{1, true})
	for n := range b.Rounds {
		for turn := range ways {
			w := ways[(turn+n)%len(ways)] // nobody always follows the same
			if err := b.turn(ctx, w.atOnce, w.anywhere); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) turn(ctx context.Context, atOnce int, anywhere bool) error {
	n := min(b.Devices, atMost)
	err := b.profiled(whatChanged, func() error {
		r, err := b.observe(ctx, n, atOnce, anywhere, true, func(o reporting.Observed) int { return o.Changed })
		b.cell.add(whatChanged, atOnce, anywhere, r)
		return err
	})
	if err != nil {
		return err
	}
	if atOnce == 1 && !anywhere {
		r, err := b.claims(ctx)
		if err != nil {
			return err
		}
		b.cell.add(whatClaim, 1, false, r)
	}
	return b.profiled(whatDrain, func() error {
		r, err := b.drain(ctx, n, atOnce)
		b.cell.add(whatDrain, atOnce, anywhere, r)
		return err
	})
}

// claims claims 20 at a time, by itself. No more stays under a lease than one
// engine takes: a claim passes by what is.
func (b *bench) claims(ctx context.Context) (round, error) {
	const (
		limit      = 20
		most       = 200
		underLease = 10 * limit
	)
	queues, err := b.store.Queues(ctx, "", b.Tenants)
	if err != nil || len(queues) == 0 {
		return round{}, fmt.Errorf("nothing is due: %w", err)
	}
	m := &meter{server: b.server}
	var each []time.Duration
	var claimed []reporting.Row
	for len(each) < most && len(queues) > 0 {
		m.start()
		for len(claimed) < underLease {
			began := time.Now()
			rows, err := b.store.Claim(ctx, reporting.Claim{Queue: queues[0], Limit: limit, Lease: time.Hour, Most: 255})
			if err != nil {
				return round{}, err
			}
			claimed = append(claimed, rows...)
			if len(rows) < limit {
				queues = queues[1:]
				break
			}
			each = append(each, time.Since(began))
		}
		m.stop()
		if err := b.letGo(ctx, claimed); err != nil {
			return round{}, err
		}
		claimed = claimed[:0]
	}
	if len(each) == 0 {
		return round{}, errors.New("too little is due to claim")
	}
	r := m.round(len(each))
	slices.Sort(each)
	r.Millis = micros(each[len(each)/2]) / 1000
	return r, nil
}

// letGo ends the leases of rows.
func (b *bench) letGo(ctx context.Context, claimed []reporting.Row) error {
	keys := make([]reporting.Key, len(claimed))
	for i := range claimed {
		keys[i] = claimed[i].Key
	}
	return b.store.Update(ctx, func(tx reporting.Tx) error {
		rows, err := tx.Get(keys...)
		if err != nil {
			return err
		}
		for i := range rows {
			rows[i].LeaseUntil, rows[i].ClaimedAt, rows[i].Claims = time.Time{}, time.Time{}, 0
		}
		return tx.Put(rows...)
	})
}
