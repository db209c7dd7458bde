package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// inOneCall is how many observations one call of Observe takes.
const inOneCall = 1000

// fleet is the devices of one host: Windows PCs of several tenants, one tenant
// after the other.
type fleet struct {
	devices, tenants int
	off              []uint64 // a bit a device: it is not compliant
	next             int      // the device that changes next
}

func newFleet(devices, tenants int) *fleet {
	return &fleet{devices: devices, tenants: tenants, off: make([]uint64, (devices+63)/64)}
}

func tenantID(n int) string { return fmt.Sprintf("%08x-1f6d-4d0c-9a53-0f6a2f9d1c11", n+1) }

func account(n int) string { return fmt.Sprintf("account-%d", n) }

// observation answers what a host sees of device n, as it stands.
func (f *fleet) observation(n int, seen time.Time) reporting.Observation {
	tenant := n / (f.devices / f.tenants)
	state := compliance.StateCompliant
	if f.off[n/64]&(1<<(n%64)) != 0 {
		state = compliance.StateNonCompliant
	}
	return reporting.Observation{
		Account: account(tenant), TenantID: tenantID(tenant), DeviceID: fmt.Sprintf("pc-%08d", n), Platform: azure.PlatformWindows,
		// In no order, as ids are.
		AzureDeviceID: fmt.Sprintf("%08x-9489-4074-9b35-%012d", uint32(n)*2654435761, n),
		Inventory:     azure.Inventory{DeviceName: fmt.Sprintf("PC %d", n), OSVersion: "10.0.26100"},
		State:         state, SeenAt: seen,
	}
}

// turn lets device n turn to its other standing.
func (f *fleet) turn(n int) { f.off[n/64] ^= 1 << (n % 64) }

// stride leads from one device to another that is nowhere near: it shares no
// factor with the size of a fleet, a power of ten, so that every device comes
// once before any comes twice.
const stride = 618_033_989

// after answers the device that follows n: its neighbour, or any.
func (f *fleet) after(n int, anywhere bool) int {
	if anywhere {
		return int((int64(n) + stride) % int64(f.devices))
	}
	return (n + 1) % f.devices
}

// free is a reporter that costs nothing.
type free struct{}

var _ azure.BatchReporter = free{}

func (free) Report(_ context.Context, r azure.Report) (azure.Receipt, error) {
	return azure.Receipt{
		Channel: "free", TenantID: r.TenantID, DeviceID: r.DeviceID, MessageID: r.DeviceID,
		State: status.Successful, AcceptedAt: time.Now().UTC(), Attempts: 1,
	}, nil
}

func (f free) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	results := make([]azure.Result, len(rs))
	for i, r := range rs {
		results[i].Receipt, results[i].Err = f.Report(ctx, r)
	}
	return results
}

// newEngine answers an engine whose quotas hold nothing back, with so many calls
// in flight; zero: the default.
func newEngine(s reporting.Store, calls int) (*reporting.Engine, error) {
	unlimited := reporting.Quota{Writes: 100_000_000, Window: time.Second}
	return reporting.New(s, free{}, &reporting.Options{
		GuardShare: -1, FlapDelay: -1, TenantQuota: unlimited, ApplicationQuota: unlimited, Burst: 1000, CallsInFlight: calls,
	})
}
