package azuresim

import (
	"container/heap"
	"time"
)

// event is something that Intune does later: it settles a message, or shows a
// standing in the directory.
type event struct {
	at      time.Time
	order   uint64
	message *message      // to settle; nil: shows
	shows   *PartnerEntry // to show in the directory
}

// eventQueue is a heap of events, the earliest first; among equals the one
// that was scheduled first.
type eventQueue []event

func (q eventQueue) Len() int      { return len(q) }
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q eventQueue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].order < q[j].order
}
func (q *eventQueue) Push(e any) { *q = append(*q, e.(event)) }
func (q *eventQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return last
}

func (p *partnerSide) schedule(e event) {
	p.sequence++
	e.order = p.sequence
	heap.Push(&p.events, e)
	p.due.Store(p.events[0].at.UnixNano())
}

// settle lets everything happen in a tenant that is due by now. It is called
// whenever a tenant is looked up, so that no goroutine is needed: nobody sees
// the tenant other than as it is at that moment.
func (s *Simulator) settle(t *tenant) {
	due := t.partner.due.Load()
	if due == 0 {
		return
	}
	now := s.now()
	if now.UnixNano() < due {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s.settleLocked(t, now)
}

func (s *Simulator) settleLocked(t *tenant, now time.Time) {
	p := &t.partner
	for len(p.events) > 0 && !p.events[0].at.After(now) {
		e := heap.Pop(&p.events).(event)
		if e.message != nil {
			s.settleMessage(t, e.message, e.at)
		} else {
			s.show(t, e.shows, e.at)
		}
	}
	if len(p.events) == 0 {
		p.due.Store(0)
		return
	}
	p.due.Store(p.events[0].at.UnixNano())
}
