package azuretest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
)

// wrongErrors break rules of errors and of the context.
var wrongErrors = []wrongReporter{
	{
		name: "takes refusals for success",
		bend: after(func(r azure.Report, receipt *azure.Receipt, err *error) {
			if e, ok := errors.AsType[*azure.Error](*err); ok && e.Outcome == azure.OutcomeRefused {
				*receipt, *err = forged(r), nil
			}
		}),
		want: []string{"Errors/Throttled", "Errors/DeviceUnknown", "Errors/Forbidden", "Batch/FaultyAmongGood"},
	},
	{
		name: "takes a lost answer for success",
		bend: after(func(r azure.Report, receipt *azure.Receipt, err *error) {
			if e, ok := errors.AsType[*azure.Error](*err); ok && e.Outcome == azure.OutcomeUnknown && e.Kind != azure.ErrCanceled {
				*receipt, *err = forged(r), nil
			}
		}),
		want: []string{"Errors/Unavailable", "Errors/LostAnswer"},
	},
	{
		name: "takes a lost answer for a refusal",
		bend: failing(func(_ azure.Report, e *azure.Error) {
			if e.Kind == azure.ErrUnavailable {
				e.Outcome = azure.OutcomeRefused
			}
		}),
		want: []string{"Errors/LostAnswer", "Errors/StandingKept"},
	},
	{
		name: "ignores the context",
		bend: func(b *bent) {
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				return b.Reporter.Report(context.WithoutCancel(ctx), r)
			}
		},
		world: world{noAnswer: time.Millisecond}, // or it would wait for ever
		want:  []string{"Context/Canceled", "Context/DeadlinePassed", "Context/NoAnswer", "Batch/Canceled"},
	},
	{
		name: "says it sent nothing when nobody knows",
		bend: failing(func(_ azure.Report, e *azure.Error) {
			if e.Kind == azure.ErrCanceled {
				e.Outcome = azure.OutcomeRefused
			}
		}),
		want: []string{"Context/Canceled", "Context/DeadlinePassed", "Context/NoAnswer", "Batch/Canceled"},
	},
	{
		name: "hides why the context ended",
		bend: failing(func(_ azure.Report, e *azure.Error) {
			if e.Kind == azure.ErrCanceled {
				e.Err = errors.New("the context ended")
			}
		}),
		want: []string{"Context/Canceled", "Context/DeadlinePassed", "Context/NoAnswer", "Batch/Canceled"},
	},
	{
		name: "names one fault a day",
		bend: failing(func(_ azure.Report, e *azure.Error) {
			if e.Kind == azure.ErrInvalid {
				first, _, _ := strings.Cut(e.Err.Error(), ";")
				e.Err = errors.New(first)
			}
		}),
		want: []string{"Invalid/AllFaultsNamed"},
	},
	{
		name: "answers bare errors",
		bend: after(func(_ azure.Report, _ *azure.Receipt, err *error) {
			if *err != nil {
				*err = errors.New((*err).Error())
			}
		}),
		want: []string{
			"Invalid/Refused", "Invalid/AllFaultsNamed", "Errors/Throttled", "Errors/Unavailable", "Errors/DeviceUnknown", "Errors/Unauthorized",
			"Errors/Forbidden", "Errors/LostAnswer", "Errors/Typed", "Context/Canceled", "Context/DeadlinePassed", "Context/NoAnswer",
			"Batch/InvalidAmongValid", "Batch/FaultyAmongGood", "Batch/Canceled",
		},
	},
	{
		name: "answers errors without a scope",
		bend: failing(func(_ azure.Report, e *azure.Error) {
			if e.Kind == azure.ErrThrottled {
				e.Scope = azure.ScopeUnspecified
			}
		}),
		want: []string{"Errors/Typed"},
	},
	{
		name: "shows the user in errors",
		bend: failing(func(r azure.Report, e *azure.Error) {
			e.Err = fmt.Errorf("%s: %w", strings.ToUpper(r.UserPrincipalName), cause(e))
		}),
		want: []string{"Errors/NoNames"},
	},
	{
		name: "shows the device's name in the detail",
		bend: failing(func(r azure.Report, e *azure.Error) { e.Detail = "device " + r.Inventory.DeviceName + " is not there" }),
		want: []string{"Errors/NoNames"},
	},
	{
		name: "answers errors of two lines",
		bend: after(func(_ azure.Report, _ *azure.Receipt, err *error) {
			if *err != nil {
				*err = fmt.Errorf("failed:\n%w", *err)
			}
		}),
		want: []string{"Errors/OneLine"},
	},
	{
		name: "answers a receipt beside an error",
		bend: after(func(r azure.Report, receipt *azure.Receipt, err *error) {
			if errors.Is(*err, azure.ErrThrottled) {
				*receipt = forged(r)
			}
		}),
		want: []string{"Errors/NoReceipt"},
	},
	{name: "misjudges throttling", bend: misjudging(azure.ErrThrottled, azure.ErrUnavailable), want: []string{"Errors/Throttled"}},
	{name: "misjudges an outage", bend: misjudging(azure.ErrUnavailable, azure.ErrRejected), want: []string{"Errors/Unavailable"}},
	{name: "misjudges an unknown device", bend: misjudging(azure.ErrDeviceNotFound, azure.ErrRejected), want: []string{"Errors/DeviceUnknown", "Batch/FaultyAmongGood"}},
	{name: "misjudges a permission", bend: misjudging(azure.ErrForbidden, azure.ErrUnauthorized), want: []string{"Errors/Forbidden"}},
	{
		name: "blames the device for the tenant",
		bend: failing(func(_ azure.Report, e *azure.Error) { e.Scope = azure.ScopeDevice }),
		want: []string{"Errors/Unauthorized"},
	},
}
