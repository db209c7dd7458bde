package simtest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// process is one life of one of the host's processes: an engine that can die at
// any step, or stand still. A dead one's later steps all fail, and what it had
// under way at Microsoft goes on there.
type process struct {
	w      *world
	name   string // of slot and life, as in "e1.3"
	slot   int
	dead   atomic.Bool
	still  atomic.Int64 // until when it stands still, in nanoseconds
	died   chan struct{}
	cancel context.CancelFunc
	engine *reporting.Engine
}

var errDead = errors.New("simtest: the process is dead")

// start begins a process and runs its engine.
func (w *world) start(slot, life int) *process {
	p := &process{w: w, name: fmt.Sprintf("e%d.%d", slot, life), slot: slot, died: make(chan struct{})}
	o := w.plan.options
	engine, err := reporting.New(&handle{p: p, inner: w.store}, &line{p: p}, &o)
	if err != nil {
		w.wrong("an engine could not be made: %v", err)
		return nil
	}
	p.engine = engine
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	w.mu.Lock()
	w.slots[slot] = p
	w.mu.Unlock()
	w.runs.Go(func() {
		if err := engine.Run(ctx); err != nil && !p.gone() {
			w.wrong("%s: Run ended with %v", p.name, err)
		}
	})
	return p
}

func (p *process) gone() bool { return p.dead.Load() }

// die ends a process where it stands.
func (p *process) die(where string) {
	if p.dead.Swap(true) {
		return
	}
	p.w.trace.add("%s dies %s", p.name, where)
	p.w.mu.Lock()
	if p.w.slots[p.slot] == p {
		p.w.slots[p.slot] = nil
	}
	p.w.watch.buried(p)
	p.w.mu.Unlock()
	p.cancel()
	close(p.died)
}

// mayDie lets a process die at a step, more often where the step matters.
func (p *process) mayDie(d dice, rate float64, where string) bool {
	if d.chance(rate*p.w.plan.deaths) && !p.w.calm() {
		p.die(where)
	}
	return p.gone()
}

// mayFreeze lets a process stand still at a step, for longer than its leases
// last, and waits until it goes on: it was stopped by the system, or moved with its
// machine. What it has asked for is done meanwhile.
func (p *process) mayFreeze(d dice, where string) (stood bool) {
	if d.chance(mattering*p.w.plan.freezes) && !p.w.calm() && !p.gone() {
		lease := p.w.watch.lease()
		still := pick(d, d.between(lease, 2*lease), d.between(lease, 2*lease), d.between(lease, 20*lease))
		p.w.trace.add("%s stands still for %v %s", p.name, still, where)
		p.still.Store(max(p.still.Load(), time.Now().Add(still).UnixNano()))
		p.w.mu.Lock()
		p.w.watch.froze(p)
		p.w.mu.Unlock()
	}
	for !p.gone() {
		left := p.still.Load() - time.Now().UnixNano()
		if left <= 0 {
			break
		}
		stood = true
		p.w.steps.sleepTo(time.Now().Add(time.Duration(left)+d.between(0, 2*time.Millisecond)), digest(p.w.seed, p.name+where))
	}
	return stood
}

// keep runs one slot until the world ends: a process, and after its death
// another.
func (w *world) keep(slot int) {
	for life := 1; ; life++ {
		p := w.start(slot, life)
		if p == nil {
			return
		}
		select {
		case <-p.died:
		case <-w.over:
			p.cancel()
			return
		}
		w.steps.pause(p.name+" buried", time.Second, pick(rolled(w.seed, p.name), 10*time.Second, 5*time.Minute, 2*time.Hour))
		select {
		case <-w.over:
			return
		default:
		}
	}
}

// anyone answers a living process, or nil.
func (w *world) anyone(d dice) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	from := d.IntN(len(w.slots))
	for i := range w.slots {
		if p := w.slots[(from+i)%len(w.slots)]; p != nil {
			return p
		}
	}
	return nil
}
