package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// check compares the truth with what Microsoft holds and the engine shows.
type check struct {
	world  *world
	sim    *azuresim.Simulator
	faults []string
	tally  map[standing]int // Azure ids
	gone   int              // directory objects that were deleted
}

// fault notes what is wrong with a record, or an id where there is no record,
// and what there is to know about it.
func (c *check) fault(r *record, a *azureID, format string, args ...any) {
	var text strings.Builder
	fmt.Fprintf(&text, format, args...)
	if a != nil {
		fmt.Fprintf(&text, "\n  Azure id %s of tenant %s, %s", a.id, a.tenant, a.machine.platform)
		for _, e := range last(entries(c.sim, a), 8) {
			fmt.Fprintf(&text, "\n    ledger: %s", e.line)
		}
	}
	about := []*record{r}
	if a != nil {
		about = append(about, a.claims...)
	}
	seen := map[*record]bool{}
	for _, r := range about {
		if r == nil || seen[r] {
			continue
		}
		seen[r] = true
		fmt.Fprintf(&text, "\n  record %s", r.truth.DeviceID)
		for _, ch := range last(r.changes, 8) {
			o := &ch.observation
			fmt.Fprintf(&text, "\n    change %d: %s, seen %s, acknowledged %s, handed over %d times: %s, code %q, id %.8s, enrolled %s, %s",
				ch.number, ch.what, clock(o.SeenAt), clock(ch.acked), ch.handed, o.State, o.ClientCode, o.AzureDeviceID, clock(o.EnrolledAt), o.Inventory.OSVersion)
		}
	}
	c.faults = append(c.faults, text.String())
}

func last[T any](all []T, n int) []T { return all[max(0, len(all)-n):] }

// ids checks what Microsoft holds of every Azure id, and answers it. On phones
// and Macs it may hold something of each pair of device and user: of the pairs
// that are not the owner's nothing but that they are closed.
func (c *check) ids() map[string]standing {
	holds := map[string]standing{}
	for _, a := range c.world.ids {
		all := entries(c.sim, a)
		r := a.owner()
		pairs := map[string]entry{}
		for _, e := range all {
			if !e.deletes {
				pairs[e.user] = e
			}
		}
		user := ""
		switch {
		case a.machine.platform == azure.PlatformWindows:
		case r != nil:
			user = r.truth.UserID
		case len(all) > 0:
			user = all[len(all)-1].user
		}
		got, version := nothing, ""
		if e, ok := pairs[user]; ok {
			got, version = e.standing, e.version
		}
		delete(pairs, user)
		for other, e := range pairs {
			if e.standing != closed && !(a.inherited() && r.truth.State == compliance.StateUnspecified) {
				c.fault(nil, a, "Microsoft holds %q of the pair of user %.8s, who had the device before", e.standing, other)
			}
		}
		holds[a.id] = got
		c.tally[got]++
		want := a.allowed()
		if !slices.Contains(want, got) {
			c.fault(nil, a, "Microsoft holds %q, want %q", got, want)
		}
		c.entra(a, got)
		if r != nil && (got == compliant || got == nonCompliant) && len(want) == 1 && slices.Contains(want, got) && version != r.truth.Inventory.OSVersion {
			c.fault(nil, a, "Microsoft holds version %q, want %q", version, r.truth.Inventory.OSVersion)
		}
		c.deletion(a, all)
	}
	return holds
}

// entra checks that the directory shows what was written, and that this is the
// owner's standing: the simulator keeps one a device, the newest. Whether
// Microsoft does is not documented.
func (c *check) entra(a *azureID, got standing) {
	d, _ := c.sim.Device(a.tenant, a.id)
	if !d.DeletedAt.IsZero() {
		return
	}
	shown := d.IsCompliant != nil && *d.IsCompliant
	if shown != (got == compliant) {
		c.fault(nil, a, "Entra shows compliant %v, the ledger ends on %q", shown, got)
	}
}

// deletion checks whether the directory object of an id may be gone, and
// whether it has to be.
func (c *check) deletion(a *azureID, all []entry) {
	d, _ := c.sim.Device(a.tenant, a.id)
	if !d.DeletedAt.IsZero() {
		c.gone++
	}
	r := a.owner()
	if d.DeletedAt.IsZero() && r != nil && r.removed() && len(distinct(a.claims)) == 1 && a.machine.platform == azure.PlatformWindows && !a.machine.hybrid {
		c.fault(nil, a, "the directory object of a retired device is still there")
	}
	for _, e := range all {
		if !e.deletes {
			continue
		}
		if a.machine.hybrid || a.machine.platform != azure.PlatformWindows {
			c.fault(nil, a, "the directory object of a %s device (hybrid: %v) was deleted", a.machine.platform, a.machine.hybrid)
		}
		// A call that was under way when the host said so cannot be stopped.
		begun := e.at.Add(-callTimeout)
		for _, r := range distinct(a.claims) {
			if before := newestAcked(r, begun); before != nil && before.AzureDeviceID == a.id && before.State != compliance.StateRemoved &&
				before.State != compliance.StateUnspecified && !removedBefore(r, before, begun) {
				c.fault(r, a, "the directory object was deleted at %s, though the record claimed it", clock(e.at))
			}
		}
	}
}

// newestAcked answers what was known of a record at a time.
func newestAcked(r *record, at time.Time) *reporting.Observation {
	var newest *reporting.Observation
	for _, ch := range r.changes {
		if !ch.acked.IsZero() && ch.acked.Before(at) && (newest == nil || ch.observation.SeenAt.After(newest.SeenAt)) {
			newest = &ch.observation
		}
	}
	return newest
}

// removedBefore reports whether the enrolment of an observation was known as
// removed at a time: that is final.
func removedBefore(r *record, o *reporting.Observation, at time.Time) bool {
	return slices.ContainsFunc(r.changes, func(ch *change) bool {
		return ch.observation.State == compliance.StateRemoved && ch.observation.EnrollmentID == o.EnrollmentID && !ch.acked.IsZero() && ch.acked.Before(at)
	})
}

func distinct(all []*record) []*record {
	var some []*record
	for _, r := range all {
		if !slices.Contains(some, r) {
			some = append(some, r)
		}
	}
	return some
}

// devices checks what the engine shows of every record.
func (c *check) devices(ctx context.Context, e *reporting.Engine, holds map[string]standing) error {
	records := map[string]*record{}
	for _, m := range c.world.machines {
		for _, r := range m.records {
			records[r.truth.DeviceID] = r
		}
	}
	for d, err := range e.Devices(ctx, reporting.Filter{}) {
		if err != nil {
			return err
		}
		r := records[d.DeviceID]
		if r == nil {
			c.faults = append(c.faults, fmt.Sprintf("the engine shows a device %q that is not there, or twice", d.DeviceID))
			continue
		}
		delete(records, d.DeviceID)
		c.device(r, &d, holds)
	}
	for _, r := range records {
		c.fault(r, nil, "lost: the engine does not know the device")
	}
	return nil
}

// counters checks that the engine counts as many ids compliant as Microsoft
// holds so. Those that are signed out it may not know of.
func (c *check) counters(ctx context.Context, e *reporting.Engine) error {
	counted, err := e.Counters(ctx)
	if err != nil {
		return err
	}
	unsure := 0
	for _, a := range c.world.ids {
		if len(a.allowed()) > 1 {
			unsure++
		}
	}
	if n := c.tally[compliant]; counted.Compliant > n || counted.Compliant < n-unsure {
		c.faults = append(c.faults, fmt.Sprintf("the engine counts %d ids as compliant, Microsoft holds %d", counted.Compliant, n))
	}
	return nil
}

func (c *check) device(r *record, d *reporting.Device, holds map[string]standing) {
	a := c.world.byID[r.truth.AzureDeviceID]
	if d.Standing != r.truth.State || d.AzureDeviceID != r.truth.AzureDeviceID || d.TenantID != r.truth.TenantID {
		c.fault(r, a, "lost: the engine has %q, id %q, want %q, id %q", d.Standing, d.AzureDeviceID, r.truth.State, r.truth.AzureDeviceID)
		return
	}
	if err := d.Device.Validate(); err != nil {
		c.fault(r, a, "details that contradict each other: %s\n  shown: %+v", strings.ReplaceAll(err.Error(), "\n", "; "), d.Device)
	}
	var held standing
	if a != nil {
		held = holds[a.id]
	}
	if a != nil && a.inherited() {
		return // what is seen depends on how the other left
	}
	want := r.views(a, held)
	if got := (view{d.ComplianceStatus, d.Blank.ReportTime, d.ClientCode}); !slices.Contains(want, got) {
		c.fault(r, a, "shown %+v, want %+v\n  shown: %+v, failure %v", got, want, d.Device, d.Failure)
		return
	}
	if d.ComplianceStatus != status.Successful {
		return
	}
	if d.LastReported.State != r.truth.State || d.LastReported.AzureDeviceID != r.truth.AzureDeviceID {
		c.fault(r, a, "last reported %+v, which is not the standing %q", d.LastReported, r.truth.State)
	}
	// The report time is when Microsoft accepted the standing.
	if !slices.ContainsFunc(entries(c.sim, a), func(e entry) bool {
		return e.standing == held && !e.at.After(d.ReportTime.Add(time.Second))
	}) {
		c.fault(r, a, "the report time is %s, before Microsoft had the standing", clock(d.ReportTime))
	}
}
