package reporting

import (
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// pointer is the row of a host's device: where its record is, and what was
// observed last.
type pointer struct {
	target string // id of the target's row
	digest [16]byte
	seen   int64 // microseconds: SeenAt as far as it was written

	// strict: the device is not compliant, or not claimed to be, or waits for
	// its user, so that each observation is written: a late one that says
	// compliant, or Success, must not pass for a newer one.
	strict bool
}

// unlinked answers the id of the target's row of a device without an Azure id.
// No GUID begins like it.
func unlinked(host string) string { return "h/" + host }

// home answers the target's row that an observation belongs to: that of its
// Azure id, else where the record is.
func home(o *Observation, p *pointer) string {
	switch {
	case o.AzureDeviceID != "":
		return o.AzureDeviceID
	case p.target != "":
		return p.target
	}
	return unlinked(o.DeviceID)
}

// effect says what an observation did.
type effect uint8

const (
	effectStale effect = iota
	effectNone
	effectChanged
)

// change says what an observation came to.
type change struct {
	effect effect
	turned compliance.State // the standing that the device turned to from another; unspecified: it did not
	counts bool             // the turn is one that the guard counts
	live   int              // how many more devices of the tenant are not removed
	partly bool             // on a tie, a less strict standing was left out
}

// apply takes an observation. from is the target that holds the device's
// record, nil where there is none yet, and to the one it belongs to; they are
// the same unless the device has another Azure id than before. told: a report
// on from's id may be under way, or have been.
func apply(o *Observation, now time.Time, from, to *target, told bool) (c change) {
	var r *record
	if from != nil {
		r = from.find(o.DeviceID)
	}
	if r == nil {
		from = nil
	}
	rank := orderEnrolment
	if r != nil {
		if r.SeenAt.After(now.Add(mostAhead)) {
			r.SeenAt = time.Time{} // under a clock that was set back since
		}
		rank = r.compare(o)
	}
	if rank == orderStale && r.removedBy(o) {
		// A removal ends an enrolment however late it comes. All else that it
		// says is older than what is known.
		o = &Observation{DeviceID: o.DeviceID, Platform: r.Platform, State: o.State, SeenAt: r.SeenAt}
		rank, to = orderNewer, from
	}
	if rank == orderStale {
		return change{effect: effectStale}
	}
	moved := from != nil && from != to
	next := record{Host: o.DeviceID}
	if r != nil {
		next = *r
	}
	if moved && rank != orderEnrolment && next.State == compliance.StateRemoved {
		// A removed enrolment stays where it was removed.
		moved, to = false, from
	}
	enrolled := rank == orderEnrolment && r != nil
	if enrolled {
		next.enrol(o)
	}
	before := next
	if r != nil {
		before = *r
	}
	changed := next.take(o, rank, now)
	changed = changed || r == nil || enrolled || moved
	c.partly = o.State != compliance.StateUnspecified && o.State != next.State && rank == orderTie
	if r != nil && before.State != compliance.StateUnspecified && next.State != before.State {
		c.turned, c.counts = next.State, next.Turned.turn(next.State, now)
	}
	if next.State != compliance.StateRemoved && (r == nil || before.State == compliance.StateRemoved) {
		c.live = 1
	} else if next.State == compliance.StateRemoved && r != nil && before.State != compliance.StateRemoved {
		c.live = -1
	}

	if enrolled && !moved {
		to.ended(r) // the older records stay superseded wherever the new enrolment goes
	}
	if moved {
		from.DeleteAt = time.Time{} // it came back, under another id
		next.Last = from.last(&before)
		user := from.user()
		from.leave(&before, o.AzureDeviceID != "" && from.AzureID != "", told, now)
		from.anotherUser(user, told, now)
		if o.Platform != azure.PlatformWindows && from.AzureID != "" && o.ClientCode == "" {
			next.Waits = true // the new id has to be vouched for
		}
	}
	next.Released = next.Released && !enrolled && !moved
	user, stood := to.user(), to.standsFor()
	to.put(next)
	if next.live() && (r == nil || enrolled || moved) {
		to.claim(&next)
	}
	to.settleClaims(&next, &before)
	to.anotherUser(user, told && !moved, now)
	if changed {
		owner, _ := to.owner()
		claimed := next.live() && owner != nil && owner.live()
		to.observed(to.standsFor() != stood, c.turned != compliance.StateUnspecified || enrolled || moved || next.Code != before.Code, claimed, now)
	}
	if own := to.find(o.DeviceID); to.Resync == resyncWaits && o.State != compliance.StateUnspecified && rank != orderTie && own != nil && own.live() && !to.superseded(own) {
		to.Resync = resyncDue
	}
	c.effect = effectNone
	if changed {
		c.effect = effectChanged
	}
	return c
}

// last answers what Microsoft accepted last of a record's device.
func (t *target) last(r *record) *heard {
	if owner, _ := t.owner(); owner != nil && owner.Host == r.Host && t.told() {
		return &heard{t.Accepted.State, t.Accepted.At, t.AzureID}
	}
	return r.Last
}

// put writes a record.
func (t *target) put(r record) {
	if old := t.find(r.Host); old != nil {
		*old = r
		return
	}
	t.Records = append(t.Records, r)
}

// claim notes with what was removed that r claims the id now.
func (t *target) claim(r *record) {
	if a := t.Accepted; a != nil && a.State == compliance.StateRemoved && a.Enrolment == r.enrolment() {
		a.Enrolment += "\x00" // of a record that was forgotten: a removal of this one is another
	}
	for i := range t.Records {
		if other := &t.Records[i]; other.Host != r.Host && other.State == compliance.StateRemoved && !other.enrolledAfter(r) {
			other.Claimed = true
		}
	}
}

// release takes a record out, whose standing may have counted till now: what it was
// refused for, or held, is not the next one's.
func (t *target) release(host string, now time.Time) (owned bool) {
	if owner, _ := t.owner(); owner != nil {
		owned = owner.Host == host
	}
	if t.drop(host); owned && len(t.Records) > 0 {
		t.observed(true, true, false, now)
	}
	return owned
}

// leave takes a record out, because its device has another Azure id now. If
// nobody else claims this one, Azure is told that it is closed.
func (t *target) leave(r *record, linked, told bool, now time.Time) {
	t.release(r.Host, now)
	owner, _ := t.owner()
	if !linked || r.Released || owner != nil && owner.live() {
		return // its standing counts now, or did all along
	}
	if owner != nil && t.Held == owner.State {
		return // the guard holds the removal
	}
	if t.Accepted == nil && t.Floor.IsZero() && !told {
		return // Azure was never told anything on this id
	}
	if t.Accepted != nil && t.Accepted.State == compliance.StateRemoved && !t.Again && !told && !t.uncertain(compliance.StateRemoved) &&
		t.Message == nil && t.Resync == resyncNot {
		return
	}
	t.close(closing{Platform: r.Platform, UserID: r.UserID, UPN: r.UPN, Since: now})
	t.Failure = nil
}

// user is the object id of the user whose device it is now; empty where it is
// not known, or of no matter.
func (t *target) user() string {
	if r, _ := t.owner(); r != nil && r.Platform != azure.PlatformWindows {
		return r.UserID
	}
	return ""
}

// anotherUser has the pairs closed that Microsoft may hold of this phone or Mac
// and of users that it had before. A renamed sign-in name is no other user.
func (t *target) anotherUser(before string, told bool, now time.Time) {
	user := t.user()
	if user == "" || t.AzureID == "" {
		return
	}
	// Who comes back is not closed.
	t.Closing = slices.DeleteFunc(t.Closing, func(c closing) bool {
		if c.UserID != user {
			return false
		}
		if c.Message != nil {
			t.unsure(compliance.StateRemoved, now)
		}
		if a := t.Accepted; a == nil || a.closing() || a.UserID != user {
			// Azure holds of it what it did before it was to be closed.
			t.unsureOf(user, now)
		}
		return true
	})
	closed := func(id string) {
		if id != user {
			t.closePair(id, t.platform(), now)
		}
	}
	if told || t.calling || t.Accepted != nil || !t.Floor.IsZero() {
		closed(before)
	}
	if a := t.Accepted; a != nil && a.State != compliance.StateRemoved && a.Platform != azure.PlatformWindows {
		closed(a.UserID)
	}
	closed(t.Former)
	t.Former = ""
}

// closeFormer has the pair of a former user closed where nobody has the device
// any more whose user may be the same.
func (t *target) closeFormer(now time.Time) {
	if owner, _ := t.owner(); t.Former == "" || owner != nil && owner.live() {
		return
	}
	platform := t.platform()
	if a := t.Accepted; a != nil {
		platform = a.Platform
	}
	t.closePair(t.Former, platform, now)
	t.Former = ""
}

// closePair has the pair of a user closed, unless none is named or it is being
// closed.
func (t *target) closePair(user string, platform azure.Platform, now time.Time) {
	if user != "" && (t.Close == nil || t.Close.UserID != user) && !slices.ContainsFunc(t.Closing, func(c closing) bool { return c.UserID == user }) {
		t.Closing = append(t.Closing, closing{Platform: platform, UserID: user, Since: now})
	}
}

// settleClaims ends the claim of a record that was removed while another owns
// the id, or may own it: nothing is sent for it. Where those others are
// superseded, the removal is the device's, but its object is left alone.
func (t *target) settleClaims(r, before *record) {
	if r.State != compliance.StateRemoved || before.State == compliance.StateRemoved && before.Host != "" {
		return
	}
	live, superseded := t.rivals(r)
	own := t.find(r.Host)
	own.Released, own.Claimed = own.Released || live, own.Claimed || superseded
}

// standsFor names the standing that counts.
func (t *target) standsFor() string {
	r, _ := t.owner()
	if r == nil {
		return ""
	}
	return r.enrolment() + "\x00" + r.State.String()
}

// observed lets what waited for a change go on: a refusal that concerned an
// earlier standing, what the guard held of one, and the next try after a
// failure where the device itself is another now.
// stands: the standing that counts is another one, or another record's.
// claimed: the record claims the id, which is not closed then. One that was
// enrolled before what was removed claims nothing.
func (t *target) observed(stands, other, claimed bool, now time.Time) {
	if stands {
		t.Held = compliance.StateUnspecified
	}
	t.forgive(other, now)
	if r, _ := t.owner(); other && r != nil && !t.unsent(decision{state: r.State}) {
		t.Failure = nil // another standing failed, and Azure holds this one
	}
	if !claimed {
		return
	}
	c := t.Close
	if c == nil {
		return
	}
	if t.Close = nil; c.Message != nil {
		t.unsure(compliance.StateRemoved, now)
	}
	if user := t.user(); user != "" && c.Platform != azure.PlatformWindows && c.UserID != "" && c.UserID != user {
		t.Closing = append(t.Closing, *c) // of another's pair
	}
}

// forgive ends a refusal of an earlier standing, and the wait after a failure
// where the device itself is another now.
func (t *target) forgive(other bool, now time.Time) {
	switch {
	case t.Failure == nil:
	case t.Failure.Retry.IsZero():
		t.Failure = nil
	case other && t.Failure.Retry.After(now):
		t.Failure.Retry = now
	}
}
