package reporting

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestThrottled(t *testing.T) {
	const s = time.Second
	type answer struct {
		at, sent   float64
		retryAfter time.Duration
		went       bool
	}
	for _, test := range []struct {
		name        string
		answers     []answer
		least, most float64 // when the gate opens again, in seconds after noon
		tries       int
	}{
		{"as long as was asked", []answer{{1, 0, 30 * s, false}}, 31, 31, 1},
		{"a fraction", []answer{{1, 0, 249 * time.Millisecond, false}}, 1.249, 1.249, 1},
		{"hours", []answer{{1, 0, 5 * time.Hour, false}}, 18001, 18001, 1},
		{"absent", []answer{{1, 0, 0, false}}, 2, 2.5, 1},
		{"in the past", []answer{{1, 0, -5 * s, false}}, 2, 2.5, 1},
		{"nonsense", []answer{{1, 0, math.MaxInt64, false}}, 2, 2.5, 1},
		{"absent and again", []answer{{1, 0, 0, false}, {4, 3, 0, false}, {10, 9, 0, false}}, 14, 16, 3},
		{"a second and again", []answer{{1, 0, s, false}, {3, 2.5, s, false}, {10, 9, s, false}}, 14, 16, 3},
		{"absent for ever", []answer{{1, 0, 0, false}, {2, 1.1, 0, false}, {3, 2.1, 0, false}, {4, 3.1, 0, false}, {5, 4.1, 0, false}, {6, 5.1, 0, false},
			{7, 6.1, 0, false}, {8, 7.1, 0, false}, {9, 8.1, 0, false}, {10, 9.1, 0, false}, {11, 10.1, 0, false}}, 311, 461, 11},
		{"again after a success", []answer{{1, 0, 0, false}, {4, 3, 0, false}, {9, 8, 0, true}, {11, 10, 0, false}}, 12, 12.5, 1},
		{"again after a success of before", []answer{{1, 0, 0, false}, {2, 0.5, 0, true}, {4, 3, 0, false}}, 6, 7, 2},
		{"one burst", []answer{{1, 0, 10 * s, false}, {1.1, 0.2, 10 * s, false}, {1.2, 0.9, 5 * s, false}}, 11.1, 11.1, 1},
		{"a late answer of the burst", []answer{{1, 0, 2 * s, false}, {30, 0.9, 10 * s, false}}, 40, 40, 1},
		{"a late answer that asks for nothing", []answer{{1, 0, 2 * s, false}, {30, 0.9, 0, false}}, 3, 3, 1},
		{"the longer of two", []answer{{1, 0, 100 * s, false}, {2, 1.5, s, false}}, 101, 101, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := onePace()
			p.take(noon, 1, urgentWork)
			for _, a := range test.answers {
				if a.went {
					p.went(after(a.sent))
				} else {
					p.throttled(after(a.at), after(a.sent), a.retryAfter, false)
				}
			}
			if p.tenant.Closed.Before(after(test.least)) || p.tenant.Closed.After(after(test.most)) || p.tenant.Tries != test.tries {
				t.Errorf("opens %v after noon, %d tries; want %v to %v s, %d tries", p.tenant.Closed.Sub(noon), p.tenant.Tries, test.least, test.most, test.tries)
			}
			opens := p.tenant.Closed
			if n, wait := p.take(opens.Add(-time.Microsecond), 20, urgentWork); n != 0 || wait != time.Microsecond {
				t.Errorf("gave %d tokens before it opens, told to wait %v", n, wait)
			}
			if n, _ := p.take(opens, 20, urgentWork); n != 1 {
				t.Errorf("gave %d tokens when it opened, want 1", n)
			}
		})
	}
}

// What failed together does not come back together, and a seed repeats itself.
func TestJitter(t *testing.T) {
	opens := map[time.Time]bool{}
	for seed := range uint64(20) {
		var both [2]bucket
		for i := range both {
			both[i].throttled(noon, limits{rate: 10, burst: 40, seed: seed}, noon, 0)
		}
		if both[0] != both[1] {
			t.Errorf("seed %d: once %v, once %v", seed, both[0].Closed, both[1].Closed)
		}
		opens[both[0].Closed] = true
	}
	if len(opens) < 15 {
		t.Errorf("20 seeds open at %d times", len(opens))
	}
}

// A gate of hours lies in the row: it holds in another process too, and for
// nobody else.
func TestAGateIsDurable(t *testing.T) {
	p, other := onePace(), onePace()
	p.application = new(bucket)
	p.whole = limits{rate: 100, burst: 200}
	other.key, other.application, other.whole = "b", p.application, p.whole
	p.throttled(noon, noon, 5*time.Hour, false)
	var read bucket
	require.NoError(t, json.Unmarshal(encodeJSON(p.tenant), &read))
	if diff := cmp.Diff(*p.tenant, read); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
	p.tenant = &read
	if n, wait := p.take(after(3600), 1, urgentWork); n != 0 || wait != 4*time.Hour {
		t.Errorf("an hour later: %d tokens, wait %v", n, wait)
	}
	if n, _ := other.take(after(3600), 1, urgentWork); n != 1 {
		t.Error("another tenant waits too")
	}
	if n, _ := p.take(after(5*3600), 1, urgentWork); n != 1 {
		t.Error("it did not open after five hours")
	}
	// Where Microsoft says that it means the application, all wait.
	p.throttled(after(20_000), after(20_000), time.Minute, true)
	for _, p := range []pace{p, other} {
		if n, wait := p.take(after(20_001), 1, urgentWork); n != 0 || wait < 59*time.Second || wait > time.Minute {
			t.Errorf("tenant %s under the application's gate: %d tokens, wait %v", p.key, n, wait)
		}
	}
}

// The curve of the rate after a refusal of 10 a second.
func TestRate(t *testing.T) {
	l := limits{rate: 20, burst: 40}
	refused := func(ran, shut, shutBefore float64) *bucket {
		return &bucket{Refused: 10, Ran: ran, RefusedAt: after(-shut), Grow: noon, Shut: shutBefore}
	}
	for _, test := range []struct {
		name string
		b    *bucket
		want map[float64]float64 // seconds after the gate opened: rate
	}{
		{"never refused", &bucket{}, map[float64]float64{0: 20, 1e6: 20}},
		{"a long run and a short gate: a sixth less, as much again after five minutes, then more", refused(1e9, 1, 1),
			map[float64]float64{-10: 8.5, 0: 8.5, 150: 9.8125, 300: 10, 450: 10.1875, 600: 11.5, 900: 20, 1e6: 20}},
		{"as long a gate as it ran: half of it would have lasted", refused(75, 75, 0), map[float64]float64{0: 4.25, 300: 5, 600: 5.75}},
		{"a gate much longer than it ran: half", refused(5, 3600, 0), map[float64]float64{0: 4.25, 300: 5}},
		{"gates of 10 s: two thousand seconds to come back", refused(1e9, 10, 10), map[float64]float64{0: 8.5, 1000: 9.8125, 2000: 10}},
		{"gates of minutes: an hour", refused(1e9, 150, 150), map[float64]float64{0: 8.5, 3600: 10}},
		{"one gate of minutes: five minutes", refused(1e9, 150, 0), map[float64]float64{0: 8.5, 300: 10}},
	} {
		for at, want := range test.want {
			if got := test.b.rate(after(at), l); math.Abs(got-want) > 0.01 {
				t.Errorf("%s: %v s later %.4f a second, want %v", test.name, at, got, want)
			}
		}
		last := 0.0
		for at := range 20_000 {
			rate := test.b.rate(after(float64(at)), l)
			if rate < last || rate > l.rate {
				t.Fatalf("%s: %d s later the rate is %v after %v", test.name, at, rate, last)
			}
			last = rate
		}
	}
}

// However often it is refused, the rate stays above nothing, and the burst is
// enough for routine work.
func TestRateHasALeast(t *testing.T) {
	p := onePace()
	for i := range 1000 {
		now := after(float64(i) * 20)
		p.throttled(now, now, time.Second, false)
		p.went(now.Add(10 * time.Second))
	}
	now := after(1000 * 20)
	if rate := p.tenant.rate(now, p.limits); rate < 0.1 || rate > 0.2 {
		t.Errorf("%v a second after a thousand refusals", rate)
	}
	if n, wait := p.take(now.Add(time.Minute), 20, routineWork); n == 0 {
		t.Errorf("routine work gets nothing, told to wait %v", wait)
	}
}

func TestFailed(t *testing.T) {
	p := onePace()
	p.application, p.whole = new(bucket), limits{rate: 100, burst: 200}
	at := 0.0
	for i, want := range []float64{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		p.failed(after(at), after(at), 0)
		p.failed(after(at), after(at-0.1), 0) // under way at the same time
		if closed := p.tenant.Closed.Sub(after(at)).Seconds(); closed < want || closed > 1.5*want {
			t.Errorf("failure %d closes for %v s, want %v to %v", i+1, closed, want, 1.5*want)
		}
		at += 200
	}
	if p.tenant.Refused != 0 {
		t.Error("a failure cut the rate")
	}
	if p.application.Closed.After(noon) {
		t.Error("one tenant's failures closed the application's gate")
	}
	p.failed(after(at), after(at), 10*time.Minute)
	if closed := p.tenant.Closed.Sub(after(at)); closed != 10*time.Minute {
		t.Errorf("closed for %v, asked for 10m", closed)
	}
	p.went(after(at + 1000))
	p.failed(after(at+2000), after(at+2000), 0)
	if closed := p.tenant.Closed.Sub(after(at + 2000)).Seconds(); closed > 1.5 {
		t.Errorf("the first failure after a success closes for %v s", closed)
	}
}

// Three tenants that fail without a success between are the service.
func TestTheServiceFails(t *testing.T) {
	for _, test := range []struct {
		name string
		say  string // who failed, in order; + is a success of somebody
		want bool
	}{
		{"one", "aaaaaaaa", false}, {"two", "abababab", false}, {"three", "abc", true}, {"three over time", "aabbaac", true},
		{"three with a success between", "ab+c", false}, {"three after a success", "ab+cab", true},
	} {
		application := new(bucket)
		for i, who := range test.say {
			p := onePace()
			p.key, p.application, p.whole = string(who), application, limits{rate: 100, burst: 200}
			now := after(float64(i))
			if who == '+' {
				p.went(now)
			} else {
				p.failed(now, now, 0)
			}
		}
		if got := application.Closed.After(after(float64(len(test.say) - 1))); got != test.want {
			t.Errorf("%s: the application's gate is closed: %v, want %v", test.name, got, test.want)
		}
	}
}
