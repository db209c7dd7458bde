package simtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
)

// world is one run of one seed. It lives in a bubble of testing/synctest.
type world struct {
	t     *testing.T
	seed  uint64
	plan  *plan
	began time.Time
	store reporting.Store
	clock *clock
	steps *steps
	trace *trace

	mu      sync.Mutex // guards what follows
	azure   *microsoft
	rules   *rules
	watch   *watch
	slots   []*process
	calls   int
	stopped bool

	found  sync.Mutex // guards what follows
	faults []string
	tail   []string // of the trace, when the first fault was found

	over    chan struct{}
	keepers sync.WaitGroup
	runs    sync.WaitGroup
	flights sync.WaitGroup // calls that arrive after their callers have given up
}

// outcome is what one run came to.
type outcome struct {
	faults []string
	tail   []string
	sum    uint64
	lines  int
	steps  int
	calls  int
}

// newWorld makes the world of a plan.
func newWorld(t *testing.T, h Harness, seed uint64, p func(seed uint64, began time.Time) *plan, log io.Writer) *world {
	began := time.Now()
	w := &world{
		t: t, seed: seed, plan: p(seed, began), began: began, clock: &clock{}, steps: &steps{seed: seed, taken: map[int64]uint64{}},
		trace: &trace{began: began, log: log}, azure: newMicrosoft(), over: make(chan struct{}),
	}
	w.rules, w.watch = newRules(w.clock, w.trace.add), newWatch(w)
	w.slots = make([]*process, w.plan.slots)
	w.store = h.Open(t, w.clock.now)
	return w
}

// run lets the world happen and judges it.
func (w *world) run() outcome {
	for i := range w.slots {
		w.keepers.Go(func() { w.keep(i) })
	}
	hands := make([][]event, w.plan.hands)
	for i, e := range w.plan.events {
		n := i % len(hands)
		if e.seen == nil {
			n = 0
			e.at = min(e.at, w.plan.active)
		} else if e.at > w.plan.active {
			continue
		}
		hands[n] = append(hands[n], e)
	}
	var hosts sync.WaitGroup
	for i := range hands {
		hosts.Go(func() { w.play(i, hands[i]) })
	}
	hosts.Wait()
	w.steps.sleepTo(w.began.Add(w.plan.active+w.plan.quiet), 1)
	w.judge()
	close(w.over)
	w.keepers.Wait()
	w.runs.Wait()
	w.flights.Wait()
	w.found.Lock()
	defer w.found.Unlock()
	return outcome{w.faults, w.tail, w.trace.sum, w.trace.lines, w.steps.count(), w.calls}
}

// calm reports whether the world has been left quiet.
func (w *world) calm() bool { return time.Since(w.began) >= w.plan.active }

// wrong takes note of a fault of the engine. The world's lock may be held.
func (w *world) wrong(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.trace.add("WRONG: %s", text)
	w.found.Lock()
	defer w.found.Unlock()
	if len(w.faults) < 20 {
		w.faults = append(w.faults, text)
	}
	if w.tail == nil {
		w.tail = w.trace.last()
	}
}

// mostSteps ends a world that does not come to rest.
const mostSteps = 600_000

func (w *world) limit() {
	if w.steps.count() < mostSteps {
		return
	}
	w.mu.Lock()
	stopped := w.stopped
	w.stopped = true
	slots := slices.Clone(w.slots)
	w.mu.Unlock()
	if !stopped {
		w.wrong("more than %d steps: the engines do not come to rest", mostSteps)
	}
	for _, p := range slots {
		if p != nil {
			p.die("of too many steps")
		}
	}
}

// later does something at a moment of its own.
func (w *world) later(what string, at time.Time, do func()) {
	w.flights.Go(func() {
		w.steps.sleepTo(at, digest(w.seed, what+" late"))
		w.trace.add("%s arrives late", what)
		do()
	})
}

// play is one of the host's processes that hand observations over.
func (w *world) play(hand int, events []event) {
	d := rolled(w.seed, fmt.Sprint("player ", hand))
	for i := 0; i < len(events); {
		e := events[i]
		w.steps.sleepTo(w.began.Add(e.at), digest(w.seed, fmt.Sprint(e.name, i, hand)))
		if w.given() {
			return
		}
		if e.seen == nil {
			e.do(w, d)
			i++
			continue
		}
		var batch []*sight
		for ; i < len(events) && events[i].seen != nil && len(batch) < 30 && !w.began.Add(events[i].at).After(time.Now()); i++ {
			batch = append(batch, events[i].seen)
		}
		w.deliver(batch, d)
	}
}

// given reports whether the world was given up.
func (w *world) given() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopped
}

// deliver hands observations over until that has succeeded.
func (w *world) deliver(batch []*sight, d dice) {
	observations := make([]reporting.Observation, len(batch))
	for i, s := range batch {
		observations[i] = s.Observation
	}
	for !w.given() {
		p := w.anyone(d)
		if p == nil {
			w.steps.pause("nobody "+batch[0].DeviceID, time.Second, time.Minute)
			continue
		}
		if w.early(batch) {
			w.steps.pause("early "+batch[0].DeviceID, time.Second, time.Minute)
			continue
		}
		var expected *counts
		ctx := context.WithValue(context.Background(), committed{}, func(now time.Time) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if expected != nil {
				w.wrong("an Observe was committed twice")
			}
			c := w.rules.see(observations, now)
			expected = &c
		})
		w.trace.add("host observes through %s: %s", p.name, sights(batch))
		got, err := p.engine.Observe(ctx, observations...)
		if err != nil {
			if expected != nil && !p.gone() {
				w.wrong("Observe answered %v, but its transaction was committed", err)
			}
			w.steps.pause("again "+batch[0].DeviceID, time.Second, 20*time.Second)
			continue
		}
		if expected == nil {
			w.wrong("Observe answered no error, but nothing was committed")
			return
		}
		w.compare(batch, got, *expected, d)
		return
	}
}

// early reports whether a tenant of a batch is still being registered: a host
// waits for that.
func (w *world) early(batch []*sight) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.plan.tenants, func(t *tenant) bool {
		return w.rules.tenants[t.id] == nil && slices.ContainsFunc(batch, func(s *sight) bool { return canonical(s.TenantID) == t.id })
	})
}

// compare holds what Observe said against the rules.
func (w *world) compare(batch []*sight, got reporting.Observed, want counts, d dice) {
	taken := len(batch) - len(want.refused)
	var again []*sight
	for _, r := range got.Refused {
		switch {
		case r.Index < 0 || r.Index >= len(batch) || r.Err == nil:
			w.wrong("Observe refused number %d of %d for %v", r.Index, len(batch), r.Err)
		case !want.refused[r.Index]:
			w.wrong("Observe refused what is right: %v", r.Err)
		case !batch[r.Index].wrong:
			again = append(again, batch[r.Index]) // the store's clock is behind: later it is taken
		}
	}
	if len(got.Refused) != len(want.refused) {
		w.wrong("Observe refused %d of %d, not %d", len(got.Refused), len(batch), len(want.refused))
	}
	if got.Changed+got.Unchanged+got.Stale != taken {
		w.wrong("Observe counts %d changed, %d unchanged, %d stale; %d were taken", got.Changed, got.Unchanged, got.Stale, taken)
	}
	if least, most := want.stale, want.stale+want.rest+want.same+want.dull; got.Stale < least || got.Stale > most {
		w.wrong("Observe counts %d stale, not %d to %d (%+v): %s", got.Stale, least, most, got, sights(batch))
	}
	if least, most := want.differing, want.differing+want.rest; got.Changed < least || got.Changed > most {
		w.wrong("Observe counts %d changed, not %d to %d (%+v): %s", got.Changed, least, most, got, sights(batch))
	}
	if len(again) > 0 {
		own := dice{rngOf(d.Uint64(), 1)}
		w.flights.Go(func() {
			w.steps.pause("refused "+again[0].DeviceID, 5*time.Minute, 10*time.Minute)
			w.deliver(again, own)
		})
	}
}

func sights(batch []*sight) string {
	texts := make([]string, len(batch))
	for i, s := range batch {
		texts[i] = fmt.Sprintf("%s %.8s %s %q seen %s v%d user %.4s", s.DeviceID, s.AzureDeviceID, s.State, s.ClientCode, s.SeenAt.Format("02T15:04:05"), s.Version, s.UserID)
		if s.EnrollmentID != "" {
			texts[i] += " " + s.EnrollmentID
		}
		if s.Inventory.DeviceName != "" {
			texts[i] += fmt.Sprintf(" %.12q %s", s.Inventory.DeviceName, s.Inventory.OSVersion)
		}
	}
	return strings.Join(texts, "; ")
}

// insist does something through a living process until it has succeeded.
func (w *world) insist(what string, d dice, do func(ctx context.Context, p *process) error, then func()) {
	for !w.given() {
		p := w.anyone(d)
		if p == nil {
			w.steps.pause("nobody for "+what, time.Second, time.Minute)
			continue
		}
		ctx := context.WithValue(context.Background(), committed{}, func(time.Time) {
			w.mu.Lock()
			defer w.mu.Unlock()
			then()
		})
		if err := do(ctx, p); err == nil {
			return
		} else if !errors.Is(err, errDead) && !errors.Is(err, errStore) {
			w.wrong("%s: %v", what, err)
			return
		}
		w.steps.pause("again "+what, time.Second, 20*time.Second)
	}
}

func (w *world) registerTenant(t *tenant, d dice) {
	w.insist("register", d, func(ctx context.Context, p *process) error { return p.engine.RegisterTenant(ctx, t.account, t.id) }, func() {
		if w.rules.tenants[t.id] == nil {
			w.rules.tenants[t.id] = &registered{account: t.account, modes: []since[reporting.Mode]{{time.Now(), reporting.ModeOn}}}
		}
	})
}

func (w *world) setMode(t *tenant, m reporting.Mode, d dice) {
	w.insist(fmt.Sprint("mode ", m), d, func(ctx context.Context, p *process) error { return p.engine.SetMode(ctx, t.account, t.id, m) }, func() {
		r := w.rules.tenants[t.id]
		if r.mode() != m {
			r.modes = append(r.modes, since[reporting.Mode]{time.Now(), m})
		}
		w.trace.add("tenant %.8s is %v", t.id, m)
	})
}

// refusedLocally takes note of a report that its channel would not send.
func (w *world) refusedLocally(p *process, r azure.Report, err error) {
	w.trace.add("%s: a report of %.8s is not valid: %v", p.name, r.DeviceID, err)
}
