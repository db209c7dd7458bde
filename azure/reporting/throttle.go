package reporting

import (
	"math/rand/v2"
	"time"
)

// The rate after a refusal is a curve over the time since, so that nothing has
// to tick: it starts a little below the rate at which Microsoft refused, comes
// near it fast, stays about it for long, and then grows faster and faster until
// it is refused again or the limit is reached.
const (
	// drop is by how much less than what was refused the curve starts.
	drop = 0.15

	// A refusal closes the gate, and what is closed cannot serve urgent work.
	// So the curve is back at what was refused only after patience times as
	// long as the gate was closed, the last time or the time before, whichever
	// was shorter (the first refusal says little: that the limit was unknown):
	// urgent work meets a closed gate less than once in a hundred times.
	patience    = 200
	leastReturn = 5 * time.Minute
	mostReturn  = time.Hour

	// least is the part of the limit below which the rate is never cut.
	least = 0.01
)

const (
	// mostAsked is the longest wait that is taken for meant.
	mostAsked = 7 * 24 * time.Hour

	// Waits that nobody asked for.
	firstBackOff = time.Second
	mostBackOff  = 5 * time.Minute // refused
	mostFailing  = time.Minute     // failing
)

// rate answers how many tokens a second the bucket is filled with.
//
// Where the gate was closed long, the quota was used up early and not exceeded
// late: then the rate that would just not have been refused is the one at which
// the same writes would have taken the time until the gate opened.
func (b *bucket) rate(now time.Time, l limits) float64 {
	if b.Refused <= 0 {
		return l.rate
	}
	top, back := min(b.Refused, l.rate), leastReturn.Seconds()
	if shut := b.Grow.Sub(b.RefusedAt).Seconds(); shut > 0 {
		top *= max(0.5, b.Ran/(b.Ran+shut))
		back = min(max(patience*min(shut, b.Shut), back), mostReturn.Seconds())
	}
	x := 1 - max(0, now.Sub(b.Grow).Seconds())/back
	return min(max(top*(1-drop*x*x*x), least*l.rate), l.rate)
}

// throttled notes an answer of 429 to a call that was sent at a time. It closes
// the gate for as long as Microsoft asked: never shorter; where it asked for
// nothing, or for nonsense, or refuses again at once, for a time that doubles.
// Calls that were under way when the rate was cut are answered alike and do not
// cut it again; nor do refusals before anything has gone through since.
func (b *bucket) throttled(now time.Time, l limits, sent time.Time, retryAfter time.Duration) {
	now, l = stamp(now), l.sane()
	b.mend(now, l)
	if retryAfter < 0 || retryAfter > mostAsked {
		retryAfter = 0
	}
	wait, counts := retryAfter, b.Cut.IsZero() || sent.After(b.Cut)
	if counts {
		if b.Tries == 0 || b.Refused == 0 {
			refused := b.rate(now, l)
			b.Shut = max(0, b.Grow.Sub(b.RefusedAt).Seconds())
			b.Refused, b.RefusedAt, b.Ran = refused, now, max(0, now.Sub(b.Grow).Seconds())
			if b.Began.After(b.Grow) {
				// Right after an idle time it was not the rate that was refused.
				if b.Ran = now.Sub(b.Began).Seconds(); b.Ran < idleTime.Seconds() {
					b.Ran = mostAsked.Seconds()
				}
			}
		}
		b.Tries++
		b.Cut = now
		if wait == 0 || b.Tries > 1 {
			wait = max(wait, jittered(backOff(b.Tries, firstBackOff, mostBackOff), l.seed, now))
		}
	}
	if b.close(now, wait) || counts {
		b.Grow = b.Closed
	}
}

// failed notes that a call that was sent at a time failed by the service's
// fault. It backs off, and cuts no rate: it was not that there were too many.
func (b *bucket) failed(now time.Time, l limits, sent time.Time, retryAfter, most time.Duration) {
	now, l = stamp(now), l.sane()
	b.mend(now, l)
	if retryAfter < 0 || retryAfter > mostAsked {
		retryAfter = 0
	}
	if b.Failed.IsZero() || sent.After(b.Failed) {
		b.Fails++
		b.Failed = now
		retryAfter = max(retryAfter, jittered(backOff(b.Fails, firstBackOff, most), l.seed, now))
	}
	b.close(now, retryAfter)
}

// went notes that a call that was sent at a time went through.
func (b *bucket) went(sent time.Time) {
	if sent.After(b.Cut) {
		b.Tries = 0
	}
	if sent.After(b.Failed) {
		b.Fails, b.Blame = 0, ""
	}
}

// close closes the gate. When it opens there is one token: a first write tells
// whether the rest may follow.
func (b *bucket) close(now time.Time, wait time.Duration) bool {
	until := stamp(now.Add(wait + time.Microsecond - 1))
	if wait <= 0 || !until.After(b.Closed) {
		return false
	}
	b.Closed, b.Wait = until, until.Sub(now)
	b.Tokens = min(b.Tokens, 1)
	return true
}

// jittered makes a wait longer by up to a half, drawn from the time and a seed.
func jittered(wait time.Duration, seed uint64, now time.Time) time.Duration {
	draw := rand.New(rand.NewPCG(seed, uint64(now.UnixMicro())))
	return wait + time.Duration(draw.Int64N(int64(wait/2)+1))
}
