package azure

import (
	"context"
	"errors"
	"iter"
	"slices"
)

// groupSize is how many reports ReportAll takes from its sequence before it
// sends: ten full batches of Microsoft Graph.
const groupSize = 200

// errNoResult stands for a result that a BatchReporter owes.
func errNoResult() error {
	return &Error{
		Op: "report all", Kind: ErrUnexpected, Scope: ScopeDevice, Outcome: OutcomeUnknown,
		Err: errors.New("the reporter answered fewer results than it was given reports"),
	}
}

// ReportAll sends a sequence of reports of any length through r, in groups of
// up to 200, in batches where r is a [BatchReporter] and one by one where it
// is not, and yields each report with its result, in the order of the
// sequence. A plain Reporter takes one report at a time, so that nothing is
// taken from the sequence before the one before it was answered.
//
// When ctx ends, every report that was taken from the sequence is still
// yielded with its result (of kind [ErrCanceled] where it was not sent), and no
// further one is taken: what the sequence still holds was not sent. A sequence
// that blocks must watch ctx itself. A consumer
// that stops early abandons the answers of the group in flight, up to 200
// reports that may have been sent.
func ReportAll(ctx context.Context, r Reporter, reports iter.Seq[Report]) iter.Seq2[Report, Result] {
	return func(yield func(Report, Result) bool) {
		batcher, ok := r.(BatchReporter)
		if !ok {
			for report := range reports {
				receipt, err := r.Report(ctx, report)
				if !yield(report, Result{Receipt: receipt, Err: err}) || ctx.Err() != nil {
					return
				}
			}
			return
		}
		send := func(group []Report) bool {
			// The reporter gets a copy: whatever it does to it, the consumer
			// is shown what the sequence held.
			results := batcher.ReportBatch(ctx, slices.Clone(group))
			for i, report := range group {
				result := Result{}
				if i < len(results) {
					result = results[i]
				} else {
					result.Err = errNoResult()
				}
				if !yield(report, result) {
					return false
				}
			}
			return true
		}
		group := make([]Report, 0, groupSize)
		for report := range reports {
			group = append(group, report)
			if len(group) < groupSize && ctx.Err() == nil {
				continue
			}
			if !send(group) || ctx.Err() != nil {
				return
			}
			group = group[:0]
		}
		if len(group) > 0 {
			send(group)
		}
	}
}
