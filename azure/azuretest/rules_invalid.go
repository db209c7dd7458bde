package azuretest

import (
	"fmt"
	"strings"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// broken are the faults that refuse a report, each with the field that its
// error has to name.
var broken = []struct {
	field string
	spoil func(*azure.Report)
}{
	{"ID", func(r *azure.Report) { r.ID = "17" }},
	{"TenantID", func(r *azure.Report) { r.TenantID = "contoso.example" }},
	{"TenantID", func(r *azure.Report) { r.TenantID = "" }},
	{"DeviceID", func(r *azure.Report) { r.DeviceID = "" }},
	{"DeviceID", func(r *azure.Report) { r.DeviceID = "')/../users" }},
	{"DeviceID", func(r *azure.Report) { r.DeviceID = "00000000-0000-0000-0000-000000000000" }},
	{"UserID", func(r *azure.Report) { r.UserID = "42" }},
	{"Platform", func(r *azure.Report) { r.Platform = azure.PlatformUnspecified }},
	{"Platform", func(r *azure.Report) { r.Platform = 200 }},
	{"State", func(r *azure.Report) { r.State = compliance.StateUnspecified }},
	{"State", func(r *azure.Report) { r.State = 200 }},
	{"Trigger", func(r *azure.Report) { r.Trigger = 200 }},
}

var invalidRules = []rule{
	{
		"Invalid/Refused",
		"a report with a fault is refused, with an error of kind invalid that names the field and says that nothing was sent",
		func(x *trial) {
			for _, b := range broken {
				r := x.report(0, compliance.StateCompliant)
				b.spoil(&r)
				receipt, err := x.reporter.Report(x.t.Context(), r)
				what := "a fault of " + b.field
				x.refused(what, receipt, err, b.field)
			}
		},
	},
	{
		"Invalid/AllFaultsNamed",
		"all faults are named at once: who mends a row one fault a day needs a week for it",
		func(x *trial) {
			r := x.report(0, compliance.StateUnspecified)
			r.ID, r.TenantID, r.DeviceID, r.UserID, r.Platform = "1", "2", "3", "4", azure.PlatformUnspecified
			receipt, err := x.reporter.Report(x.t.Context(), r)
			x.refused("a report without one good field", receipt, err, "ID", "TenantID", "DeviceID", "UserID", "Platform", "State")
		},
	},
	{
		"Invalid/SendsNothing",
		"a report is refused before any call: a value that was not checked must not come near an address, and costs no quota",
		func(x *trial) {
			good := x.report(0, compliance.StateCompliant)
			x.send(good)
			for _, b := range broken {
				r := x.report(0, compliance.StateNonCompliant)
				b.spoil(&r)
				if r.State != compliance.StateNonCompliant {
					continue // Invalid/NotEvaluated
				}
				x.keeps(fmt.Sprintf("a fault of %s", b.field), func() { x.reporter.Report(x.t.Context(), r) }, good)
			}
		},
	},
	{
		"Invalid/NotEvaluated",
		"a device that was not evaluated, or has a state that nobody knows, is not compliant by silence, nor locked out, nor removed: its earlier standing stays",
		func(x *trial) {
			good := x.report(0, compliance.StateCompliant)
			x.send(good)
			for _, state := range []compliance.State{compliance.StateUnspecified, 4, 200} {
				x.keeps(fmt.Sprintf("a report of %v", state), func() {
					receipt, err := x.reporter.Report(x.t.Context(), x.report(0, state))
					if err == nil {
						x.wrong("a report of %v was accepted: %s", state, inJSON(receipt))
					}
				}, good)
			}
		},
	},
}

// refused holds an answer against what an invalid report has to get.
func (x *trial) refused(what string, receipt azure.Receipt, err error, fields ...string) {
	e := x.kind(what, err, azure.ErrInvalid)
	if e == nil {
		return
	}
	x.empty(what, receipt)
	if e.Scope != azure.ScopeDevice || e.Outcome != azure.OutcomeNotSent {
		x.wrong("%s: scope %v and outcome %v, want device and not-sent", what, e.Scope, e.Outcome)
	}
	for _, field := range fields {
		if !strings.Contains(" "+err.Error(), " "+field) {
			x.wrong("%s: the error does not name %s: %v", what, field, err)
		}
	}
}
