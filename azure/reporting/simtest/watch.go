package simtest

import (
	"errors"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// watch looks at every call as it is made. The world's lock guards it.
type watch struct {
	w       *world
	flying  map[ref]*call     // the newest call of an Azure id
	updated map[ref]time.Time // the newest LastUpdateTime sent
	sent    map[ref]*history
	pace    map[lane][]taken
	gates   map[lane]gate // what Microsoft asked for, and was taken note of
	pending map[*process][]pendingGate
	parked  map[lane]*parkedTenant
	heard   map[*process]map[lane][]ref // that there is no token, and has not written it yet
}

// history is what the engine knows of what was sent for one Azure id.
type history struct {
	state     compliance.State // of the newest that was accepted
	user      string
	at        time.Time // when, by the receipt
	began     time.Time // of the call
	inventory azure.Inventory
	unknown   bool // something since may have been applied, or not
	maybe     compliance.State
	claims    map[string]bool // users for whom compliance was claimed since, without an answer
	heard     *process        // who heard what was accepted, and has not written it
	refused   time.Time       // when it was refused for good, and nothing accepted since
	why       azure.Kind
	lastC     time.Time // when compliant was accepted last, by the store's clock
	wish      wish      // what it was sent for
	doubt     time.Time // when the outcome of a call was not known last
	message   string    // in progress
	open      azure.Report
}

type taken struct {
	at time.Time
	n  int
}

type gate struct{ from, until time.Time }

type pendingGate struct {
	lane lane
	gate
}

type parkedTenant struct {
	since  time.Time
	last   time.Time
	probes int
}

func newWatch(w *world) *watch {
	return &watch{
		w: w, flying: map[ref]*call{}, updated: map[ref]time.Time{}, sent: map[ref]*history{}, pace: map[lane][]taken{},
		gates: map[lane]gate{}, pending: map[*process][]pendingGate{}, parked: map[lane]*parkedTenant{}, heard: map[*process]map[lane][]ref{},
	}
}

// slack is how long after a decision its call may begin: questions about
// messages in progress go first, under the same deadline.
func (x *watch) slack() time.Duration {
	if d := x.w.plan.options.CallTimeout; d > 0 {
		return d + 5*time.Second
	}
	return time.Minute + 5*time.Second
}

func (x *watch) lease() time.Duration {
	if d := x.w.plan.options.Lease; d > 0 {
		return d
	}
	return 2 * time.Minute
}

func (x *watch) history(k ref) *history {
	h := x.sent[k]
	if h == nil {
		h = &history{}
		x.sent[k] = h
	}
	return h
}

// began looks at a call that leaves. refused: there is no token for it.
func (x *watch) began(c *call, refused bool) {
	w := x.w
	t := w.rules.tenants[c.lane.tenant]
	switch {
	case t == nil:
		w.wrong("call %d: for tenant %.8s, which is not registered: %v", c.n, c.lane.tenant, c)
		return
	case !slices.Contains(t.during(c.began.Add(-x.slack()), c.began), reporting.ModeOn):
		w.wrong("call %d: for tenant %.8s, which is %v: %v", c.n, c.lane.tenant, t.mode(), c)
	}
	if c.op != "check" {
		x.paced(c)
	}
	x.probed(c)
	for _, r := range c.reports {
		k := ref{c.lane.tenant, canonical(r.DeviceID)}
		x.overlaps(c, k)
		switch c.op {
		case "report":
			x.reports(c, k, r)
		case "delete":
			x.deletes(c, k)
		}
	}
}

// overlaps: no two calls of one Azure id under a live lease.
func (x *watch) overlaps(c *call, k ref) {
	if before := x.flying[k]; before != nil && before.ended.IsZero() && !x.w.clock.jumped(before.began.Add(-x.slack())) &&
		c.began.Sub(before.began) < x.lease()-x.slack()+5*time.Second && c.began.Before(before.deadline) {
		x.w.wrong("call %d: %.8s is sent while call %d is under way under a live lease", c.n, k.id, before.n)
	}
	x.flying[k] = c
}

// paced: within what the settings allow, over all processes.
func (x *watch) paced(c *call) {
	o := x.w.plan.options
	if x.w.clock.jumped(c.began.Add(-2 * time.Minute)) {
		x.pace[c.lane] = nil
		return
	}
	all := append(x.pace[c.lane], taken{c.began, len(c.reports)})
	for len(all) > 0 && c.began.Sub(all[0].at) > 2*time.Minute {
		all = all[1:]
	}
	x.pace[c.lane] = all
	n := 0
	for i := len(all) - 1; i >= 0; i-- {
		n += all[i].n
		span := c.began.Sub(all[i].at) + time.Second // a call leaves a little after its tokens were taken
		if c.op == "report" && float64(n) > float64(o.Burst)+x.w.plan.rate*span.Seconds()+1 {
			x.w.wrong("call %d: %d reports of %.8s %s within %v, more than %v a second and a burst of %d allow", c.n, n, c.lane.tenant, c.lane.channel, span, x.w.plan.rate, o.Burst)
			x.pace[c.lane] = nil
			return
		}
	}
	if g, ok := x.gates[c.lane]; ok && c.op == "report" && c.began.After(g.from.Add(2*time.Second)) && c.began.Before(g.until.Add(-time.Second)) && !x.w.clock.jumped(g.from) {
		x.w.wrong("call %d: before %v, though Microsoft asked to wait until then", c.n, g.until.Sub(x.w.began))
		delete(x.gates, c.lane)
	}
}

// probed: a tenant without a token is tried by one device at a time.
func (x *watch) probed(c *call) {
	p := x.parked[c.lane]
	if p == nil {
		return
	}
	if c.began.Sub(p.since) < x.slack() || x.w.clock.jumped(p.since) {
		return
	}
	if len(c.reports) > 1 {
		x.w.wrong("call %d: %d devices at once try %.8s %s, which gives no token", c.n, len(c.reports), c.lane.tenant, c.lane.channel)
	}
	if p.probes > 0 && c.began.Sub(p.last) < 10*time.Second {
		x.w.wrong("call %d: %.8s %s, which gives no token, is tried again after %v", c.n, c.lane.tenant, c.lane.channel, c.began.Sub(p.last))
	}
	p.last = c.began
	p.probes++
}

// reports: what is sent is what the rules say.
func (x *watch) reports(c *call, k ref, r azure.Report) {
	w := x.w
	h := x.history(k)
	floor, sent := x.updated[k]
	switch at := r.UpdatedAt.UTC().Truncate(time.Second); {
	case sent && !at.After(floor) && w.clock.jumped(c.began.Add(-x.slack())):
		// The jump ended the lease under which it was claimed, and another had
		// claimed it since.
	case sent && !at.After(floor):
		w.wrong("call %d: LastUpdateTime of %.8s is %v, not after the one before, %v", c.n, k.id, at, floor)
	default:
		x.updated[k] = at
	}
	if r.State == compliance.StateRemoved && !r.KeepObject {
		w.wrong("call %d: removes %.8s and its object in one", c.n, k.id)
	}
	t := w.rules.wishes[k]
	if t == nil {
		w.wrong("call %d: nobody has claimed %.8s", c.n, k.id)
		return
	}
	if w.plan.deaths == 0 && w.plan.storeFaults == 0 && w.plan.freezes == 0 {
		x.needed(c, k, r, t, h)
		x.prompt(c, k, r, t, h)
	}
	wishes := t.during(c.began.Add(-x.slack()), c.began)
	if !slices.ContainsFunc(wishes, func(wish wish) bool { return x.admits(wish, t, h, r) }) {
		w.wrong("call %d: sends %s of %.8s for user %.4s; the rules want %v", c.n, r.State, k.id, userOf(r), wishes)
	}
}

// needed: no call without a reason, and compliant not every other moment. It
// holds where no process dies between a call and its record.
func (x *watch) needed(c *call, k ref, r azure.Report, t *target, h *history) {
	w, s := x.w, t.now()
	if r.State == compliance.StateRemoved || h.at.IsZero() || h.unknown || !h.refused.IsZero() || h.message != "" ||
		c.began.Sub(h.doubt) < 15*time.Minute || s.aim == vague || s.conflict || h.wish.conflict {
		return // of two between which nothing tells, either's inventory is right
	}
	age := w.clock.store(c.began).Sub(w.clock.store(h.at))
	same := h.state == r.State && h.user == userOf(r) && h.wish.owner == s.owner && h.wish.enrolment == s.enrolment && h.wish.inventory == s.inventory && h.wish.upn == s.upn
	if same && age < 6*24*time.Hour-time.Hour && !w.clock.jumped(h.at) {
		w.wrong("call %d: %s of %.8s was accepted %v ago, and nothing has changed: %v", c.n, r.State, k.id, age, s)
	}
	if gap := w.clock.store(c.began).Sub(h.lastC); r.State == compliance.StateCompliant && h.state == compliance.StateNonCompliant && !h.lastC.IsZero() &&
		h.wish.owner == s.owner && h.wish.enrolment == s.enrolment && gap > 0 && gap < 5*time.Minute-5*time.Second {
		w.wrong("call %d: %.8s is reported as compliant again after %v", c.n, k.id, gap)
	}
}

// prompt: what takes access away goes at once, where nothing is in its way.
func (x *watch) prompt(c *call, k ref, r azure.Report, t *target, h *history) {
	w := x.w
	last := t.wishes[len(t.wishes)-1]
	took := c.began.Sub(last.at)
	restricts := last.value.aim == remove || last.value.aim == report && last.value.state == compliance.StateNonCompliant
	if w.plan.guarded || !restricts || r.State != last.value.state || h.state != compliance.StateCompliant || h.unknown || h.message != "" || w.plan.rough > 0 || len(w.plan.spells) > 0 ||
		w.plan.throttle.model != noThrottle || w.clock.jumped(last.at.Add(-24*time.Hour)) || h.at.After(last.at) {
		return
	}
	modes := w.rules.tenants[k.tenant].modes
	if modes[len(modes)-1].at.After(last.at) {
		return
	}
	if most := 5*time.Second + time.Duration(20/w.plan.rate)*time.Second; took > most {
		w.wrong("call %d: %.8s became %s %v ago, and could have been told at once", c.n, k.id, r.State, took)
	}
}

// admits reports whether a report is one that a wish can have caused.
func (x *watch) admits(s wish, t *target, h *history, r azure.Report) bool {
	windows := r.Platform == azure.PlatformWindows
	mine := windows || userOf(r) == s.user || r.UserID == "" && r.UserPrincipalName == s.upn
	switch {
	case s.aim == vague:
		return true
	case r.State == compliance.StateRemoved && s.aim != hold:
		return s.aim == remove || s.aim == release || !windows && t.users[userOf(r)] && (!mine || s.conflict)
	case s.aim == report:
		return mine && r.State == s.state
	case s.aim == hold && !windows && !mine:
		return r.State == compliance.StateRemoved && t.users[userOf(r)]
	case s.aim == hold && r.State == compliance.StateCompliant:
		// Only what was claimed before, and had no answer that is known.
		return h.unknown && h.maybe == compliance.StateCompliant || h.claims[userOf(r)] ||
			h.heard != nil && h.state == compliance.StateCompliant && h.user == userOf(r)
	case s.aim == hold:
		// To make sure of what Azure holds, but never to take a claim back that
		// was accepted.
		return h.unknown || h.message != "" || h.state != compliance.StateCompliant
	}
	return false
}

// deletes: nothing that the guards protect.
func (x *watch) deletes(c *call, k ref) {
	w := x.w
	after := w.plan.options.DeleteAfter
	if after == 0 {
		after = 72 * time.Hour
	}
	if after < 0 {
		w.wrong("call %d: deletes %.8s, though nothing is to be deleted", c.n, k.id)
	}
	t := w.rules.wishes[k]
	if t == nil {
		w.wrong("call %d: deletes %.8s, which nobody has claimed", c.n, k.id)
		return
	}
	for _, s := range t.during(c.began.Add(-x.slack()), c.began) {
		if s.aim == remove && s.claimants == 0 && w.clock.store(c.began).Sub(s.removed) >= after-time.Second || s.aim == vague && s.claimants == 0 {
			return
		}
	}
	w.wrong("call %d: deletes the object of %.8s at %v; the rules want %v, removed at %v", c.n, k.id, w.clock.store(c.began), t.now(), t.now().removed)
}

// ended takes note of an answer. gone: nobody has heard it.
func (x *watch) ended(c *call, gone bool) {
	w := x.w
	for i, r := range c.reports {
		k := ref{c.lane.tenant, canonical(r.DeviceID)}
		h := x.history(k)
		e, _ := errors.AsType[*azure.Error](c.results[i].Err)
		rec := c.results[i].Receipt
		switch {
		case gone:
		case e != nil && e.Kind == azure.ErrUnauthorized:
			if x.heard[c.p] == nil {
				x.heard[c.p] = map[lane][]ref{}
			}
			x.heard[c.p][c.lane] = append(x.heard[c.p][c.lane], k)
		case e == nil:
			delete(x.parked, c.lane)
		}
		switch {
		case c.op == "delete":
			continue
		case c.op == "check":
			if e == nil && !gone && h.message == rec.MessageID {
				switch rec.State {
				case status.Successful:
					h.message = ""
				case status.Failed:
					h.message, h.refused, h.why, h.unknown, h.maybe = "", time.Now(), rec.Failure.Kind, true, h.open.State
					h.state = compliance.StateUnspecified
				}
			}
			continue
		case gone || e != nil && e.Outcome == azure.OutcomeUnknown || c.late && x.flying[k] != c:
			h.unknown, h.maybe, h.doubt = true, r.State, time.Now()
			if r.State == compliance.StateCompliant {
				if h.claims == nil {
					h.claims = map[string]bool{}
				}
				h.claims[userOf(r)] = true
			}
		case e != nil:
			if e.Kind == azure.ErrRejected {
				h.refused, h.why = time.Now(), e.Kind
			}
		default:
			if r.State == compliance.StateCompliant {
				h.lastC = w.clock.store(time.Now())
			}
			var s wish
			if t := w.rules.wishes[k]; t != nil {
				s = t.at(c.began)
			}
			delete(h.claims, userOf(r))
			at := rec.AcceptedAt
			if c.late {
				at = c.ended // it is shown from when it is known
			}
			var refused time.Time
			var why azure.Kind
			if s.user != "" && userOf(r) != s.user && r.Platform != azure.PlatformWindows {
				refused, why = h.refused, h.why // the closing of an earlier user's pair says nothing of it
			}
			*h = history{
				doubt: h.doubt, claims: h.claims, heard: c.p, refused: refused, why: why, wish: s, state: r.State, user: userOf(r), at: at, began: c.began, inventory: mended(r.Inventory), lastC: h.lastC, message: rec.MessageID, open: r,
			}
			if rec.State == status.Successful {
				h.message = ""
			}
		}
		if e != nil && e.Kind == azure.ErrThrottled && e.RetryAfter > 0 && !gone {
			x.pending[c.p] = append(x.pending[c.p], pendingGate{c.lane, gate{until: c.ended.Add(e.RetryAfter)}})
		}
	}
}
