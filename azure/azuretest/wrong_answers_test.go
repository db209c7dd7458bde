package azuretest

import (
	"context"
	"errors"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/status"
)

// wrongAnswers break rules of what is asked rather than reported.
var wrongAnswers = []wrongReporter{
	{
		name: "claims to carry what it does not",
		bend: func(b *bent) {
			b.carry = func(_ azure.Platform, i azure.Inventory) azure.Inventory { return i }
		},
		want: []string{"Inventory/Carried"},
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
}
