package reporting_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/compliance"
)

// demo is an engine over Azure in memory, as the examples need it.
type demo struct {
	*fake.Reporter
	*reporting.Engine
	left atomic.Int64
	done context.CancelFunc
}

func newDemo(ctx context.Context, o *reporting.Options) *demo {
	d := &demo{Reporter: fake.New(nil)}
	var err error
	if d.Engine, err = reporting.New(memstore.New(nil), d, o); err != nil {
		panic(err)
	}
	if err := d.RegisterTenant(ctx, "contoso", tenantID); err != nil {
		panic(err)
	}
	return d
}

// ReportBatch ends run after as many reports as it was to wait for.
func (d *demo) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	results := d.Reporter.ReportBatch(ctx, rs)
	if d.left.Add(-int64(len(rs))) <= 0 && d.done != nil {
		d.done()
	}
	return results
}

// run runs the engine until so many reports were sent.
func (d *demo) run(ctx context.Context, reports int64) {
	ctx, d.done = context.WithCancel(ctx)
	d.left.Store(reports)
	if err := d.Run(ctx); err != nil {
		fmt.Println(err)
	}
}

// observe observes n PCs in one standing.
func (d *demo) observe(ctx context.Context, n int, state compliance.State) {
	if _, err := d.Observe(ctx, pcs(n, func(o *reporting.Observation) { o.Account, o.State = "contoso", state })...); err != nil {
		fmt.Println(err)
	}
}

// Run reports until its context ends. A service calls it once, in a goroutine
// of its own, beside whatever observes devices.
func ExampleEngine_Run() {
	ctx, stop := context.WithCancel(context.Background())
	d := newDemo(ctx, nil)
	var running sync.WaitGroup
	d.done = stop
	running.Go(func() {
		if err := d.Run(ctx); err != nil {
			fmt.Println(err)
		}
	})
	d.observe(ctx, 1, compliance.StateNonCompliant)
	running.Wait() // here: until the first report was sent

	details, err := d.Engine.Device(context.Background(), tenantID, "pc-0000")
	fmt.Println(details.ComplianceStatus, details.LastReported.State, err)
	// Output: Successful non-compliant <nil>
}

// All devices whose report failed, with one sentence each that says why.
func ExampleEngine_Devices() {
	ctx := context.Background()
	d := newDemo(ctx, nil)
	d.Inject(fake.Fault{DeviceID: pcs(1, nil)[0].AzureDeviceID, Err: &azure.Error{Kind: azure.ErrRejected}})
	d.observe(ctx, 3, compliance.StateCompliant)
	d.run(ctx, 3)
	for device, err := range d.Engine.Devices(ctx, reporting.Filter{TenantID: tenantID, ErrorKind: azure.ErrRejected}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(device.DeviceID+":", device.Explain())
	}
	// Output: pc-0000: The report failed (rejected).
}

// Somebody has mended what a report failed with, and does not want to wait.
func ExampleEngine_SyncNow() {
	ctx := context.Background()
	d := newDemo(ctx, nil)
	d.Inject(fake.Fault{Err: &azure.Error{Kind: azure.ErrRejected}})
	d.observe(ctx, 1, compliance.StateCompliant)
	d.run(ctx, 1)
	n, err := d.SyncNow(ctx, reporting.Filter{TenantID: tenantID, DeviceID: "pc-0000"})
	fmt.Println(n, err)
	d.run(ctx, 1)
	device, err := d.Engine.Device(ctx, tenantID, "pc-0000")
	fmt.Println(device.ComplianceStatus, err)
	// Output:
	// 1 <nil>
	// Successful <nil>
}

// A script removes a whole fleet by mistake. Access stays as it is until
// somebody has looked at what would happen.
func ExampleEngine_Approve() {
	ctx := context.Background()
	d := newDemo(ctx, nil)
	d.observe(ctx, 25, compliance.StateCompliant)
	d.run(ctx, 25)
	d.observe(ctx, 25, compliance.StateRemoved)

	p, err := d.Engine.Preview(ctx, tenantID)
	fmt.Println("held:", p.Held, "who would lose access:", p.HeldBlocked, err)
	n, err := d.Approve(ctx, reporting.Filter{TenantID: tenantID, Held: true})
	fmt.Println("approved:", n, err)
	// Output:
	// held: 25 who would lose access: 25 <nil>
	// approved: 25 <nil>
}

// What would be sent if a tenant were switched on.
func ExampleEngine_Preview() {
	ctx := context.Background()
	d := newDemo(ctx, nil)
	if err := d.SetMode(ctx, "contoso", tenantID, reporting.ModeReportOnly); err != nil {
		fmt.Println(err)
	}
	d.observe(ctx, 12, compliance.StateCompliant)
	d.observe(ctx, 3, compliance.StateNonCompliant)
	p, err := d.Engine.Preview(ctx, tenantID)
	fmt.Println(p.Compliant, "compliant,", p.NonCompliant, "non-compliant, of which", p.Blocked, "lose access", err)
	// Output: 9 compliant, 3 non-compliant, of which 0 lose access <nil>
}

// A tenant for which nothing is to be sent for a while.
func ExampleEngine_SetMode() {
	ctx := context.Background()
	d := newDemo(ctx, nil)
	d.observe(ctx, 1, compliance.StateCompliant)
	d.run(ctx, 1)
	if err := d.SetMode(ctx, "contoso", tenantID, reporting.ModeOff); err != nil {
		fmt.Println(err)
	}
	t, err := d.Engine.Tenant(ctx, tenantID)
	fmt.Println(t.Mode, "while Azure holds", t.Compliant, "as compliant", err)
	device, err := d.Engine.Device(ctx, tenantID, "pc-0000")
	fmt.Println(device.Blank.ReportTime, err)
	// Output:
	// off while Azure holds 1 as compliant <nil>
	// off <nil>
}

// What to alert on: a removal or non-compliance that was not sent for a
// quarter of an hour, a parked tenant, a refresh that is overdue.
func ExampleEngine_Counters() {
	ctx := context.Background()
	d := newDemo(ctx, nil)
	d.observe(ctx, 2, compliance.StateNonCompliant)
	c, err := d.Engine.Counters(ctx)
	late := !c.OldestRestrict.IsZero() && time.Since(c.OldestRestrict) > 15*time.Minute
	fmt.Println("queued:", c.Queued, "late:", late, "parked:", c.Parked, "overdue:", c.Overdue, err)
	// Output: queued: map[restrict:2] late: false parked: 0 overdue: 0 <nil>
}

// An overview of all tenants.
func ExampleEngine_Tenants() {
	ctx := context.Background()
	d := newDemo(ctx, nil)
	d.observe(ctx, 2, compliance.StateCompliant)
	for t, err := range d.Engine.Tenants(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(t.Account, t.Mode, "unsent:", t.Unsent, "parked:", t.Parked != nil)
	}
	// Output: contoso on unsent: 2 parked: false
}

// A device is retired: it is reported as removed, and forgotten when that is
// done.
func ExampleEngine_Remove() {
	ctx := context.Background()
	d := newDemo(ctx, nil)
	d.observe(ctx, 1, compliance.StateCompliant)
	d.run(ctx, 1)
	fmt.Println(d.Engine.Remove(ctx, "contoso", tenantID, "pc-0000"))
	fmt.Println(d.Forget(ctx, "contoso", tenantID, "pc-0000", false))
	d.run(ctx, 1)
	fmt.Println(d.Forget(ctx, "contoso", tenantID, "pc-0000", false))
	// Output:
	// <nil>
	// reporting: device "pc-0000": Azure may hold the device as compliant: remove it first, or forget it with force
	// <nil>
}

// Once a night a host looks for devices that Azure holds and that it no longer
// has.
func ExampleEngine_Reconcile() {
	ctx := context.Background()
	d := newDemo(ctx, nil)
	d.observe(ctx, 3, compliance.StateCompliant)
	d.run(ctx, 3)
	for device, err := range d.Reconcile(ctx, tenantID, slices.Values([]string{"pc-0000", "pc-0002"})) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(device.DeviceID, device.LastReported.State)
	}
	// Output: pc-0001 compliant
}

// The host's database was restored from last night's backup: what Azure holds
// is newer than what is known.
func ExampleEngine_Resync() {
	ctx := context.Background()
	d := newDemo(ctx, nil)
	d.observe(ctx, 1, compliance.StateCompliant)
	d.run(ctx, 1)
	fmt.Println(d.Resync(ctx))
	device, err := d.Engine.Device(ctx, tenantID, "pc-0000")
	fmt.Println(device.Blank.ReportTime, err)
	d.observe(ctx, 1, compliance.StateCompliant) // by the next check-in
	device, err = d.Engine.Device(ctx, tenantID, "pc-0000")
	fmt.Println(device.Blank.ReportTime, err)
	// Output:
	// <nil>
	// not-evaluated <nil>
	// not-called-yet <nil>
}

// A customer leaves: all devices are closed, with progress.
func ExampleEngine_OffBoard() {
	ctx, stop := context.WithCancel(context.Background())
	d := newDemo(ctx, &reporting.Options{Poll: 10 * time.Millisecond})
	d.observe(ctx, 25, compliance.StateCompliant)
	d.run(ctx, 25)
	var running sync.WaitGroup
	d.done = nil
	running.Go(func() { _ = d.Run(ctx) })
	devices := 0
	err := d.OffBoard(ctx, "contoso", tenantID, func(o reporting.OffBoarding) { devices = max(devices, o.Devices) })
	fmt.Println(devices, "closed", err)
	stop()
	running.Wait()
	for _, device := range d.Reporter.Devices()[:2] {
		fmt.Println(device.DeviceID, device.State)
	}
	// Output:
	// 25 closed <nil>
	// 00000000-9489-4074-9b35-345b16f0a72d removed
	// 00000001-9489-4074-9b35-345b16f0a72d removed
}

// A host that keeps a copy of the details fetches what has changed.
func ExampleEngine_Events() {
	ctx := context.Background()
	d := newDemo(ctx, &reporting.Options{Events: true})
	d.observe(ctx, 1, compliance.StateCompliant)
	d.run(ctx, 1)
	err := d.Events(ctx, func(_ context.Context, events []reporting.Event) error {
		for _, e := range events {
			fmt.Println(e.Sequence-events[0].Sequence, e.DeviceID, e.Device.ComplianceStatus)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// 0 pc-0000 In-progress
	// 1 pc-0000 Successful
	// <nil>
}

// A tenant is registered once, for the account that it belongs to.
func ExampleEngine_RegisterTenant() {
	ctx := context.Background()
	d := newDemo(ctx, nil)
	fmt.Println(d.RegisterTenant(ctx, "contoso", tenantID))
	fmt.Println(d.RegisterTenant(ctx, "fabrikam", tenantID))
	// Output:
	// <nil>
	// reporting: tenant 8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11: the tenant is registered for another account
}
