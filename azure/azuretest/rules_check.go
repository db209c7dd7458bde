package azuretest

import (
	"encoding/json"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

var checkRules = []rule{
	{
		"Check/Verdict",
		"a receipt in progress, stored as JSON and read by another process, comes to its verdict, and stays the receipt of its report",
		func(x *trial) {
			c := checker(x)
			r, given := x.inProgress()
			var stored azure.Receipt
			if err := json.Unmarshal([]byte(inJSON(given)), &stored); err != nil {
				x.stop("the receipt cannot be read back: %v", err)
			}
			settled := x.settle(r, stored)
			if settled.Channel != given.Channel || settled.TenantID != given.TenantID || settled.DeviceID != given.DeviceID ||
				settled.MessageID != given.MessageID || !settled.AcceptedAt.Equal(given.AcceptedAt) {
				x.wrong("the receipt went from %s to %s", inJSON(given), inJSON(settled))
			}
			if again, err := c.Check(x.t.Context(), settled); err != nil || !sameReceipt(again, settled) {
				x.wrong("the settled receipt came back as %s, %v", inJSON(again), err)
			}
			if x.Standing != nil {
				x.stands(r, r.State)
			}
		},
	},
	{
		"Check/SettledUnchanged",
		"a settled receipt comes back as it is and costs no call: a service that asks once too often must not pay for it, or lose the verdict",
		func(x *trial) {
			c := checker(x)
			r := x.report(0, compliance.StateCompliant)
			successful := x.send(r)
			failed := successful
			failed.State = status.Failed
			failed.Failure = &azure.Error{Op: "check", Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
			for _, receipt := range []azure.Receipt{successful, failed} {
				look := func() {
					got, err := c.Check(x.t.Context(), receipt)
					if err != nil || !sameReceipt(got, receipt) {
						x.wrong("a receipt that is %v came back as %s, %v", receipt.State, inJSON(got), err)
					}
				}
				if x.Calls == nil && x.Standing == nil {
					look()
					continue
				}
				x.keeps("Check of a settled receipt", look, r)
			}
		},
	},
	{
		"Check/Foreign",
		"a receipt of another channel is refused: its message id means nothing here, and \"unknown message\" would be taken for a failed report",
		func(x *trial) {
			c := checker(x)
			r := x.report(0, compliance.StateCompliant)
			foreign := x.send(r)
			foreign.Channel, foreign.State = "no-such-channel", status.InProgress
			got, err := c.Check(x.t.Context(), foreign)
			x.kind("Check of another channel's receipt", err, azure.ErrUnsupported)
			if !sameReceipt(got, foreign) {
				x.wrong("it came back as %s, want it as given", inJSON(got))
			}
		},
	},
	{
		"Check/ErrorKeepsInProgress",
		"an error of Check means that the question failed, not the report: the receipt comes back as given, and a later Check tells",
		func(x *trial) {
			checker(x)
			r, given := x.inProgress()
			c := checker(x)
			mend := x.fault(r, Unavailable)
			got, err := c.Check(x.t.Context(), given)
			mend()
			x.kind("Check while Microsoft is unavailable", err, azure.ErrUnavailable)
			if !sameReceipt(got, given) {
				x.wrong("the receipt came back as %s, want it as given: %s", inJSON(got), inJSON(given))
			}
			x.settle(r, given)
		},
	},
	{
		"Check/Canceled",
		"a context that ended before the call asks nothing, and the receipt comes back as given",
		func(x *trial) {
			c := checker(x)
			_, given := x.inProgress()
			for _, cause := range []error{errCanceled, errDeadline} {
				got, err := c.Check(x.over(cause), given)
				x.canceled("Check in a context that is over", err, cause)
				if !sameReceipt(got, given) {
					x.wrong("the receipt came back as %s, want it as given: %s", inJSON(got), inJSON(given))
				}
			}
		},
	},
}

// inProgress reports and answers a receipt whose verdict is still due; where
// the channel answers at once, the check ends.
func (x *trial) inProgress() (azure.Report, azure.Receipt) {
	r := x.report(0, compliance.StateNonCompliant)
	receipt, err := x.reporter.Report(x.t.Context(), r)
	if err != nil {
		x.stop("%v was not accepted: %v", r, err)
	}
	if receipt.State != status.InProgress {
		x.skip("a channel that answers later")
	}
	return r, receipt
}
