package reporting

import (
	"math"
	"slices"
	"strings"
	"time"
)

// limits are what a bucket gives at most: burst + rate*t in any time t.
type limits struct {
	rate  float64 // writes a second
	burst int     // writes at once, after a time without any

	// seed draws the jitter of waits that nobody asked for. One for each
	// bucket, so that what failed together does not come back together.
	seed uint64
}

// within answers limits that keep to a quota of so many writes in any window
// of time, whichever way the quota is counted: as a bucket, in windows one
// after another, or in one that slides. A rate of writes/window would exceed
// it by the burst, once after each idle time; so the burst is taken off the
// quota first, and a quarter of it more for writes that were sent at an even
// pace and arrive at an uneven one (half a second's worth at the published
// limits). What is left is the rate: of Microsoft Graph's 3,000 writes in 150
// seconds, with a burst of 40, 19.67 a second, which is 98.3 % of it.
func within(writes int, window time.Duration, burst int) limits {
	spare := float64(burst) * 1.25
	return limits{rate: max(float64(writes)-spare, float64(writes)/2) / window.Seconds(), burst: burst}
}

// sane answers limits by which can be reckoned, whatever the settings are.
func (l limits) sane() limits {
	if !(l.rate > 0.001) { // NaN too
		l.rate = 0.001
	}
	l.rate = min(l.rate, 1e6)
	l.burst = min(max(l.burst, 1), 1e6)
	return l
}

// pace is what one write of a tenant draws on: the tenant's bucket and the one
// of the application over all tenants. Both are plain values, read from the
// store before a call of a method here and, where they have changed, put back
// after it, in one transaction. now is the store's time throughout, and sent
// the now of the take by which a call was sent.
type pace struct {
	key         string // names the tenant to the application's bucket
	tenant      *bucket
	limits      limits
	application *bucket // nil: there is no such quota
	whole       limits
	pressing    bool // what takes access away has a line of its own to the application's
}

// take takes up to want tokens from both buckets or none from either, and
// answers how long to wait before asking again for work of that kind: earlier
// there is nothing, or too little to be worth a call. A refusal may note in the
// buckets that somebody waits.
func (p pace) take(now time.Time, want int, routine bool) (int, time.Duration) {
	if want <= 0 {
		return 0, 0
	}
	now = stamp(now)
	tenant, l := *p.tenant, p.limits.sane()
	n, wait := tenant.offer(now, l, want, routine, false)
	if p.application == nil {
		if n == 0 {
			p.tenant.refuse(now, l, routine)
			return 0, wait
		}
		tenant.pay(now, l, n, routine)
		*p.tenant = tenant
		_, wait = tenant.offer(now, l, mostAtOnce, routine, false)
		return n, wait
	}
	application, w := *p.application, p.whole.sane()
	turn := *tenant.turn(p.pressing, routine)
	come := !turn.IsZero() && !turn.After(now) && now.Sub(turn) < longestTurn && !application.Closed.After(now)
	m, waitWhole := application.offer(now, w, max(n, 1), routine, come)
	if n > 0 && m > 0 {
		tenant.pay(now, l, m, routine)
		application.pay(now, w, m, routine)
		*tenant.turn(p.pressing, routine) = time.Time{}
		*p.tenant, *p.application = tenant, application
		_, wait = tenant.offer(now, l, mostAtOnce, routine, false)
		return m, wait
	}
	p.tenant.refuse(now, l, routine)
	if n == 0 {
		p.application.mend(now, w)
		return 0, max(wait, waitWhole)
	}
	p.application.refuse(now, w, routine)
	if come {
		return 0, waitWhole
	}
	if !turn.After(now) {
		// A thousand tenants that were all told when the next token comes
		// would all come for it. Each is told a time of its own instead.
		turn = now.Add(waitWhole)
		last := turn.Add(longestTurn)
		later(&turn, *p.application.turn(p.pressing, routine))
		if turn.After(last) {
			turn = last
		}
		batch := float64(min(n, batchOf(w.rate/2)))
		*p.application.turn(p.pressing, routine) = turn.Add(seconds(batch / application.rate(now, w)))
		*p.tenant.turn(p.pressing, routine) = turn
	}
	return 0, turn.Sub(now)
}

// longestTurn is how far ahead a tenant is told to come back while the
// application's bucket is what everybody waits for.
const longestTurn = 3 * time.Minute

// giveBack returns tokens that were taken and not used.
func (p pace) giveBack(n int) {
	p.tenant.giveBack(n, p.limits)
	if p.application != nil {
		p.application.giveBack(n, p.whole)
	}
}

// throttled notes that Microsoft answered 429: to the tenant, or to the
// application as a whole where it said so. Where a call had both writes that
// went through and refused ones, went is called first.
func (p pace) throttled(now, sent time.Time, retryAfter time.Duration, whole bool) {
	if whole && p.application != nil {
		p.application.throttled(now, p.whole, sent, retryAfter)
		return
	}
	p.tenant.throttled(now, p.limits, sent, retryAfter)
}

// failed notes that the service gave no answer, or one that is its own fault.
// The tenant backs off at once. The application does when three tenants failed
// and none succeeded meanwhile, and never for long: one dead tenant, or two,
// are not the service.
func (p pace) failed(now, sent time.Time, retryAfter time.Duration) {
	p.tenant.failed(now, p.limits, sent, retryAfter, mostFailing)
	a := p.application
	if a == nil {
		return
	}
	var names []string
	if a.Blame != "" {
		names = strings.Split(a.Blame, " ")
	}
	if !slices.Contains(names, p.key) && len(names) < 3 {
		names = append(names, p.key)
		a.Blame = strings.Join(names, " ")
	}
	if len(names) == 3 {
		a.failed(now, p.whole, sent, 0, mostFailing/2)
	}
}

// went notes that a write went through.
func (p pace) went(sent time.Time) {
	p.tenant.went(sent)
	if p.application != nil {
		p.application.went(sent)
	}
}

// batchOf is how many writes one call carries at most at a rate: what the rate
// gives in a second, so that a call that is refused as a whole costs no more
// than that, and not more than Microsoft Graph takes.
func batchOf(rate float64) int {
	return int(min(max(math.Ceil(rate), 1), mostAtOnce))
}

// seconds answers a time to wait, rounded up to the microseconds that a store
// keeps: whoever waits that long must not come too early.
func seconds(s float64) time.Duration {
	const most = 24 * 3600
	if !(s < most) { // NaN too
		s = most
	}
	return time.Duration(math.Ceil(max(s, 0)*1e6))*time.Microsecond + time.Microsecond
}

// stamp answers a time as a store and JSON keep it.
func stamp(t time.Time) time.Time {
	if t.Year() < 1970 {
		return time.Unix(0, 0).UTC()
	}
	if t.Year() > 9000 {
		return time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t.UTC().Truncate(time.Microsecond)
}
