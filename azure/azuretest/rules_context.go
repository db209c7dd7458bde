package azuretest

import (
	"context"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

var errCanceled, errDeadline = context.Canceled, context.DeadlineExceeded

const (
	// patience is the deadline of a call to which no answer comes.
	patience = 50 * time.Millisecond

	// beyond is when a call that has not returned is given up as never
	// returning.
	beyond = 30 * time.Second
)

var contextRules = []rule{
	{
		"Context/Canceled",
		"a context that ended before the call sends nothing: the caller has given up, perhaps because it lost its lease on the device",
		func(x *trial) { x.sendsNothing(errCanceled) },
	},
	{
		"Context/DeadlinePassed",
		"a deadline that passed before the call sends nothing, and errors.Is tells it from a cancellation",
		func(x *trial) { x.sendsNothing(errDeadline) },
	},
	{
		"Context/NoAnswer",
		"a call returns when its context ends, even if Microsoft never answers; whether the report was applied is not known then",
		func(x *trial) {
			r := x.report(0, compliance.StateNonCompliant)
			mend := x.fault(r, NoAnswer)
			defer mend()
			ctx, cancel := context.WithTimeout(x.t.Context(), patience)
			defer cancel()
			var receipt azure.Receipt
			var err error
			x.returns("Report", func() { receipt, err = x.reporter.Report(ctx, r) })
			e := x.canceled("a deadline without an answer", err, errDeadline)
			if e != nil && e.Outcome != azure.OutcomeUnknown && e.Outcome != azure.OutcomeNotSent {
				x.wrong("a deadline without an answer: the outcome is %v, want unknown or not-sent", e.Outcome)
			}
			if err != nil {
				x.empty("a deadline without an answer", receipt)
			}
		},
	},
}

func (x *trial) sendsNothing(cause error) {
	good := x.report(0, compliance.StateCompliant)
	x.send(good)
	what := "a context that is over (" + cause.Error() + ")"
	look := func() {
		receipt, err := x.reporter.Report(x.over(cause), x.report(0, compliance.StateNonCompliant))
		e := x.canceled(what, err, cause)
		if e != nil && e.Outcome != azure.OutcomeNotSent {
			x.wrong("%s: the outcome is %v, want not-sent", what, e.Outcome)
		}
		if err != nil {
			x.empty(what, receipt)
		}
	}
	if x.Standing == nil && x.Calls == nil {
		look()
		x.skip("Harness.Standing")
	}
	x.keeps(what, look, good)
}

// returns ends the check if do does not come to an end.
func (x *trial) returns(what string, do func()) {
	done := make(chan struct{})
	var panicked any
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		do()
	}()
	select {
	case <-done:
		if panicked != nil {
			x.stop("panic: %v", panicked)
		}
	case <-time.After(beyond):
		x.stop("%s did not return although its context had ended", what)
	}
}
