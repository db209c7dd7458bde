package reporting

import (
	"cmp"
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// hours is a discrete-event simulation of engines that share buckets: virtual
// time, one event at a time, in an order that a seed decides.
type hours struct {
	now    time.Duration
	events events
	serial int
	rng    *rand.Rand
	slots  int // calls that may be under way at once
	ready  []func()
	crew   []*crew
	whole  *bucket
	quota  limits
}

type event struct {
	at     time.Duration
	serial int
	do     func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(e[i].at, e[j].at), cmp.Compare(e[i].serial, e[j].serial)) < 0
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func newHours(seed uint64) *hours {
	return &hours{rng: rand.New(rand.NewPCG(seed, 1)), slots: 1 << 30, whole: new(bucket), quota: within(35_000, 5*time.Minute, 240)}
}

func (w *hours) after(d time.Duration, do func()) {
	w.serial++
	heap.Push(&w.events, event{w.now + d, w.serial, do})
}

// run goes on until nothing happens any more or the time is over.
func (w *hours) run(until time.Duration) {
	for len(w.events) > 0 && w.events[0].at <= until {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
}

// crew is what sends for one tenant: in each of its workers one routine and
// one urgent call at a time.
type crew struct {
	w       *hours
	key     string
	bucket  *bucket
	limits  limits
	service service
	words   retryWords
	latency func() time.Duration // of a call, there and back
	applied float64              // how often a refused write is applied all the same
	dead    time.Duration        // calls hang so long and fail
	dies    int                  // of how many calls the worker dies once, before the call; 0: never

	routine int               // devices that wait for their refresh
	urgent  []time.Duration   // since when urgent devices wait
	idle    map[bool][]func() // workers without work, routine and urgent

	asked, calls, sent, refused, done, failed int
	again                                     int // applied though refused
	lost                                      int // tokens of workers that died
	finished                                  time.Duration
	waits                                     []time.Duration
	arrivals                                  []time.Duration
	keep                                      bool // keep arrivals
}

func (w *hours) tenant(key string, s service, words retryWords) *crew {
	c := &crew{
		w: w, key: key, bucket: new(bucket), idle: map[bool][]func(){}, limits: within(3000, 150*time.Second, 40), service: s, words: words,
		latency: func() time.Duration { return 100 * time.Millisecond },
	}
	c.limits.seed = uint64(len(w.crew))
	w.crew = append(w.crew, c)
	return c
}

func (c *crew) pace() pace {
	return pace{key: c.key, tenant: c.bucket, limits: c.limits, application: c.w.whole, whole: c.w.quota}
}

// start puts workers to work.
func (c *crew) start(workers int) {
	for range workers {
		for _, routine := range []bool{true, false} {
			c.w.after(time.Duration(c.w.rng.Int64N(int64(100*time.Millisecond))), func() { c.ask(routine) })
		}
	}
}

func (c *crew) ask(routine bool) {
	if c.w.slots == 0 {
		c.w.ready = append(c.w.ready, func() { c.ask(routine) })
		return
	}
	want := len(c.urgent)
	if routine {
		want = c.routine
	}
	if want = min(want, mostAtOnce); want == 0 {
		c.idle[routine] = append(c.idle[routine], func() { c.ask(routine) })
		return
	}
	sent := noon.Add(c.w.now)
	c.asked++
	n, wait := c.pace().take(sent, want, routine)
	if n == 0 {
		c.w.after(max(wait, time.Microsecond), func() { c.ask(routine) })
		return
	}
	var waiting []time.Duration
	if routine {
		c.routine -= n
	} else {
		waiting, c.urgent = c.urgent[:n:n], c.urgent[n:]
	}
	c.w.slots--
	c.calls++
	c.sent += n
	next := c.w.now + wait
	if c.dies > 0 && c.w.rng.IntN(c.dies) == 0 {
		// Another starts at once; the devices wait for the lease to lapse.
		c.lost += n
		c.sent -= n
		c.w.after(2*time.Minute, func() { c.back(routine, n, waiting) })
		c.w.after(0, func() { c.w.free(); c.ask(routine) })
		return
	}
	if c.dead > 0 {
		c.w.after(c.dead, func() { c.answer(routine, sent, next, n, 0, 0, waiting, true) })
		return
	}
	latency := c.latency()
	c.w.after(latency/2, func() {
		var after time.Duration
		refused := 0
		for range n {
			if c.keep {
				c.arrivals = append(c.arrivals, c.w.now)
			}
			ok, wait := c.service.write(c.w.now)
			if ok {
				continue
			}
			refused++
			after = max(after, c.words(wait))
			if c.applied > 0 && c.w.rng.Float64() < c.applied {
				c.again++
			}
		}
		c.w.after(latency-latency/2, func() { c.answer(routine, sent, next, n, refused, after, waiting, false) })
	})
}

func (c *crew) answer(routine bool, sent time.Time, next time.Duration, n, refused int, after time.Duration, waiting []time.Duration, failed bool) {
	now := noon.Add(c.w.now)
	if failed {
		c.failed += n
		refused = n
		c.pace().failed(now, sent, 0)
	} else {
		c.refused += refused
		c.done += n - refused
		if refused < n {
			c.pace().went(sent)
			c.finished = c.w.now
		}
		if refused > 0 {
			c.pace().throttled(now, sent, after, false)
		}
	}
	if !routine {
		for _, since := range waiting[refused:] {
			c.waits = append(c.waits, c.w.now-since)
		}
		waiting = waiting[:refused]
	}
	c.back(routine, refused, waiting)
	c.w.after(max(0, next-c.w.now), func() { c.ask(routine) })
	c.w.free()
}

// back puts devices back that are still to be sent.
func (c *crew) back(routine bool, n int, waiting []time.Duration) {
	if n == 0 {
		return
	}
	if routine {
		c.routine += n
	} else {
		c.urgent = slices.Concat(waiting, c.urgent)
	}
	c.wake(routine)
}

// wake lets a worker that has no work look again.
func (c *crew) wake(routine bool) {
	if idle := c.idle[routine]; len(idle) > 0 {
		c.idle[routine] = idle[1:]
		c.w.after(0, idle[0])
	}
}

// free gives the slot of a call that ended to who has waited longest for one.
func (w *hours) free() {
	w.slots++
	if len(w.ready) > 0 {
		next := w.ready[0]
		w.ready = w.ready[1:]
		w.after(0, next)
	}
}

// report makes a device turn non-compliant.
func (c *crew) report() {
	c.urgent = append(c.urgent, c.w.now)
	c.wake(false)
}

// reports makes devices turn non-compliant at random times, so many a minute.
func (c *crew) reports(perMinute float64, until time.Duration) {
	gap := time.Duration(c.w.rng.ExpFloat64() / perMinute * float64(time.Minute))
	if c.w.now+gap > until {
		return
	}
	c.w.after(gap, func() {
		c.report()
		c.reports(perMinute, until)
	})
}

func percentile(waits []time.Duration, p float64) time.Duration {
	if len(waits) == 0 {
		return 0
	}
	slices.Sort(waits)
	return waits[min(len(waits)-1, int(math.Ceil(p*float64(len(waits))))-1)]
}

func (c *crew) refusedShare() float64 { return 100 * float64(c.refused) / float64(max(c.sent, 1)) }

// most answers the most of some times that lie in any window.
func most(times []time.Duration, window time.Duration) int {
	slices.Sort(times)
	found, first := 0, 0
	for i, at := range times {
		for times[first] <= at-window {
			first++
		}
		found = max(found, i-first+1)
	}
	return found
}
