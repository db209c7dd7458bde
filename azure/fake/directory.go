package fake

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// Device is one device of the directory, as Azure holds it.
type Device struct {
	TenantID string // lower case
	DeviceID string // lower case
	Platform azure.Platform

	// State is the standing that Azure holds: StateCompliant and
	// StateNonCompliant of a managed device, StateRemoved of one that is
	// unmanaged and non-compliant, StateUnspecified of one of which nothing
	// was reported yet.
	State compliance.State

	// Inventory is what the reports carried; what a report left empty kept its
	// value.
	Inventory azure.Inventory

	// Hybrid says that the device belongs to a directory of its own as well
	// (trustType ServerAd): a removal does not delete its object.
	Hybrid bool

	// UpdatedAt is that of the newest report, or where it had none, when it
	// was accepted. Zero: nothing was reported yet.
	UpdatedAt time.Time

	order int // of the newest report among those accepted
}

// Register puts a device into the directory, anew if its object was deleted;
// of one that is there it replaces what is known. TenantID and DeviceID are
// needed, and a Platform where Platforms differ; the rest may be absent.
func (f *Reporter) Register(d Device) {
	d.TenantID, d.DeviceID = guid.Canonical(d.TenantID), guid.Canonical(d.DeviceID)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.register(d)
}

func (f *Reporter) register(d Device) *Device {
	k := key{d.TenantID, d.DeviceID}
	if f.devices == nil {
		f.devices = map[key]*Device{}
	}
	delete(f.deleted, k)
	f.devices[k] = &d
	return &d
}

// Device answers what the directory holds of a device; false if it is not
// there. The ids may be in either letter case.
func (f *Reporter) Device(tenantID, deviceID string) (Device, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ok := f.devices[key{guid.Canonical(tenantID), guid.Canonical(deviceID)}]
	if !ok {
		return Device{}, false
	}
	return *d, true
}

// Devices answers the directory, ordered by tenant and device.
func (f *Reporter) Devices() []Device {
	f.mu.Lock()
	defer f.mu.Unlock()
	devices := make([]Device, 0, len(f.devices))
	for d := range maps.Values(f.devices) {
		devices = append(devices, *d)
	}
	slices.SortFunc(devices, func(a, b Device) int {
		return cmp.Or(cmp.Compare(a.TenantID, b.TenantID), cmp.Compare(a.DeviceID, b.DeviceID))
	})
	return devices
}

// find answers the device of a report, registered by it if that is how the
// fake was made; nil if there is none. f.mu is held.
func (f *Reporter) find(r azure.Report) *Device {
	k := key{r.TenantID, r.DeviceID}
	if d := f.devices[k]; d != nil {
		return d
	}
	if f.options.RegisteredOnly || f.deleted[k] {
		return nil
	}
	return f.register(Device{TenantID: r.TenantID, DeviceID: r.DeviceID, Platform: r.Platform})
}

// remove deletes the object of a device. f.mu is held.
func (f *Reporter) remove(k key) {
	if f.deleted == nil {
		f.deleted = map[key]bool{}
	}
	delete(f.devices, k)
	f.deleted[k] = true
}

// write takes a report in, accepted at that time as the order-th of all.
func (d *Device) write(r azure.Report, at time.Time, order int) {
	d.State = r.State
	d.Inventory.DeviceName = cmp.Or(r.Inventory.DeviceName, d.Inventory.DeviceName)
	d.Inventory.OSVersion = cmp.Or(r.Inventory.OSVersion, d.Inventory.OSVersion)
	d.UpdatedAt, d.order = newness(r, at), order
}

// newness is the time by which reports of one device are ordered.
func newness(r azure.Report, accepted time.Time) time.Time {
	if r.UpdatedAt.IsZero() {
		return accepted
	}
	return r.UpdatedAt
}
