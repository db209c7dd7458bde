package fake

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// Step says which part of the work a fault meets.
type Step string

// The steps. The empty Step is StepReport.
const (
	StepReport  Step = "report"  // Report and each report of ReportBatch
	StepDelete  Step = "delete"  // the second step of a removal, in Report (unless it is settled later) and in DeleteObject
	StepCheck   Step = "check"   // the question of Check; the report stays in progress
	StepVerdict Step = "verdict" // the answer of Check: the report comes out Failed, and nothing is applied
	StepVerify  Step = "verify"  // Verify
)

// Always is the value of Fault.Times with which a fault stays until its stop
// function is called.
const Always = -1

// Fault is something that goes wrong, and what it meets. The zero value meets
// the next report and does nothing to it.
type Fault struct {
	// Err is the answer. Scope and Outcome are filled in where they are
	// absent, as its kind mostly has them, and Op always; each call gets a
	// copy of its own. Nil: nothing fails, the call is only late.
	Err *azure.Error

	// Applied makes the call do its work all the same before it fails, and so
	// its Outcome unknown: the answer was lost, not the report.
	Applied bool

	// Delay is how long the answer takes. A context that ends meanwhile ends
	// the call with azure.ErrCanceled and an unknown Outcome; without Applied
	// the work is not done then. It is a timer like any other: a synctest
	// bubble passes it at once.
	Delay time.Duration

	// Step, TenantID and DeviceID say what the fault meets; empty: the step
	// of reporting, any tenant, any device. The ids may be in either letter
	// case. Match, if not nil, decides further; it is called while the
	// Reporter is locked and must not call it.
	Step               Step
	TenantID, DeviceID string
	Match              func(azure.Report) bool

	// After is how many calls that match pass before the fault meets one, and
	// Times how many it meets then. Zero means one, Always every one.
	After, Times int
}

// Inject adds a fault and answers a function that takes it back. Of several
// that match one call, the one injected first meets it.
func (f *Reporter) Inject(fault Fault) (stop func()) {
	s := &script{Fault: fault}
	s.Step = cmp.Or(s.Step, StepReport)
	s.Times = cmp.Or(s.Times, 1)
	s.TenantID, s.DeviceID = guid.Canonical(s.TenantID), guid.Canonical(s.DeviceID)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, s)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.faults = slices.DeleteFunc(f.faults, func(other *script) bool { return other == s })
	}
}

// script is an injected fault with its counters, which count down.
type script struct{ Fault }

// next takes the fault that meets a call, if there is one. f.mu is held.
func (f *Reporter) next(step Step, r azure.Report) (Fault, bool) {
	for i, s := range f.faults {
		if s.Step != step || s.TenantID != "" && s.TenantID != r.TenantID || s.DeviceID != "" && s.DeviceID != r.DeviceID ||
			s.Match != nil && !s.Match(r) {
			continue
		}
		if s.After > 0 {
			s.After--
			continue
		}
		if s.Times > 0 {
			if s.Times--; s.Times == 0 {
				f.faults = slices.Delete(f.faults, i, i+1)
			}
		}
		return s.Fault, true
	}
	return Fault{}, false
}

// meet does act, or what the script wants in its place.
func (f *Reporter) meet(ctx context.Context, step Step, r azure.Report, act func() error) error {
	f.mu.Lock()
	fault, met := f.next(step, r)
	f.mu.Unlock()
	if !met {
		return act()
	}

	var worked error
	if fault.Applied {
		worked = act()
	}
	if fault.Delay > 0 {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return f.fail(step, &azure.Error{Kind: azure.ErrCanceled, Outcome: azure.OutcomeUnknown, Err: ctx.Err()}, false)
		}
	}
	switch {
	case fault.Err != nil:
		return f.fail(step, fault.Err, fault.Applied)
	case fault.Applied:
		return worked
	}
	return act()
}

// fail answers a copy of e, completed.
func (f *Reporter) fail(step Step, e *azure.Error, applied bool) *azure.Error {
	done := *e
	scope, outcome := usual(done.Kind)
	if applied {
		outcome = azure.OutcomeUnknown
	}
	done.Op = f.options.channel() + ": " + string(step)
	done.Scope = cmp.Or(done.Scope, scope)
	done.Outcome = cmp.Or(done.Outcome, outcome)
	if done.Kind == azure.ErrCanceled && done.Err == nil {
		done.Err = context.Canceled
	}
	if done.Kind == "" {
		done.Kind = azure.ErrUnexpected
		done.Err = cmp.Or(done.Err, errors.New("the injected error has no kind"))
	}
	return &done
}

// usual answers whom a kind mostly concerns, and what it mostly says of
// Microsoft's side.
func usual(k azure.Kind) (azure.Scope, azure.Outcome) {
	switch k {
	case azure.ErrInvalid, azure.ErrUnsupported:
		return azure.ScopeDevice, azure.OutcomeNotSent
	case azure.ErrUnauthorized:
		return azure.ScopeTenant, azure.OutcomeNotSent
	case azure.ErrForbidden, azure.ErrThrottled:
		return azure.ScopeTenant, azure.OutcomeRefused
	case azure.ErrUnavailable:
		return azure.ScopeService, azure.OutcomeUnknown
	case azure.ErrDeviceNotFound, azure.ErrUserNotFound, azure.ErrConflict, azure.ErrRejected:
		return azure.ScopeDevice, azure.OutcomeRefused
	}
	return azure.ScopeDevice, azure.OutcomeUnknown
}
