package simtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// plan is a world before it begins: everything that does not depend on what
// the engine does.
type plan struct {
	options reporting.Options
	rate    float64 // writes a second of one tenant and channel
	slots   int     // processes that share the store

	deaths      float64 // how often processes die; 1: at every fortieth step that matters
	freezes     float64 // how often processes stand still, likewise
	storeFaults float64 // how often a step of the store fails
	conflicts   float64 // how often a transaction is rolled back and run again
	rough       float64 // how often one of the ways goes wrong in which a call can
	latest      time.Duration
	settling    time.Duration // how long messages take at most
	throttle    meter
	retryAfter  string // how Microsoft writes it
	spells      []spell

	active time.Duration // how long devices live and faults happen
	quiet  time.Duration // how long nothing happens then

	tenants  []*tenant
	ids      []ref // Azure ids that live
	rollCall bool  // every device changes a little before the world is left quiet
	events   []event
	guarded  bool // the guard may hold back what takes access away
	hands    int  // goroutines of the host that hand observations over, each its part of the events

	// fate overrides what becomes of a call; nil: chance decides.
	fate func(c *call) (voyage, bool)
}

// tenant is one customer of the host.
type tenant struct {
	id, account string
}

// event is something that the host, Azure or the store's clock does by itself.
type event struct {
	at   time.Duration // since the world began
	name string
	seen *sight // the host observes; else do
	do   func(w *world, d dice)
}

// sight is an observation on its way to the engine.
type sight struct {
	reporting.Observation
	wrong bool // it has to be refused
}

// newPlan draws the plan of a seed.
func newPlan(seed uint64, began time.Time) *plan {
	d := rolled(seed, "plan")
	p := &plan{
		slots: d.among(1, 3), hands: 3,
		active: time.Duration(d.among(2, 7)) * 24 * time.Hour, quiet: 10 * 24 * time.Hour,
		deaths:      pick(d, 0, 0.1, 0.3, 1),
		storeFaults: pick(d, 0, 0.001, 0.01),
		conflicts:   pick(d, 0, 0.02, 0.2),
		rough:       pick(d, 0, 0.002, 0.01, 0.03),
		settling:    pick(d, 2*time.Second, time.Minute, 10*time.Minute),
		retryAfter:  pick(d, "exact", "exact", "fraction", "one", "none"),
	}
	p.options = reporting.Options{
		Poll: pick(d, 2*time.Minute, 10*time.Minute, 20*time.Minute),
	}
	switch d.IntN(4) {
	case 0:
		p.options.Lease, p.options.CallTimeout, p.options.Linger = 90*time.Second, 30*time.Second, time.Minute
	case 1:
		p.options.DeleteAfter = 24 * time.Hour
	case 2:
		p.options.DeleteAfter = pick(d, -1, 48*time.Hour)
	}
	p.latest = 110 * time.Second
	if p.options.Linger > 0 {
		p.latest = p.options.Linger - 10*time.Second
	}
	rate, burst := 20.0, 40
	if d.chance(0.6) {
		rate, burst = pick(d, 0.2, 1, 4), d.among(3, 8)
	}
	p.options.TenantQuota, p.options.Burst = reporting.Quota{Writes: int(rate * 150), Window: 150 * time.Second}, burst
	p.rate = rate
	p.throttle = meter{
		model: pick(d, noThrottle, tokenBucket, tokenBucket, fixedWindow, slidingWindow), rate: rate * pick(d, 0.5, 1, 1, 2),
		burst: float64(burst), window: pick(d, 10*time.Second, 150*time.Second), refused: d.chance(0.3),
	}
	for i := range d.among(1, 4) {
		p.tenants = append(p.tenants, &tenant{id: d.guid(), account: fmt.Sprintf("account-%d", i)})
	}
	p.drawSpells(d)
	p.drawModes(d)
	p.drawJumps(d)
	p.freezes = pick(rolled(seed, "freezes"), 0, 0, 0.02, 0.2)
	p.rollCall = d.chance(0.5)
	p.drawLives(seed, d, began)
	p.drawDeviceSpells(rolled(seed, "device spells"))
	for range 12 {
		p.events = append(p.events, event{name: "glance", at: d.between(time.Hour, p.active), do: func(w *world, d dice) { w.glance(d) }})
	}
	slices.SortStableFunc(p.events, func(a, b event) int { return int(a.at - b.at) })
	return p
}

// asked writes a wait as Retry-After.
func (p *plan) asked(wait time.Duration) time.Duration {
	switch p.retryAfter {
	case "exact":
		return wait.Truncate(time.Second) + time.Second
	case "fraction":
		return wait
	case "one":
		return time.Second
	}
	return 0
}

func (p *plan) drawSpells(d dice) {
	n := pick(d, 0, 3, 8)
	for range n {
		s := spell{
			kind: pick(d, down, slow, noToken, forbidden),
			from: d.between(0, p.active),
		}
		s.to = s.from + pick(d, d.between(time.Minute, 10*time.Minute), d.between(10*time.Minute, 3*time.Hour), d.between(3*time.Hour, 20*time.Hour))
		switch s.kind {
		case down, slow:
			if d.chance(0.5) {
				s.tenant = pick(d, p.tenants...).id
			}
			s.to = min(s.to, s.from+6*time.Hour)
		default:
			s.tenant = pick(d, p.tenants...).id
		}
		p.spells = append(p.spells, s)
	}
	for _, t := range p.tenants {
		if n > 0 && d.chance(0.3) {
			p.spells = append(p.spells, spell{kind: keepsObjects, tenant: t.id, to: p.active})
		}
	}
}

// drawDeviceSpells has Microsoft refuse single devices for a while.
func (p *plan) drawDeviceSpells(d dice) {
	if len(p.spells) == 0 && d.chance(0.5) {
		return
	}
	for range d.among(0, 6) {
		id := pick(d, p.ids...)
		s := spell{kind: pick(d, unknownDevice, rejecting, rejecting, forbidden), tenant: id.tenant, device: id.id, from: d.between(0, p.active)}
		s.to = min(p.active-2*time.Hour, s.from+pick(d, d.between(time.Minute, time.Hour), d.between(time.Hour, 40*time.Hour)))
		p.spells = append(p.spells, s)
	}
}

// drawModes switches tenants off and on, and leaves one off at the end.
func (p *plan) drawModes(d dice) {
	for i, t := range p.tenants {
		p.events = append(p.events, event{name: "register " + t.id, at: time.Duration(i) * time.Second, do: func(w *world, d dice) { w.registerTenant(t, d) }})
		if i == 0 && d.chance(0.8) {
			continue
		}
		at := d.between(time.Minute, p.active)
		for range d.among(0, 3) {
			m := pick(d, reporting.ModeOff, reporting.ModePaused, reporting.ModeReportOnly)
			p.setMode(t, at, m)
			at += pick(d, d.between(time.Minute, 3*time.Hour), d.between(time.Minute, 3*time.Hour), d.between(3*time.Hour, 9*time.Hour))
			p.setMode(t, min(at, p.active), reporting.ModeOn)
			if at += d.between(time.Hour, 20*time.Hour); at > p.active-2*time.Hour {
				break
			}
		}
	}
	if d.chance(0.1) {
		// One stays off for good, and the world is not looked at for long: an
		// engine asks for such a tenant every few seconds.
		p.setMode(p.tenants[0], p.active-time.Minute, pick(d, reporting.ModeOff, reporting.ModePaused, reporting.ModeReportOnly))
		p.quiet, p.slots = 30*time.Hour, 1
	}
}

func (p *plan) setMode(t *tenant, at time.Duration, m reporting.Mode) {
	p.events = append(p.events, event{name: fmt.Sprintf("mode %s %v", t.id, m), at: at, do: func(w *world, d dice) { w.setMode(t, m, d) }})
}

func (p *plan) drawJumps(d dice) {
	if !d.chance(0.4) {
		return
	}
	n := d.among(1, 3)
	if d.chance(0.25) {
		n = d.among(20, 80)
	}
	for i := range n {
		by := pick(d, d.between(-30*time.Second, 30*time.Second), d.between(-20*time.Minute, 20*time.Minute), d.between(0, 3*time.Hour))
		if n > 3 {
			by = d.between(time.Minute, 5*time.Minute) // about a lease, there and back
			if i%2 == 1 {
				by = -by
			}
		}
		at := d.between(0, p.active)
		p.events = append(p.events, event{name: fmt.Sprintf("clock %v", by), at: at, do: func(w *world, _ dice) {
			w.clock.jump(by)
			w.trace.add("the store's clock jumps by %v", by)
		}})
	}
}
