package reporting

import (
	"errors"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// pollAfter is how long after a message was accepted it is first asked about;
// each question that finds it in progress doubles it, up to pollMost.
const (
	pollAfter = 5 * time.Second
	pollMost  = 15 * time.Minute
	pollEnd   = 24 * time.Hour // then it counts as failed, and is sent anew
)

// settle puts the outcome of an errand into the target, which may have changed
// since it was claimed. lost: the lease was lost meanwhile.
func (t *target) settle(n *errand, now time.Time, o *Options, lost bool) {
	failed, _ := errors.AsType[*azure.Error](n.err)
	if n.err != nil && failed == nil {
		failed = &azure.Error{Kind: azure.ErrUnexpected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeUnknown, Err: errors.New("the reporter answered an error of its own")}
	}
	switch n.act {
	case actCheck:
		t.checked(n, failed, now)
		return
	case actDelete:
		t.deleted(n, failed, now)
		return
	}
	later(&t.Floor, n.updated)
	if failed != nil && n.receipt.AcceptedAt.IsZero() {
		t.failed(failed, now)
		if n.act == actClose && t.Failure != nil && t.Failure.Retry.IsZero() {
			t.closed(n, now) // refused for good: nothing more can be done there
			t.Failure = nil
		}
	} else {
		t.Failure, t.Sync = nil, false
		if n.act == actClose {
			t.closed(n, now)
		} else {
			t.accept(n, now, o)
		}
	}
	switch {
	case n.row.Claims > 1, lost:
		// An earlier call, or one of another engine, may still arrive.
		t.Again, t.Linger = true, now.Add(o.Linger)
	case failed == nil && n.target.Again && !n.row.ClaimedAt.Before(n.target.Linger):
		t.Again, t.Linger = false, time.Time{}
	}
}

// accept takes a standing that Microsoft accepted.
func (t *target) accept(n *errand, now time.Time, o *Options) {
	before := t.Accepted
	t.Accepted = &accepted{
		State: n.report.State, At: stored(n.receipt.AcceptedAt), UserID: n.owner.UserID, UPN: n.owner.UPN,
		Platform: n.owner.Platform, Enrolment: n.owner.enrolment(), Inventory: n.carried, Removal: n.receipt.Removal,
	}
	t.Message, t.Before = nil, nil
	if n.receipt.State == status.InProgress {
		t.Message, t.Before = &message{Receipt: n.receipt, Since: now, PollAt: now.Add(pollAfter)}, before
	}
	t.DeleteAt, t.Deletions = time.Time{}, 0
	switch n.report.State {
	case compliance.StateCompliant:
		t.CompliantAt = t.Accepted.At
	case compliance.StateRemoved:
		if n.receipt.Removal == azure.RemovalMarked && n.owner.Platform == azure.PlatformWindows && o.DeleteAfter >= 0 {
			t.DeleteAt = now.Add(o.DeleteAfter)
		}
	}
}

// closedEnrolment is of no host: an id that was closed for a device that went
// elsewhere may be claimed again.
const closedEnrolment = "\x00closed"

// closed takes the answer that a pair is closed.
func (t *target) closed(n *errand, now time.Time) {
	if len(n.target.Closing) > 0 {
		for i, c := range t.Closing {
			if c == *n.closing {
				t.Closing = append(t.Closing[:i:i], t.Closing[i+1:]...)
				break
			}
		}
		return
	}
	t.Close = nil
	t.Message, t.Before = nil, nil
	t.Accepted = &accepted{State: compliance.StateRemoved, At: now, Platform: n.closing.Platform, Enrolment: closedEnrolment}
}

// checked takes the answer to the question how a message stands.
func (t *target) checked(n *errand, failed *azure.Error, now time.Time) {
	m := t.Message
	if m == nil || n.target.Message == nil || m.Receipt.MessageID != n.target.Message.Receipt.MessageID {
		return // a newer standing took its place
	}
	switch {
	case failed == nil && n.receipt.State == status.Successful:
		t.Message, t.Before = nil, nil
		return
	case failed == nil && n.receipt.State == status.Failed:
		e := n.receipt.Failure
		if e == nil {
			e = &azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
		}
		t.Message, t.Accepted, t.Before = nil, t.Before, nil
		t.failed(e, now)
		return
	case now.Sub(m.Since) > pollEnd:
		t.Message, t.Accepted, t.Before = nil, t.Before, nil
		t.failed(&azure.Error{Op: "check", Kind: azure.ErrUnavailable, Scope: azure.ScopeDevice, Outcome: azure.OutcomeUnknown,
			Err: errors.New("the message was in progress for a day")}, now)
		return
	}
	m.Polls++
	wait := pollMost
	if m.Polls < 12 {
		wait = min(pollMost, pollAfter<<m.Polls)
	}
	if failed != nil {
		wait = max(wait, failed.RetryAfter)
	}
	m.PollAt = now.Add(wait)
}

// deleted takes the outcome of a removal's second step.
func (t *target) deleted(n *errand, failed *azure.Error, now time.Time) {
	if failed == nil || failed.Kind == azure.ErrForbidden || failed.Kind == azure.ErrUnsupported {
		t.DeleteAt = time.Time{}
		if failed == nil && t.Accepted != nil {
			t.Accepted.Removal = n.receipt.Removal
		}
		return
	}
	t.Deletions++
	t.DeleteAt = now.Add(max(failed.RetryAfter, backOff(t.Deletions, time.Minute, 24*time.Hour)))
}

// failed takes a failure and says when to try again. A zero Retry means: when
// something changes, or with the weekly report.
func (t *target) failed(e *azure.Error, now time.Time) {
	if e.Kind == azure.ErrCanceled {
		return // this process ends, or took too long: the device is not to blame
	}
	f := &failure{Err: *e, At: now, Tries: 1, Since: now}
	if t.Failure != nil {
		f.Tries = t.Failure.Tries + 1
		if t.Failure.Err.Kind == e.Kind {
			f.Since = t.Failure.Since
		}
	}
	f.Err.Err = nil
	switch e.Kind {
	case azure.ErrInvalid, azure.ErrUnsupported, azure.ErrRejected:
	case azure.ErrDeviceNotFound, azure.ErrUserNotFound:
		f.Retry = now.Add(absentRetry(f.Tries))
	default:
		f.Retry = now.Add(max(e.RetryAfter, backOff(f.Tries, 5*time.Second, 15*time.Minute)))
	}
	t.Failure = f
}

// absentRetry is when to look again for a device that Azure does not know: soon
// after a registration it may be replication, after a day it is not.
func absentRetry(tries int) time.Duration {
	soon := []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}
	switch {
	case tries <= len(soon):
		return soon[tries-1]
	case tries <= len(soon)+24:
		return time.Hour
	}
	return 24 * time.Hour
}

// backOff doubles from the first wait to the most.
func backOff(tries int, first, most time.Duration) time.Duration {
	if tries > 20 {
		return most
	}
	return min(most, first<<(tries-1))
}
