package reporting

import (
	"math"
	"time"
)

// bucket is a token bucket with a gate, as one row of the store keeps it. The
// zero bucket is full. It takes its times from the caller and mends what
// cannot be: a clock that jumped, a row that somebody edited.
type bucket struct {
	Tokens float64   `json:"tokens"`
	At     time.Time `json:"at,omitzero"`    // up to when Tokens are counted; zero: it is full
	Began  time.Time `json:"began,omitzero"` // since when it is in use without an idle time

	// Hungry is since when routine work gathers its share: it was refused and
	// has got nothing since.
	Hungry time.Time `json:"hungry,omitzero"`

	// Of a tenant's bucket, when it was told to come back to the application's;
	// of that one, the end of the line. A line for each kind of work.
	Pressing time.Time `json:"pressing,omitzero"`
	Urgent   time.Time `json:"urgent,omitzero"`
	Routine  time.Time `json:"routine,omitzero"`

	Closed time.Time     `json:"closed,omitzero"` // nothing is given before
	Wait   time.Duration `json:"wait,omitempty"`  // from when it was closed to Closed, at most
	Cut    time.Time     `json:"cut,omitzero"`    // the last refusal that counted
	Tries  int           `json:"tries,omitempty"` // refusals without a success between

	// What the curve of the rate is drawn by: see rate.
	Refused   float64   `json:"refused,omitempty"`  // the rate that was refused; 0: none
	Ran       float64   `json:"ran,omitempty"`      // for how many seconds it went well
	RefusedAt time.Time `json:"refusedAt,omitzero"` // when
	Grow      time.Time `json:"grow,omitzero"`      // from when it grows again
	Shut      float64   `json:"shut,omitempty"`     // for how many seconds it was closed the time before

	Failed time.Time `json:"failed,omitzero"` // the last failure that counted
	Fails  int       `json:"fails,omitempty"` // failures without a success between
	Blame  string    `json:"blame,omitempty"` // up to three tenants that failed, in the application's bucket
}

// idleTime is how long a bucket is full before it counts as idle.
const idleTime = 10 * time.Second

// share is the part of the refill that routine work gets while urgent work
// takes all that it can.
const share = 0.1

// skew is how far a clock may go back before what it said earlier is no longer
// believed.
const skew = 10 * time.Second

// offer answers how many of want tokens there are, or how long until there
// are. Urgent work may have all but what routine work has gathered; routine
// work leaves a half of the burst, and is given at least half a second's worth
// at a time, or it would go out one by one. In its turn it takes what there is.
func (b *bucket) offer(now time.Time, l limits, want int, routine, turn bool) (int, time.Duration) {
	b.mend(now, l)
	if b.Closed.After(now) {
		return 0, b.Closed.Sub(now)
	}
	rate := b.rate(now, l)
	b.refill(now, l, rate)
	behind := max(0, b.At.Sub(now)) // by how much the clock went back
	burst, gathered := b.burst(l, rate), b.gathered(now, l, rate)
	most := min(want, batchOf(rate))
	if !routine {
		free := b.Tokens - math.Floor(gathered)
		if free < 1 {
			return 0, behind + seconds((1-free)/rate)
		}
		return min(most, int(free)), 0
	}
	need := float64(min(most, batchOf(rate/2)))
	if turn {
		need = 1
	}
	reserve := b.reserve(l, rate)
	need = min(need, math.Floor(burst-reserve))
	own := min(need, math.Floor(b.ration(l, rate)))
	free := min(b.Tokens, gathered)
	if b.Tokens-reserve >= need {
		free = max(free, b.Tokens-reserve)
	} else if free < own {
		return 0, behind + seconds((need+reserve-b.Tokens)/rate)
	}
	return min(most, int(free)), 0
}

// pay takes tokens that were offered.
func (b *bucket) pay(now time.Time, l limits, n int, routine bool) {
	rate := b.rate(now, l)
	left := b.gathered(now, l, rate) - float64(n)
	b.Tokens = max(0, b.Tokens-float64(n))
	if !routine {
		return
	}
	switch {
	case left > 0:
		b.Hungry = stamp(now.Add(-seconds(left / (share * rate))))
	case b.Tokens < b.reserve(l, rate):
		b.Hungry = now // it lived on its share, and goes on
	default:
		b.Hungry = time.Time{}
	}
}

// refuse notes that work of a kind got nothing. It mends the bucket and counts
// no tokens, so that asking in vain seldom changes a row.
func (b *bucket) refuse(now time.Time, l limits, routine bool) {
	b.mend(now, l)
	if routine && !b.waits(now, l, b.rate(now, l)) {
		b.Hungry = now
	}
}

// giveBack returns tokens that were taken and not used. What does not fit any
// more is lost.
func (b *bucket) giveBack(n int, l limits) {
	l = l.sane()
	if n > 0 && !b.At.IsZero() {
		b.Tokens = min(b.Tokens+float64(n), float64(l.burst))
	}
}

// burst is how many tokens it holds at a rate: with a rate that was cut, fewer.
func (b *bucket) burst(l limits, rate float64) float64 {
	return min(float64(l.burst), max(2, float64(l.burst)*rate/l.rate))
}

// reserve is what routine work leaves.
func (b *bucket) reserve(l limits, rate float64) float64 {
	burst := b.burst(l, rate)
	return min(burst/2, burst-1)
}

// ration is how much routine work can gather.
func (b *bucket) ration(l limits, rate float64) float64 { return max(1, b.burst(l, rate)/4) }

// waits reports whether routine work waits. A minute after it could have had
// all that it can gather, whoever it was is gone.
func (b *bucket) waits(now time.Time, l limits, rate float64) bool {
	return !b.Hungry.IsZero() && !b.Hungry.After(now) && now.Sub(b.Hungry).Seconds() <= b.ration(l, rate)/(share*rate)+60
}

// gathered is what routine work has gathered of its share while it waited.
func (b *bucket) gathered(now time.Time, l limits, rate float64) float64 {
	if !b.waits(now, l, rate) {
		return 0
	}
	return min(now.Sub(b.Hungry).Seconds()*share*rate, b.ration(l, rate))
}

func (b *bucket) turn(pressing, routine bool) *time.Time {
	switch {
	case routine:
		return &b.Routine
	case pressing:
		return &b.Pressing
	}
	return &b.Urgent
}

// refill counts tokens up to now. While the gate was closed there were none.
func (b *bucket) refill(now time.Time, l limits, rate float64) {
	from := b.At
	later(&from, b.Closed)
	if now.After(from) {
		tokens, burst := b.Tokens+now.Sub(from).Seconds()*rate, b.burst(l, rate)
		if tokens > burst+rate*idleTime.Seconds() {
			b.Began = now
		}
		b.Tokens = min(burst, tokens)
	}
	later(&b.At, now)
}

// mend makes sense of a bucket that was kept by another clock or another hand.
// What it no longer believes it takes for now, and a gate for as long as was
// asked for when it was closed: closed too long for a while, never too short.
func (b *bucket) mend(now time.Time, l limits) {
	if b.At.IsZero() {
		b.At, b.Tokens, b.Began = now, float64(l.burst), now
	}
	if !(b.Tokens >= 0) { // NaN too
		b.Tokens = 0
	}
	b.Tokens = min(b.Tokens, float64(l.burst))
	b.Tries, b.Fails = min(max(b.Tries, 0), 1000), min(max(b.Fails, 0), 1000)
	if !(b.Refused > 0) || !(b.Ran >= 0) || !(b.Shut >= 0) {
		b.Refused, b.Ran, b.Shut = 0, 0, 0
	}
	if b.Wait <= 0 || b.Wait > mostAsked {
		b.Wait = mostAsked
	}
	if b.Closed.After(now.Add(b.Wait + skew)) {
		b.Closed = now.Add(b.Wait)
	}
	if b.Closed.IsZero() {
		b.Wait = 0
	}
	if b.Grow.After(b.Closed) && b.Grow.After(now) {
		b.Grow = b.Closed
	}
	for _, t := range []*time.Time{&b.At, &b.Began, &b.Hungry, &b.Cut, &b.RefusedAt, &b.Failed} {
		if t.After(now.Add(skew)) {
			*t = now
		}
	}
	last := now
	later(&last, b.Closed)
	for _, t := range []*time.Time{&b.Pressing, &b.Urgent, &b.Routine} {
		if t.After(last.Add(2 * longestTurn)) {
			*t = time.Time{}
		}
	}
}
