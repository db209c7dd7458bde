package fake

import (
	"context"
	"errors"
	"slices"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

// message names a report that is settled later.
type message struct{ tenant, id string }

// waiting is a report that was accepted and whose verdict is due later.
type waiting struct {
	report  azure.Report
	receipt azure.Receipt // in progress, then settled
	order   int
	asked   int
}

func (w *waiting) settled() bool { return w.receipt.State != status.InProgress }

// hold keeps a report for a later verdict. A report that comes again under its
// ID takes the place of the earlier one. f.mu is held.
func (f *Reporter) hold(r azure.Report, receipt azure.Receipt) {
	if f.pending == nil {
		f.pending = map[message]*waiting{}
	}
	f.pending[message{r.TenantID, r.ID}] = &waiting{report: r, receipt: receipt, order: f.taken}
}

// Check implements [azure.Checker]. A receipt in progress of which this
// Reporter knows nothing comes out Failed, as it does at Microsoft.
func (f *Reporter) Check(ctx context.Context, r azure.Receipt) (azure.Receipt, error) {
	if r.Channel != f.options.channel() {
		return r, f.fail(StepCheck, &azure.Error{
			Kind: azure.ErrUnsupported, Err: errors.New("the receipt is of another channel"),
		}, false)
	}
	if r.State != status.InProgress {
		return r, nil
	}
	if err := ctx.Err(); err != nil {
		return r, f.fail(StepCheck, &azure.Error{Kind: azure.ErrCanceled, Outcome: azure.OutcomeNotSent, Err: err}, false)
	}
	answer := r
	asked := azure.Report{ID: guid.Canonical(r.MessageID), TenantID: guid.Canonical(r.TenantID), DeviceID: guid.Canonical(r.DeviceID)}
	f.mu.Lock()
	if w := f.pending[message{asked.TenantID, asked.ID}]; w != nil {
		asked = w.report
	}
	f.mu.Unlock()
	if err := f.meet(ctx, StepCheck, asked, func() error { answer = f.ask(r); return nil }); err != nil {
		return r, err
	}
	return answer, nil
}

// ask answers how the report of a receipt stands.
func (f *Reporter) ask(r azure.Receipt) azure.Receipt {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.pending[message{guid.Canonical(r.TenantID), guid.Canonical(r.MessageID)}]
	if w == nil {
		r.State = status.Failed
		r.Failure = f.fail(StepCheck, &azure.Error{Kind: azure.ErrRejected, Err: errors.New("no such message")}, false)
		return r
	}
	if w.asked++; !w.settled() && w.asked == f.options.SettleAfter {
		f.settle(w)
	}
	r.State, r.Removal, r.Failure = w.receipt.State, w.receipt.Removal, w.receipt.Failure
	return r
}

// Release settles the reports with these message ids, or all that wait, in the
// order in which they were accepted: they show in the directory, and the next
// Check of their receipts says so.
func (f *Reporter) Release(messageIDs ...string) {
	named := map[string]bool{}
	for _, id := range messageIDs {
		named[guid.Canonical(id)] = true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var due []*waiting
	for m, w := range f.pending {
		if !w.settled() && (len(named) == 0 || named[m.id]) {
			due = append(due, w)
		}
	}
	slices.SortFunc(due, func(a, b *waiting) int { return a.order - b.order })
	for _, w := range due {
		f.settle(w)
	}
}

// settle gives a report its verdict. Of two reports of one device the newer
// stays, whichever is settled first. f.mu is held.
func (f *Reporter) settle(w *waiting) {
	r := w.report
	if fault, met := f.next(StepVerdict, r); met && fault.Err != nil {
		w.receipt.State, w.receipt.Failure = status.Failed, f.fail(StepVerdict, fault.Err, false)
		return
	}
	w.receipt.State = status.Successful
	k := key{r.TenantID, r.DeviceID}
	if d := f.devices[k]; d != nil && !d.UpdatedAt.IsZero() {
		at := newness(r, w.receipt.AcceptedAt)
		if at.Before(d.UpdatedAt) || at.Equal(d.UpdatedAt) && w.order < d.order {
			return
		}
	}
	form, err := f.apply(r, w.receipt.AcceptedAt, w.order)
	if e, ok := errors.AsType[*azure.Error](err); ok {
		w.receipt.State, w.receipt.Failure = status.Failed, e
		return
	}
	w.receipt.Removal = form
	if form == azure.RemovalMarked && r.State == compliance.StateRemoved && r.Platform == azure.PlatformWindows && !r.KeepObject {
		// A managed device cannot be met here: apply has just unmanaged it.
		w.receipt.Removal, _ = f.discard(k)
	}
}
