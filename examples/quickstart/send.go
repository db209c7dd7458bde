package main

import (
	"context"
	"iter"

	"github.com/mdmkit/devicestatus/azure"
)

// send reports what is due and gives each record its answer. When ctx ends,
// what was not sent stays as it was: not called yet.
func send(ctx context.Context, reporter azure.Reporter, tasks []task, progress func(done int)) {
	done := 0
	progress(done)
	for sent, result := range azure.ReportAll(ctx, reporter, reports(tasks)) {
		for _, r := range tasks[done].records {
			r.took(sent.State, result)
		}
		done++
		progress(done)
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
