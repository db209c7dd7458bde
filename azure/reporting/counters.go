package reporting

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// Counters are for a metrics page. What is queued, overdue or oldest leaves
// out tenants for which nothing is sent.
type Counters struct {
	Tenants int `json:"tenants"`
	Parked  int `json:"parked"` // tenants

	// Devices counts Azure ids, and devices without one, by where the report
	// of each stands, whatever the mode of its tenant is and whether it is
	// parked: [Engine.Devices] shows these as status.Device has them, blank
	// where the tenant is off, and Failed where it is parked.
	Devices map[status.ReportState]int `json:"devices"`

	// Compliant is how many of them Azure holds as compliant.
	Compliant int `json:"compliant"`

	// Queued counts those with something to be sent, by urgency, most urgent
	// first: "restrict" (removed, non-compliant, closed), "compliant",
	// "inventory", and "delete" (second steps of removals, which wait for
	// Options.DeleteAfter). Refreshes that are late are Overdue; what
	// [Engine.SyncNow] has reported again is in neither.
	Queued map[string]int `json:"queued"`

	// Failing counts devices whose newest attempt failed, by the kind.
	Failing map[azure.Kind]int `json:"failing"`

	Held    int `json:"held"`    // by the guard
	Overdue int `json:"overdue"` // accepted longer ago than Options.RefreshEvery

	// OldestRestrict is since when the removal or non-compliance that waits
	// longest has not been accepted, OldestUnsent the same of any standing,
	// OldestUnconfirmed since when the oldest message is in progress, and
	// OldestConfirmed when the device was accepted that was so longest ago.
	OldestRestrict    time.Time `json:"oldestRestrict,omitzero"`
	OldestUnsent      time.Time `json:"oldestUnsent,omitzero"`
	OldestUnconfirmed time.Time `json:"oldestUnconfirmed,omitzero"`
	OldestConfirmed   time.Time `json:"oldestConfirmed,omitzero"`

	// Sent and Failed count the reports of this Engine since New: those that
	// Microsoft accepted, and those that failed by kind.
	Sent   int64                `json:"sent"`
	Failed map[azure.Kind]int64 `json:"failed"`
}

// counted are what an engine counts itself.
type counted struct {
	mu     sync.Mutex
	sent   int64
	failed map[azure.Kind]int64
}

func (c *counted) outcome(a act, fault *azure.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case fault != nil:
		if c.failed == nil {
			c.failed = map[azure.Kind]int64{}
		}
		c.failed[fault.Kind]++
	case a != actCheck:
		c.sent++
	}
}

// Counters counts. On a store that has to look at rows to count them its cost
// grows with the devices: ask once a minute, not once a second.
func (e *Engine) Counters(ctx context.Context) (Counters, error) {
	c := Counters{Devices: map[status.ReportState]int{}, Queued: map[string]int{}, Failing: map[azure.Kind]int{}}
	e.counted.mu.Lock()
	c.Sent, c.Failed = e.counted.sent, maps.Clone(e.counted.failed)
	e.counted.mu.Unlock()

	sends := map[string]bool{}
	fail := func(err error) (Counters, error) { return Counters{}, fmt.Errorf("reporting: counters: %w", err) }
	for after := (Key{}); ; {
		rows, err := e.store.Scan(ctx, kindTenant, "", after, pageSize)
		if err != nil {
			return fail(err)
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].Key
		for _, row := range rows {
			var t tenantDocument
			if err := decodeJSON(row, &t); err != nil {
				return fail(err)
			}
			c.Tenants++
			sends[row.Tenant] = t.sends()
			if t.parked() != nil {
				c.Parked++
			}
		}
	}
	tallies, err := e.store.Tally(ctx, kindTarget, "", e.now().Add(-e.o.RefreshEvery))
	if err != nil {
		return fail(err)
	}
	for _, t := range tallies {
		state, holds, kind, p := parseLabel(t.Label)
		c.Devices[state] += t.Count
		if holds == compliance.StateCompliant {
			c.Compliant += t.Count
		}
		if kind != "" {
			c.Failing[kind] += t.Count
		}
		if p == phaseHeld {
			c.Held += t.Count
		}
		if !sends[t.Tenant] {
			continue
		}
		switch p {
		case phaseUnsent:
			name := "restrict"
			if t.Urgency == urgencyCompliant {
				name = "compliant"
			}
			c.Queued[name] += t.Count
			earliest(&c.OldestUnsent, t.Since)
			if t.Urgency == urgencyRestrict {
				earliest(&c.OldestRestrict, t.Since)
			}
		case phaseMessage:
			earliest(&c.OldestUnconfirmed, t.Since)
		case phaseConfirmed:
			earliest(&c.OldestConfirmed, t.Since)
			c.Overdue += t.Old
			if t.Urgency == urgencyInventory {
				c.Queued["inventory"] += t.Count
			}
		}
		if t.Urgency == urgencyDelete {
			c.Queued["delete"] += t.Count
		}
	}
	return c, nil
}
