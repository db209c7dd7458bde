package memstore

import (
	"cmp"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// entry is a row in its place.
type entry struct {
	reporting.Row
	got uint64 // the newest transaction that got it
}

// group is what rows share that are tallied together.
type group struct {
	kind    reporting.Kind
	tenant  string
	label   string
	urgency uint8
}

// counted are the rows of a group.
type counted struct {
	group
	count  int
	sinces *ordered[*entry] // those with a Since
	dues   *ordered[*entry] // those with a Queue
}

// indexes are the orders in which rows are asked for.
type indexes struct {
	keys   *ordered[*entry]   // all, by key
	work   *ordered[*entry]   // those with a Queue, by queue, urgency, due and key
	ready  *ordered[*entry]   // those with a Queue, by when they can be claimed
	groups *ordered[*counted] // by kind, tenant, label and urgency
}

func newIndexes() indexes {
	return indexes{
		keys:   &ordered[*entry]{compare: byKey},
		work:   &ordered[*entry]{compare: byWork},
		ready:  &ordered[*entry]{compare: byReady},
		groups: &ordered[*counted]{compare: byGroup},
	}
}

func compareKeys(a, b reporting.Key) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.ID, b.ID))
}

func byKey(a, b *entry) int { return compareKeys(a.Key, b.Key) }

func byDue(a, b *entry) int {
	if c := a.Due.Compare(b.Due); c != 0 {
		return c
	}
	return byKey(a, b)
}

func bySince(a, b *entry) int {
	if c := a.Since.Compare(b.Since); c != 0 {
		return c
	}
	return byKey(a, b)
}

func byWork(a, b *entry) int {
	if c := cmp.Or(strings.Compare(a.Queue, b.Queue), cmp.Compare(a.Urgency, b.Urgency)); c != 0 {
		return c
	}
	return byDue(a, b)
}

// ready is when a row can be claimed next.
func ready(r *reporting.Row) time.Time {
	if r.LeaseUntil.After(r.Due) {
		return r.LeaseUntil
	}
	return r.Due
}

func byReady(a, b *entry) int {
	if c := ready(&a.Row).Compare(ready(&b.Row)); c != 0 {
		return c
	}
	return byKey(a, b)
}

func byGroup(a, b *counted) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(a.tenant, b.tenant),
		strings.Compare(a.label, b.label), cmp.Compare(a.urgency, b.urgency))
}

func groupOf(r *reporting.Row) group { return group{r.Kind, r.Tenant, r.Label, r.Urgency} }

// add enters a row everywhere.
func (x *indexes) add(e *entry) {
	x.keys.insert(e)
	x.addWork(e)
	x.count(e)
}

// drop is the opposite of add.
func (x *indexes) drop(e *entry) {
	x.keys.remove(e)
	x.dropWork(e)
	x.discount(e)
}

// change gives e a new row of the same key.
func (x *indexes) change(e *entry, row reporting.Row) {
	work := e.Queue != row.Queue || e.Urgency != row.Urgency || !e.Due.Equal(row.Due) || !e.LeaseUntil.Equal(row.LeaseUntil)
	count := work || e.Label != row.Label || !e.Since.Equal(row.Since)
	if work {
		x.dropWork(e)
	}
	if count {
		x.discount(e)
	}
	e.Row = row
	if work {
		x.addWork(e)
	}
	if count {
		x.count(e)
	}
}

func (x *indexes) addWork(e *entry) {
	if e.Queue != "" {
		x.work.insert(e)
		x.ready.insert(e)
	}
}

func (x *indexes) dropWork(e *entry) {
	if e.Queue != "" {
		x.work.remove(e)
		x.ready.remove(e)
	}
}

func (x *indexes) count(e *entry) {
	probe := &counted{group: groupOf(&e.Row)}
	c, ok := x.groups.first(probe)
	if !ok || c.group != probe.group {
		c = probe
		c.sinces, c.dues = &ordered[*entry]{compare: bySince}, &ordered[*entry]{compare: byDue}
		x.groups.insert(c)
	}
	c.count++
	if !e.Since.IsZero() {
		c.sinces.insert(e)
	}
	if e.Queue != "" {
		c.dues.insert(e)
	}
}

func (x *indexes) discount(e *entry) {
	c, _ := x.groups.first(&counted{group: groupOf(&e.Row)})
	c.count--
	if !e.Since.IsZero() {
		c.sinces.remove(e)
	}
	if e.Queue != "" {
		c.dues.remove(e)
	}
	if c.count == 0 {
		x.groups.remove(c)
	}
}
