package azuretest

import (
	"context"
	"errors"
	"slices"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// wrongBatches break rules of batches.
var wrongBatches = []wrongReporter{
	{
		name: "keeps sending a batch after cancellation",
		bend: func(b *bent) {
			b.batch = func(ctx context.Context, rs []azure.Report) []azure.Result {
				results := b.Reporter.ReportBatch(context.WithoutCancel(ctx), rs)
				for i := range results {
					if err := ctx.Err(); err != nil {
						results[i] = azure.Result{Err: &azure.Error{Kind: azure.ErrCanceled, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent, Err: err}}
					}
				}
				return results
			}
		},
		want: []string{"Batch/Canceled"},
	},
	{
		name: "turns results round",
		bend: func(b *bent) {
			b.batch = func(ctx context.Context, rs []azure.Report) []azure.Result {
				results := b.Reporter.ReportBatch(ctx, rs)
				slices.Reverse(results)
				return results
			}
		},
		// The fault of the middle one of five stays in the middle.
		want: []string{"Batch/ResultsAnswerTheirReports"},
	},
	{
		name: "sends batches from the end",
		bend: func(b *bent) {
			b.batch = func(ctx context.Context, rs []azure.Report) []azure.Result {
				rs = slices.Clone(rs)
				slices.Reverse(rs)
				results := b.Reporter.ReportBatch(ctx, rs)
				slices.Reverse(results)
				return results
			}
		},
		want: []string{"Batch/OneDeviceInOrder"},
	},
	{
		name: "sends twenty and forgets the rest",
		bend: func(b *bent) {
			b.batch = func(ctx context.Context, rs []azure.Report) []azure.Result {
				return b.Reporter.ReportBatch(ctx, rs[:min(len(rs), 20)])
			}
		},
		want: []string{"Batch/ResultsAnswerTheirReports", "Batch/AllArrive", "Batch/Canceled"},
	},
	{
		name: "refuses a batch for one bad row",
		bend: func(b *bent) {
			b.batch = func(ctx context.Context, rs []azure.Report) []azure.Result {
				for _, r := range rs {
					if err := r.Validate(); err != nil {
						return slices.Repeat([]azure.Result{{Err: err}}, len(rs))
					}
				}
				return b.Reporter.ReportBatch(ctx, rs)
			}
		},
		want: []string{"Batch/InvalidAmongValid"},
	},
	{
		name: "stops a batch at the first failure",
		bend: func(b *bent) {
			b.batch = func(ctx context.Context, rs []azure.Report) []azure.Result {
				results := b.Reporter.ReportBatch(ctx, rs)
				for i, result := range results {
					if errors.Is(result.Err, azure.ErrDeviceNotFound) {
						return append(results[:i], slices.Repeat([]azure.Result{result}, len(rs)-i)...)
					}
				}
				return results
			}
		},
		want: []string{"Batch/FaultyAmongGood"},
	},
	{
		name: "panics on nothing",
		bend: func(b *bent) {
			b.batch = func(ctx context.Context, rs []azure.Report) []azure.Result {
				_ = rs[0]
				return b.Reporter.ReportBatch(ctx, rs)
			}
		},
		want: []string{"Batch/Empty"},
	},
	{
		name: "writes into its input",
		bend: func(b *bent) {
			b.batch = func(ctx context.Context, rs []azure.Report) []azure.Result {
				for i := range rs {
					if rs[i].ID == "" {
						rs[i].ID = guid.New()
					}
				}
				return b.Reporter.ReportBatch(ctx, rs)
			}
		},
		want: []string{"Batch/KeepsItsInput"},
	},
}
