package azuretest

import (
	"context"
	"errors"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
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

func cause(e *azure.Error) error {
	if e.Err == nil {
		return errors.New("no cause")
	}
	return e.Err
}
