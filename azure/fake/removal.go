package fake

import (
	"context"
	"errors"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// DeleteObject implements [azure.Deleter] for Windows devices. On another
// platform there is no second step, and it answers azure.ErrUnsupported. A
// device that was reported compliant or non-compliant since is refused with
// azure.ErrRejected: Microsoft would delete it, and the caller has mixed up its
// steps.
func (f *Reporter) DeleteObject(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	sent, receipt, err := f.deleteObject(ctx, r)
	f.record(StepDelete, sent, receipt, err)
	return receipt, err
}

func (f *Reporter) deleteObject(ctx context.Context, r azure.Report) (azure.Report, azure.Receipt, error) {
	sent, receipt, err := f.prepare(ctx, StepDelete, r)
	if err != nil {
		return sent, azure.Receipt{}, err
	}
	if r.State != compliance.StateRemoved {
		return r, azure.Receipt{}, f.fail(StepDelete, &azure.Error{
			Kind: azure.ErrInvalid,
			Err:  errors.New("State is " + r.State.String() + ": only a removed device loses its object"),
		}, false)
	}
	if r.Platform != azure.PlatformWindows {
		return r, azure.Receipt{}, f.fail(StepDelete, &azure.Error{
			Kind: azure.ErrUnsupported,
			Err:  errors.New("a removal has no second step on " + r.Platform.String()),
		}, false)
	}
	receipt, err = f.delete(ctx, sent, receipt)
	if err != nil {
		return sent, azure.Receipt{}, err
	}
	return sent, receipt, nil
}

// delete is the second step of a removal. A permission that is missing while
// the first step stands is no error but the receipt's Failure, as in package
// graph; any other error comes with the receipt of the first step.
func (f *Reporter) delete(ctx context.Context, r azure.Report, receipt azure.Receipt) (azure.Receipt, error) {
	done := receipt
	err := f.meet(ctx, StepDelete, r, func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if done.AcceptedAt.IsZero() {
			done.AcceptedAt = time.Now().UTC().Round(0)
		}
		var err error
		done.Removal, err = f.discard(key{r.TenantID, r.DeviceID})
		return err
	})
	if err == nil {
		return done, nil
	}
	e, ok := errors.AsType[*azure.Error](err)
	if ok && e.Kind == azure.ErrForbidden && receipt.Removal == azure.RemovalMarked {
		receipt.Failure = e
		return receipt, nil
	}
	return receipt, err
}

// discard deletes a directory object unless it is guarded. f.mu is held.
func (f *Reporter) discard(k key) (azure.RemovalForm, error) {
	d := f.devices[k]
	switch {
	case d == nil:
		return azure.RemovalAbsent, nil
	case d.Hybrid:
		return azure.RemovalProtected, nil
	case d.State == compliance.StateCompliant, d.State == compliance.StateNonCompliant:
		return 0, f.fail(StepDelete, &azure.Error{
			Kind: azure.ErrRejected,
			Err:  errors.New("the device is still managed: report its removal first"),
		}, false)
	}
	f.remove(k)
	return azure.RemovalDeleted, nil
}
