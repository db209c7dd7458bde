package azuretest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

// trial is one rule being looked at.
type trial struct {
	Harness
	t        *testing.T
	reporter azure.Reporter

	mu      sync.Mutex
	verdict verdict
	made    int // reports
}

// wrong records that the rule is broken.
func (x *trial) wrong(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.verdict.wrong = append(x.verdict.wrong, fmt.Sprintf(format, args...))
}

// stop records it and ends the check.
func (x *trial) stop(format string, args ...any) {
	x.wrong(format, args...)
	panic(ended{})
}

// skip ends the check for want of a part.
func (x *trial) skip(part string) {
	x.verdict.missing = part
	panic(ended{})
}

// report answers a valid report of device n with a standing. Of several
// reports the later is the newer at Microsoft.
func (x *trial) report(n int, state compliance.State) azure.Report {
	r := x.NewReport(x.t, n)
	x.made++
	r.ID, r.State, r.KeepObject, r.Inventory, r.Trigger = guid.New(), state, false, azure.Inventory{}, azure.TriggerChange
	r.UpdatedAt = time.Now().UTC().Truncate(time.Second).Add(time.Duration(x.made-1000) * time.Second)
	return r
}

// either makes neighbours differ.
func either(n int) compliance.State {
	if n%2 == 0 {
		return compliance.StateCompliant
	}
	return compliance.StateNonCompliant
}

// send reports, and ends the check if the reporter does not accept.
func (x *trial) send(r azure.Report) azure.Receipt {
	receipt, err := x.reporter.Report(x.t.Context(), r)
	if err != nil {
		x.stop("%v was not accepted: %v", r, err)
	}
	return x.settle(r, receipt)
}

// settle follows a receipt to its verdict, which has to be success.
func (x *trial) settle(r azure.Report, receipt azure.Receipt) azure.Receipt {
	receipt = x.follow(r, receipt)
	if receipt.State != status.Successful {
		x.stop("%v came out %v: %v", r, receipt.State, receipt.Failure)
	}
	return receipt
}

// follow follows a receipt to its verdict.
func (x *trial) follow(r azure.Report, receipt azure.Receipt) azure.Receipt {
	if receipt.State != status.InProgress {
		return receipt
	}
	c, ok := x.reporter.(azure.Checker)
	if !ok {
		x.stop("the receipt of %v is in progress, and %T has no Check", r, x.reporter)
	}
	if x.Settle != nil {
		x.Settle(x.t)
	}
	for range 100 {
		var err error
		if receipt, err = c.Check(x.t.Context(), receipt); err != nil {
			x.stop("Check of %v: %v", r, err)
		}
		if receipt.State != status.InProgress {
			return receipt
		}
	}
	x.stop("%v is in progress after 100 Checks", r)
	return receipt
}

// stands holds what Microsoft has of r's device against a standing. A removed
// device may have lost its object.
func (x *trial) stands(r azure.Report, want compliance.State) {
	state, present := x.standing(r)
	switch {
	case want == compliance.StateRemoved && !present:
	case state != want || !present && want != compliance.StateUnspecified:
		x.wrong("device %s stands %s at Microsoft, want %v", r.DeviceID, shown(state, present), want)
	}
}

// standing answers what Microsoft has of r's device; without Harness.Standing
// the check ends.
func (x *trial) standing(r azure.Report) (compliance.State, bool) {
	if x.Standing == nil {
		x.skip("Harness.Standing")
	}
	return x.Standing(x.t, r)
}

// keeps does something that may change neither the standing of the devices of
// rs nor, where that can be counted, send a request.
func (x *trial) keeps(what string, do func(), rs ...azure.Report) {
	if x.Standing == nil && x.Calls == nil {
		x.skip("Harness.Standing")
	}
	type held struct {
		state   compliance.State
		present bool
	}
	look := func() (all []held, calls int) {
		if x.Standing != nil {
			for _, r := range rs {
				state, present := x.Standing(x.t, r)
				all = append(all, held{state, present})
			}
		}
		if x.Calls != nil {
			calls = x.Calls(x.t)
		}
		return all, calls
	}
	before, callsBefore := look()
	do()
	after, callsAfter := look()
	for i := range before {
		if before[i] != after[i] {
			x.wrong("%s: the standing of device %s went from %s to %s", what, rs[i].DeviceID,
				shown(before[i].state, before[i].present), shown(after[i].state, after[i].present))
		}
	}
	if callsAfter != callsBefore {
		x.wrong("%s: %d requests went out", what, callsAfter-callsBefore)
	}
}

func shown(state compliance.State, present bool) string {
	if !present {
		return "absent"
	}
	return state.String()
}

// fault injects f, and ends the check where the harness cannot.
func (x *trial) fault(r azure.Report, f Fault) (mend func()) {
	mend = x.tryFault(r, f)
	if mend == nil {
		x.skip(fmt.Sprintf("Harness.Fault(%s)", f))
	}
	return mend
}

func (x *trial) tryFault(r azure.Report, f Fault) (mend func()) {
	if x.Fault == nil {
		return nil
	}
	return x.Fault(x.t, r, f)
}

// failure answers the *azure.Error that err has to be; nil if it is none, which
// is recorded.
func (x *trial) failure(what string, err error) *azure.Error {
	if err == nil {
		x.wrong("%s: no error", what)
		return nil
	}
	e, ok := errors.AsType[*azure.Error](err)
	if !ok || e == nil {
		x.wrong("%s: the error is a %T, want an *azure.Error: %v", what, err, err)
		return nil
	}
	return e
}

// kind holds an error against the kind it has to be.
func (x *trial) kind(what string, err error, want azure.Kind) *azure.Error {
	e := x.failure(what, err)
	if e != nil && !errors.Is(err, want) {
		x.wrong("%s: the kind is %q, want %q: %v", what, e.Kind, want, err)
		return nil
	}
	return e
}

// empty holds the receipt that comes with an error against the zero value.
func (x *trial) empty(what string, receipt azure.Receipt) {
	if !sameReceipt(receipt, azure.Receipt{}) {
		x.wrong("%s: the error comes with a receipt: %s", what, inJSON(receipt))
	}
}

// canceled holds an error against what a context that ended has to give.
func (x *trial) canceled(what string, err, cause error) *azure.Error {
	e := x.kind(what, err, azure.ErrCanceled)
	if e != nil && !errors.Is(err, cause) {
		x.wrong("%s: errors.Is does not find %q in %v", what, cause, err)
	}
	return e
}

// over answers a context that is over already, by cause.
func (x *trial) over(cause error) context.Context {
	if cause == context.DeadlineExceeded {
		ctx, cancel := context.WithDeadline(x.t.Context(), time.Unix(0, 0))
		cancel()
		return ctx
	}
	ctx, cancel := context.WithCancel(x.t.Context())
	cancel()
	return ctx
}

// sameReceipt compares receipts by what is stored of them.
func sameReceipt(a, b azure.Receipt) bool { return inJSON(a) == inJSON(b) }

func inJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "cannot be written as JSON: " + err.Error()
	}
	return string(text)
}
