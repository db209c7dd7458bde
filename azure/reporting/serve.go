package reporting

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/azure"
)

// idle is how long a queue whose tenant is off or not registered is left
// alone, unless a change of mode in this process wakes it.
const idle = time.Minute

// recordTimeout is how long the writing of an outcome may take.
const recordTimeout = 10 * time.Second

// serve claims what is due in a queue, sends it, and records what came of it. A
// process that was stopped on the way sends nothing by what it knew before: the
// tenant may be off, another may have the right to try, and its tokens are old.
func (e *Engine) serve(ctx context.Context, name string, many, lane int, oldest bool) (served, error) {
	began := time.Now()
	tenantID, letter, _ := strings.Cut(name, "/")
	t, known, err := e.tenant(ctx, tenantID)
	if err != nil {
		return served{}, err
	}
	if !known || !t.sends() {
		return served{wait: idle, why: waitsTenant}, nil
	}
	limit, probing := many, t.channel(letter).Parked != nil
	if probing {
		wait, err := e.probe(ctx, tenantID, letter)
		if err != nil || wait > 0 {
			return served{wait: wait}, err
		}
		limit, oldest = 1, true // another device than the last that tried
	}
	c := &call{tenantID: tenantID, letter: letter, tenant: t}
	quota, drawn := paced(letter)
	if drawn {
		var wait time.Duration
		c.granted, wait, err = e.spend(ctx, c, quota, min(limit, batchOf(e.tenantLimits.rate)), lane)
		if err != nil || c.granted == 0 {
			if probing {
				e.unprobe(ctx, tenantID, letter)
			}
			return served{wait: max(wait, time.Millisecond)}, err
		}
		limit = c.granted
	}
	most := [...]uint8{laneAny: urgencyDelete, laneUrgent: urgencyCompliant, lanePress: urgencyRestrict}[lane]
	if time.Since(began) >= e.o.CallTimeout {
		if drawn {
			e.refund(ctx, tenantID, quota, c.granted)
		}
		return served{wait: time.Millisecond}, nil // a right to try has ended by itself
	}
	rows, err := e.store.Claim(ctx, Claim{Queue: name, Limit: limit, Lease: e.o.Lease, Most: most, OldestFirst: oldest})
	if err != nil || len(rows) == 0 {
		if drawn {
			e.refund(ctx, tenantID, quota, c.granted)
		}
		if probing {
			e.unprobe(ctx, tenantID, letter)
		}
		return served{}, err
	}
	if unused := c.granted - len(rows); unused > 0 {
		// At once: they are the other tenants' too, and the call may take long.
		c.granted -= unused
		e.refund(ctx, tenantID, quota, unused)
	}
	sends := true
	if e.heldUp(began) {
		t, known, err := e.tenant(ctx, tenantID)
		sends = err == nil && known && t.sends()
	}
	err = e.deliver(ctx, c, rows, began, sends)
	if probing && len(c.errands) == 0 {
		e.unprobe(ctx, tenantID, letter)
	}
	return served{more: len(rows) == limit && sends}, err
}

// fewAtOnce is how much a queue is asked for first: what is asked for takes
// tokens for a moment that other tenants may have to wait for.
const fewAtOnce = 2

// mostAtOnce is how many devices one call carries at most. A quota of
// Microsoft's allows a tenth of it at once; a reporter with quotas of its own
// may be faster than the store.
const mostAtOnce = 200

// deliver sends rows that are served since began, and records their outcomes,
// also when ctx has ended meanwhile: what was sent must not be forgotten. A
// process that was stopped in between sends nothing under a lease that has
// ended. Where sends is false, the rows are given back.
func (e *Engine) deliver(ctx context.Context, c *call, rows []Row, began time.Time, sends bool) error {
	c.sentAt = rows[0].ClaimedAt
	k, parked := e.rules(), c.tenant.channel(c.letter).Parked != nil
	for _, row := range rows {
		n, due, err := newErrand(row, k)
		if err != nil {
			// It comes again when its lease ends, and costs the others nothing.
			e.log.Error("a row cannot be read", "tenant", row.Tenant, "device", row.ID, "error", err)
			continue
		}
		n.parked = parked
		if due && sends {
			c.errands = append(c.errands, n)
		} else {
			c.idle = append(c.idle, n)
		}
	}
	call, stop := context.WithDeadline(context.WithoutCancel(ctx), began.Add(e.o.CallTimeout))
	e.send(call, c.errands)
	stop()
	record, stop := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer stop()
	return e.record(record, c)
}

// send makes the calls of errands and writes their answers into them.
func (e *Engine) send(ctx context.Context, errands []*errand) {
	var reports, others []*errand
	batcher, batches := e.reporter.(azure.BatchReporter)
	for _, n := range errands {
		if n.act == actCheck || n.act == actDelete || !batches {
			others = append(others, n)
		} else {
			reports = append(reports, n)
		}
	}
	var calls sync.WaitGroup
	places := make(chan struct{}, sideBySide)
	for _, n := range others {
		places <- struct{}{}
		calls.Go(func() {
			defer func() { <-places }()
			n.receipt, n.err = e.sendOne(ctx, n)
		})
	}
	if len(reports) > 0 {
		sendBatch(ctx, batcher, reports)
	}
	calls.Wait()
	for _, n := range errands {
		n.mend()
	}
}

// sideBySide is how many single requests of one call are under way at once.
const sideBySide = 8

func (e *Engine) sendOne(ctx context.Context, n *errand) (azure.Receipt, error) {
	switch n.act {
	case actCheck:
		if checker, ok := e.reporter.(azure.Checker); ok {
			return checker.Check(ctx, n.message.Receipt)
		}
		return n.message.Receipt, nil
	case actDelete:
		if deleter, ok := e.reporter.(azure.Deleter); ok {
			return deleter.DeleteObject(ctx, n.report)
		}
		return azure.Receipt{}, &azure.Error{Op: "delete", Kind: azure.ErrUnsupported, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent}
	}
	return e.reporter.Report(ctx, n.report)
}

func sendBatch(ctx context.Context, batcher azure.BatchReporter, reports []*errand) {
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
