package main

import (
	"context"
	"iter"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// send reports what is due and gives each record its answer. When ctx ends,
// what was not sent stays as it was: not called yet.
func send(ctx context.Context, to *connection, tasks []task, progress func(done int)) {
	done := 0
	progress(done)
	var open []pending
	for sent, result := range azure.ReportAll(ctx, to.reporter, reports(tasks)) {
		t := tasks[done]
		t.took(sent.State, result)
		if result.Err == nil && result.Receipt.State == status.InProgress {
			open = append(open, pending{t, result.Receipt})
		}
		done++
		progress(done)
	}
	check(ctx, to, open)
}

// pending is a task whose report Microsoft took and has not settled.
type pending struct {
	task
	receipt azure.Receipt
}

// check asks how the reports stand that the partner services settle later,
// until all are settled or patience is at its end: then they are shown in
// progress. A service keeps the receipts and goes on asking.
func check(ctx context.Context, to *connection, open []pending) {
	ctx, stop := context.WithTimeout(ctx, to.patience)
	defer stop()
	for pause := 100 * time.Millisecond; len(open) > 0; pause = min(2*pause, 5*time.Second) {
		var left []pending
		for _, p := range open {
			receipt, err := to.reporter.Check(ctx, p.receipt)
			if err != nil || receipt.State == status.InProgress {
				left = append(left, p)
				continue
			}
			p.took(p.report.State, azure.Result{Receipt: receipt})
		}
		open = left
		if len(open) == 0 {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// took gives a task's answer to the records that it is about.
func (t task) took(sent compliance.State, result azure.Result) {
	for _, r := range t.records {
		r.took(sent, result)
	}
}

func reports(tasks []task) iter.Seq[azure.Report] {
	return func(yield func(azure.Report) bool) {
		for _, t := range tasks {
			if !yield(t.report) {
				return
			}
		}
	}
}

// show marks what is due as shown and not sent.
func show(tasks []task) {
	for _, t := range tasks {
		for _, r := range t.records {
			r.shown(t.report)
		}
	}
}
