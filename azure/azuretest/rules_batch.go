package azuretest

import (
	"slices"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// many is more than two full batches of Microsoft Graph.
const many = 45

var batchRules = []rule{
	{
		"Batch/ResultsAnswerTheirReports",
		"results[i] answers rs[i], whatever the order in which Microsoft answered: else a device is shown another's fate",
		func(x *trial) {
			b := batcher(x)
			rs := x.reports(many)
			results := x.batch(b, rs)
			for i, result := range results {
				if result.Err != nil {
					x.wrong("report %d of %d valid ones: %v", i, len(rs), result.Err)
				} else if result.Receipt.MessageID != rs[i].ID || result.Receipt.DeviceID != rs[i].DeviceID {
					x.wrong("result %d is of device %s, message %s, want device %s, message %s", i, result.Receipt.DeviceID, result.Receipt.MessageID, rs[i].DeviceID, rs[i].ID)
				}
			}
		},
	},
	{
		"Batch/AllArrive",
		"each report of a batch is sent, and Microsoft holds its standing; there is no limit to the length of a batch",
		func(x *trial) {
			b := batcher(x)
			rs := x.reports(many)
			for i, result := range x.batch(b, rs) {
				if result.Err != nil {
					x.wrong("report %d of %d valid ones: %v", i, len(rs), result.Err)
					continue
				}
				x.settle(rs[i], result.Receipt)
				x.stands(rs[i], rs[i].State)
			}
		},
	},
	{
		"Batch/OneDeviceInOrder",
		"reports of one device are sent one after the other in their order, so that Microsoft ends on the last, and each is answered",
		func(x *trial) {
			b := batcher(x)
			for _, last := range []compliance.State{compliance.StateNonCompliant, compliance.StateRemoved} {
				var rs []azure.Report
				for i, state := range []compliance.State{compliance.StateCompliant, compliance.StateNonCompliant, compliance.StateCompliant, last} {
					rs = append(rs, x.report(0, state), x.report(1+i, compliance.StateCompliant))
				}
				results := x.batch(b, rs)
				for i, result := range results {
					if result.Err != nil {
						x.wrong("report %d: %v", i, result.Err)
						continue
					}
					x.settle(rs[i], result.Receipt)
				}
				x.stands(rs[0], last)
			}
		},
	},
	{
		"Batch/InvalidAmongValid",
		"an invalid report is refused alone: one bad row must not hold up a fleet",
		func(x *trial) {
			b := batcher(x)
			rs := x.reports(5)
			rs[2].DeviceID = "17"
			for i, result := range x.batch(b, rs) {
				if i == 2 {
					x.refused("an invalid report among valid ones", result.Receipt, result.Err, "DeviceID")
					continue
				}
				if result.Err != nil {
					x.wrong("valid report %d, beside an invalid one: %v", i, result.Err)
					continue
				}
				x.settle(rs[i], result.Receipt)
				if x.Standing != nil {
					x.stands(rs[i], rs[i].State)
				}
			}
		},
	},
	{
		"Batch/FaultyAmongGood",
		"a report that Microsoft refuses costs the others nothing, and its error is its own",
		func(x *trial) {
			b := batcher(x)
			rs := x.reports(5)
			mend := x.fault(rs[2], DeviceUnknown)
			defer mend()
			for i, result := range x.batch(b, rs) {
				if i == 2 {
					x.kind("an unknown device among others", result.Err, azure.ErrDeviceNotFound)
					continue
				}
				if result.Err != nil {
					x.wrong("report %d, beside one of an unknown device: %v", i, result.Err)
					continue
				}
				x.settle(rs[i], result.Receipt)
				if x.Standing != nil {
					x.stands(rs[i], rs[i].State)
				}
			}
		},
	},
	{
		"Batch/Empty",
		"a batch of nothing is answered by nothing: the caller's filter left no report today",
		func(x *trial) {
			b := batcher(x)
			for _, rs := range [][]azure.Report{nil, {}} {
				if results := b.ReportBatch(x.t.Context(), rs); len(results) != 0 {
					x.wrong("%d results for no report", len(results))
				}
			}
		},
	},
	{
		"Batch/KeepsItsInput",
		"rs is the caller's: it pairs results with it, and sends from it again",
		func(x *trial) {
			b := batcher(x)
			rs := x.reports(6)
			rs[1].ID, rs[4].DeviceID = "", "17"
			rs[3].Inventory.DeviceName = " PC\n"
			before := slices.Clone(rs)
			b.ReportBatch(x.t.Context(), rs)
			for i := range rs {
				if rs[i] != before[i] {
					x.wrong("report %d was changed from %v to %v", i, before[i], rs[i])
				}
			}
		},
	},
	{
		"Batch/Canceled",
		"a context that ended before the call sends nothing, and every report still gets its result",
		func(x *trial) {
			b := batcher(x)
			x.keepsBatch(x.reports(25), func(rs []azure.Report) {
				for i, result := range x.within(b.ReportBatch(x.over(errCanceled), rs), rs) {
					if e := x.canceled("a context that is over", result.Err, errCanceled); e != nil && e.Outcome != azure.OutcomeNotSent {
						x.wrong("result %d: the outcome is %v, want not-sent", i, e.Outcome)
					}
				}
			})
		},
	},
}

// reports answers valid reports of n devices, compliant and not.
func (x *trial) reports(n int) []azure.Report {
	rs := make([]azure.Report, n)
	for i := range rs {
		rs[i] = x.report(i, either(i))
	}
	return rs
}

// batch sends a batch and answers one result for each report, or ends the
// check.
func (x *trial) batch(b azure.BatchReporter, rs []azure.Report) []azure.Result {
	return x.within(b.ReportBatch(x.t.Context(), slices.Clone(rs)), rs)
}

func (x *trial) within(results []azure.Result, rs []azure.Report) []azure.Result {
	if len(results) != len(rs) {
		x.stop("%d results for %d reports", len(results), len(rs))
	}
	return results
}

// keepsBatch is keeps where the harness can tell, and does it all the same
// where it cannot.
func (x *trial) keepsBatch(rs []azure.Report, do func([]azure.Report)) {
	if x.Standing == nil && x.Calls == nil {
		do(rs)
		x.skip("Harness.Standing")
	}
	x.keeps("a context that is over", func() { do(rs) }, rs...)
}
