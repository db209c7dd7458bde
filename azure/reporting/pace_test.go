package reporting

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

const (
	urgentWork  = false
	routineWork = true
)

// after answers noon and so many seconds.
func after(s float64) time.Time {
	return noon.Add(time.Duration(math.Round(s*1e6)) * time.Microsecond)
}

// onePace is a pace of 10 writes a second and a burst of 40 without a bucket of
// the application: easy numbers.
func onePace() pace {
	return pace{key: "a", tenant: new(bucket), limits: limits{rate: 10, burst: 40, seed: 1}}
}

func TestWithin(t *testing.T) {
	for _, test := range []struct {
		writes int
		window time.Duration
		burst  int
		want   float64
	}{
		{3000, 150 * time.Second, 40, 2950.0 / 150},
		{35_000, 5 * time.Minute, 240, 34_700.0 / 300},
		{100, 20 * time.Second, 20, 3.75},
		{10, 10 * time.Second, 40, 0.5}, // a burst beyond the quota leaves half of it
	} {
		l := within(test.writes, test.window, test.burst)
		if math.Abs(l.rate-test.want) > 1e-9 || l.burst != test.burst {
			t.Errorf("within(%d, %v, %d) = %+v, want a rate of %v", test.writes, test.window, test.burst, l, test.want)
		}
	}
}

// asked is one question to a pace and its answer.
type asked struct {
	At      float64 // seconds after noon
	Want    int
	Routine bool
	N       int
	Wait    time.Duration // 0 where tokens were given: not looked at
}

func ask(p pace, questions []asked) []asked {
	var got []asked
	for _, q := range questions {
		n, wait := p.take(after(q.At), q.Want, q.Routine)
		q.N, q.Wait = n, 0
		if n == 0 {
			q.Wait = wait.Round(time.Millisecond)
		}
		got = append(got, q)
	}
	return got
}

func TestTake(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for name, want := range map[string][]asked{
		"urgent work has the whole burst, in batches of a second's worth": {
			{0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0},
			{0, 20, urgentWork, 0, 100 * ms}, {0.1001, 20, urgentWork, 1, 0},
		},
		"routine work leaves a half, and urgent work has that at once": {
			{0, 20, routineWork, 10, 0}, {0, 20, routineWork, 10, 0}, {0, 20, routineWork, 0, 500 * ms},
			{0.2, 20, urgentWork, 10, 0}, {0.2, 20, urgentWork, 10, 0},
		},
		"routine work waits until it is worth a call, but not for more than it wants": {
			{0, 20, routineWork, 10, 0}, {0, 20, routineWork, 10, 0}, {0.4, 20, routineWork, 0, 100 * ms}, {0.4, 3, routineWork, 3, 0},
		},
		"after urgent work took all, routine work waits for the reserve to fill": {
			{0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0},
			{0, 20, routineWork, 0, 2500 * ms}, {2.501, 20, routineWork, 5, 0},
		},
		"but has a tenth of what comes in where urgent work goes on": {
			{0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0},
			{0, 20, routineWork, 0, 2500 * ms},
			{1, 20, urgentWork, 9, 0}, {2, 20, urgentWork, 9, 0}, {3, 20, urgentWork, 9, 0}, {4, 20, urgentWork, 9, 0},
			{5, 20, urgentWork, 9, 0}, {5.01, 20, routineWork, 5, 0}, {5.01, 20, routineWork, 0, 2490 * ms},
		},
		"an idle time fills no more than the burst": {
			{0, 20, urgentWork, 10, 0}, {1000, 20, urgentWork, 10, 0}, {1000, 20, urgentWork, 10, 0}, {1000, 20, urgentWork, 10, 0},
			{1000, 20, urgentWork, 10, 0}, {1000, 20, urgentWork, 0, 100 * ms},
		},
		"wanting nothing takes nothing": {{0, 0, urgentWork, 0, 0}, {0, -1, routineWork, 0, 0}},
		"a clock that goes back a little gives nothing for the time that it repeats": {
			{0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0},
			{-5, 20, urgentWork, 0, 5100 * ms}, {0, 20, urgentWork, 0, 100 * ms}, {0.1001, 20, urgentWork, 1, 0},
		},
		"one that goes back by a day does not stop the pace for a day": {
			{0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0}, {0, 20, urgentWork, 10, 0},
			{-86400, 20, urgentWork, 0, 100 * ms}, {-86399, 20, urgentWork, 10, 0},
		},
		"one that jumps far ahead gives one burst": {
			{0, 20, urgentWork, 10, 0}, {1e9, 20, urgentWork, 10, 0}, {1e9, 20, urgentWork, 10, 0}, {1e9, 20, urgentWork, 10, 0},
			{1e9, 20, urgentWork, 10, 0}, {1e9, 20, urgentWork, 0, 100 * ms},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, ask(onePace(), want)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The wait that comes with tokens is until the next are worth a call.
func TestTakeTellsWhenToAskAgain(t *testing.T) {
	alone, together := onePace(), onePace()
	together.application, together.whole = new(bucket), limits{rate: 100, burst: 200}
	for _, p := range []pace{alone, together} {
		now := noon
		for i := range 6 {
			n, wait := p.take(now, 20, routineWork)
			if n == 0 {
				t.Fatalf("call %d: nothing at the time that was told", i)
			}
			if early := *p.tenant; wait > 0 {
				try := pace{tenant: &early, limits: p.limits} // the application's has plenty
				if n, _ := try.take(now.Add(wait-2*time.Microsecond), 20, routineWork); n > 0 {
					t.Errorf("call %d: told to wait %v, and there was something before", i, wait)
				}
			}
			now = now.Add(wait)
		}
		if rate := 60 / now.Sub(noon).Seconds(); rate < 10 || now == noon {
			t.Errorf("six calls took %v", now.Sub(noon))
		}
	}
}

// With tokens in one of the two buckets only, none are taken.
func TestTakeFromBothOrNone(t *testing.T) {
	p := onePace()
	p.application, p.whole = new(bucket), limits{rate: 5, burst: 12}
	got := ask(p, []asked{{0, 20, urgentWork, 0, 0}, {0, 20, urgentWork, 0, 0}, {0, 20, urgentWork, 0, 0}, {0, 20, urgentWork, 0, 0}})
	want := []asked{{0, 20, urgentWork, 5, 0}, {0, 20, urgentWork, 5, 0}, {0, 20, urgentWork, 2, 0}, {0, 20, urgentWork, 0, 200 * time.Millisecond}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.tenant.Tokens != 28 || p.application.Tokens != 0 {
		t.Errorf("%v and %v tokens are left, want 28 and 0", p.tenant.Tokens, p.application.Tokens)
	}
	p.giveBack(5)
	if p.tenant.Tokens != 33 || p.application.Tokens != 5 {
		t.Errorf("%v and %v tokens after 5 were given back, want 33 and 5", p.tenant.Tokens, p.application.Tokens)
	}
	p.giveBack(100)
	if p.tenant.Tokens != 40 || p.application.Tokens != 12 {
		t.Errorf("%v and %v tokens after more was given back than fits, want 40 and 12", p.tenant.Tokens, p.application.Tokens)
	}
	p.giveBack(-3)
	if p.tenant.Tokens != 40 {
		t.Errorf("%v tokens after less than none was given back, want 40", p.tenant.Tokens)
	}
}

// Tenants that wait for the application's bucket are told times one after
// another, keep theirs when they ask early, and find tokens then.
func TestATurnForEach(t *testing.T) {
	application, whole := new(bucket), limits{rate: 10, burst: 20}
	of := func(key string) pace {
		return pace{key: key, tenant: new(bucket), limits: limits{rate: 20, burst: 40}, application: application, whole: whole}
	}
	first := of("first")
	first.take(noon, 20, routineWork)
	var crowd []pace
	var turns []time.Duration
	for i := range 10 {
		p := of(fmt.Sprint(i))
		n, wait := p.take(noon, 20, routineWork)
		require.Zero(t, n)
		if i > 0 && (wait-turns[i-1]).Round(time.Millisecond) != 500*time.Millisecond {
			t.Errorf("tenant %d was told %v, the one before it %v: not half a second apart", i, wait, turns[i-1])
		}
		_, early := p.take(noon, 20, routineWork)
		if early != wait {
			t.Errorf("tenant %d was told %v, and %v when it asked again", i, wait, early)
		}
		crowd, turns = append(crowd, p), append(turns, wait)
	}
	for i, p := range crowd {
		if n, _ := p.take(noon.Add(turns[i]), 20, routineWork); n == 0 {
			t.Errorf("tenant %d came in its turn and got nothing", i)
		}
	}
}

// Rows that an older version wrote, that somebody edited, or that a clock which
// is right again finds from the future: the gate holds, at most as long as was
// asked, and after it there are tokens, at most a burst.
func TestOddRows(t *testing.T) {
	for _, test := range []struct {
		row         string
		least, most time.Duration // how long it stays closed
	}{
		{`{}`, 0, 0},
		{`{"tokens":3,"at":"2026-03-01T12:00:00Z"}`, 0, 0},
		{`{"tokens":40,"at":"2026-03-01T11:00:00Z","closed":"2026-03-01T13:00:00Z","tries":4}`, time.Hour, time.Hour},
		{`{"tokens":1e308,"at":"2026-03-01T12:00:00Z"}`, 0, 0},
		{`{"tokens":-1e308,"at":"2026-03-01T12:00:00Z"}`, 0, time.Second},
		{`{"tokens":1,"at":"2999-01-01T00:00:00Z","closed":"2999-01-01T00:00:00Z","wait":60000000000}`, time.Minute, time.Minute},
		{`{"tokens":1,"at":"2999-01-01T00:00:00Z","closed":"2999-01-01T00:00:00Z"}`, mostAsked, mostAsked},
		{`{"tokens":1,"at":"2026-03-01T12:00:00Z","refused":-4,"ran":1e308,"tries":-9,"fails":-9,"wait":-1}`, 0, 0},
		{`{"tokens":1,"at":"2026-03-01T12:00:00Z","refused":1e308,"ran":1e308,"shut":1e308,"refusedAt":"2999-01-01T00:00:00Z","grow":"2999-01-01T00:00:00Z"}`, 0, 0},
		{`{"tokens":5,"at":"2026-03-01T12:00:00Z","hungry":"2999-01-01T00:00:00Z","urgent":"2999-01-01T00:00:00Z","routine":"2999-01-01T00:00:00Z"}`, 0, 0},
		{`{"tokens":5,"at":"0001-01-01T00:00:00Z","began":"9999-12-31T23:59:59Z","cut":"9999-12-31T23:59:59Z","failed":"9999-12-31T23:59:59Z","blame":" a  b c d "}`, 0, 0},
	} {
		p := onePace()
		require.NoError(t, json.Unmarshal([]byte(test.row), p.tenant))
		n, wait := p.take(noon, 1, urgentWork)
		if n == 0 && (wait < test.least || wait > test.most) || n > 0 && test.least > 0 {
			t.Errorf("%s: %d tokens, wait %v; want it closed for %v to %v", test.row, n, wait, test.least, test.most)
		}
		got := 0
		for range 100 {
			n, _ := p.take(noon.Add(wait), 20, urgentWork)
			got += n
		}
		if n == 0 && got == 0 || got > 40 {
			t.Errorf("%s: %d tokens when it opened", test.row, got)
		}
		p.throttled(noon.Add(wait), noon.Add(wait), 0, false)
		p.failed(noon.Add(wait), noon.Add(wait), 0)
		var read bucket
		require.NoError(t, json.Unmarshal(encodeJSON(p.tenant), &read))
		if diff := cmp.Diff(*p.tenant, read); diff != "" {
			t.Errorf("%s: written and read again (-want +got):\n%s", test.row, diff)
		}
	}
}

// Settings that make no sense make no NaN and no flood.
func TestOddLimits(t *testing.T) {
	for _, l := range []limits{{}, {rate: -1, burst: -1}, {rate: math.NaN(), burst: 1}, {rate: math.Inf(1), burst: math.MaxInt}, {rate: 1e-300, burst: 2}} {
		p := onePace()
		p.limits = l
		n, _ := p.take(noon, 20, urgentWork)
		p.throttled(noon, noon, 0, false)
		if n < 1 || math.IsNaN(p.tenant.Tokens) || p.tenant.Closed.Before(after(1)) {
			t.Errorf("%+v: %d tokens, then %+v", l, n, *p.tenant)
		}
	}
}

// Asking in vain changes a row once, not each time.
func TestAskingInVainIsReading(t *testing.T) {
	p := onePace()
	for range 4 {
		p.take(noon, 20, urgentWork)
	}
	p.take(noon, 20, routineWork)
	before := *p.tenant
	for i := range 10 {
		p.take(after(float64(i)/1000), 20, routineWork)
		p.take(after(float64(i)/1000), 20, urgentWork)
	}
	if diff := cmp.Diff(before, *p.tenant); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// A burst smaller than what is worth a call does not slow routine work.
func TestASmallBurst(t *testing.T) {
	for burst := range 12 {
		p := onePace()
		p.limits.burst = burst + 1
		now, got := noon, 0
		for now.Before(after(60)) {
			n, wait := p.take(now, 20, routineWork)
			got += n
			now = now.Add(wait)
		}
		if got < 595 || got > 600+burst+1 {
			t.Errorf("with a burst of %d routine work got %d in a minute of 10 a second", burst+1, got)
		}
	}
}
