package simtest

import (
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// reported is what Microsoft does with reports that have arrived. The world's
// lock is held.
func (w *world) reported(c *call, d dice) []azure.Result {
	results := make([]azure.Result, len(c.reports))
	for i, r := range c.reports {
		own := dice{rngOf(d.Uint64(), uint64(i))}
		results[i] = w.reportedOne(c, r, own)
	}
	return results
}

func (w *world) reportedOne(c *call, r azure.Report, d dice) azure.Result {
	refuse := func(k azure.Kind, s azure.Scope, o azure.Outcome, code int) azure.Result {
		return azure.Result{Err: fault(c.op, k, s, o, code)}
	}
	rough := 0.0
	if !w.calm() {
		rough = w.plan.rough
	}
	troubled := func(kind trouble) bool { return !w.calm() && w.troubled(kind, c.lane.tenant, r.DeviceID) }
	if ok, wait := w.meter(c.lane).take(time.Now()); !ok {
		e := fault(c.op, azure.ErrThrottled, azure.ScopeTenant, azure.OutcomeUnknown, 429)
		e.RetryAfter = w.plan.asked(wait)
		if d.chance(rough) {
			w.take(r, d)
		}
		return azure.Result{Err: e}
	}
	switch {
	case troubled(forbidden):
		return refuse(azure.ErrForbidden, azure.ScopeTenant, azure.OutcomeRefused, 403)
	case troubled(unknownDevice) && c.lane.channel == graph:
		if r.State == compliance.StateRemoved {
			if o := w.azure.objects[ref{c.lane.tenant, r.DeviceID}]; o != nil {
				o.hidden = true
			}
			return azure.Result{Receipt: receipt(r, status.Successful, azure.RemovalAbsent)}
		}
		return refuse(azure.ErrDeviceNotFound, azure.ScopeDevice, azure.OutcomeRefused, 404)
	case troubled(rejecting) && c.lane.channel == graph:
		return refuse(azure.ErrRejected, azure.ScopeDevice, azure.OutcomeRefused, 400)
	case d.chance(rough / 2):
		return refuse(azure.ErrConflict, azure.ScopeDevice, azure.OutcomeRefused, 409)
	}
	return w.take(r, d)
}

// take applies a report.
func (w *world) take(r azure.Report, d dice) azure.Result {
	if r.Platform == azure.PlatformWindows {
		removal := azure.RemovalUnspecified
		if r.State == compliance.StateRemoved {
			removal = azure.RemovalMarked
		}
		if !w.azure.patch(r) {
			if removal == azure.RemovalMarked {
				return azure.Result{Receipt: receipt(r, status.Successful, azure.RemovalAbsent)}
			}
			return azure.Result{Err: fault("report", azure.ErrDeviceNotFound, azure.ScopeDevice, azure.OutcomeRefused, 404)}
		}
		return azure.Result{Receipt: receipt(r, status.Successful, removal)}
	}
	rec := receipt(r, status.InProgress, azure.RemovalUnspecified)
	if r.State == compliance.StateRemoved {
		rec.Removal = azure.RemovalMarked
	}
	rec.MessageID = d.guid()
	settles := time.Now().Add(d.between(200*time.Millisecond, w.plan.settling))
	failed, unknown := false, false
	if !w.calm() {
		failed = w.troubled(rejecting, r.TenantID, r.DeviceID) || d.chance(w.plan.rough/2)
		unknown = d.chance(w.plan.rough / 4)
	}
	w.azure.accept(rec.MessageID, r, settles, failed, unknown)
	return azure.Result{Receipt: rec}
}

func receipt(r azure.Report, s status.ReportState, removal azure.RemovalForm) azure.Receipt {
	return azure.Receipt{
		Channel: channelOf(r.Platform), TenantID: r.TenantID, DeviceID: canonical(r.DeviceID), MessageID: r.ID, State: s, Removal: removal, Attempts: 1,
	}
}

// checked answers how a message stands.
func (w *world) checked(r azure.Receipt) azure.Result {
	g := w.azure.messages[r.MessageID]
	switch {
	case g == nil || g.unknown:
		r.State = status.Failed
		r.Failure = fault("check", azure.ErrRejected, azure.ScopeDevice, azure.OutcomeUnknown, 404)
	case !g.done:
	case g.failed:
		r.State = status.Failed
		r.Failure = fault("check", azure.ErrRejected, azure.ScopeDevice, azure.OutcomeRefused, 200)
	default:
		r.State = status.Successful
	}
	return azure.Result{Receipt: r}
}

// deleted is the second step of a removal.
func (w *world) deleted(c *call, _ dice) azure.Result {
	r := c.reports[0]
	rec := receipt(r, status.Successful, azure.RemovalAbsent)
	if ok, wait := w.meter(c.lane).take(time.Now()); !ok {
		e := fault(c.op, azure.ErrThrottled, azure.ScopeTenant, azure.OutcomeUnknown, 429)
		e.RetryAfter = w.plan.asked(wait)
		return azure.Result{Err: e}
	}
	o := w.azure.objects[ref{c.lane.tenant, canonical(r.DeviceID)}]
	switch {
	case o == nil || !o.exists:
	case o.hybrid:
		rec.Removal = azure.RemovalProtected
	case !w.calm() && w.troubled(keepsObjects, c.lane.tenant, canonical(r.DeviceID)):
		return azure.Result{Err: fault("delete", azure.ErrForbidden, azure.ScopeTenant, azure.OutcomeRefused, 403)}
	case o.windows == compliance.StateCompliant:
		return azure.Result{Err: fault("delete", azure.ErrConflict, azure.ScopeDevice, azure.OutcomeNotSent, 200)}
	default:
		o.exists = false
		o.deleted++
		rec.Removal = azure.RemovalDeleted
	}
	return azure.Result{Receipt: rec}
}
