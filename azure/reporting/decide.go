package reporting

import (
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// The urgencies, as rows carry them: the lower goes first.
const (
	urgencyRestrict  uint8 = iota // removed, non-compliant, closed ids
	urgencyCompliant              // compliant again: a user is waiting
	urgencyInventory
	urgencyRefresh
	urgencyDelete // second step of a removal
)

// decision is what is to be done for a target, and why nothing is.
type decision struct {
	// act is what to do at due. actNothing: nothing until something changes.
	act     act
	due     time.Time
	urgency uint8
	trigger azure.Trigger

	// state is the standing that Azure should hold; unspecified: none.
	state    compliance.State
	conflict bool

	// closing is the pair that is closed, or asked about; nil: it is about the
	// standing.
	closing *closing

	// blank is why the report time is blank, where something keeps the
	// standing from being sent; BlankUnspecified: nothing does.
	blank status.BlankReason
}

// act says what to do for a target.
type act uint8

const (
	actNothing act = iota
	actReport      // send the standing
	actClose       // tell Azure that this id, or an earlier user's pair, is closed
	actCheck       // ask how a message stands
	actDelete      // delete the directory object
)

// rules are the settings that a decision depends on.
type rules struct {
	refresh     time.Duration // how old an accepted standing may become
	spread      time.Duration // up to how much earlier it is refreshed
	flap        time.Duration // between two reports of compliant
	deleteAfter time.Duration // of a removal; negative: never
	carried     func(azure.Platform, azure.Inventory) azure.Inventory
}

// decide answers what is to be done for t. It is the table of what is sent:
// everything that keeps a standing from being sent is here, but for the tenant
// and Microsoft's limits, which concern many targets at once.
func (t *target) decide(now time.Time, k *rules) decision {
	d := t.next(now, k)
	if c, at := t.unsettled(now); c != nil && t.AzureID != "" && (d.act == actNothing || d.due.After(at)) {
		d.act, d.due, d.urgency, d.closing = actClose, at, urgencyRestrict, c
		if c.Message != nil {
			d.act = actCheck
		}
	}
	return d
}

// own answers what is to be done for the standing itself, as if no pair of an
// earlier user's were to be closed: that is what a device shows.
func (t *target) own(now time.Time, k *rules) decision {
	alone := *t
	alone.Closing = nil
	return alone.decide(now, k)
}

// next answers what is to be done, but for asking about what was closed.
func (t *target) next(now time.Time, k *rules) decision {
	d := t.standing(now, k)
	switch {
	case t.AzureID == "":
		return d
	case t.Message != nil && (d.act == actNothing || d.trigger == azure.TriggerRefresh):
		// What became of it is asked before it is refreshed; a newer standing
		// takes its place.
		d.act, d.due, d.urgency = actCheck, t.Message.poll(now), urgencyRestrict
		return d
	case d.act == actReport || d.act == actClose:
		// What is closed has waits of its own.
		if t.Failure != nil && d.act == actReport {
			if t.Failure.Retry.IsZero() {
				// Refused: only a change, a sync or the weekly report tries again.
				d.due = waited(t.Failure.At, k.refresh-t.early(k), now)
			} else if retry := soon(t.Failure.Retry, max(longestRetry, t.Failure.Err.RetryAfter), now); retry.After(d.due) {
				d.due = retry
			}
		}
		if d.due.IsZero() {
			d.due = now
		}
		return d
	}
	if t.Accepted != nil && d.state == compliance.StateRemoved && !t.DeleteAt.IsZero() && t.claimants() == 0 && k.deleteAfter >= 0 {
		d.act, d.due, d.urgency = actDelete, t.DeleteAt, urgencyDelete
	}
	return d
}

// waited answers when a wait is over that began at a time that was noted; now,
// where the clock was set back since.
func waited(began time.Time, wait time.Duration, now time.Time) time.Time {
	return soon(began.Add(wait), wait, now)
}

// soon answers a time that was noted and was to come within a wait; now, where
// it is farther off than that, because the clock was set back since.
func soon(t time.Time, wait time.Duration, now time.Time) time.Time {
	if t.After(now.Add(wait + mostAhead)) {
		return now
	}
	return t
}

// standing answers what Azure should hold, and whether it has to be told.
func (t *target) standing(now time.Time, k *rules) decision {
	if c := t.unclosed(now); c != nil && t.AzureID != "" {
		d := decision{act: actClose, urgency: urgencyRestrict, trigger: azure.TriggerChange, state: compliance.StateNonCompliant, closing: c}
		if c == t.Close {
			d.state = compliance.StateRemoved
		}
		return d
	}
	if t.Close != nil && t.AzureID != "" {
		return decision{state: compliance.StateRemoved, trigger: azure.TriggerChange} // it is closed after a while
	}
	r, conflict := t.owner()
	if r == nil {
		if t.Accepted != nil && !t.DeleteAt.IsZero() {
			return decision{state: t.Accepted.State} // forgotten between the two steps of its removal
		}
		return decision{}
	}
	d := decision{state: r.State, conflict: conflict, trigger: azure.TriggerChange}
	switch {
	case r.State == compliance.StateUnspecified:
		d.blank = status.BlankNotEvaluated
		return d
	case t.AzureID == "" && r.State == compliance.StateRemoved:
		d.blank = status.BlankNothingToRemove
		return d
	case t.AzureID == "":
		d.blank = r.Code.MissingID()
		return d
	}

	held := compliance.StateUnspecified // what Azure holds
	if t.Accepted != nil && t.Resync == resyncNot && !t.calling && !t.uncertain(r.State) && !t.otherPair() {
		held = t.Accepted.State
	}
	if r.State == compliance.StateCompliant && (t.waits(r) || t.Resync == resyncWaits) && !t.unanswered(r) {
		if held != compliance.StateCompliant {
			d.blank = status.BlankWaitsForSignIn
			if r.code(t.AzureID) == "" {
				d.blank = status.BlankNoResult
			}
			if t.Resync == resyncWaits {
				d.blank = status.BlankNotEvaluated
			}
		}
		return d.again(t, r, now) // what Azure holds stays, and is not refreshed
	}
	if t.Held == r.State && t.Sync != askedOne && held != r.State {
		d.blank = status.BlankHeld
		return d.again(t, r, now)
	}

	d.act = actReport
	switch {
	case t.closedSince(r) && held == r.State:
		d.urgency, d.due = urgencyRestrict, t.Linger
		if !t.Again {
			d.act = actNothing
		}
	case held != r.State || held == compliance.StateRemoved && t.Accepted.Enrolment != r.enrolment():
		d.urgency = urgencyRestrict
		if r.State == compliance.StateCompliant {
			d.urgency = urgencyCompliant
			if !t.CompliantAt.IsZero() && !t.otherPair() { // another user does not flap
				d.due = waited(t.CompliantAt, k.flap, now)
			}
		}
	case t.Again:
		d.urgency, d.due = urgencyRestrict, soon(t.Linger, longestRetry, now)
	case held == compliance.StateRemoved:
		d.act = actNothing
	case t.Sync == askedOne:
		d.trigger, d.urgency = azure.TriggerSync, urgencyCompliant
	case t.Sync == askedMany:
		d.trigger, d.urgency = azure.TriggerSync, urgencyInventory
	case t.otherUser(r), k.carried(r.Platform, r.Inventory) != t.Accepted.Inventory, len(t.Unsure) > 0:
		d.trigger, d.urgency = azure.TriggerInventory, urgencyInventory
	default:
		d.trigger, d.urgency = azure.TriggerRefresh, urgencyRefresh
		d.due = waited(t.Accepted.At, k.refresh-t.early(k), now)
	}
	return d
}

// again has what Azure accepted sent once more while a newer standing waits,
// where a claim of compliance from before may have come, or may still come.
func (d decision) again(t *target, r *record, now time.Time) decision {
	a := t.Accepted
	if a == nil || t.Resync != resyncNot || a.State == compliance.StateCompliant || a.closing() ||
		r.Platform != azure.PlatformWindows && a.UserID != r.UserID {
		return d
	}
	if t.Again || t.calling || t.uncertain(a.State) {
		d.act, d.state, d.due, d.urgency = actReport, a.State, soon(t.Linger, longestRetry, now), urgencyRestrict
	}
	return d
}

// unanswered reports whether r's claim of compliance was made before and has no
// answer that is known: it is made again, also where a new one would wait. A
// claim from before the device was not compliant is another one, and so is one
// of another user's pair.
func (t *target) unanswered(r *record) bool {
	return !r.Waits && !r.NoID && slices.ContainsFunc(t.Unsure, func(a attempt) bool {
		ours := r.Platform == azure.PlatformWindows || a.UserID == "" || a.UserID == r.UserID
		return ours && a.State == compliance.StateCompliant && !a.At.Before(r.Since)
	})
}

// closedSince reports whether the id was closed after r was removed, when the
// device had gone elsewhere: then its removal is done, and its object, which
// another enrolment had in between, is not deleted.
func (t *target) closedSince(r *record) bool {
	a := t.Accepted
	return r.State == compliance.StateRemoved && a != nil && a.closing() && !r.Since.After(a.At) &&
		(r.Platform == azure.PlatformWindows || a.UserID == r.UserID)
}

// waits reports whether a new claim of compliance has to wait for the user.
func (t *target) waits(r *record) bool {
	return r.Waits || r.NoID || r.code(t.AzureID).HoldsCompliant()
}

// otherPair reports whether what Microsoft accepted last was of another user's
// pair with this device than that of the record whose standing counts.
func (t *target) otherPair() bool {
	r, _ := t.owner()
	a := t.Accepted
	return r != nil && a != nil && !a.closing() && r.Platform != azure.PlatformWindows && r.UserID != "" && a.UserID != "" && a.UserID != r.UserID
}

// otherUser reports whether Microsoft was told of another user than r's, where
// the channel carries one.
func (t *target) otherUser(r *record) bool {
	return r.Platform != azure.PlatformWindows && (t.Accepted.UserID != r.UserID || t.Accepted.UPN != r.UPN)
}

// early is how much before its time a target is refreshed: a part of the
// spread that belongs to its id, so that a fleet enrolled in one hour does not
// come back in one hour.
func (t *target) early(k *rules) time.Duration {
	if k.spread <= 0 {
		return 0
	}
	h := uint64(14695981039346656037)
	for i := range len(t.AzureID) {
		h = (h ^ uint64(t.AzureID[i])) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	// As a store keeps times: else a row would be claimed before it is due.
	return time.Duration(h % uint64(k.spread)).Truncate(time.Microsecond)
}
