package azuretest

import (
	"fmt"
	"sync"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

var reportRules = []rule{
	{
		"Report/Standing",
		"a nil error means that Microsoft accepted the report, so Microsoft holds the standing it claims, and of several the last",
		func(x *trial) {
			for _, state := range []compliance.State{
				compliance.StateNonCompliant, compliance.StateCompliant, compliance.StateNonCompliant, compliance.StateNonCompliant, compliance.StateCompliant,
			} {
				r := x.report(0, state)
				x.send(r)
				x.stands(r, state)
			}
		},
	},
	{
		"Report/OneDeviceOnly",
		"a report is about its device alone; what was reported of one device must not lock another out or let it in",
		func(x *trial) {
			first, second := x.report(0, compliance.StateNonCompliant), x.report(1, compliance.StateCompliant)
			third := x.report(2, compliance.StateCompliant)
			before, present := x.standing(third)
			x.send(first)
			x.send(second)
			x.stands(first, compliance.StateNonCompliant)
			x.stands(second, compliance.StateCompliant)
			x.send(x.report(1, compliance.StateNonCompliant))
			x.send(x.report(0, compliance.StateCompliant))
			x.stands(first, compliance.StateCompliant)
			x.stands(second, compliance.StateNonCompliant)
			if state, still := x.standing(third); state != before || still != present {
				x.wrong("device %s, of which nothing was reported, went from %s to %s", third.DeviceID, shown(before, present), shown(state, still))
			}
		},
	},
	{
		"Report/Again",
		"after an unknown outcome the same report is sent again; that must do no harm",
		func(x *trial) {
			r := x.report(0, compliance.StateNonCompliant)
			for range 3 {
				x.send(r)
			}
			r.ID = ""
			x.send(r)
			if x.Standing != nil {
				x.stands(r, compliance.StateNonCompliant)
			}
		},
	},
	{
		"Report/Concurrent",
		"a Reporter is safe for concurrent use: a service reports many devices at once through one",
		func(x *trial) {
			const devices, rounds = 16, 3
			reports := make([][]azure.Report, devices)
			for n := range devices {
				for round := range rounds {
					reports[n] = append(reports[n], x.report(n, either(n+round)))
				}
			}
			receipts := make([]azure.Receipt, devices) // the last of each device
			var group sync.WaitGroup
			for n := range devices {
				group.Go(func() {
					defer func() {
						if p := recover(); p != nil {
							x.wrong("panic: %v", p)
						}
					}()
					for _, r := range reports[n] {
						var err error
						if receipts[n], err = x.reporter.Report(x.t.Context(), r); err != nil {
							x.wrong("%v was not accepted: %v", r, err)
						} else if receipts[n].MessageID != r.ID {
							x.wrong("the receipt of %v is of another report: %s", r, inJSON(receipts[n]))
						}
					}
				})
			}
			group.Wait()
			if x.verdict.wrong != nil {
				return
			}
			for n, receipt := range receipts {
				last := reports[n][rounds-1]
				x.settle(last, receipt)
				if x.Standing != nil {
					x.stands(last, last.State)
				}
			}
		},
	},
	{
		"Report/AnyUserName",
		"on Windows, and wherever the user's object id is given, nothing reads the user principal name; however odd, it must not keep a lock-out from being sent",
		func(x *trial) {
			r := x.report(0, compliance.StateNonCompliant)
			if r.Platform != azure.PlatformWindows && r.UserID == "" {
				x.skip("a UserID in the report of Harness.NewReport")
			}
			for i, name := range oddUserNames() {
				r := x.report(0, compliance.StateNonCompliant)
				r.UserPrincipalName = name
				receipt, err := x.reporter.Report(x.t.Context(), r)
				if err != nil {
					x.wrong("user name %d, of %d bytes: %v", i, len(name), err)
					continue
				}
				x.settle(r, receipt)
			}
		},
	},
}

// oddUserNames are user principal names as hosts have them: of guests, in other
// scripts, with quotes, without end, and no names at all.
func oddUserNames() []string {
	long := fmt.Sprintf("%0300d@contoso.example", 7)
	return []string{"anna_fabrikam.example#EXT#@contoso.example", "o'brien@contoso.example", "安娜@contoso.example", long, "no name", "a\nb@c", "\xff"}
}
