package simtest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// target is what is wanted of one Azure id, now and before.
type target struct {
	ref
	wishes  []since[wish]
	users   map[string]bool // who has been its user, on phones and Macs
	ever    map[key]bool    // who has claimed it
	newest  time.Time       // the newest enrolment among them
	removed time.Time       // the newest enrolment by which it was removed
}

// aim is what Azure is to hold.
type aim string

const (
	nothing aim = "nothing" // nothing is to be sent; what was sent stays
	report  aim = "report"
	hold    aim = "hold" // a new claim of compliance waits
	remove  aim = "remove"
	release aim = "release" // nobody claims it any more: unmanaged, if it was ever told
	vague   aim = "vague"   // the rules do not say
)

// wish is what the rules want of an Azure id.
type wish struct {
	aim       aim
	state     compliance.State
	platform  azure.Platform
	user, upn string
	inventory azure.Inventory
	owner     string // host id
	enrolment string
	conflict  bool
	claimants int // live ones, also such as do not count
	removed   time.Time
}

// weigh decides what is wanted of an Azure id, after something changed.
func (r *rules) weigh(id ref, now time.Time) {
	if id.id == "" {
		return
	}
	t := r.wishes[id]
	if t == nil {
		t = &target{ref: id, users: map[string]bool{}, ever: map[key]bool{}}
		r.wishes[id] = t
	}
	w := r.wish(t)
	if n := len(t.wishes); n > 0 && w.aim == remove && t.wishes[n-1].value.aim == remove && t.wishes[n-1].value.removed.Before(w.removed) {
		w.removed = t.wishes[n-1].value.removed // it has been so since
	}
	if n := len(t.wishes); n == 0 || t.wishes[n-1].value != w {
		t.wishes = append(t.wishes, since[wish]{time.Now(), w})
		r.tell("rules: %.8s: %v", id.id, w)
	}
}

// wish answers what is wanted of a target now.
func (r *rules) wish(t *target) wish {
	var claim, lost []*record
	for _, k := range slices.SortedFunc(maps.Keys(r.records), compareKeys) {
		rec := r.records[k]
		switch {
		case rec.tenant != t.tenant:
		case rec.azureID == t.id:
			claim = append(claim, rec)
			t.ever[k] = true
			t.newest = later(t.newest, rec.enrolled)
			if rec.user != "" {
				t.users[rec.user] = true
			}
		case rec.lost == t.id:
			lost = append(lost, rec)
		}
	}
	w := wish{aim: release}
	for _, rec := range claim {
		if rec.state != compliance.StateRemoved {
			w.claimants++
		}
	}
	if len(lost) > 0 {
		// A new enrolment has begun on what was its device, and its id has not
		// come yet.
		w.aim = vague
		w.claimants += len(lost)
		return w
	}
	if len(claim) == 0 {
		return w
	}
	for _, rec := range claim {
		if rec.state == compliance.StateRemoved && slices.ContainsFunc(claim, func(other *record) bool {
			return other.state != compliance.StateRemoved && !newer(rec, other)
		}) {
			rec.released = true
		}
	}
	claim = slices.DeleteFunc(claim, func(rec *record) bool { return rec.released })
	if len(claim) == 0 {
		return w
	}
	// The newest enrolment owns the id, where the times tell. What it has
	// removed does not go back to an older one; what it has left may.
	var top []*record
	for _, rec := range claim {
		switch {
		case !rec.enrolled.IsZero() && rec.enrolled.Before(t.removed):
		case !slices.ContainsFunc(claim, func(other *record) bool { return newer(other, rec) }):
			top = append(top, rec)
			if !rec.enrolled.IsZero() && rec.enrolled.Before(t.newest) {
				w.aim = vague
			}
		}
	}
	if len(top) == 0 {
		return w
	}
	var live []*record
	if w.aim != vague {
		w.aim = nothing
	}
	for _, rec := range top {
		if rec.state != compliance.StateRemoved {
			live = append(live, rec)
		}
		if rec.gray {
			w.aim = vague
		}
	}
	owner := top[0]
	if len(live) > 0 {
		owner = live[0]
		for _, rec := range live[1:] {
			if rank(rec) > rank(owner) {
				owner = rec
			}
		}
	} else {
		for _, rec := range top {
			if rec.removed.After(owner.removed) {
				owner = rec
			}
		}
	}
	w.conflict = len(live) > 1
	if owner.fresh && owner.state == compliance.StateCompliant {
		w.aim = vague // the table asks for Success after a removal, and does not say of the rest
	}
	if w.conflict && owner.aim() == hold && slices.ContainsFunc(live, func(rec *record) bool { return rec.aim() == report }) {
		w.aim = vague // both say compliant, and one waits for its user
	}
	if w.conflict && owner.platform != azure.PlatformWindows && slices.ContainsFunc(live, func(rec *record) bool { return rec.user != owner.user && rank(rec) == rank(owner) }) {
		w.aim = vague // nothing tells whose phone it is
	}
	w.platform, w.user, w.upn, w.inventory = owner.platform, owner.user, owner.upn, owner.inventory
	w.owner, w.enrolment, w.state, w.removed = owner.host, owner.enrolment, owner.state, owner.removed
	if owner.state == compliance.StateRemoved && len(live) > 0 {
		panic("a removed record among the living")
	}
	if w.aim != vague {
		w.aim = owner.aim()
	}
	switch {
	case owner.state == compliance.StateRemoved:
		t.removed = later(t.removed, owner.enrolled)
	case owner.enrolled.After(t.removed):
		t.removed = time.Time{}
	}
	return w
}

// newer reports whether a is a newer enrolment than b, as far as the times
// tell.
func newer(a, b *record) bool {
	return !a.enrolled.IsZero() && !b.enrolled.IsZero() && a.enrolled.After(b.enrolled)
}

// rank orders what live claimants want, the strictest last.
func rank(rec *record) int {
	switch rec.aim() {
	case report:
		if rec.state == compliance.StateNonCompliant {
			return 3
		}
		return 1
	case hold:
		return 2
	}
	return 0
}

// aim is what one record wants of its own Azure id: the table of what is sent,
// as far as it does not depend on what was sent before.
func (rec *record) aim() aim {
	switch rec.state {
	case compliance.StateRemoved:
		return remove
	case compliance.StateNonCompliant:
		return report
	case compliance.StateCompliant:
		if rec.holds() {
			return hold
		}
		return report
	}
	return nothing
}

// holds reports whether a new claim of compliance waits.
func (rec *record) holds() bool {
	switch rec.code {
	case status.CodeSuccess, status.CodeInteractionRequired, status.CodeServerDeclinedScopes, status.CodeServerProtectionPoliciesRequired,
		status.CodeUserCancelled, status.CodeInternalError:
		return rec.waits
	case "":
		return rec.platform != azure.PlatformWindows
	}
	return true
}

// during answers what was wanted of a target between two moments.
func (t *target) during(from, to time.Time) []wish {
	var all []wish
	for i, s := range t.wishes {
		if s.at.After(to) || i+1 < len(t.wishes) && t.wishes[i+1].at.Before(from) {
			continue
		}
		all = append(all, s.value)
	}
	if len(t.wishes) > 0 && t.wishes[0].at.After(from) {
		all = append(all, wish{aim: nothing})
	}
	return all
}

// at answers what was wanted at a moment.
func (t *target) at(when time.Time) wish {
	for _, s := range slices.Backward(t.wishes) {
		if !s.at.After(when) {
			return s.value
		}
	}
	return wish{aim: nothing}
}

func (t *target) now() wish {
	if len(t.wishes) == 0 {
		return wish{aim: nothing}
	}
	return t.wishes[len(t.wishes)-1].value
}

func (w wish) String() string {
	return fmt.Sprintf("%s %s of %s (%s, user %.4s, %d claim it, conflict %t)", w.aim, w.state, w.owner, w.platform, w.user, w.claimants, w.conflict)
}
