package reporting

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// FuzzPace does what it is told to two tenants and their application, and
// checks after each step: of no bucket more than burst + rate*t in any time t
// (but for a burst each time the clock goes back); tokens finite; rows that
// are written and read again the same; nothing before the gate opens; and
// whoever waits as long as it was told gets something, or is told to wait
// again a few times at most.
func FuzzPace(f *testing.F) {
	f.Add([]byte{0, 20, 0, 20, 10, 20, 5, 100, 0, 20})
	f.Add([]byte{0, 20, 2, 30, 6, 5, 0, 20, 3, 1, 6, 200, 1, 20})
	f.Add([]byte{7, 255, 0, 20, 8, 255, 0, 20, 2, 255, 6, 255, 0, 9})
	f.Fuzz(pacedBy)
}

// The same with sequences drawn from seeds, more of them than a fuzzer's corpus
// holds.
func TestPaceByChance(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 2))
		steps := make([]byte, 2*rng.IntN(150))
		for i := range steps {
			steps[i] = byte(rng.Uint32())
		}
		if pacedBy(t, steps); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func pacedBy(t *testing.T, steps []byte) {
	application, whole := new(bucket), limits{rate: 25, burst: 50, seed: 7}
	paces := [2]pace{
		{key: "a", tenant: new(bucket), limits: limits{rate: 10, burst: 40, seed: 1}, application: application, whole: whole},
		{key: "b", tenant: new(bucket), limits: limits{rate: 20, burst: 2, seed: 2}, application: application, whole: whole},
	}
	now, sent := noon, noon
	meters := map[*bucket]*meter{}
	for _, p := range paces {
		meters[p.tenant] = &meter{limits: p.limits}
	}
	meters[application] = &meter{limits: whole}
	take := func(p pace, want int, routine bool) (int, time.Duration) {
		opens := [2]time.Time{p.tenant.Closed, application.Closed}
		n, wait := p.take(now, want, routine)
		if n < 0 || n > want || wait < 0 || n == 0 && want > 0 && wait == 0 {
			t.Fatalf("took %d of %d, wait %v", n, want, wait)
		}
		for i, b := range []*bucket{p.tenant, application} {
			if n > 0 && opens[i].After(now) && b.Wait > 0 && opens[i].Sub(now) <= b.Wait {
				t.Fatalf("took %d, %v before the gate opens", n, opens[i].Sub(now))
			}
			meters[b].took(t, now, n)
		}
		if n > 0 {
			sent = now
		}
		return n, wait
	}
	for i := 0; i+1 < len(steps); i += 2 {
		what, much := steps[i], float64(steps[i+1])
		p := paces[what>>4&1]
		routine := what>>5&1 == 1
		switch what % 10 {
		case 0, 1:
			take(p, int(much), routine)
		case 2:
			p.throttled(now, sent, time.Duration((much-10)*float64(time.Second)), routine)
		case 3:
			p.throttled(now, now, time.Duration(math.Exp(much/6)), routine)
		case 4:
			p.failed(now, sent, time.Duration(much)*time.Second)
		case 5:
			p.went(now)
		case 6:
			now = now.Add(time.Duration(much * much * float64(time.Millisecond)))
		case 7:
			now = now.Add(time.Duration(much * much * much * float64(time.Second)))
		case 8:
			now = now.Add(-time.Duration(much * much * float64(time.Second)))
		case 9:
			// What was taken and not used, of this moment.
			if n, _ := take(p, int(much), routine); n > 0 {
				p.giveBack(n)
				for _, b := range []*bucket{p.tenant, application} {
					meters[b].allowed += float64(n)
				}
			}
		}
		for _, b := range []*bucket{p.tenant, application} {
			if math.IsNaN(b.Tokens) || b.Tokens < 0 || b.Tokens > float64(meters[b].burst) {
				t.Fatalf("step %d: %v tokens", i, b.Tokens)
			}
			var read bucket
			if err := json.Unmarshal(encodeJSON(b), &read); err != nil || read != *b {
				t.Fatalf("step %d: written and read again %+v, was %+v: %v", i, read, *b, err)
			}
		}
	}
	for _, p := range paces {
		for _, routine := range []bool{true, false} {
			patient(t, p, &now, routine, take)
		}
	}
}

// patient asks, waits as it is told, and asks again, until it gets something.
func patient(t *testing.T, p pace, now *time.Time, routine bool, take func(pace, int, bool) (int, time.Duration)) {
	var waits []time.Duration
	for range 20 {
		n, wait := take(p, 20, routine)
		if n > 0 {
			return
		}
		waits = append(waits, wait)
		*now = now.Add(wait)
	}
	t.Fatalf("nothing for routine %v work after %v: %+v, %+v", routine, waits, *p.tenant, *p.application)
}

// meter holds a bucket to burst + rate*t.
type meter struct {
	limits
	allowed float64
	at      time.Time
}

func (m *meter) took(t *testing.T, now time.Time, n int) {
	if m.at.IsZero() || now.Before(m.at.Add(-skew)) {
		m.allowed, m.at = float64(m.burst), now
	}
	if now.After(m.at) {
		m.allowed = min(float64(m.burst), m.allowed+now.Sub(m.at).Seconds()*m.rate)
		m.at = now
	}
	if m.allowed -= float64(n); m.allowed < -1e-6 {
		t.Fatalf("%v more than %d + %v*t", -m.allowed, m.burst, m.rate)
	}
}

// FuzzRow reads a row that anybody may have written: it works, and gives
// something within the longest wait that is taken for meant.
func FuzzRow(f *testing.F) {
	f.Add(`{"tokens":3,"at":"2026-03-01T12:00:00Z","closed":"2026-03-01T13:00:00Z","tries":4}`)
	f.Add(`{"tokens":1,"closed":"9999-12-31T23:59:59Z","refused":1e308,"ran":1e308,"grow":"2026-03-02T12:00:00Z"}`)
	f.Add(string(encodeJSON(bucket{Tokens: 1, At: noon, Hungry: noon, Urgent: noon, Routine: noon, Closed: noon, Wait: 1, Cut: noon, Tries: 1, Refused: 1,
		Ran: 1, RefusedAt: noon, Grow: noon, Shut: 1, Failed: noon, Fails: 1, Blame: "a b"})))
	f.Fuzz(func(t *testing.T, row string) {
		p := onePace()
		p.application, p.whole = new(bucket), limits{rate: 25, burst: 50}
		for _, b := range []*bucket{p.tenant, p.application} {
			if json.Unmarshal([]byte(row), b) != nil {
				return
			}
		}
		now, until := noon, noon.Add(mostAsked+time.Hour)
		p.failed(now, now, 0)
		for _, routine := range []bool{true, false} {
			for {
				n, wait := p.take(now, 20, routine)
				encodeJSON(p.tenant)
				encodeJSON(p.application)
				if n > 0 {
					break
				}
				if now = now.Add(wait); wait <= 0 || now.After(until) {
					t.Fatalf("nothing until %v, told to wait %v: %+v", now, wait, *p.tenant)
				}
			}
		}
		p.throttled(now, now, 0, true)
		p.went(now)
		encodeJSON(p.tenant)
		encodeJSON(p.application)
	})
}
