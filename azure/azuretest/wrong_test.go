package azuretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

// bent is a fake with some of its methods replaced.
type bent struct {
	*fake.Reporter
	report  func(context.Context, azure.Report) (azure.Receipt, error)
	batch   func(context.Context, []azure.Report) []azure.Result
	check   func(context.Context, azure.Receipt) (azure.Receipt, error)
	destroy func(context.Context, azure.Report) (azure.Receipt, error)
	carry   func(azure.Platform, azure.Inventory) azure.Inventory
	verify  func(context.Context, azure.Report) (azure.Verification, error)
}

func (b *bent) Report(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	if b.report == nil {
		return b.Reporter.Report(ctx, r)
	}
	return b.report(ctx, r)
}

func (b *bent) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	if b.batch != nil {
		return b.batch(ctx, rs)
	}
	results := make([]azure.Result, len(rs))
	for i, r := range rs {
		results[i].Receipt, results[i].Err = b.Report(ctx, r)
	}
	return results
}

func (b *bent) Check(ctx context.Context, r azure.Receipt) (azure.Receipt, error) {
	if b.check == nil {
		return b.Reporter.Check(ctx, r)
	}
	return b.check(ctx, r)
}

func (b *bent) DeleteObject(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	if b.destroy == nil {
		return b.Reporter.DeleteObject(ctx, r)
	}
	return b.destroy(ctx, r)
}

func (b *bent) CarriedInventory(p azure.Platform, i azure.Inventory) azure.Inventory {
	if b.carry == nil {
		return b.Reporter.CarriedInventory(p, i)
	}
	return b.carry(p, i)
}

func (b *bent) Verify(ctx context.Context, r azure.Report) (azure.Verification, error) {
	if b.verify == nil {
		return b.Reporter.Verify(ctx, r)
	}
	return b.verify(ctx, r)
}

// forged is the receipt of a report that nobody sent.
func forged(r azure.Report) azure.Receipt {
	return azure.Receipt{
		Channel: "fake", TenantID: r.TenantID, DeviceID: r.DeviceID, MessageID: r.ID,
		State: status.Successful, AcceptedAt: time.Now().UTC(),
	}
}

// before makes a reporter that changes reports, after one that changes answers.
func before(change func(*azure.Report)) func(*bent) {
	return func(b *bent) {
		b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
			change(&r)
			return b.Reporter.Report(ctx, r)
		}
	}
}

// after: see before.
func after(change func(r azure.Report, receipt *azure.Receipt, err *error)) func(*bent) {
	return func(b *bent) {
		b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
			receipt, err := b.Reporter.Report(ctx, r)
			change(r, &receipt, &err)
			return receipt, err
		}
	}
}

// failing bends errors alone.
func failing(change func(r azure.Report, e *azure.Error)) func(*bent) {
	return after(func(r azure.Report, _ *azure.Receipt, err *error) {
		if e, ok := errors.AsType[*azure.Error](*err); ok {
			e := *e
			change(r, &e)
			*err = &e
		}
	})
}

// misjudging mistakes one kind for another.
func misjudging(from, to azure.Kind) func(*bent) {
	return failing(func(_ azure.Report, e *azure.Error) {
		if e.Kind == from {
			e.Kind = to
		}
	})
}

// wrongReporters are reporters that break the contract, each with the rules
// that it breaks, all of them.
var wrongReporters = []struct {
	name  string
	bend  func(*bent)
	world world
	want  []string
}{
	{
		name: "keeps the contract",
		bend: func(*bent) {},
	},
	{
		name: "drops lock-outs",
		bend: func(b *bent) {
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				if r.State == compliance.StateNonCompliant && r.Validate() == nil && ctx.Err() == nil && guid.Canonical(r.DeviceID) == r.DeviceID {
					if _, err := b.Reporter.Verify(ctx, r); err == nil {
						return forged(r), nil
					}
				}
				return b.Reporter.Report(ctx, r)
			}
		},
		want: []string{
			"Report/Standing", "Report/OneDeviceOnly", "Report/Again", "Report/Concurrent", "Removal/OnlyRemoved", "Inventory/NeverRefuses",
			"Errors/Throttled", "Errors/Unavailable", "Errors/DeviceUnknown", "Errors/Unauthorized", "Errors/Forbidden",
			"Batch/AllArrive", "Batch/OneDeviceInOrder", "Batch/InvalidAmongValid", "Batch/FaultyAmongGood",
		},
	},
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
		name: "removes on an unknown state",
		bend: before(func(r *azure.Report) {
			switch r.State {
			case compliance.StateCompliant, compliance.StateNonCompliant, compliance.StateUnspecified:
			default:
				r.State = compliance.StateRemoved
			}
		}),
		want: []string{"Invalid/Refused", "Invalid/NotEvaluated"},
	},
	{
		name: "takes silence for compliance",
		bend: before(func(r *azure.Report) {
			if r.State == compliance.StateUnspecified {
				r.State = compliance.StateCompliant
			}
		}),
		want: []string{"Invalid/Refused", "Invalid/AllFaultsNamed", "Invalid/NotEvaluated"},
	},
	{
		name: "removes what is non-compliant",
		bend: before(func(r *azure.Report) {
			if r.State == compliance.StateNonCompliant && r.Trigger == azure.TriggerRefresh {
				r.State, r.KeepObject = compliance.StateRemoved, true
			}
		}),
		want: []string{"Removal/OnlyRemoved"},
	},
	{
		name: "ignores removals",
		bend: before(func(r *azure.Report) {
			if r.State == compliance.StateRemoved {
				r.State = compliance.StateNonCompliant
			}
		}),
		want: []string{"Removal/Removes", "Removal/Again", "Removal/KeepObject", "Removal/DeleteObject", "Batch/OneDeviceInOrder", "Verify/Compares"},
	},
	{
		name: "fails to remove what is gone",
		bend: after(func(_ azure.Report, receipt *azure.Receipt, err *error) {
			if receipt.Removal == azure.RemovalAbsent {
				*receipt, *err = azure.Receipt{}, &azure.Error{Kind: azure.ErrDeviceNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
			}
		}),
		want: []string{"Removal/Again"},
	},
	{
		name: "deletes what should be kept",
		bend: before(func(r *azure.Report) { r.KeepObject = false }),
		want: []string{"Removal/KeepObject"},
	},
	{
		name: "deletes what is not removed",
		bend: func(b *bent) {
			b.destroy = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				r.State, r.KeepObject = compliance.StateRemoved, false
				return b.Reporter.Report(ctx, r)
			}
		},
		want: []string{"Removal/DeleteObjectOnlyRemoved"},
	},
	{
		name: "deletes nothing",
		bend: func(b *bent) {
			b.destroy = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				if r.State != compliance.StateRemoved {
					return b.Reporter.DeleteObject(ctx, r)
				}
				receipt := forged(r)
				receipt.Removal = azure.RemovalDeleted
				return receipt, nil
			}
		},
		want: []string{"Removal/DeleteObject"},
	},
	{
		name: "mixes devices up",
		bend: func(b *bent) {
			var mu sync.Mutex
			var last string
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				if r.Validate() != nil || r.State != compliance.StateNonCompliant || r.Inventory.DeviceName != "" {
					return b.Reporter.Report(ctx, r)
				}
				mu.Lock()
				defer mu.Unlock()
				own := r.DeviceID
				if last != "" && strings.ToLower(own) == own {
					r.DeviceID = last
				}
				last = own
				receipt, err := b.Reporter.Report(ctx, r)
				if err == nil {
					receipt.DeviceID = strings.ToLower(own)
				}
				return receipt, err
			}
		},
		want: []string{"Report/OneDeviceOnly", "Report/Concurrent", "Batch/AllArrive", "Batch/InvalidAmongValid", "Batch/FaultyAmongGood"},
	},
	{
		name: "refuses what it had before",
		bend: func(b *bent) {
			var mu sync.Mutex
			seen := map[string]bool{}
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				receipt, err := b.Reporter.Report(ctx, r)
				mu.Lock()
				defer mu.Unlock()
				if err == nil && seen[receipt.MessageID] {
					return azure.Receipt{}, &azure.Error{Kind: azure.ErrConflict, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
				}
				seen[receipt.MessageID] = true
				return receipt, err
			}
		},
		want: []string{"Report/Again"},
	},
	{
		name: "checks a name that nobody reads",
		bend: func(b *bent) {
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				if len(r.UserPrincipalName) > 113 {
					return azure.Receipt{}, &azure.Error{Kind: azure.ErrInvalid, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent}
				}
				return b.Reporter.Report(ctx, r)
			}
		},
		want: []string{"Report/AnyUserName"},
	},
	{
		name: "does not say when",
		bend: after(func(_ azure.Report, receipt *azure.Receipt, _ *error) { receipt.AcceptedAt = time.Time{} }),
		want: []string{"Receipt/Complete"},
	},
	{
		name: "loses the ID",
		bend: before(func(r *azure.Report) {
			if guid.Valid(r.ID) {
				r.ID = ""
			}
		}),
		want: []string{"Report/Concurrent", "Receipt/KeepsID", "Receipt/LowerCase", "Batch/ResultsAnswerTheirReports"},
	},
	{
		name: "makes one ID for all",
		bend: before(func(r *azure.Report) {
			if r.ID == "" {
				r.ID = user
			}
		}),
		want: []string{"Receipt/MakesID"},
	},
	{
		name: "answers ids as they were written",
		bend: after(func(r azure.Report, receipt *azure.Receipt, err *error) {
			if *err == nil {
				receipt.DeviceID = r.DeviceID
			}
		}),
		want: []string{"Receipt/LowerCase"},
	},
	{
		name: "notes names",
		bend: after(func(r azure.Report, receipt *azure.Receipt, err *error) {
			if *err == nil && r.Inventory.DeviceName != "" {
				receipt.Notes = []string{"DeviceName: " + r.Inventory.DeviceName}
			}
		}),
		want: []string{"Receipt/Storable", "Inventory/MendingNoted"},
	},
	{
		name: "mends in silence",
		bend: after(func(_ azure.Report, receipt *azure.Receipt, _ *error) { receipt.Notes = nil }),
		want: []string{"Inventory/MendingNoted"},
	},
	{
		name: "refuses long names",
		bend: func(b *bent) {
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				if len(r.Inventory.OSVersion) > 256 {
					return azure.Receipt{}, &azure.Error{Kind: azure.ErrInvalid, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent}
				}
				return b.Reporter.Report(ctx, r)
			}
		},
		want: []string{"Inventory/NeverRefuses"},
	},
	{
		name: "fills in what was left out",
		bend: before(func(r *azure.Report) {
			if r.Inventory.DeviceName == "" {
				r.Inventory.DeviceName = "unknown"
			}
		}),
		want: []string{"Inventory/EmptyKeeps"},
	},
	{
		name: "claims to carry what it does not",
		bend: func(b *bent) {
			b.carry = func(_ azure.Platform, i azure.Inventory) azure.Inventory { return i }
		},
		want: []string{"Inventory/Carried"},
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
		name: "sends what is invalid",
		bend: func(b *bent) {
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				receipt, err := b.Reporter.Report(ctx, r)
				if r.Trigger > azure.TriggerSync {
					r.Trigger = azure.TriggerUnspecified
					b.Reporter.Report(ctx, r)
				}
				return receipt, err
			}
		},
		want: []string{"Invalid/SendsNothing"},
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
	{
		name: "forgets whose receipt it was",
		bend: func(b *bent) {
			b.check = func(ctx context.Context, r azure.Receipt) (azure.Receipt, error) {
				answer, err := b.Reporter.Check(ctx, r)
				if err == nil && answer.State != r.State {
					answer.AcceptedAt = answer.AcceptedAt.Add(time.Second)
				}
				return answer, err
			}
		},
		world: world{options: fake.Options{SettleAfter: 2}},
		want:  []string{"Check/Verdict"},
	},
	{
		name: "asks again about what is settled",
		bend: func(b *bent) {
			b.check = func(ctx context.Context, r azure.Receipt) (azure.Receipt, error) {
				if r.State == status.Failed {
					r.State = status.InProgress
				}
				return b.Reporter.Check(ctx, r)
			}
		},
		world: world{options: fake.Options{SettleAfter: 2}},
		want:  []string{"Check/SettledUnchanged"},
	},
	{
		name: "asks about anybody's receipts",
		bend: func(b *bent) {
			b.check = func(ctx context.Context, r azure.Receipt) (azure.Receipt, error) {
				r.Channel = "fake"
				return b.Reporter.Check(ctx, r)
			}
		},
		want: []string{"Check/Foreign"},
	},
	{
		name: "takes a failed question for a failed report",
		bend: func(b *bent) {
			b.check = func(ctx context.Context, r azure.Receipt) (azure.Receipt, error) {
				answer, err := b.Reporter.Check(ctx, r)
				if e, ok := errors.AsType[*azure.Error](err); ok && e.Kind == azure.ErrUnavailable {
					answer.State, answer.Failure = status.Failed, e
					return answer, nil
				}
				return answer, err
			}
		},
		world: world{options: fake.Options{SettleAfter: 2}},
		want:  []string{"Check/ErrorKeepsInProgress"},
	},
	{
		name: "asks in a context that is over",
		bend: func(b *bent) {
			b.check = func(ctx context.Context, r azure.Receipt) (azure.Receipt, error) {
				return b.Reporter.Check(context.WithoutCancel(ctx), r)
			}
		},
		world: world{options: fake.Options{SettleAfter: 2}},
		want:  []string{"Check/Canceled"},
	},
	{
		name: "never settles",
		bend: func(b *bent) {
			b.check = func(_ context.Context, r azure.Receipt) (azure.Receipt, error) { return r, nil }
		},
		world: world{options: fake.Options{SettleAfter: 2}, only: "Receipt/Complete"},
		want:  []string{"Receipt/Complete"},
	},
	{
		name: "sees a match everywhere",
		bend: func(b *bent) {
			b.verify = func(ctx context.Context, r azure.Report) (azure.Verification, error) {
				v, err := b.Reporter.Verify(ctx, r)
				if v.Verdict == azure.VerdictMismatch {
					v = azure.Verification{Verdict: azure.VerdictMatch}
				}
				return v, err
			}
		},
		want: []string{"Verify/Compares"},
	},
	{
		name: "takes an outage for a device that is gone",
		bend: func(b *bent) {
			b.verify = func(ctx context.Context, r azure.Report) (azure.Verification, error) {
				v, err := b.Reporter.Verify(ctx, r)
				if errors.Is(err, azure.ErrUnavailable) {
					return azure.Verification{Verdict: azure.VerdictAbsent}, nil
				}
				return v, err
			}
		},
		want: []string{"Verify/Error"},
	},
	{
		name: "swaps two that come at once",
		bend: func(b *bent) {
			// The first two calls wait for each other and send each other's
			// report; in any other rule there would be no second.
			meet := make(chan azure.Report)
			var mu sync.Mutex
			calls := 0
			b.report = func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
				mu.Lock()
				calls++
				order := calls
				mu.Unlock()
				mine := r
				switch order {
				case 1:
					r = <-meet
					meet <- mine
				case 2:
					meet <- mine
					r = <-meet
				}
				return b.Reporter.Report(ctx, r)
			}
		},
		world: world{only: "Report/Concurrent"},
		want:  []string{"Report/Concurrent"},
	},
}

func cause(e *azure.Error) error {
	if e.Err == nil {
		return errors.New("no cause")
	}
	return e.Err
}

// Each wrong reporter breaks its rules and no others, and each rule is broken
// by some.
func TestWrongReporters(t *testing.T) {
	unbroken := map[string]bool{}
	for _, r := range rules() {
		unbroken[r.name] = true
	}
	for _, w := range wrongReporters {
		t.Run(w.name, func(t *testing.T) {
			w.world.wrap = func(f *fake.Reporter) azure.Reporter {
				b := &bent{Reporter: f}
				w.bend(b)
				return b
			}
			var got []string
			said := map[string][]string{}
			for _, r := range rules() {
				if w.world.only != "" && w.world.only != r.name {
					continue
				}
				if v := judge(t, w.world.harness(), r); v.wrong != nil {
					got = append(got, r.name)
					said[r.name] = v.wrong
				}
			}
			want := slices.Sorted(slices.Values(w.want))
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("broken rules (-want +got):\n%s", diff)
				for name, wrong := range said {
					t.Logf("%s:\n\t%s", name, strings.Join(wrong, "\n\t"))
				}
			}
			for _, name := range w.want {
				delete(unbroken, name)
			}
		})
	}
	for name := range unbroken {
		t.Errorf("no reporter breaks %s: nobody has seen it fail", name)
	}
}
