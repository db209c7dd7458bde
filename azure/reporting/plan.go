package reporting

import (
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
// what, and by what it is counted. A target of which nothing is left to know
// has no row: then it answers false.
func (t *target) plan(row *Row, now time.Time, k *rules) bool {
	if len(t.Records) == 0 && t.Accepted == nil && t.Floor.IsZero() && t.Close == nil {
		return false
	}
	d := t.decide(now, k)
	row.Queue, row.Due, row.Urgency, row.Since = "", time.Time{}, 0, time.Time{}
	if d.act != actNothing {
		row.Queue = row.Tenant + "/" + t.queue(d.act)
		row.Due, row.Urgency = stored(d.due), d.urgency
	}
	if r, _ := t.owner(); r != nil && t.unsent(d) {
		row.Since = r.Since
	}
	row.Label = t.label(d)
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
	return d.state != compliance.StateUnspecified && (t.Accepted == nil || t.Accepted.State != d.state)
}

// label is what a target is counted by: the report's state, what Azure holds,
// and the kind of the failure, behind one another.
func (t *target) label(d decision) string {
	held, kind := compliance.StateUnspecified, ""
	if t.Accepted != nil {
		held = t.Accepted.State
	}
	if t.Failure != nil {
		kind = string(t.Failure.Err.Kind)
	}
	return t.reportState(d).String() + "|" + held.String() + "|" + kind
}

// reportState answers where the report of the newest standing stands.
func (t *target) reportState(d decision) status.ReportState {
	switch {
	case d.state == compliance.StateUnspecified && t.Accepted == nil:
		if d.blank == status.BlankNotEvaluated {
			return status.InProgress
		}
		return status.ReportStateUnspecified
	case d.blank == status.BlankNothingToRemove:
		return status.ReportStateUnspecified
	case d.blank == status.BlankNoResult:
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
// still in progress: a refusal is; what passes by itself is not.
func (f *failure) shown() bool { return f.Retry.IsZero() || f.Tries > 28 }
