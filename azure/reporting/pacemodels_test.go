package reporting

import (
	"math"
	"math/rand/v2"
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

// In each way of counting, at the published limits, at half and at double, with
// every wording of Retry-After, while a million refreshes wait: what is allowed
// is used, few writes are refused, and a device that turns non-compliant at a
// random moment does not wait. -v prints the figures.
func TestThrottleModels(t *testing.T) {
	const lasts = 4 * time.Hour
	words := []struct {
		name  string
		words retryWords
	}{
		{"exact", wholeSeconds}, {"none", noWords}, {"always 1 s", always(time.Second)}, {"always 10 s", always(10 * time.Second)},
	}
	for _, m := range throttleModels() {
		for _, part := range []float64{0.5, 1, 2} {
			for i, v := range words {
				if part >= 1 && i > 0 {
					continue // nothing is refused, so that nothing is worded
				}
				w := newHours(uint64(i))
				c := w.tenant("a", m.make(part, w.rng), v.words)
				c.routine = 1_000_000
				c.applied = 0.5
				c.start(1)
				c.reports(6, lasts)
				w.run(lasts)
				used, late := 100*float64(c.done)/(20*min(part, 1)*lasts.Seconds()), percentile(c.waits, 0.99)
				t.Logf("%-42s limits x%.1f  Retry-After %-11s  used %6.2f %%  refused %.2f %%  urgent p50 %v p99 %v most %v", m.name, part, v.name,
					used, c.refusedShare(), tenths(percentile(c.waits, 0.5)), tenths(late), tenths(percentile(c.waits, 1)))
				if part >= 1 && (used < 98 || c.refused > 0) {
					t.Errorf("%s, limits x%v: used %.2f %% of what is published, %d refused", m.name, part, used, c.refused)
				}
				if used < 90 || c.refusedShare() > 3 || late > 5*time.Second {
					t.Errorf("%s, limits x%v, Retry-After %s: used %.2f %%, refused %.2f %%, urgent p99 %v", m.name, part, v.name, used, c.refusedShare(), late)
				}
			}
		}
	}
}

func tenths(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// Nothing is lost, however a service counts, answers and how long it takes:
// also where it applies what it refuses, where three engines work and some die
// with what they took, and where a limit is a tenth.
func TestThrottleModelsLoseNothing(t *testing.T) {
	for _, m := range throttleModels() {
		for _, part := range []float64{0.1, 0.5, 1} {
			for seed, v := range []retryWords{wholeSeconds, noWords, always(time.Second)} {
				w := newHours(uint64(seed))
				c := w.tenant("a", m.make(part, w.rng), v)
				c.latency = func() time.Duration {
					return 50*time.Millisecond + time.Duration(w.rng.ExpFloat64()*float64(500*time.Millisecond))
				}
				c.applied, c.dies, c.routine = 0.5, 200, 4000
				c.start(3)
				for range 300 {
					w.after(time.Duration(w.rng.Int64N(int64(5*time.Minute))), c.report)
				}
				w.run(24 * time.Hour)
				if c.done != 4300 || c.routine != 0 || len(c.urgent) != 0 || len(c.waits) != 300 {
					t.Errorf("%s, limits x%v, %d: done %d of 4300, waiting %d and %d", m.name, part, seed, c.done, c.routine, len(c.urgent))
				}
				if c.refusedShare() > 3 {
					t.Errorf("%s, limits x%v, %d: refused %.2f %%", m.name, part, seed, c.refusedShare())
				}
			}
		}
	}
}

// Ten thousand devices change at once. In the time that an ideal bucket of the
// allowed rate would take they are all but done, also where the limit has to
// be found first.
func TestChangesNearTheIdeal(t *testing.T) {
	for _, m := range throttleModels() {
		for _, part := range []float64{0.5, 1, 2} {
			w := newHours(7)
			c := w.tenant("a", m.make(part, w.rng), wholeSeconds)
			c.urgent = make([]time.Duration, 10_000)
			c.start(1)
			w.run(time.Hour)
			ideal := 10_000 / (20 * min(part, 1))
			t.Logf("%-42s limits x%.1f: %.3f of the ideal %v s, %d refused", m.name, part, c.finished.Seconds()/ideal, ideal, c.refused)
			if c.done != 10_000 || c.finished.Seconds() > 1.1*ideal {
				t.Errorf("%s, limits x%v: %d done after %v, ideal %v s", m.name, part, c.done, c.finished, ideal)
			}
		}
	}
}

// A service that allowed half for a while allows all again: that is found
// within twenty minutes, also where it would never have refused more.
func TestLimitsThatCameBackAreFound(t *testing.T) {
	for _, m := range throttleModels() {
		w := newHours(8)
		c := w.tenant("a", m.make(0.5, w.rng), wholeSeconds)
		c.routine = 1_000_000
		c.start(1)
		w.run(time.Hour)
		c.service = m.make(1, w.rng)
		w.run(time.Hour + 20*time.Minute)
		before := c.done
		w.run(time.Hour + 30*time.Minute)
		if got := float64(c.done-before) / 600; got < 19 {
			t.Errorf("%s: %.2f writes a second twenty minutes later", m.name, got)
		}
	}
}

// Where each 429 closes the gate for minutes, asking for more than is allowed
// costs minutes, and asking for no more than was once allowed never finds that
// the limit came back. Once an hour is what it is worth: then of a hundred
// urgent devices at most two wait where it is a minute, four where it is 150 s.
func TestRetryAfterOfMinutes(t *testing.T) {
	const lasts = 20 * time.Hour
	for asked, percent := range map[time.Duration]float64{30 * time.Second: 0.99, time.Minute: 0.98, 150 * time.Second: 0.955} {
		for _, m := range throttleModels()[3:6] {
			w := newHours(9)
			c := w.tenant("a", m.make(0.5, w.rng), always(asked))
			c.routine = 1_000_000
			c.start(1)
			c.reports(6, lasts)
			w.run(lasts)
			used, late := 100*float64(c.done)/(10*lasts.Seconds()), percentile(c.waits, percent)
			t.Logf("%-42s Retry-After %-5v  used %6.2f %%  refused %.3f %%  urgent p%v %v p99 %v", m.name, asked, used, c.refusedShare(),
				100*percent, tenths(late), tenths(percentile(c.waits, 0.99)))
			if used < 90 || late > 5*time.Second {
				t.Errorf("%s, Retry-After %v: used %.2f %%, urgent p%v %v", m.name, asked, used, 100*percent, late)
			}
		}
	}
}
