package graph

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
)

// mostItems is how many requests Microsoft takes in one $batch.
const mostItems = 20

// ReportBatch sends many reports in $batch calls of up to 20: see
// [azure.BatchReporter] for the contract. Reports are grouped by tenant and
// priority; up to Options.BatchesInFlight calls are under way at once, and all
// have ended when it returns. Items that Microsoft throttles are sent again in
// a later call, after the longest wait that one of them was asked for, as
// often as Options.Retry allows. An item that is missing from an answer has an
// unknown outcome and is sent again likewise.
func (r *Reporter) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	results := make([]azure.Result, len(rs))
	if len(rs) == 0 {
		return results
	}
	room := r.room(len(rs))
	defer r.release(room)
	jobs, last := room.jobs, room.last
	b := batches{r: r, ctx: ctx, results: results, lanes: map[laneKey]*lane{}, size: len(rs)}
	for i := range rs {
		j := &jobs[i]
		j.at = i
		if err := j.accept(rs[i], r.keep); err != nil {
			results[i].Err = err
			continue
		}
		if before := last[j.report.DeviceID]; before != nil {
			before.next = j
		} else {
			b.ready(j)
		}
		last[j.report.DeviceID] = j
	}
	b.run()
	return results
}

// room is what one ReportBatch works with besides its results. It is reused.
type room struct {
	jobs []job
	// last is the newest job of each device id. That two tenants have a device
	// of one id costs them order, nothing else.
	last map[string]*job
}

func (r *Reporter) room(n int) *room {
	var spare *room
	select {
	case spare = <-r.spare:
	default:
		spare = &room{last: map[string]*job{}}
	}
	spare.jobs = slices.Grow(spare.jobs, n)[:n]
	return spare
}

// spareRooms is how many rooms a Reporter keeps, each for up to mostSpare
// reports: less than a megabyte.
const (
	spareRooms = 4
	mostSpare  = 2000
)

// release forgets the reports of a call that is over, and keeps the room they
// took, unless it is a large one or there are enough.
func (r *Reporter) release(used *room) {
	if cap(used.jobs) > mostSpare {
		return
	}
	clear(used.jobs)
	clear(used.last)
	used.jobs = used.jobs[:0]
	select {
	case r.spare <- used:
	default:
	}
}

// laneKey is what the reports of one call have in common: one token, and one
// priority, which is a header of the whole call.
type laneKey struct{ tenant, priority string }

// lane holds the jobs that may travel together. At most one job of a device is
// in a lane or on its way; the device's next follows when it is done.
type lane struct {
	laneKey
	ready   []*job
	waiting []*job    // each until its due
	closed  time.Time // throttled until then
}

// batches is one ReportBatch under way. It belongs to the goroutine that
// called it; calls run in goroutines that end with it, and hand their jobs back.
type batches struct {
	r        *Reporter
	ctx      context.Context
	results  []azure.Result
	size     int // how many reports there are
	lanes    map[laneKey]*lane
	order    []*lane
	turn     int // counts the lanes that were asked for a call
	inFlight int
	calls    chan batchCall
	carriers int // goroutines that make the calls
	back     chan []*job
}

// batchCall is one call to make.
type batchCall struct {
	laneKey
	jobs []*job
}

// carry makes calls until there are no more. A goroutine for each call would
// grow its stack through the whole pipeline anew.
func (b *batches) carry() {
	for c := range b.calls {
		b.r.sendBatch(b.ctx, c.laneKey, c.jobs)
		b.back <- c.jobs
	}
}

func (b *batches) lane(j *job) *lane {
	key := laneKey{j.report.TenantID, priority(j.report.Trigger)}
	l := b.lanes[key]
	if l == nil {
		l = &lane{laneKey: key}
		if len(b.order) == 0 {
			l.ready = make([]*job, 0, b.size) // most often there is no other
		}
		b.lanes[key] = l
		b.order = append(b.order, l)
	}
	return l
}

func (b *batches) ready(j *job) {
	l := b.lane(j)
	l.ready = append(l.ready, j)
}

// run sends until every job is done or ctx has ended.
func (b *batches) run() {
	b.back = make(chan []*job, b.r.inFlight)
	b.calls = make(chan batchCall, b.r.inFlight)
	defer close(b.calls)
	for {
		wake := b.start(time.Now())
		if b.inFlight == 0 && wake.IsZero() {
			return
		}
		var alarm <-chan time.Time
		var timer *time.Timer
		if !wake.IsZero() {
			timer = time.NewTimer(time.Until(wake))
			alarm = timer.C
		}
		// A nil channel once ctx has ended: only the calls under way are left.
		select {
		case jobs := <-b.back:
			b.inFlight--
			b.take(jobs, time.Now())
		case <-alarm:
		case <-b.ended():
			b.abandon()
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// ended is ctx's own channel while there is something left to abandon.
func (b *batches) ended() <-chan struct{} {
	for _, l := range b.order {
		if len(l.ready)+len(l.waiting) > 0 {
			return b.ctx.Done()
		}
	}
	return nil
}

// start sends what can be sent now and answers when to look again, zero where
// nothing waits for a time. Lanes take turns.
func (b *batches) start(now time.Time) (wake time.Time) {
	if b.ctx.Err() != nil {
		b.abandon()
		return time.Time{}
	}
	earlier := func(at time.Time) {
		if wake.IsZero() || at.Before(wake) {
			wake = at
		}
	}
	for _, l := range b.order {
		l.waiting = slices.DeleteFunc(l.waiting, func(j *job) bool {
			if j.due.After(now) {
				return false
			}
			l.ready = append(l.ready, j)
			return true
		})
	}
	for passed := 0; passed < len(b.order) && b.inFlight < b.r.inFlight; {
		l := b.order[b.turn%len(b.order)]
		b.turn++
		if len(l.ready) == 0 || l.closed.After(now) {
			passed++
			continue
		}
		passed = 0
		n := min(mostItems, len(l.ready))
		jobs := l.ready[:n:n]
		l.ready = l.ready[n:]
		b.inFlight++
		if b.inFlight > b.carriers {
			b.carriers++
			go b.carry()
		}
		b.calls <- batchCall{l.laneKey, jobs}
	}
	for _, l := range b.order {
		if len(l.ready) > 0 && l.closed.After(now) {
			earlier(l.closed)
		}
		for _, j := range l.waiting {
			earlier(j.due)
		}
	}
	return wake
}

// take sorts what comes back from a call: done, on to its next request, or
// waiting to be sent again.
func (b *batches) take(jobs []*job, now time.Time) {
	for _, j := range jobs {
		switch l := b.lane(j); {
		case j.done:
			b.done(j)
		case j.due.After(now):
			l.waiting = append(l.waiting, j)
			if j.failure != nil && j.failure.Kind == azure.ErrThrottled && j.due.After(l.closed) {
				l.closed = j.due
			}
		default:
			l.ready = append(l.ready, j)
		}
	}
}

func (b *batches) done(j *job) {
	result := &b.results[j.at]
	result.Receipt, result.Err = j.result()
	if j.next != nil {
		b.ready(j.next)
	}
}

// abandon ends every job that is not on its way, because ctx has ended.
func (b *batches) abandon() {
	// A job's next may belong to a lane that was emptied before.
	for left := true; left; {
		left = false
		for i := 0; i < len(b.order); i++ {
			l := b.order[i]
			jobs := append(l.ready, l.waiting...)
			l.ready, l.waiting = nil, nil
			for _, j := range jobs {
				left = true
				j.broken(j.canceled(b.ctx.Err()))
				b.done(j)
			}
		}
	}
}

// canceled answers why a job was not sent, or not sent again.
func (j *job) canceled(cause error) *azure.Error {
	e := &azure.Error{Op: j.doing(), Kind: azure.ErrCanceled, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent, Err: cause}
	if before := j.failure; before != nil {
		e.Outcome = before.Outcome
		e.Err = fmt.Errorf("%w, while waiting to send again after: %s", cause, before.Kind)
	}
	return e
}
