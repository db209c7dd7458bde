package reporting

import (
	"encoding/json"
	"errors"
	"slices"
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
)

// fault answers the error of an errand in the form that the engine works with:
// nil, or an *azure.Error that says what happened.
func (n *errand) fault() *azure.Error {
	if n.err == nil {
		if (n.act == actReport || n.act == actClose) && n.receipt.AcceptedAt.IsZero() && n.receipt.State == status.ReportStateUnspecified {
			return foreign("the reporter answered neither an acceptance nor an error")
		}
		if f := n.receipt.Failure; n.act == actDelete && n.parked && f != nil && f.Kind == azure.ErrForbidden {
			return f // the tenant's, as what parked it
		}
		return nil
	}
	e, ok := errors.AsType[*azure.Error](n.err)
	if !ok {
		return foreign("the reporter answered an error of its own")
	}
	if e.Kind == azure.ErrCanceled {
		// The call's deadline: it is the only end that a call's context has.
		late := *e
		late.Kind, late.Err = azure.ErrUnavailable, errNoAnswer
		return &late
	}
	return e
}

// mend replaces an answer that is not as a reporter's has to be by an error that
// says so: what is kept is kept as text, and a value that has none would make
// the row unwritable.
func (n *errand) mend() {
	var fault error
	e, ok := errors.AsType[*azure.Error](n.err)
	switch {
	case ok && (e == nil || !hasText(e)):
		fault = foreign("the reporter answered an error with a value that nobody knows")
	case !hasText(n.receipt):
		fault = foreign("the reporter answered a receipt with a value that nobody knows")
	case n.err != nil || n.act == actCheck || n.receipt.State != status.Failed:
		return
	case n.receipt.Failure != nil:
		fault = n.receipt.Failure
	default:
		fault = foreign("the reporter answered a failure without a reason")
	}
	n.receipt, n.err = azure.Receipt{Attempts: n.receipt.Attempts}, fault
}

// hasText reports whether what a reporter answered can be kept.
func hasText(answer any) bool {
	_, err := json.Marshal(answer)
	return err == nil
}

// foreign is what a reporter failed with that does not keep its contract.
func foreign(text string) *azure.Error {
	return &azure.Error{Kind: azure.ErrUnexpected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeUnknown, Err: errors.New(text)}
}

var errNoAnswer = errors.New("no answer in time")

// settle puts the outcome of an errand into the target, which may have changed
// since it was claimed. lost: the lease was lost meanwhile.
func (t *target) settle(n *errand, now time.Time, o *Options, lost bool) {
	failed := n.fault()
	switch n.act {
	case actCheck:
		t.checked(n, failed, now, o)
		return
	case actDelete:
		t.deleted(n, failed, now)
		return
	}
	later(&t.Floor, n.updated)
	accepted := failed == nil || !n.receipt.AcceptedAt.IsZero()

	// An earlier call may arrive after this one: one of a claim that has no
	// outcome, of another engine, or one that was given up.
	t.Doubts = slices.DeleteFunc(t.Doubts, func(d doubt) bool { return !d.Until.After(now) || d.Until.Sub(now) > 2*o.Linger })
	if n.row.Claims > 1 || lost {
		t.doubt(compliance.StateUnspecified, now.Add(o.Linger))
		if !accepted {
			t.unsure(compliance.StateUnspecified, n.row.ClaimedAt) // nobody knows of what standing it was
		}
	}
	if !accepted && failed.Outcome == azure.OutcomeUnknown && failed.StatusCode == 0 {
		t.doubt(n.report.State, now.Add(o.Linger))
	}
	unsure := t.Unsure
	switch user := t.user(); {
	case accepted && n.act == actClose && user != "" && user != n.closing.UserID:
		// It says nothing of the pair of who has the device now.
		t.Unsure = slices.DeleteFunc(unsure, func(a attempt) bool { return a.UserID == n.closing.UserID })
	case accepted && n.act == actReport && user != "" && n.owner.Platform != azure.PlatformWindows && n.report.UserID != "" && n.report.UserID != user:
		// It says nothing of the pair of who came back meanwhile.
		t.Unsure = slices.DeleteFunc(slices.Clone(unsure), func(a attempt) bool { return a.UserID != user })
	case accepted:
		t.Unsure = nil
	case failed.Outcome == azure.OutcomeUnknown:
		t.Unsure = noted(t.Unsure, attempt{n.report.State, n.row.ClaimedAt, n.report.UserID})
	}
	overtaken := accepted && slices.ContainsFunc(t.Doubts, func(d doubt) bool { return d.State != n.report.State })
	lingered := accepted && n.target.Again && !n.row.ClaimedAt.Before(soon(n.target.Linger, longestRetry, n.row.ClaimedAt))
	switch {
	case overtaken:
		t.Again, t.Linger = true, now.Add(o.Linger)
	case lingered:
		t.Again, t.Linger = false, time.Time{}
	}

	switch {
	case !accepted && n.act == actClose:
		if c := t.closing(n.closing); c != nil && !c.failed(failed, now, false) {
			t.closed(n, now)
		}
	case !accepted:
		t.failed(failed, now, false)
		t.overtake(n, now)
		t.answered(n, now)
		if n.act == actReport && n.report.State == compliance.StateRemoved && t.Failure != nil && t.Failure.Absent > mostAbsent {
			t.Unsure = slices.DeleteFunc(t.Unsure, func(a attempt) bool { return a.UserID != "" && a.UserID == n.report.UserID })
		}
	case n.act == actClose:
		c := t.closing(n.closing)
		switch {
		case c != nil && n.receipt.State == status.InProgress:
			c.Message = &message{Receipt: n.receipt, Since: now, PollAt: now.Add(pollAfter)}
		case !t.Again:
			t.closed(n, now)
		case c != nil:
			c.Retry = t.Linger // once more then; what takes away meanwhile does not wait for that
		}
		switch user := t.user(); {
		case c == nil && (user == "" || n.closing.UserID == user):
			t.unsure(compliance.StateRemoved, now) // the device, or its user, came back meanwhile
		case user == "":
		case c != nil && n.closing.UserID != user && t.Accepted != nil && t.Accepted.UserID == user && !t.Accepted.closing():
			// The closing of an earlier user's pair came after the report of
			// the present one. Whether Microsoft keeps a standing for a pair
			// or for a device nobody documents.
			t.Again, t.Linger = true, now
		}
	default:
		before := t.Accepted
		t.accept(n, unsure, now, o)
		if user := t.user(); user != "" && n.report.UserID != "" && n.report.UserID != user && before != nil && before.UserID == user && !before.closing() {
			t.unsureOf(user, now) // who came back meanwhile
		}
		r, _ := t.owner()
		if n.target.Sync != askedNot || r == nil || r.State == n.report.State {
			t.Sync = askedNot // else it is for a standing that came to be meanwhile
		}
		t.Failure, t.Resync = nil, resyncNot
		if t.Held == n.report.State {
			t.Held = compliance.StateUnspecified // it has passed the guard, also for when it is sent again
		}
		if r == nil {
			// Its device went elsewhere while it was reported here.
			t.DeleteAt = time.Time{}
			if t.Close == nil && t.Accepted.State != compliance.StateRemoved {
				t.close(closing{Platform: t.Accepted.Platform, UserID: t.Accepted.UserID, UPN: t.Accepted.UPN, Since: now})
			}
		}
	}
}

// unsure notes that Azure may hold a standing, by an attempt at some time.
func (t *target) unsure(s compliance.State, at time.Time) {
	t.Unsure = noted(t.Unsure, attempt{State: s, At: at})
}

// unsureOf notes that Azure may hold whatever it held before of a user's pair.
func (t *target) unsureOf(user string, at time.Time) {
	t.Unsure = noted(t.Unsure, attempt{State: compliance.StateUnspecified, At: at, UserID: user})
}

// noted adds attempts to others, of which there is one for each standing and user.
func noted(all []attempt, more ...attempt) []attempt {
	for _, a := range more {
		if i := slices.IndexFunc(all, func(other attempt) bool { return other.State == a.State && other.UserID == a.UserID }); i >= 0 {
			later(&all[i].At, a.At)
		} else {
			all = append(all, a)
		}
	}
	return all
}

// overtake lets a standing go that came to be while another was on its way and
// failed: that failure is not its own.
func (t *target) overtake(n *errand, now time.Time) {
	was, _ := n.target.owner()
	is, _ := t.owner()
	if was == nil || is == nil {
		return
	}
	changed := was.State != is.State || was.Code != is.Code || was.enrolment() != is.enrolment()
	if changed || was.Inventory != is.Inventory || was.UserID != is.UserID || was.UPN != is.UPN || was.Platform != is.Platform {
		t.forgive(changed, now)
	}
}

// answered lets a failure answer what was asked for before its attempt, and not
// what was asked for meanwhile.
func (t *target) answered(n *errand, now time.Time) {
	switch {
	case t.Failure == nil:
	case t.Sync > n.target.Sync:
		t.forgive(true, now)
	case t.Failure.Retry.IsZero():
		t.Sync = askedNot
	}
}

// doubt notes that an attempt may still arrive.
func (t *target) doubt(s compliance.State, until time.Time) {
	t.Doubts = append(slices.DeleteFunc(t.Doubts, func(d doubt) bool { return d.State == s }), doubt{s, until})
}

// accept takes a standing that Microsoft accepted. unsure is what was so before.
func (t *target) accept(n *errand, unsure []attempt, now time.Time, o *Options) {
	before, enrolment := t.Accepted, n.owner.enrolment()
	closed := t.closedSince(&n.owner)
	if closed {
		enrolment = closedEnrolment
	}
	if n.report.State == compliance.StateRemoved && n.owner.State != compliance.StateRemoved && before != nil {
		enrolment = before.Enrolment // a removal of before, once more
	}
	if n.owner.UserID == "" && n.owner.Platform != azure.PlatformWindows && before != nil && before.UserID != "" && before.State != compliance.StateRemoved {
		t.Former = before.UserID
	}
	t.Accepted = &accepted{
		State: n.report.State, At: now, UserID: n.owner.UserID, UPN: n.owner.UPN,
		Platform: n.owner.Platform, Enrolment: enrolment, Inventory: n.carried, Removal: n.receipt.Removal,
	}
	if m := t.Message; m != nil {
		// What became of it nobody asks any more.
		unsure = noted(noted(unsure, m.Unsure...), attempt{before.State, m.Claimed, before.UserID})
		before = t.Before
	}
	t.Message, t.Before = nil, nil
	if n.receipt.State == status.InProgress {
		t.Message, t.Before = &message{
			Receipt: n.receipt, Since: now, Claimed: n.row.ClaimedAt, PollAt: now.Add(pollAfter), Failed: t.Failure, Unsure: unsure,
		}, before
	}
	t.DeleteAt, t.Deletions, t.Kept = time.Time{}, 0, ""
	switch n.report.State {
	case compliance.StateCompliant:
		t.CompliantAt = t.Accepted.At
	case compliance.StateRemoved:
		claimed := n.owner.Claimed
		if r := t.find(n.owner.Host); r != nil {
			claimed = claimed || r.Claimed // meanwhile, by one that may have left again
		}
		if !closed && !claimed && n.receipt.Removal == azure.RemovalMarked && n.owner.Platform == azure.PlatformWindows && o.DeleteAfter >= 0 {
			t.DeleteAt = now.Add(o.DeleteAfter)
		}
	}
}

// closedEnrolment is of no host: an id that was closed for a device that went
// elsewhere may be claimed again.
const closedEnrolment = "\x00closed"

// closing reports whether it was a closing that was accepted, and no record's
// standing.
func (a *accepted) closing() bool { return a.Enrolment == closedEnrolment }

// closed takes the answer that a pair is closed.
func (t *target) closed(n *errand, now time.Time) {
	c := t.closing(n.closing)
	done := &accepted{State: compliance.StateRemoved, At: now, UserID: n.closing.UserID, Platform: n.closing.Platform, Enrolment: closedEnrolment}
	switch {
	case c == nil:
		return // it was claimed again meanwhile
	case c == t.Close:
		t.Close, t.DeleteAt = nil, time.Time{}
	default: // of an earlier user
		t.Closing = slices.DeleteFunc(t.Closing, func(other closing) bool { return other.UserID == c.UserID })
		if t.Before != nil && t.Before.UserID == n.closing.UserID {
			t.Before = done // what the present user's message falls back on
		}
		if t.Accepted == nil || t.Accepted.UserID != n.closing.UserID {
			return
		}
	}
	t.Message, t.Before, t.Accepted = nil, nil, done
}

// checked takes the answer to the question how a message stands.
func (t *target) checked(n *errand, failed *azure.Error, now time.Time, o *Options) {
	m := t.Message
	var c *closing
	if n.closing != nil {
		m = nil
		if c = t.closing(n.closing); c != nil {
			m = c.Message
		}
	}
	if m == nil || m.Receipt.MessageID != n.message.Receipt.MessageID {
		return // a newer standing took its place
	}
	var why *azure.Error
	switch {
	case failed == nil && n.receipt.State == status.Successful:
		if c != nil {
			t.closed(n, now)
		} else {
			t.Message, t.Before = nil, nil
		}
		return
	case failed == nil && n.receipt.State == status.Failed:
		if why = n.receipt.Failure; why == nil {
			why = &azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
		}
	case now.Sub(m.Since) > o.MessageTimeout:
		why = &azure.Error{Op: "check", Kind: azure.ErrUnavailable, Scope: azure.ScopeDevice, Outcome: azure.OutcomeUnknown}
	default:
		earliest(&m.Since, now) // a clock that was set back must not keep it for ever
		m.Polls++
		wait := pollMost
		if m.Polls < 12 {
			wait = min(pollMost, pollAfter<<m.Polls)
		}
		if m.Asked = 0; failed != nil {
			m.Asked = failed.RetryAfter
		}
		m.PollAt = now.Add(max(wait, m.Asked))
		return
	}
	switch {
	case c != nil:
		if !c.failed(why, now, true) {
			t.closed(n, now)
		}
	default:
		// What was before may never have come to be, and this one may still.
		t.Unsure = noted(t.Unsure, m.Unsure...)
		if why.Outcome == azure.OutcomeUnknown {
			t.Unsure = noted(t.Unsure, attempt{t.Accepted.State, m.Claimed, t.Accepted.UserID})
		}
		t.Message, t.Accepted, t.Before, t.Failure = nil, t.Before, nil, m.Failed
		t.Again, t.Linger = true, now
		t.failed(why, now, true)
		if why.Outcome != azure.OutcomeUnknown {
			t.overtake(n, now)
		}
		t.answered(n, now)
	}
}

// deleted takes the outcome of a removal's second step.
func (t *target) deleted(n *errand, failed *azure.Error, now time.Time) {
	if t.DeleteAt.IsZero() || t.Accepted == nil || t.Accepted.State != compliance.StateRemoved {
		return // it was reported anew meanwhile
	}
	switch {
	case failed == nil:
		t.DeleteAt, t.Accepted.Removal = time.Time{}, n.receipt.Removal
		if n.receipt.Failure != nil {
			t.Kept = n.receipt.Failure.Kind
		}
	case failed.Kind == azure.ErrForbidden && !n.parked || failed.Kind == azure.ErrUnsupported || failed.Kind == azure.ErrRejected || failed.Kind == azure.ErrInvalid:
		t.DeleteAt, t.Kept = time.Time{}, failed.Kind // the first step stands
	case failed.Kind == azure.ErrConflict:
		// Azure shows the device as compliant: somebody else wrote it. The
		// first step comes first again.
		t.DeleteAt, t.Again, t.Linger = time.Time{}, true, now
		if owner, _ := t.owner(); owner == nil { // it was forgotten since
			t.close(closing{Platform: t.Accepted.Platform, UserID: t.Accepted.UserID, UPN: t.Accepted.UPN, Since: now})
		}
	default:
		t.Deletions++
		t.DeleteAt = now.Add(max(failed.RetryAfter, backOff(t.Deletions, time.Minute, 24*time.Hour)))
	}
}
