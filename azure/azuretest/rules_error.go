package azuretest

import (
	"encoding"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// mostText is how long the line of an error may be, in bytes: it goes into
// logs, tables and columns.
const mostText = 2000

var errorRules = []rule{
	errorRule(Throttled, "slow down, and nothing is wrong with the device", azure.ErrThrottled, azure.ScopeUnspecified),
	errorRule(Unavailable, "Microsoft cannot serve now; back off", azure.ErrUnavailable, azure.ScopeUnspecified),
	errorRule(DeviceUnknown, "the device has to register; others are not concerned", azure.ErrDeviceNotFound, azure.ScopeDevice),
	errorRule(Unauthorized, "the whole tenant waits for its administrator; its other devices would fail as well", azure.ErrUnauthorized, azure.ScopeTenant),
	errorRule(Forbidden, "a permission is missing", azure.ErrForbidden, azure.ScopeUnspecified),
	{
		"Errors/LostAnswer",
		"a connection lost after sending is neither failure nor success: the outcome is unknown, and sending again settles it",
		func(x *trial) {
			x.send(x.report(0, compliance.StateCompliant))
			r := x.report(0, compliance.StateNonCompliant)
			mend := x.fault(r, LostAnswer)
			_, err := x.reporter.Report(x.t.Context(), r)
			if e := x.failure("a lost answer", err); e != nil && e.Outcome != azure.OutcomeUnknown {
				x.wrong("a lost answer: the outcome is %v, want unknown", e.Outcome)
			}
			mend()
			x.send(r)
			if x.Standing != nil {
				x.stands(r, compliance.StateNonCompliant)
			}
		},
	},
	{
		"Errors/Typed",
		"every error is an *azure.Error with Kind, Scope and Outcome, for by these a service decides whom to blame and what to do",
		func(x *trial) {
			x.eachFailure(func(what string, _ azure.Report, _ azure.Receipt, err error) {
				if err == nil {
					return
				}
				e := x.failure(what, err)
				if e == nil {
					return
				}
				if e.Kind == "" {
					x.wrong("%s: no Kind: %v", what, err)
				}
				if !has(e.Scope, azure.ScopeUnspecified) {
					x.wrong("%s: Scope is %v", what, e.Scope)
				}
				if !has(e.Outcome, azure.OutcomeUnspecified) {
					x.wrong("%s: Outcome is %v", what, e.Outcome)
				}
			})
		},
	},
	{
		"Errors/NoReceipt",
		"an error is not a success: it comes with the zero Receipt, lest it be stored as one",
		func(x *trial) {
			x.eachFailure(func(what string, _ azure.Report, receipt azure.Receipt, err error) {
				if err != nil {
					x.empty(what, receipt)
				}
			})
		},
	},
	{
		"Errors/StandingKept",
		"not sent and refused mean that Microsoft holds what it held; a service shows the earlier standing on that word",
		func(x *trial) {
			before := x.report(0, compliance.StateCompliant)
			x.send(before)
			state, present := x.standing(before)
			x.eachFailure(func(what string, _ azure.Report, _ azure.Receipt, err error) {
				now, still := x.standing(before)
				e, ok := errors.AsType[*azure.Error](err)
				if ok && (e.Outcome == azure.OutcomeNotSent || e.Outcome == azure.OutcomeRefused) && (now != state || still != present) {
					x.wrong("%s: the outcome is %v, and device %s went from %s to %s", what, e.Outcome, before.DeviceID, shown(state, present), shown(now, still))
				}
				state, present = now, still
			})
		},
	},
	{
		"Errors/OneLine",
		"an error goes into logs, tables and one column of a page: its text is one printable line",
		func(x *trial) {
			x.eachFailure(func(what string, _ azure.Report, _ azure.Receipt, err error) {
				if err == nil {
					return
				}
				text := err.Error()
				if text == "" || len(text) > mostText || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
					x.wrong("%s: the text has %d bytes: %.200q", what, len(text), text)
				}
			})
		},
	},
	{
		"Errors/NoNames",
		"a user's name and a device's name are personal data: they reach no error, and so no log and no ticket",
		func(x *trial) {
			x.eachFailure(func(what string, r azure.Report, _ azure.Receipt, err error) {
				if err == nil {
					return
				}
				x.nameless(what, err.Error(), r, r.UserPrincipalName)
				x.nameless(what+", in JSON", inJSON(err), r, r.UserPrincipalName)
				for e := err; e != nil; e = errors.Unwrap(e) {
					x.nameless(what+", in its causes", fmt.Sprintf("%v %+v %#v", e, e, e), r, r.UserPrincipalName)
				}
			})
		},
	},
}

// errorRule is the rule of one fault: which kind it has, whom it concerns where
// that is certain, and that it is over when Microsoft is well again.
func errorRule(f Fault, why string, kind azure.Kind, scope azure.Scope) rule {
	return rule{
		"Errors/" + string(f),
		fmt.Sprintf("this fault is of kind %s (%s), and it is over when its cause is", kind, why),
		func(x *trial) {
			r := x.report(0, compliance.StateNonCompliant)
			mend := x.fault(r, f)
			_, err := x.reporter.Report(x.t.Context(), r)
			if e := x.kind(string(f), err, kind); e != nil && scope != azure.ScopeUnspecified && e.Scope != scope {
				x.wrong("%s: the scope is %v, want %v", f, e.Scope, scope)
			}
			mend()
			x.send(r)
			if x.Standing != nil {
				x.stands(r, compliance.StateNonCompliant)
			}
		},
	}
}

// has reports whether an enumeration has a value that is known and not zero.
func has[E interface {
	comparable
	encoding.TextMarshaler
}](e, zero E) bool {
	_, err := e.MarshalText()
	return err == nil && e != zero
}

// canaries that must show nowhere.
const (
	canaryUser   = "canary.user@contoso.example"
	canaryDevice = "CANARY-LAPTOP-7"
)

// named is a report with the names of a user and a device. The user's name is
// the harness's own where the channel might look it up.
func (x *trial) named(n int, state compliance.State) (r azure.Report, user string) {
	r = x.report(n, state)
	if r.Platform == azure.PlatformWindows || r.UserID != "" {
		r.UserPrincipalName = canaryUser
	}
	r.Inventory.DeviceName = canaryDevice
	return r, r.UserPrincipalName
}

// nameless holds a text against the names of its report.
func (x *trial) nameless(what, text string, r azure.Report, user string) {
	text = strings.ToLower(text)
	for kind, name := range map[string]string{"user principal name": user, "device name": r.Inventory.DeviceName} {
		if name != "" && strings.Contains(text, strings.ToLower(name)) {
			x.wrong("%s holds the %s: %.300s", what, kind, text)
		}
	}
}

// eachFailure makes the reporter fail in all ways at hand: reports that are
// invalid, a context that is over, and every fault of the harness that comes
// to an end by itself. A way in which it did not fail comes with a nil error;
// the rules of that fault judge it.
func (x *trial) eachFailure(look func(what string, r azure.Report, receipt azure.Receipt, err error)) {
	for _, b := range broken {
		r, _ := x.named(1, compliance.StateNonCompliant)
		b.spoil(&r)
		receipt, err := x.reporter.Report(x.t.Context(), r)
		look("a fault of "+b.field, r, receipt, err)
	}
	// A name where it does not belong, and one that is at fault itself.
	r, _ := x.named(1, compliance.StateNonCompliant)
	r.UserPrincipalName, r.DeviceID, r.UserID = canaryUser, canaryUser, canaryUser
	receipt, err := x.reporter.Report(x.t.Context(), r)
	look("a user's name in the place of an id", r, receipt, err)
	r, _ = x.named(1, compliance.StateNonCompliant)
	r.Platform, r.UserID, r.UserPrincipalName, r.TenantID = azure.PlatformIOS, "", "canary user\n@contoso.example", ""
	receipt, err = x.reporter.Report(x.t.Context(), r)
	look("a user name that is none", r, receipt, err)

	r, _ = x.named(0, compliance.StateNonCompliant)
	receipt, err = x.reporter.Report(x.over(errCanceled), r)
	look("a context that is over", r, receipt, err)

	for _, f := range answered {
		r, _ := x.named(0, compliance.StateNonCompliant)
		mend := x.tryFault(r, f.fault)
		if mend == nil {
			x.verdict.missing = fmt.Sprintf("Harness.Fault(%s)", f.fault)
			continue
		}
		receipt, err := x.reporter.Report(x.t.Context(), r)
		mend()
		look(string(f.fault), r, receipt, err)
	}
}
