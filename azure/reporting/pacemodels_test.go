package reporting

import (
	"cmp"
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// service is one way in which Microsoft may count writes. It answers whether a
// write at a time is within the quota, and else after how long one will be.
type service interface {
	write(now time.Duration) (ok bool, after time.Duration)
}

// tokenService fills a bucket at a rate.
type tokenService struct {
	rate, holds  float64
	countRefused bool
	tokens       float64
	at           time.Duration
}

func (s *tokenService) write(now time.Duration) (bool, time.Duration) {
	s.tokens = min(s.holds, s.tokens+(now-s.at).Seconds()*s.rate)
	s.at = now
	if s.tokens >= 1 {
		s.tokens--
		return true, 0
	}
	if s.countRefused {
		s.tokens = max(s.tokens-1, -s.holds)
	}
	return false, time.Duration((1 - s.tokens) / s.rate * float64(time.Second))
}

// fixedService counts in windows one after another.
type fixedService struct {
	writes        int
	window, phase time.Duration
	count         int
	number        time.Duration
}

func (s *fixedService) write(now time.Duration) (bool, time.Duration) {
	if n := (now + s.phase) / s.window; n != s.number {
		s.number, s.count = n, 0
	}
	if s.count < s.writes {
		s.count++
		return true, 0
	}
	return false, (s.number+1)*s.window - s.phase - now
}

// slidingService counts in the time before each write.
type slidingService struct {
	writes       int
	window       time.Duration
	countRefused bool
	at           []time.Duration
}

func (s *slidingService) write(now time.Duration) (bool, time.Duration) {
	for len(s.at) > 0 && s.at[0] <= now-s.window {
		s.at = s.at[1:]
	}
	if len(s.at) < s.writes {
		s.at = append(s.at, now)
		return true, 0
	}
	if s.countRefused {
		s.at = append(s.at, now)
	}
	return false, s.at[len(s.at)-s.writes] + s.window - now
}

// told is how a service words its Retry-After.
type retryWords func(after time.Duration) time.Duration

func wholeSeconds(after time.Duration) time.Duration {
	return max(time.Second, time.Duration(math.Ceil(after.Seconds()))*time.Second)
}
func noWords(time.Duration) time.Duration { return 0 }
func always(d time.Duration) retryWords   { return func(time.Duration) time.Duration { return d } }

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
	calm    bool                 // a success is not told: only for a test of the test

	routine int             // devices that wait for their refresh
	urgent  []time.Duration // since when urgent devices wait
	idle    []func()        // urgent workers without work

	asked, calls, sent, refused, done, failed int
	again                                     int // applied twice
	finished                                  time.Duration
	waits                                     []time.Duration
	arrivals                                  []time.Duration
	keep                                      bool // keep arrivals
}

func (w *hours) tenant(key string, s service, words retryWords) *crew {
	c := &crew{
		w: w, key: key, bucket: new(bucket), limits: within(3000, 150*time.Second, 40), service: s, words: words,
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
		if !routine {
			c.idle = append(c.idle, func() { c.ask(false) })
		}
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
	c.w.slots++
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
	if routine {
		c.routine += refused
	} else {
		for _, since := range waiting[refused:] {
			c.waits = append(c.waits, c.w.now-since)
		}
		c.urgent = slices.Concat(waiting[:refused], c.urgent)
	}
	c.w.after(max(0, next-c.w.now), func() { c.ask(routine) })
	if len(c.w.ready) > 0 {
		next := c.w.ready[0]
		c.w.ready = c.w.ready[1:]
		c.w.after(0, next)
	}
}

// report makes a device turn non-compliant.
func (c *crew) report() {
	c.urgent = append(c.urgent, c.w.now)
	if len(c.idle) > 0 {
		next := c.idle[0]
		c.idle = c.idle[1:]
		c.w.after(0, next)
	}
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

// throttleModel is one way of counting, at a part of the published limits.
type throttleModel struct {
	name string
	make func(part float64, rng *rand.Rand) service
}

func throttleModels() []throttleModel {
	token := func(holds float64, counts bool) func(float64, *rand.Rand) service {
		return func(part float64, _ *rand.Rand) service {
			return &tokenService{rate: 20 * part, holds: holds * part, tokens: holds * part, countRefused: counts}
		}
	}
	fixed := func(part float64, rng *rand.Rand) service {
		const window = 150 * time.Second
		return &fixedService{writes: int(3000 * part), window: window, phase: time.Duration(rng.Int64N(int64(window)))}
	}
	sliding := func(counts bool) func(float64, *rand.Rand) service {
		return func(part float64, _ *rand.Rand) service {
			return &slidingService{writes: int(3000 * part), window: 150 * time.Second, countRefused: counts}
		}
	}
	return []throttleModel{
		{"token bucket of 150 s", token(3000, false)},
		{"token bucket of 150 s, refused calls count", token(3000, true)},
		{"token bucket of 10 s", token(200, false)},
		{"token bucket of 10 s, refused calls count", token(200, true)},
		{"fixed window", fixed},
		{"sliding window", sliding(false)},
		{"sliding window, refused calls count", sliding(true)},
	}
}

func TestThrottleModels(t *testing.T) {
	words := []struct {
		name  string
		words retryWords
	}{
		{"exact", wholeSeconds}, {"none", noWords}, {"always 1 s", always(time.Second)}, {"always 10 s", always(10 * time.Second)},
	}
	const lasts = 12 * time.Hour
	for _, m := range throttleModels() {
		for _, part := range []float64{1, 0.5, 2} {
			for _, v := range words {
				w := newHours(1)
				c := w.tenant("a", m.make(part, w.rng), v.words)
				c.routine = 1_000_000
				c.start(1)
				c.reports(6, lasts)
				w.run(lasts)
				allowed := min(20*part, 20) * lasts.Seconds()
				used, late := 100*float64(c.done)/allowed, percentile(c.waits, 0.99)
				t.Logf("%-44s %4.1f %-12s used %6.2f%% refused %5.2f%% p99 %6.2f max %7.2f", m.name, part, v.name, used,
					c.refusedShare(), late.Seconds(), percentile(c.waits, 1).Seconds())
				if used < 90 || c.refusedShare() > 3 || late > 5*time.Second || part >= 1 && (used < 98 || c.refused > 0) {
					t.Errorf("%s at %v, Retry-After %s: used %.2f %%, refused %.2f %%, p99 %v", m.name, part, v.name, used, c.refusedShare(), late)
				}
			}
		}
	}
}
