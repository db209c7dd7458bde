package simtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// stage is where a story is told: one tenant, one process, and no faults but
// those that the story brings. All that is looked at in other worlds is looked
// at here too.
type stage struct {
	*plan
	began time.Time
	home  *tenant
	d     dice
	lives int
	reps  int // reports that have left
}

// newStage answers an empty one.
func newStage(began time.Time) *stage {
	s := &stage{began: began, d: rolled(1, "stage")}
	s.home = &tenant{id: "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11", account: "contoso"}
	s.plan = &plan{
		slots: 1, hands: 1, active: 4 * 24 * time.Hour, quiet: 10 * 24 * time.Hour, latest: 110 * time.Second, settling: 2 * time.Second,
		rate: 20, throttle: meter{model: noThrottle}, tenants: []*tenant{s.home},
	}
	s.options = reporting.Options{Poll: time.Minute, Burst: 40}
	s.at(0, "register", func(w *world, d dice) { w.registerTenant(s.home, d) })
	return s
}

// told answers the plan of a story.
func told(tell func(s *stage)) func(seed uint64, began time.Time) *plan {
	return func(_ uint64, began time.Time) *plan {
		s := newStage(began)
		tell(s)
		slices.SortStableFunc(s.events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
		return s.plan
	}
}

// at has something happen at a time since the world began. What happens at one
// time happens in the order in which it was said.
func (s *stage) at(when time.Duration, name string, do func(w *world, d dice)) {
	s.events = append(s.events, event{at: when, name: name, do: do})
}

// device answers a device that is enrolled and registered, and not observed
// yet.
func (s *stage) device(host string, p azure.Platform) *asset {
	a := &asset{
		p: s.plan, d: rolled(1, host), began: s.began, t: s.home, until: s.active, lives: &s.lives, host: host, platform: p,
		state: compliance.StateCompliant, knows: true, user: s.d.guid(), upn: host + "@contoso.example",
		inventory: azure.Inventory{DeviceName: host, OSVersion: "1.0"},
	}
	a.renew(time.Second)
	return a
}

// renew enrols a device anew, under another Azure id.
func (a *asset) renew(at time.Duration) {
	*a.lives++
	a.at, a.azureID = at, a.d.guid()
	a.enrolment, a.enrolled = fmt.Sprint("enrolment-", *a.lives), a.began.Add(at)
	a.register(false)
	a.shows, a.code = a.azureID, status.CodeSuccess
}

// see has the host observe a device, as it is but for what change says.
func (s *stage) see(when time.Duration, a *asset, change func(o *reporting.Observation)) {
	s.seeLate(when, when, a, change)
}

// seeLate is an observation of one time that arrives at another.
func (s *stage) seeLate(seen, arrives time.Duration, a *asset, change func(o *reporting.Observation)) {
	a.at = seen
	o := a.look()
	o.AzureDeviceID = a.shows
	if change != nil {
		change(&o)
	}
	s.at(arrives, "see "+a.host, func(w *world, d dice) { w.deliver([]*sight{{Observation: o}}, d) })
}

// refuses has the host observe what has to be refused.
func (s *stage) refuses(when time.Duration, a *asset, change func(o *reporting.Observation)) {
	a.at = when
	o := a.look()
	change(&o)
	s.at(when, "see "+a.host, func(w *world, d dice) { w.deliver([]*sight{{Observation: o, wrong: true}}, d) })
}

// together hands two observations of a device over in one call.
func (s *stage) together(when time.Duration, a *asset, states ...compliance.State) {
	var batch []*sight
	for i, state := range states {
		a.at = when + time.Duration(i)*time.Second
		o := a.look()
		o.State = state
		batch = append(batch, &sight{Observation: o})
	}
	s.at(when+time.Duration(len(states))*time.Second, "see "+a.host, func(w *world, d dice) { w.deliver(batch, d) })
}

// wants looks at what Azure holds of a device at a time.
func (s *stage) wants(when time.Duration, a *asset, want compliance.State) {
	k, user := ref{a.t.id, a.azureID}, a.user
	s.at(when, "look", func(w *world, _ dice) {
		if got := w.standing(k, user); got != want {
			w.wrong("at %v Azure holds %s for %s, not %s", when, got, a.host, want)
		}
	})
}

// standing answers what Azure holds now.
func (w *world) standing(k ref, user string) compliance.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.azure.settle(time.Now())
	o := w.azure.objects[k]
	switch {
	case o == nil || !o.exists:
		return compliance.StateUnspecified
	case o.platform == azure.PlatformWindows:
		return o.windows
	case o.pairs[user] != nil:
		return o.pairs[user].state
	}
	return compliance.StateUnspecified
}

// reports looks at how many reports Azure has had of a device.
func (s *stage) reports(when time.Duration, a *asset, want int) {
	k := ref{a.t.id, a.azureID}
	s.at(when, "count", func(w *world, _ dice) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.azure.settle(time.Now())
		got := 0
		if o := w.azure.objects[k]; o != nil {
			got = len(o.writes)
		}
		if got != want {
			w.wrong("at %v Azure has had %d reports of %s, not %d", when, got, a.host, want)
		}
	})
}

// shows looks at a device's details.
func (s *stage) shows(when time.Duration, a *asset, want status.ReportState, why status.BlankReason) {
	s.at(when, "details", func(w *world, d dice) {
		p := w.anyone(d)
		if p == nil {
			return
		}
		got, err := p.engine.Device(context.Background(), a.t.id, a.host)
		if err != nil || got.ComplianceStatus != want || got.Blank.ReportTime != why {
			w.wrong("at %v the details of %s show %v, %v (%v), not %v, %v", when, a.host, got.ComplianceStatus, got.Blank.ReportTime, err, want, why)
		}
	})
}

// mode switches the tenant.
func (s *stage) mode(when time.Duration, m reporting.Mode) { s.setMode(s.home, when, m) }

// ask does something through the engine until it succeeds.
func (s *stage) ask(when time.Duration, what string, do func(ctx context.Context, e *reporting.Engine) error) {
	s.at(when, what, func(w *world, d dice) {
		w.insist(what, d, func(ctx context.Context, p *process) error { return do(ctx, p.engine) }, func() {})
	})
}

// becomes decides what becomes of the nth report to leave, the first being 1;
// refreshes and questions are not counted.
func (s *stage) becomes(n int, v voyage) {
	before := s.fate
	s.fate = func(c *call) (voyage, bool) {
		if before != nil {
			if own, ok := before(c); ok {
				return own, true
			}
		} else if c.op == "report" {
			s.reps++
		}
		if v.travel == 0 {
			v.travel, v.back = 100*time.Millisecond, 100*time.Millisecond
		}
		return v, c.op == "report" && s.reps == n
	}
}
