package reporting

import (
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// What a queue is for, behind the tenant's id and a slash.
const (
	queueGraph   = "g" // reports of Windows devices
	queuePartner = "p" // of all others
	queueCheck   = "c" // questions how messages stand
	queueDelete  = "d" // second steps of removals
)

// plan writes into row what the store has to know of t: when it is due for
// what, and by what it is counted. A target of which nothing is left to know,
// and no call is without outcome, has no row: then it answers false.
func (t *target) plan(row *Row, now time.Time, k *rules) bool {
	t.closeFormer(now)
	if len(t.Records) == 0 && t.Accepted == nil && t.Floor.IsZero() && t.Close == nil && row.Claims == 0 {
		return false
	}
	d := t.decide(now, k)
	if t.calling && (d.act == actCheck || d.act == actDelete) {
		t.unsure(compliance.StateUnspecified, now) // its queue will not say so any more
		d = t.decide(now, k)
	}
	before := *row
	row.Queue, row.Due, row.Urgency = "", time.Time{}, 0
	if d.act != actNothing {
		row.Queue = row.Tenant + "/" + t.queue(d.act)
		row.Due, row.Urgency = stored(d.due), d.urgency
		if before.Queue == row.Queue && before.Urgency == row.Urgency && !d.due.After(now) && before.Due.Before(row.Due) {
			row.Due = before.Due // it keeps its place
		}
	}
	var p phase
	p, row.Since = t.phase(d)
	shown := d
	if len(t.Closing) > 0 {
		shown = t.own(now, k)
		if r, _ := t.owner(); shown.blank == status.BlankHeld {
			p, row.Since = phaseHeld, r.Since // what is closed meanwhile is an earlier user's
		}
	}
	row.Label = t.label(shown, p)
	row.Data = encodeJSON(t)
	return true
}

// queue answers what kind of queue an act belongs to.
func (t *target) queue(a act) string {
	switch a {
	case actCheck:
		return queueCheck
	case actDelete:
		return queueDelete
	}
	if t.platform() == azure.PlatformWindows {
		return queueGraph
	}
	return queuePartner
}

// platform is that of what a report is about.
func (t *target) platform() azure.Platform {
	if len(t.Closing) > 0 {
		return t.Closing[0].Platform
	}
	if r, _ := t.owner(); r != nil {
		return r.Platform
	}
	if t.Close != nil {
		return t.Close.Platform
	}
	if t.Accepted != nil {
		return t.Accepted.Platform
	}
	return azure.PlatformUnspecified
}

// unsent reports whether Azure does not hold the newest standing.
func (t *target) unsent(d decision) bool {
	return d.state != compliance.StateUnspecified && (t.Accepted == nil || t.Resync != resyncNot || t.Accepted.State != d.state || t.Accepted.closing() && !t.ownerClosed() ||
		t.otherPair() || t.uncertain(d.state))
}

// told reports whether Microsoft accepted a standing of whose standing counts
// now: nobody has closed the id, or another user's pair, since.
func (t *target) told() bool { return t.Accepted != nil && !t.Accepted.closing() && !t.otherPair() }

// known reports whether Azure holds what was told, and surely nothing else.
func (t *target) known() bool { return t.told() && !t.uncertain(t.Accepted.State) }

// ownerClosed reports whether the closing of the id has done what its owner's
// removal asks for.
func (t *target) ownerClosed() bool {
	r, _ := t.owner()
	return r != nil && t.closedSince(r)
}

// phase says where a target stands on the way of its newest standing, for
// counting.
type phase string

const (
	phaseIdle      phase = ""          // nothing is to be sent or known
	phaseUnsent    phase = "unsent"    // since the standing came to be
	phaseMessage   phase = "message"   // in progress since it was accepted
	phaseConfirmed phase = "confirmed" // accepted at
	phaseHeld      phase = "held"      // by the guard, since the standing came to be
	phaseWaits     phase = "waits"     // for the device, its user or the host
)

// phase answers a target's phase and since when it is in it.
func (t *target) phase(d decision) (phase, time.Time) {
	r, _ := t.owner()
	switch {
	case r == nil && d.act == actClose:
		return phaseUnsent, d.closing.Since
	case r == nil && d.act == actCheck && d.closing != nil:
		return phaseMessage, d.closing.Message.Since
	case r == nil:
		return phaseIdle, time.Time{}
	case d.blank == status.BlankHeld:
		return phaseHeld, r.Since
	case t.unsent(d) && d.act == actNothing:
		return phaseWaits, time.Time{}
	case d.act == actClose:
		since := d.closing.Since
		if stricter(r.State, compliance.StateCompliant) > 0 && t.unsent(decision{state: r.State}) {
			earliest(&since, r.Since)
		}
		return phaseUnsent, since
	case t.unsent(d):
		return phaseUnsent, r.Since
	case t.Message != nil:
		return phaseMessage, t.Message.Since
	case d.act == actReport && t.Accepted != nil:
		return phaseConfirmed, t.Accepted.At
	}
	return phaseIdle, time.Time{}
}

// label is what a target is counted by: the report's state, what Azure holds,
// the kind of the failure and the phase, behind one another.
func (t *target) label(d decision, p phase) string {
	held, kind := compliance.StateUnspecified, ""
	if t.Accepted != nil {
		held = t.Accepted.State
	}
	if t.Failure != nil {
		kind = string(t.Failure.Err.Kind)
		kind = strings.ToValidUTF8(kind[:min(len(kind), mostKind)], "")
		kind = strings.NewReplacer("|", "/", "\x00", "/").Replace(kind)
	}
	return t.reportState(d).String() + "|" + held.String() + "|" + kind + "|" + string(p)
}

// mostKind is how much of a kind stands in a label. The kinds of package azure
// are shorter; a host's reporter may have others.
const mostKind = 40

// parseLabel is the opposite of label.
func parseLabel(label string) (state status.ReportState, held compliance.State, kind azure.Kind, p phase) {
	parts := strings.SplitN(label, "|", 4)
	if len(parts) != 4 {
		return
	}
	_ = state.UnmarshalText([]byte(parts[0])) // "unspecified" is the zero value
	_ = held.UnmarshalText([]byte(parts[1]))
	return state, held, azure.Kind(parts[2]), phase(parts[3])
}

// reportState answers where the report of the newest standing stands.
func (t *target) reportState(d decision) status.ReportState {
	switch {
	case d.blank == status.BlankNotEvaluated && !t.known():
		return status.InProgress
	case d.state == compliance.StateUnspecified && t.Accepted == nil:
		return status.ReportStateUnspecified
	case d.blank == status.BlankNothingToRemove:
		return status.ReportStateUnspecified
	case d.blank == status.BlankNoResult, d.blank == status.BlankHeld:
		return status.InProgress
	case d.blank == status.BlankClientError, d.blank == status.BlankNoID, d.blank == status.BlankWaitsForSignIn:
		return status.Failed
	case t.Failure != nil && t.Failure.shown():
		return status.Failed
	case t.Message != nil || t.unsent(d):
		return status.InProgress
	}
	return status.Successful
}

// shown reports whether a failure is shown as Failed, rather than as something
// still in progress: a refusal is, and what was tried for a day; that Microsoft
// does not answer says nothing of the device and passes by itself.
func (f *failure) shown() bool {
	tries := f.Tries
	if absent(&f.Err) {
		tries = f.Absent
	}
	return f.Retry.IsZero() || tries > 28 && f.Err.Kind != azure.ErrUnavailable
}
