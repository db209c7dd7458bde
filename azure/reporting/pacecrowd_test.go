package reporting

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// A million devices of one tenant turn compliant, and nothing is refused.
func TestAMillionDevices(t *testing.T) {
	for _, m := range throttleModels()[3:6] {
		w := newHours(1)
		c := w.tenant("a", m.make(1, w.rng), wholeSeconds)
		c.routine = 1_000_000
		c.start(1)
		w.run(20 * time.Hour)
		of := c.finished.Seconds() / (1_000_000.0 / 20)
		t.Logf("%-42s %v, %.4f of what 20 a second allow, %.1f devices a call, %.2f questions a call", m.name, c.finished.Round(time.Second), of,
			float64(c.sent)/float64(c.calls), float64(c.asked)/float64(c.calls))
		if c.done != 1_000_000 || of > 1.02 || c.refused > 0 || c.asked > c.calls*11/10 {
			t.Errorf("%s: %d done in %v, %d refused, %d questions for %d calls", m.name, c.done, c.finished, c.refused, c.asked, c.calls)
		}
	}
}

// Engines that share buckets keep the limits together and use them together,
// with calls that take from no time to a second; one that dies with tokens in
// its hand costs those and no more.
func TestEnginesShareAPace(t *testing.T) {
	const lasts = time.Hour
	for _, engines := range []int{1, 2, 16} {
		for _, dies := range []int{0, 100} {
			w := newHours(uint64(engines))
			c := w.tenant("a", &slidingService{writes: 3000, window: 150 * time.Second}, wholeSeconds)
			c.latency = func() time.Duration { return time.Duration(w.rng.Int64N(int64(time.Second))) }
			c.routine, c.keep, c.dies = 1_000_000, true, dies
			c.start(engines)
			c.reports(60, lasts)
			w.run(lasts)
			used := 100 * (float64(c.sent) + float64(c.lost)) / (20 * lasts.Seconds())
			within := most(c.arrivals, 150*time.Second)
			t.Logf("%2d engines, %d tokens died: used %.2f %%, at most %d in 150 s, urgent p99 %v, %.1f questions a call", engines, c.lost, used, within,
				tenths(percentile(c.waits, 0.99)), float64(c.asked)/float64(c.calls))
			if used < 98 || used > 100 || within > 3000 || c.refused > 0 {
				t.Errorf("%d engines: used %.2f %%, %d in 150 s, %d refused", engines, used, within, c.refused)
			}
		}
	}
}

// Tenants that together have more than the application may write share it
// evenly, each asks about twice for a call, and an urgent device of one of them
// does not wait for the others' refreshes.
func TestTenantsShareTheApplication(t *testing.T) {
	const lasts = 12 * time.Minute
	for _, tenants := range []int{3, 10, 1000} {
		for _, latency := range []time.Duration{100 * time.Millisecond, time.Second} {
			w := newHours(2)
			w.slots = 32
			for i := range tenants {
				c := w.tenant(fmt.Sprint(i), &slidingService{writes: 3000, window: 150 * time.Second}, wholeSeconds)
				c.latency = func() time.Duration { return latency*3/4 + time.Duration(w.rng.Int64N(int64(latency/2))) }
				c.routine, c.keep = 100_000, true
				c.start(2)
			}
			first := w.crew[0]
			first.reports(6, lasts)
			w.run(lasts)
			var arrivals []time.Duration
			var asked, calls, refused int
			least, best := math.MaxInt, 0
			for _, c := range w.crew {
				arrivals = slices.Concat(arrivals, c.arrivals)
				asked, calls, refused = asked+c.asked, calls+c.calls, refused+c.refused
				least, best = min(least, c.done), max(best, c.done)
			}
			used := 100 * float64(len(arrivals)) / (min(35_000.0/300, 20*float64(tenants)) * lasts.Seconds())
			within, late := most(arrivals, 5*time.Minute), percentile(first.waits, 0.99)
			t.Logf("%4d tenants, calls of %-5v: used %.2f %%, at most %5d in 5 min, a tenant %d to %d, %.1f writes and %.2f questions a call, urgent p99 %v", tenants,
				latency, used, within, least, best, float64(len(arrivals))/float64(calls), float64(asked)/float64(calls), tenths(late))
			if used < 98 || within > 35_000 || refused > 0 || late > 5*time.Second || 3*least*tenants < len(arrivals) {
				t.Errorf("%d tenants, calls of %v: used %.2f %%, %d in 5 min, %d refused, urgent p99 %v, a tenant %d to %d", tenants, latency, used, within, refused, late, least, best)
			}
		}
	}
}

// One tenant of a thousand hangs or fails, with 32 calls under way at most: the
// others write as much and as soon as without it.
func TestADeadTenantCostsOthersNothing(t *testing.T) {
	const lasts = 20 * time.Minute
	type figures struct {
		done int
		late time.Duration
	}
	others := func(dead time.Duration) figures {
		w := newHours(3)
		w.slots = 32
		for i := range 1000 {
			c := w.tenant(fmt.Sprint(i), &tokenService{rate: 20, holds: 3000, tokens: 3000}, wholeSeconds)
			c.routine = 100_000
			if i == 500 {
				c.dead = dead
			}
			c.start(1)
			c.reports(1, lasts)
		}
		w.run(lasts)
		var f figures
		var waits []time.Duration
		for i, c := range w.crew {
			if i != 500 {
				f.done += c.done
				waits = append(waits, c.waits...)
			}
		}
		f.late = percentile(waits, 0.99)
		if dead > 0 {
			t.Logf("the dead tenant: %d calls of %d writes", w.crew[500].calls, w.crew[500].failed)
		}
		return f
	}
	want := others(0)
	for _, dead := range []time.Duration{time.Minute, 10 * time.Millisecond} {
		got := others(dead)
		t.Logf("999 tenants beside one whose calls fail after %v: %d written, urgent p99 %v; without it %d, %v", dead, got.done, tenths(got.late), want.done, tenths(want.late))
		if float64(got.done) < 0.999*float64(want.done) || got.late > want.late+100*time.Millisecond {
			t.Errorf("calls that fail after %v: got %+v, without %+v", dead, got, want)
		}
	}
}

// While urgent work takes all that it can get, routine work gets its tenth: of
// a tenant, and of the application.
func TestRoutineWorkDoesNotStarve(t *testing.T) {
	const lasts = 30 * time.Minute
	for _, tenants := range []int{1, 3, 200} {
		w := newHours(4)
		for i := range tenants {
			c := w.tenant(fmt.Sprint(i), &slidingService{writes: 3000, window: 150 * time.Second}, wholeSeconds)
			c.routine, c.urgent = 100_000, make([]time.Duration, 100_000)
			c.start(2)
		}
		w.run(lasts)
		routine, urgent := 0, 0
		for _, c := range w.crew {
			routine += 100_000 - c.routine
			urgent += 100_000 - len(c.urgent)
		}
		part := 100 * float64(routine) / float64(routine+urgent)
		used := 100 * float64(routine+urgent) / (min(35_000.0/300, 20*float64(tenants)) * lasts.Seconds())
		t.Logf("%3d tenants: %.2f %% routine, used %.2f %%", tenants, part, used)
		if part < 9.5 || part > 13 || used < 98 {
			t.Errorf("%d tenants: %.2f %% routine, used %.2f %%", tenants, part, used)
		}
	}
}

// The service fails for half an hour, for everybody: few calls find that out,
// and soon after it is back everything goes on.
func TestAnOutageIsLeftAlone(t *testing.T) {
	w := newHours(5)
	w.slots = 32
	for i := range 300 {
		c := w.tenant(fmt.Sprint(i), &tokenService{rate: 20, holds: 3000, tokens: 3000}, wholeSeconds)
		c.routine = 100_000
		c.start(1)
	}
	calls := func() (calls, done int) {
		for _, c := range w.crew {
			calls, done = calls+c.calls, done+c.done
		}
		return calls, done
	}
	w.run(10 * time.Minute)
	for _, c := range w.crew {
		c.dead = 200 * time.Millisecond
	}
	before, _ := calls()
	w.run(40 * time.Minute)
	during, _ := calls()
	for _, c := range w.crew {
		c.dead = 0
	}
	w.run(43 * time.Minute)
	_, done := calls()
	w.run(44 * time.Minute)
	_, later := calls()
	t.Logf("%d calls in half an hour's outage; three minutes after it %.1f writes a second", during-before, float64(later-done)/60)
	if during-before > 1500 || float64(later-done)/60 < 110 {
		t.Errorf("%d calls in the outage, %.1f writes a second three minutes after it", during-before, float64(later-done)/60)
	}
}
