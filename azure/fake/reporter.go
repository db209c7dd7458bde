package fake

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/prepare"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

var (
	_ azure.Reporter         = (*Reporter)(nil)
	_ azure.BatchReporter    = (*Reporter)(nil)
	_ azure.Checker          = (*Reporter)(nil)
	_ azure.Deleter          = (*Reporter)(nil)
	_ azure.InventoryCarrier = (*Reporter)(nil)
	_ azure.Verifier         = (*Reporter)(nil)
)

// Reporter is an [azure.Reporter] without Azure. Its zero value is ready to
// use and is what New(nil) answers. It is safe for concurrent use, starts no
// goroutine, and must not be copied.
type Reporter struct {
	options Options

	mu      sync.Mutex
	calls   []Call
	devices map[key]*Device
	deleted map[key]bool // devices whose object is gone, until they register again
	faults  []*script
	pending map[message]*waiting
	taken   int // reports accepted, to tell the later of two
}

// key names a device, in canonical form.
type key struct{ tenant, device string }

// New answers a Reporter with an empty directory. A nil pointer stands for the
// zero Options, which are copied.
func New(options *Options) *Reporter {
	f := &Reporter{}
	if options != nil {
		f.options = *options
		f.options.Platforms = slices.Clone(options.Platforms)
	}
	return f
}

// Call is one report that came to a Reporter, and its answer.
type Call struct {
	// Step is StepReport for Report and each report of ReportBatch, and
	// StepDelete for DeleteObject.
	Step Step

	// Report is what was sent: with an ID, identifiers in lower case, and
	// the inventory as mended and carried. Where it was refused before it was
	// sent, it is as it was given.
	Report azure.Report

	// Receipt and Err are the answer.
	Receipt azure.Receipt
	Err     error
}

// Calls answers every report that came in, with its answer, in the order in
// which they were answered. A report that Report, ReportBatch or DeleteObject
// refused is among them; questions, of Check and Verify, are not.
func (f *Reporter) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Accepted answers the reports that were answered without an error, in order,
// as they were sent.
func (f *Reporter) Accepted() []azure.Report {
	f.mu.Lock()
	defer f.mu.Unlock()
	var accepted []azure.Report
	for _, c := range f.calls {
		if c.Err == nil {
			accepted = append(accepted, c.Report)
		}
	}
	return accepted
}

// Report implements [azure.Reporter].
func (f *Reporter) Report(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	sent, receipt, err := f.report(ctx, r)
	f.record(StepReport, sent, receipt, err)
	return receipt, err
}

// ReportBatch implements [azure.BatchReporter]. It takes the reports one after
// the other, in their order.
func (f *Reporter) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	results := make([]azure.Result, len(rs))
	for i, r := range rs {
		results[i].Receipt, results[i].Err = f.Report(ctx, r)
	}
	return results
}

// CarriedInventory implements [azure.InventoryCarrier]: like the channels, the
// fake carries the device's name and the version, and no ownership; for a
// platform that it does not serve, nothing.
func (f *Reporter) CarriedInventory(p azure.Platform, i azure.Inventory) azure.Inventory {
	if !f.options.serves(p) {
		return azure.Inventory{}
	}
	i = prepare.Inventory(i)
	i.Ownership = azure.OwnershipUnspecified
	return i
}

func (f *Reporter) record(step Step, r azure.Report, receipt azure.Receipt, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, Call{Step: step, Report: r, Receipt: receipt, Err: err})
}

// prepare answers r as it is sent, and an empty receipt for it.
func (f *Reporter) prepare(ctx context.Context, step Step, r azure.Report) (azure.Report, azure.Receipt, error) {
	sent, notes, err := prepare.Report(r)
	if err != nil {
		return r, azure.Receipt{}, err
	}
	if !f.options.serves(r.Platform) {
		return r, azure.Receipt{}, f.fail(step, &azure.Error{
			Kind: azure.ErrUnsupported,
			Err:  errors.New("this channel does not serve " + r.Platform.String()),
		}, false)
	}
	if err := ctx.Err(); err != nil {
		return r, azure.Receipt{}, f.fail(step, &azure.Error{Kind: azure.ErrCanceled, Outcome: azure.OutcomeNotSent, Err: err}, false)
	}
	sent.Inventory = f.CarriedInventory(sent.Platform, sent.Inventory)
	return sent, azure.Receipt{
		Channel:   f.options.channel(),
		TenantID:  sent.TenantID,
		DeviceID:  sent.DeviceID,
		MessageID: sent.ID,
		State:     status.Successful,
		Attempts:  1,
		Notes:     notes,
	}, nil
}

func (f *Reporter) report(ctx context.Context, r azure.Report) (azure.Report, azure.Receipt, error) {
	sent, receipt, err := f.prepare(ctx, StepReport, r)
	if err != nil {
		return sent, azure.Receipt{}, err
	}
	act := func() error { return f.accept(sent, &receipt) }
	if err := f.meet(ctx, StepReport, sent, act); err != nil {
		return sent, azure.Receipt{}, err
	}
	// A removal has its second step at once where there is one. A report that
	// is settled later has it then.
	if receipt.Removal == azure.RemovalMarked && sent.Platform == azure.PlatformWindows && !sent.KeepObject {
		receipt, err = f.delete(ctx, sent, receipt)
	}
	return sent, receipt, err
}

// accept is what Microsoft does with a report that arrived: apply it, or keep
// it for later. It completes the receipt.
func (f *Reporter) accept(r azure.Report, receipt *azure.Receipt) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taken++
	receipt.AcceptedAt = time.Now().UTC().Round(0) // no monotonic reading: equal after JSON
	if f.options.SettleAfter != 0 {
		receipt.State = status.InProgress
		f.hold(r, *receipt)
		return nil
	}
	form, err := f.apply(r, receipt.AcceptedAt, f.taken)
	receipt.Removal = form
	return err
}

// apply writes a report into the directory, the first step of a removal
// included. f.mu is held.
func (f *Reporter) apply(r azure.Report, at time.Time, order int) (azure.RemovalForm, error) {
	d := f.find(r)
	if d == nil {
		if r.State == compliance.StateRemoved {
			return azure.RemovalAbsent, nil
		}
		return 0, f.fail(StepReport, &azure.Error{Kind: azure.ErrDeviceNotFound, StatusCode: 404}, false)
	}
	d.write(r, at, order)
	if r.State == compliance.StateRemoved {
		return azure.RemovalMarked, nil
	}
	return 0, nil
}
