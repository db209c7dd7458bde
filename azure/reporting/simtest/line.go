package simtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/status"
)

// line is the way of one process to Microsoft: an azure.Reporter over both
// channels, with every optional interface that the engine asks for.
type line struct{ p *process }

var (
	_ azure.BatchReporter    = (*line)(nil)
	_ azure.Checker          = (*line)(nil)
	_ azure.Deleter          = (*line)(nil)
	_ azure.InventoryCarrier = (*line)(nil)
)

// call is one call under way.
type call struct {
	n        int
	p        *process
	op       string // report, check, delete
	lane     lane
	reports  []azure.Report // of report and delete
	began    time.Time
	deadline time.Time
	ended    time.Time // zero: under way
	results  []azure.Result
	late     bool // its process stood still when the answer came
}

func (c *call) String() string {
	texts := make([]string, len(c.reports))
	for i, r := range c.reports {
		texts[i] = fmt.Sprintf("%.8s %s %s %.4s %s", r.DeviceID, r.State, r.Trigger, userOf(r), r.UpdatedAt.Format("02T15:04:05"))
	}
	return fmt.Sprintf("%s %.8s %s [%s]", c.op, c.lane.tenant, c.lane.channel, strings.Join(texts, "; "))
}

func (l *line) CarriedInventory(_ azure.Platform, i azure.Inventory) azure.Inventory {
	return mended(i)
}

func (l *line) Report(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	result := l.ReportBatch(ctx, []azure.Report{r})[0]
	return result.Receipt, result.Err
}

func (l *line) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	results := make([]azure.Result, len(rs))
	var lanes []lane
	places := map[lane][]int{}
	for i, r := range rs {
		if err := r.Validate(); err != nil {
			results[i].Err = err
			l.p.w.refusedLocally(l.p, r, err)
			continue
		}
		on := lane{canonical(r.TenantID), channelOf(r.Platform)}
		if places[on] == nil {
			lanes = append(lanes, on)
		}
		places[on] = append(places[on], i)
	}
	for _, on := range lanes {
		c := &call{p: l.p, op: "report", lane: on}
		for _, i := range places[on] {
			r := rs[i]
			r.TenantID, r.DeviceID = canonical(r.TenantID), canonical(r.DeviceID)
			c.reports = append(c.reports, r)
		}
		answers := l.send(ctx, c, func(d dice) []azure.Result { return l.p.w.reported(c, d) })
		for k, i := range places[on] {
			results[i] = answers[k]
		}
	}
	return results
}

func (l *line) DeleteObject(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	if err := r.Validate(); err != nil {
		return azure.Receipt{}, err
	}
	if r.Platform != azure.PlatformWindows {
		return azure.Receipt{}, fault("delete", azure.ErrUnsupported, azure.ScopeDevice, azure.OutcomeNotSent, 0)
	}
	c := &call{p: l.p, op: "delete", lane: lane{canonical(r.TenantID), graph}, reports: []azure.Report{r}}
	result := l.send(ctx, c, func(d dice) []azure.Result { return []azure.Result{l.p.w.deleted(c, d)} })[0]
	return result.Receipt, result.Err
}

func (l *line) Check(ctx context.Context, receipt azure.Receipt) (azure.Receipt, error) {
	if receipt.Channel != partner || receipt.State == status.Successful || receipt.State == status.Failed {
		return receipt, nil
	}
	c := &call{p: l.p, op: "check", lane: lane{receipt.TenantID, partner}, reports: []azure.Report{{TenantID: receipt.TenantID, DeviceID: receipt.DeviceID}}}
	result := l.send(ctx, c, func(dice) []azure.Result { return []azure.Result{l.p.w.checked(receipt)} })[0]
	if result.Err != nil {
		return receipt, result.Err
	}
	return result.Receipt, nil
}

func fault(op string, k azure.Kind, s azure.Scope, o azure.Outcome, code int) *azure.Error {
	return &azure.Error{Op: "simtest: " + op, Kind: k, Scope: s, Outcome: o, StatusCode: code}
}

// all answers the same error to every report of a call.
func (c *call) all(e *azure.Error) []azure.Result {
	results := make([]azure.Result, len(c.reports))
	for i := range results {
		own := *e
		results[i].Err = &own
	}
	return results
}

// send takes a call to Microsoft and its answer back. act is what Microsoft
// does when the call arrives.
func (l *line) send(ctx context.Context, c *call, act func(d dice) []azure.Result) []azure.Result {
	p, w := l.p, l.p.w
	unsent := func(err error) []azure.Result {
		e := fault(c.op, azure.ErrCanceled, azure.ScopeDevice, azure.OutcomeNotSent, 0)
		e.Err = err
		return c.all(e)
	}
	if p.gone() {
		return unsent(errDead)
	}
	if err := ctx.Err(); err != nil {
		return unsent(err)
	}
	what := c.String()
	d := w.steps.pause(p.name+what, 10*time.Microsecond, time.Millisecond)
	w.limit()
	if p.gone() || p.mayDie(d, mattering, "before "+what) {
		return unsent(errDead)
	}
	if p.mayFreeze(d, "before "+what); p.gone() {
		return unsent(errDead)
	}
	if err := ctx.Err(); err != nil {
		return unsent(err)
	}
	c.began = time.Now()
	c.deadline = c.began.Add(time.Hour)
	if until, ok := ctx.Deadline(); ok {
		c.deadline = until
	}
	w.mu.Lock()
	w.calls++
	c.n = w.calls
	refused := w.troubled(noToken, c.lane.tenant, "") && !w.calm()
	w.watch.began(c, refused)
	w.mu.Unlock()
	w.trace.add("%s call %d: %s", p.name, c.n, what)
	v := w.sail(d, c)
	results := l.travel(ctx, c, v, d, refused, act)
	for i := range results {
		if results[i].Err == nil && results[i].Receipt.AcceptedAt.IsZero() {
			results[i].Receipt.AcceptedAt = time.Now().UTC().Round(0)
		}
	}
	if v.dies {
		p.die(fmt.Sprintf("after call %d", c.n))
	}
	c.late = p.mayFreeze(d, fmt.Sprintf("after call %d", c.n))
	if c.late && d.chance(0.5) {
		results = c.noAnswer(ctx) // it was there, and so was the end of the time for it
	}
	gone := p.gone() || p.mayDie(d, mattering, fmt.Sprintf("after call %d", c.n))
	w.trace.add("%s call %d: %s", p.name, c.n, answers(results))
	w.mu.Lock()
	c.ended, c.results = time.Now(), results
	w.watch.ended(c, gone)
	w.mu.Unlock()
	if gone {
		return unsent(errDead)
	}
	return results
}

// travel is a call between its leaving and its answer.
func (l *line) travel(ctx context.Context, c *call, v voyage, d dice, refused bool, act func(d dice) []azure.Result) []azure.Result {
	w := l.p.w
	way := fmt.Sprintf("%s call %d", l.p.name, c.n)
	arrive := func(d dice) []azure.Result {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.azure.settle(time.Now())
		return act(d)
	}
	if refused {
		w.steps.pause(way, time.Millisecond, v.travel)
		e := fault(c.op, azure.ErrUnauthorized, azure.ScopeTenant, azure.OutcomeNotSent, 401)
		e.ErrorCode = "AADSTS7000222"
		return c.all(e)
	}
	if v.lost {
		w.steps.pause(way, time.Millisecond, v.travel)
		return c.all(fault(c.op, azure.ErrUnavailable, azure.ScopeService, azure.OutcomeNotSent, 0))
	}
	arrival := c.began.Add(v.travel)
	if v.end == tooLate || !arrival.Before(c.deadline) {
		if v.end == tooLate {
			arrival = c.deadline.Add(v.late)
		}
		own := dice{rngOf(d.Uint64(), uint64(c.n))} // the caller goes on with d meanwhile
		w.later(way, arrival, func() { arrive(own) })
		return l.giveUp(ctx, c)
	}
	w.steps.sleepTo(arrival, digest(w.seed, way+" arrives"))
	if v.end == refusedBefore {
		w.steps.pause(way+" back", time.Millisecond, v.back)
		return c.all(w.unavailable(c, d))
	}
	results := arrive(d)
	w.trace.add("%s arrives", way)
	if v.end == unheard || !time.Now().Add(v.back).Before(c.deadline) {
		return l.giveUp(ctx, c)
	}
	w.steps.pause(way+" back", time.Millisecond, v.back+time.Millisecond)
	switch v.end {
	case refusedAfter:
		return c.all(w.unavailable(c, d))
	case dropped:
		return c.all(fault(c.op, azure.ErrUnavailable, azure.ScopeService, azure.OutcomeUnknown, 0))
	}
	return results
}

func (w *world) unavailable(c *call, d dice) *azure.Error {
	e := fault(c.op, azure.ErrUnavailable, azure.ScopeService, azure.OutcomeUnknown, pick(d, 500, 502, 503, 504))
	e.RetryAfter = pick(d, 0, 0, 5*time.Second, 90*time.Second)
	return e
}

// giveUp waits for the caller's deadline.
func (l *line) giveUp(ctx context.Context, c *call) []azure.Result {
	l.p.w.steps.sleepTo(c.deadline, uint64(c.n))
	return c.noAnswer(ctx)
}

func (c *call) noAnswer(ctx context.Context) []azure.Result {
	e := fault(c.op, azure.ErrCanceled, azure.ScopeDevice, azure.OutcomeUnknown, 0)
	e.Err = ctx.Err()
	if e.Err == nil {
		e.Err = context.DeadlineExceeded
	}
	return c.all(e)
}

func answers(results []azure.Result) string {
	texts := make([]string, len(results))
	for i, r := range results {
		switch e, _ := errors.AsType[*azure.Error](r.Err); {
		case e != nil:
			texts[i] = fmt.Sprintf("%s %s", e.Kind, e.Outcome)
			if e.RetryAfter != 0 {
				texts[i] += " " + e.RetryAfter.String()
			}
		case r.Receipt.Removal != azure.RemovalUnspecified:
			texts[i] = fmt.Sprintf("%s %s", r.Receipt.State, r.Receipt.Removal)
		default:
			texts[i] = r.Receipt.State.String()
		}
	}
	return strings.Join(texts, "; ")
}
