package simtest

import (
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
)

// tenantRow is the kind of the engine's rows that say that a tenant is parked.
const tenantRow reporting.Kind = 1

// stored takes note that a process wrote: what it has heard is durable then.
func (x *watch) stored(p *process, rows []reporting.Row) {
	for _, g := range x.pending[p] {
		if slices.ContainsFunc(rows, func(r reporting.Row) bool { return r.Tenant == g.lane.tenant }) {
			g.from = time.Now()
			if before := x.gates[g.lane]; before.until.After(g.until) {
				g.until = before.until
			}
			x.gates[g.lane] = g.gate
		}
	}
	delete(x.pending, p)
	for _, r := range rows {
		if h := x.sent[ref{r.Tenant, r.ID}]; h != nil && h.heard == p && r.Claims == 0 {
			h.heard = nil
		}
	}
	for l, refs := range x.heard[p] {
		tenant := slices.ContainsFunc(rows, func(r reporting.Row) bool { return r.Kind == tenantRow && r.Tenant == l.tenant })
		// Not the tenant's other channel alone, or its right to try.
		device := slices.ContainsFunc(rows, func(r reporting.Row) bool { return slices.Contains(refs, ref{r.Tenant, r.ID}) })
		if tenant && device {
			if x.parked[l] == nil {
				x.parked[l] = &parkedTenant{since: time.Now()}
			}
			delete(x.heard[p], l)
		}
	}
}

// froze takes note that a process stands still: what it has heard and not written
// it may never write.
func (x *watch) froze(p *process) {
	for _, h := range x.sent {
		if h.heard != p {
			continue
		}
		h.unknown, h.maybe, h.doubt = true, h.state, time.Now()
		if h.state == compliance.StateCompliant {
			if h.claims == nil {
				h.claims = map[string]bool{}
			}
			h.claims[h.user] = true
		}
	}
}

// buried forgets what only a dead process knew.
func (x *watch) buried(p *process) {
	delete(x.pending, p)
	delete(x.heard, p)
}
