package simtest

import (
	"slices"
	"time"
)

// spell is a fault that lasts: of the service, a tenant or a device.
type spell struct {
	kind     trouble
	from, to time.Duration // since the world began
	tenant   string        // empty: all
	device   string        // Azure id; empty: all
}

type trouble string

const (
	down          trouble = "down"           // the service answers 503 or not at all
	slow          trouble = "slow"           // answers come late, some after the caller has given up
	noToken       trouble = "no token"       // of a tenant
	forbidden     trouble = "forbidden"      // 403 of a tenant or a device
	unknownDevice trouble = "unknown device" // 404
	rejecting     trouble = "rejecting"      // 400, and a Failed verdict
	keepsObjects  trouble = "keeps objects"  // deletes are refused
)

// troubled reports whether a spell of a kind is on for a device.
func (w *world) troubled(kind trouble, tenant, device string) bool {
	since := time.Since(w.began)
	return slices.ContainsFunc(w.plan.spells, func(s spell) bool {
		return s.kind == kind && s.from <= since && since < s.to &&
			(s.tenant == "" || s.tenant == tenant) && (s.device == "" || s.device == device)
	})
}

// voyage is what becomes of one call on its way.
type voyage struct {
	lost   bool // never leaves
	dies   bool // the process, when it has the answer
	travel time.Duration
	back   time.Duration
	end    string // "": answered; what happens else
	late   time.Duration
}

const (
	refusedBefore = "503 before"
	refusedAfter  = "503 after"
	dropped       = "dropped"
	tooLate       = "too late"    // it arrives, and answers, after the caller has given up
	unheard       = "answer late" // it arrives in time, its answer does not
)

// sail decides it.
func (w *world) sail(d dice, c *call) voyage {
	v := voyage{travel: d.between(2*time.Millisecond, 300*time.Millisecond), back: d.between(2*time.Millisecond, 300*time.Millisecond)}
	if w.calm() {
		return v
	}
	if w.plan.fate != nil {
		if own, ok := w.plan.fate(c); ok {
			return own
		}
	}
	v.late = d.between(time.Second, w.plan.latest)
	p := w.plan.rough
	switch x := d.Float64(); {
	case w.troubled(down, c.lane.tenant, ""):
		v.end = pick(d, refusedBefore, refusedBefore, refusedBefore, refusedAfter, dropped, "lost")
	case w.troubled(slow, c.lane.tenant, ""):
		v.travel, v.back = d.between(0, 50*time.Second), d.between(0, 50*time.Second)
		v.end = pick(d, "", "", tooLate, unheard)
	case x < p:
		v.end = "lost"
	case x < 2*p:
		v.end = refusedBefore
	case x < 3*p:
		v.end = refusedAfter
	case x < 4*p:
		v.end = dropped
	case x < 5*p:
		v.end = tooLate
	case x < 6*p:
		v.end = unheard
	case x < 8*p:
		v.travel = d.between(time.Second, 40*time.Second)
	}
	if v.end == "lost" {
		v.lost, v.end = true, ""
	}
	return v
}
