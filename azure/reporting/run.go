package reporting

import (
	"context"
	"maps"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Run reports what is due until ctx ends. Then it waits for the calls under
// way, each no longer than Options.CallTimeout, records what came of them, and
// returns nil; it leaves no goroutine. Before ctx has ended it returns only
// where the store says that it cannot go on.
//
// Observe may be called before, beside and after Run; what was observed while
// nothing ran is sent when something does. Engines that share a store may all
// run, in one process or in many, and Run may be called again, also while
// another call of it runs: they share the work. A mode that was set, and what
// was approved, synced or removed, is durable when the call returned, and
// holds for all of them.
func (e *Engine) Run(ctx context.Context) error {
	r := &run{e: e, ctx: ctx, known: map[string]*queue{}, done: make(chan served)}
	if waker, ok := e.store.(Waker); ok {
		r.workers.Go(func() {
			for waker.Wait(ctx) == nil {
				e.wake(false)
			}
		})
	}
	defer r.workers.Wait()
	r.lookAt = time.Now()
	for ctx.Err() == nil {
		if !time.Now().Before(r.lookAt) {
			r.look()
		}
		next := r.start()
		if r.lookAt.Before(next) {
			next = r.lookAt
		}
		// What is there already is taken in a fixed order, so that a run that
		// is simulated can be repeated.
		select {
		case s := <-r.done:
			r.served(s)
			continue
		default:
		}
		select {
		case <-e.signal:
			r.woken()
			continue
		default:
		}
		timer := time.NewTimer(max(0, time.Until(next)))
		select {
		case <-ctx.Done():
		case s := <-r.done:
			r.served(s)
		case <-e.signal:
			r.woken()
		case <-timer.C:
		}
		timer.Stop()
	}
	for r.inFlight > 0 {
		r.served(<-r.done)
	}
	return nil
}

// run is one Run. It belongs to the goroutine of Run.
type run struct {
	e        *Engine
	ctx      context.Context
	workers  sync.WaitGroup
	known    map[string]*queue // those that may have something due
	order    []string          // the names of known, in turn
	inFlight int
	done     chan served
	looked   time.Time
	lookAt   time.Time // when the store is asked again what is due
}

// queue is a queue of the store's. Three calls of it may be under way at once:
// one takes what is due in its order, another only what users wait for, and a
// third, where this process knows that there is such, only what takes access
// away: so that neither a slow call, nor the pace of routine work, nor other
// tenants that wait for the application's quota keep those waiting.
type queue struct {
	name  string
	paced bool
	press bool // something is due that takes access away
	lanes [3]lane
	turns int // claims of the first lane
}

const (
	laneAny = iota
	laneUrgent
	lanePress
)

type lane struct {
	busy bool
	many int       // how much it asks for; zero: it was not asked yet
	skip time.Time // nothing to be had before
	why  waiting

	// woken: the tenant may be another than the one by which a call that is
	// under way was decided about.
	woken bool

	// pressed: what takes access away came to be due since a call that is
	// under way looked.
	pressed bool
}

// off reports whether a lane waits because nothing is sent for the tenant.
func (l *lane) off(now time.Time) bool { return l.why == waitsTenant && l.skip.After(now) }

// waiting says why a lane waits.
type waiting uint8

const (
	waitsPace   waiting = iota // for tokens, or a parked tenant's next try
	waitsWork                  // it found nothing that users wait for
	waitsTenant                // the tenant is off
)

// wake lets lanes go on that found nothing to do; other: also those whose
// tenant may be another now.
func (q *queue) wake(other bool) {
	for i := range q.lanes {
		l := &q.lanes[i]
		if l.why == waitsWork || other {
			l.skip = time.Time{}
		}
		l.woken = l.woken || other && l.busy
	}
}

// served is what a worker hands back.
type served struct {
	queue string
	lane  int
	more  bool          // it found as much as it could take
	wait  time.Duration // how long the lane has to wait
	why   waiting
}

// looking is the least time between two looks for what is due: a look costs
// something for each queue.
const looking = 100 * time.Millisecond

// urgentEvery is how often the second lane of a queue is tried at least where
// nothing says that it would find something.
const urgentEvery = 500 * time.Millisecond

// look asks the store which queues have something due, and when to ask again.
func (r *run) look() {
	const page = 500
	r.looked = time.Now()
	r.lookAt = r.looked.Add(r.e.o.Poll)
	for after := ""; ; {
		queues, err := r.e.store.Queues(r.ctx, after, page)
		if err != nil {
			r.failed(err)
			return
		}
		for _, name := range queues {
			r.add(name)
		}
		if len(queues) < page {
			break
		}
		after = queues[len(queues)-1]
	}
	due, err := r.e.store.NextDue(r.ctx)
	if err != nil {
		r.failed(err)
		return
	}
	if due.IsZero() {
		return
	}
	if r.e.until(due) <= 0 {
		// The store, whose clock rules, says that it is still to come.
		if err := r.e.update(r.ctx, func(Tx) error { return nil }); err != nil {
			r.failed(err)
			return
		}
	}
	r.lookBy(r.e.until(due))
}

// lookBy has the store asked again after a while, if it is not before.
func (r *run) lookBy(wait time.Duration) {
	at := time.Now().Add(max(wait, 0))
	if soonest := r.looked.Add(looking); at.Before(soonest) {
		at = soonest
	}
	if at.Before(r.lookAt) {
		r.lookAt = at
	}
}

func (r *run) failed(err error) {
	if r.ctx.Err() == nil {
		r.e.log.Warn("the store failed", "error", err)
	}
}

func (r *run) add(name string) *queue {
	q := r.known[name]
	if q == nil {
		_, letter, _ := strings.Cut(name, "/")
		q = &queue{name: name, paced: reports(letter)}
		r.known[name] = q
		r.order = append(r.order, name)
	}
	return q
}

// start gives what can be served to workers, each queue in turn, and answers
// when one of those that wait can go on.
func (r *run) start() time.Time {
	now := time.Now()
	next := now.Add(r.e.o.Poll)
	var begun []string
	for _, pressing := range []bool{true, false} {
		for _, name := range r.order {
			if q := r.known[name]; q.press == pressing && r.startOf(q, now, &next) {
				begun = append(begun, name)
			}
		}
	}
	kept := slices.DeleteFunc(r.order, func(name string) bool { return slices.Contains(begun, name) })
	r.order = append(kept, begun...)
	return next
}

// startOf gives lanes of a queue to workers, and reports whether it gave any.
// Where they wait, next is no later than they can go on.
func (r *run) startOf(q *queue, now time.Time, next *time.Time) (started bool) {
	for i := range q.lanes {
		l := &q.lanes[i]
		switch {
		case l.busy || i == lanePress && !q.press:
		case i != laneAny && (!q.paced || started || q.lanes[laneAny].off(now)):
			// The first lane serves everything, where it can, and the second
			// what the third would.
		case l.skip.After(now):
			if l.skip.Before(*next) {
				*next = l.skip
			}
		case r.inFlight < r.places(i):
			r.begin(q, i)
			started = true
		}
	}
	return started
}

// places is how many calls may be under way beside one of a lane: some are kept
// for what users wait for, and of these some for what takes access away.
func (r *run) places(lane int) int {
	n := r.e.o.CallsInFlight
	switch lane {
	case laneAny:
		n = n * 3 / 4
	case laneUrgent:
		n = n * 7 / 8
	}
	return max(1, n)
}

func (r *run) begin(q *queue, lane int) {
	q.lanes[lane].busy = true
	oldest := false
	if lane == laneAny {
		q.turns++
		oldest = q.turns%oldestEvery == 0
	}
	r.inFlight++
	name, many := q.name, max(q.lanes[lane].many, fewAtOnce)
	// A profile says by the label for whom work was done; to a simulated store
	// it tells the steps of one worker from those of another.
	ctx := pprof.WithLabels(r.ctx, pprof.Labels("queue", name, "lane", strconv.Itoa(lane)))
	r.workers.Go(func() {
		pprof.SetGoroutineLabels(ctx)
		s, err := r.e.serve(ctx, name, many, lane, oldest)
		if err != nil && r.ctx.Err() == nil {
			r.e.log.Warn("a queue was not served", "queue", name, "error", err)
			s.wait = r.e.o.Poll
		}
		s.queue, s.lane = name, lane
		r.done <- s
	})
}

// oldestEvery is how often a queue is served by age alone, whatever the
// urgency, so that nothing starves.
const oldestEvery = 4

// served takes back what a worker did.
func (r *run) served(s served) {
	r.pressed()
	r.inFlight--
	q := r.known[s.queue]
	l := &q.lanes[s.lane]
	woken, pressed := l.woken, l.pressed
	l.busy, l.woken, l.pressed = false, false, false
	if s.wait == 0 && !s.more && s.lane != laneUrgent {
		q.press = q.press && pressed
	}
	if s.more {
		l.many = min(mostAtOnce, 4*max(l.many, fewAtOnce))
	} else {
		l.many = 0
	}
	now := time.Now()
	switch {
	case s.wait > 0 && woken:
		// It waits for what may be over.
	case s.wait > 0:
		l.skip, l.why = now.Add(s.wait), s.why
	case s.lane == laneUrgent && !s.more:
		l.skip, l.why = now.Add(urgentEvery), waitsWork
	case s.lane == laneAny && !s.more:
		// What it did may have made something due later.
		r.lookBy(looking)
		if q.lanes[laneUrgent].busy || q.lanes[lanePress].busy || q.press {
			l.skip, l.why = now.Add(urgentEvery), waitsWork
		} else {
			delete(r.known, s.queue)
			r.order = slices.DeleteFunc(r.order, func(name string) bool { return name == s.queue })
		}
	}
}

// woken lets the tenants go on of which something may be due now.
func (r *run) woken() {
	e := r.e
	e.wakes.Lock()
	woken := e.woken
	e.woken = nil
	e.wakes.Unlock()
	r.pressed()
	for _, tenant := range slices.Sorted(maps.Keys(woken)) {
		if tenant == "" {
			for _, name := range r.order {
				r.known[name].wake(woken[tenant])
			}
			r.lookBy(0)
			continue
		}
		for _, letter := range []string{queueGraph, queuePartner, queueDelete} {
			name := tenant + "/" + letter
			if letter == queueDelete && r.known[name] == nil {
				continue
			}
			r.add(name).wake(woken[tenant])
		}
		r.lookBy(looking)
	}
}

// pressed takes note of the queues in which something is due that takes access
// away.
func (r *run) pressed() {
	e := r.e
	e.wakes.Lock()
	pressing := e.pressing
	e.pressing = nil
	e.wakes.Unlock()
	for _, name := range slices.Sorted(maps.Keys(pressing)) {
		q := r.add(name)
		q.press = true
		for i := range q.lanes {
			l := &q.lanes[i]
			l.pressed = l.pressed || l.busy
		}
	}
}
