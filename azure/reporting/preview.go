package reporting

import (
	"context"
	"fmt"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// Preview says what would be sent for a tenant if it were switched on, or as
// soon as it can be.
type Preview struct {
	Compliant    int // devices that would be reported as compliant
	NonCompliant int
	Removed      int // ids, and earlier users of a device, closed among them
	Deleted      int // directory objects of devices that were removed, each once Options.DeleteAfter is over
	Unchanged    int // reports of what Azure has already: inventory, syncs, refreshes that are due

	// Blocked are those of NonCompliant and Removed that Azure may hold as
	// compliant: their users would lose access.
	Blocked int

	// Held are devices that the guard holds, and HeldBlocked those of them
	// whose users would lose access if they were approved.
	Held        int
	HeldBlocked int
}

// Preview says what would be sent for a tenant, whatever its mode. It looks at
// every device of the tenant and sends nothing.
func (e *Engine) Preview(ctx context.Context, tenantID string) (Preview, error) {
	f := Filter{TenantID: tenantID}
	fail := func(err error) (Preview, error) {
		return Preview{}, fmt.Errorf("reporting: preview: %w", err)
	}
	if err := f.check(); err != nil {
		return fail(err)
	}
	if _, err := e.registered(ctx, f.TenantID); err != nil {
		return fail(err)
	}
	var all Preview
	for p, err := range e.pages(ctx, f.TenantID) {
		if err != nil {
			return fail(err)
		}
		for i := range p.targets {
			all.add(&p.targets[i], p.targets[i].own(p.now, e.rules()), p)
		}
	}
	return all, nil
}

func (v *Preview) add(t *target, d decision, p *page) {
	blocked := 0
	if t.mayBeCompliant(false) && d.state != compliance.StateCompliant {
		blocked = 1
	}
	for i := range t.Closing {
		if t.Closing[i].Message == nil {
			v.Removed++
		}
	}
	if len(t.Closing) > 0 && d.act == actNothing {
		v.Blocked++ // nothing is reported of who has it now
	}
	ph, _ := t.phase(d)
	switch {
	case ph == phaseHeld:
		v.Held++
		v.HeldBlocked += blocked
	case d.act == actClose:
		v.Removed++
		v.Blocked += blocked
	case d.act == actDelete:
		v.Deleted++
	case d.act != actReport:
	case !t.unsent(d):
		if d.trigger != azure.TriggerRefresh || !d.due.After(p.now) {
			v.Unchanged++
		}
	case d.state == compliance.StateCompliant:
		v.Compliant++
	case d.state == compliance.StateNonCompliant:
		v.NonCompliant++
		v.Blocked += blocked
	case d.state == compliance.StateRemoved:
		v.Removed++
		v.Blocked += blocked
	}
}
