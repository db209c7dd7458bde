package reporting

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/azure"
)

// Run reports what is due until ctx ends. Then it waits for the calls under
// way, each no longer than Options.CallTimeout, and returns nil; it leaves no
// goroutine. An error is one of the store that does not pass by itself. Engines
// that share a store may all run, also several times in one process.
func (e *Engine) Run(ctx context.Context) error {
	r := &run{e: e, ctx: ctx, busy: map[string]bool{}, skip: map[string]time.Time{}, done: make(chan served), horizon: e.o.Poll}
	if waker, ok := e.store.(Waker); ok {
		r.horizon = mostSleep
		r.workers.Go(func() {
			for waker.Wait(ctx) == nil {
				e.wake()
			}
		})
	}
	defer r.workers.Wait()
	for {
		next, err := r.dispatch()
		if err != nil && ctx.Err() == nil {
			e.log.Warn("the store failed", "error", err)
			next = time.Now().Add(e.o.Poll)
		}
		if r.pending() {
			continue
		}
		timer := time.NewTimer(max(0, time.Until(next)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case s := <-r.done:
			r.finished(s)
		case <-e.signal:
			clear(r.skip)
		case <-timer.C:
		}
		timer.Stop()
	}
}

// pending takes what has happened meanwhile, in an order of its own rather than
// in one that a select draws: so that a simulation can be replayed.
func (r *run) pending() (any bool) {
	if r.ctx.Err() != nil {
		return false
	}
	select {
	case <-r.e.signal:
		clear(r.skip)
		any = true
	default:
	}
	for {
		select {
		case s := <-r.done:
			r.finished(s)
			any = true
		default:
			return any
		}
	}
}

// finished takes back a queue that was served.
func (r *run) finished(s served) {
	delete(r.busy, s.queue)
	delete(r.skip, s.queue)
	if s.wait > 0 {
		r.skip[s.queue] = time.Now().Add(s.wait)
	}
}

// mostSleep is how long Run sleeps at most where the store wakes it.
const mostSleep = 10 * time.Minute

// run is one Run. It belongs to the goroutine of Run.
type run struct {
	e       *Engine
	ctx     context.Context
	workers sync.WaitGroup
	busy    map[string]bool      // queues with a call under way
	skip    map[string]time.Time // queues that cannot be served before then
	done    chan served
	horizon time.Duration // when to look again where nothing is known to be due
}

// served is what a worker hands back: how long its queue has to wait.
type served struct {
	queue string
	wait  time.Duration
}

// dispatch gives every queue that can be served to a worker, one call a queue
// at a time, and answers when to look again.
func (r *run) dispatch() (time.Time, error) {
	next := time.Now().Add(r.horizon)
	const page = 500
	for after := ""; ; {
		queues, err := r.e.store.Queues(r.ctx, after, page)
		if err != nil {
			return next, err
		}
		now := time.Now()
		for _, queue := range queues {
			until := r.skip[queue]
			switch {
			case r.busy[queue]:
			case until.After(now):
				if until.Before(next) {
					next = until
				}
			case len(r.busy) < r.e.o.CallsInFlight:
				r.busy[queue] = true
				r.workers.Go(func() { r.work(queue) })
			}
		}
		if len(queues) < page {
			break
		}
		after = queues[len(queues)-1]
	}
	due, err := r.e.store.NextDue(r.ctx)
	if err == nil && !due.IsZero() && due.Before(next) {
		next = due
	}
	return next, err
}

// work serves one queue once.
func (r *run) work(queue string) {
	wait, err := r.e.serve(r.ctx, queue)
	if err != nil && r.ctx.Err() == nil {
		r.e.log.Warn("a queue was not served", "queue", queue, "error", err)
		wait = r.e.o.Poll
	}
	select {
	case r.done <- served{queue, wait}:
	case <-r.ctx.Done():
	}
}

// idle is how long a queue whose tenant is off or not registered is left
// alone; a change of mode wakes it.
const idle = time.Minute

// serve claims what is due in a queue, sends it, and records what came of it.
// It answers how long the queue has to wait.
func (e *Engine) serve(ctx context.Context, queue string) (time.Duration, error) {
	tenantID, letter, _ := strings.Cut(queue, "/")
	t, known, err := e.tenant(ctx, tenantID)
	if err != nil || !known || t.Mode != ModeOn {
		return idle, err
	}
	limit := mostAtOnce
	if p := t.Parked; p != nil {
		if wait := time.Until(p.Probe); wait > 0 {
			return wait, nil
		}
		limit = 1 // a probe, each time by the device that is due next
	}
	urgent, spent := false, false
	if letter == queueGraph || letter == queuePartner {
		granted, wait, err := e.spend(ctx, tenantID, letter, limit)
		if err != nil || granted.n == 0 {
			return wait, err
		}
		limit, urgent, spent = granted.n, granted.urgentOnly, true
	}
	most := urgencyDelete
	if urgent {
		most = urgencyCompliant
	}
	rows, err := e.store.Claim(ctx, Claim{Queue: queue, Limit: limit, Lease: e.o.Lease, Most: most})
	if spent && len(rows) < limit {
		e.refund(ctx, tenantID, letter, limit-len(rows))
	}
	if err != nil {
		return 0, err
	}
	if len(rows) == 0 {
		if urgent {
			return time.Second, nil // the reserve is for urgent work, and there is none
		}
		return 0, nil
	}
	return 0, e.deliver(ctx, tenantID, letter, rows, e.rules(&t))
}

// mostAtOnce is how many devices one call carries: a full batch of Microsoft
// Graph.
const mostAtOnce = 20

// deliver sends claimed rows and records their outcomes, also when ctx has
// ended meanwhile: what was sent must not be forgotten.
func (e *Engine) deliver(ctx context.Context, tenantID, letter string, rows []Row, k *rules) error {
	errands := make([]*errand, 0, len(rows))
	var idleRows []*errand // nothing to do for them any more
	for _, row := range rows {
		n, due, err := newErrand(row, k)
		if err != nil {
			return err
		}
		if due {
			errands = append(errands, n)
		} else {
			idleRows = append(idleRows, n)
		}
	}
	call, stop := context.WithTimeout(context.WithoutCancel(ctx), e.o.CallTimeout)
	e.send(call, errands)
	stop()
	record, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	return e.record(record, tenantID, letter, errands, idleRows, k)
}

// send makes the calls of errands and writes their answers into them.
func (e *Engine) send(ctx context.Context, errands []*errand) {
	var reports []*errand
	for _, n := range errands {
		switch n.act {
		case actCheck:
			n.receipt, n.err = e.check(ctx, n.target.Message.Receipt)
		case actDelete:
			n.receipt, n.err = e.delete(ctx, n.report)
		default:
			reports = append(reports, n)
		}
	}
	if len(reports) == 0 {
		return
	}
	batcher, ok := e.reporter.(azure.BatchReporter)
	if !ok {
		for _, n := range reports {
			n.receipt, n.err = e.reporter.Report(ctx, n.report)
		}
		return
	}
	batch := make([]azure.Report, len(reports))
	for i, n := range reports {
		batch[i] = n.report
	}
	results := batcher.ReportBatch(ctx, batch)
	for i, n := range reports {
		if i >= len(results) {
			n.err = fmt.Errorf("the reporter answered %d results to %d reports", len(results), len(reports))
			continue
		}
		n.receipt, n.err = results[i].Receipt, results[i].Err
	}
}

func (e *Engine) check(ctx context.Context, receipt azure.Receipt) (azure.Receipt, error) {
	if checker, ok := e.reporter.(azure.Checker); ok {
		return checker.Check(ctx, receipt)
	}
	return receipt, nil
}

func (e *Engine) delete(ctx context.Context, report azure.Report) (azure.Receipt, error) {
	if deleter, ok := e.reporter.(azure.Deleter); ok {
		return deleter.DeleteObject(ctx, report)
	}
	return azure.Receipt{}, &azure.Error{Op: "delete", Kind: azure.ErrUnsupported, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent}
}
