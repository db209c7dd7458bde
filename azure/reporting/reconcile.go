package reporting

import (
	"context"
	"fmt"
	"iter"

	"github.com/mdmkit/devicestatus/compliance"
)

// Reconcile answers the devices of a tenant of which Azure holds something, as
// far as this engine reported it, and which are not among the host's: those
// that an error of the host's would leave compliant for ever. hostIDs are the
// ids of all devices that the host has; they are kept in memory while it runs.
// Nothing is changed: Remove what is really gone. A device without a DeviceID
// is an Azure id that no record claims, because its record was forgotten.
func (e *Engine) Reconcile(ctx context.Context, tenantID string, hostIDs iter.Seq[string]) iter.Seq2[Device, error] {
	return func(yield func(Device, error) bool) {
		fail := func(err error) { yield(Device{}, fmt.Errorf("reporting: reconcile: %w", err)) }
		f := Filter{TenantID: tenantID}
		if err := f.check(); err != nil {
			fail(err)
			return
		}
		if _, err := e.registered(ctx, f.TenantID); err != nil {
			fail(err)
			return
		}
		has := map[string]struct{}{}
		for id := range hostIDs {
			has[id] = struct{}{}
		}
		for p, err := range e.pages(ctx, f.TenantID) {
			if err != nil {
				fail(err)
				return
			}
			for i := range p.targets {
				t := &p.targets[i]
				held := t.Accepted != nil && t.Accepted.State != compliance.StateRemoved
				if !held && !t.mayBeCompliant(p.rows[i].Claims > 0) {
					continue
				}
				if len(t.Records) == 0 {
					if !yield(t.device(p.rows[i].Tenant, nil, &p.tenant, p.now, e.rules()), nil) {
						return
					}
					continue
				}
				for d := range p.devices(i, e.rules()) {
					if _, ok := has[d.DeviceID]; !ok && d.Standing != compliance.StateRemoved && !yield(d, nil) {
						return
					}
				}
			}
		}
	}
}
