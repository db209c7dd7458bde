package main

import (
	"context"
	"strings"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// record is a device of the file with what the engine says of it.
type record struct {
	device
	standing compliance.State
	details  status.Device
	removal  azure.RemovalForm
	would    string       // what would be sent, where reports are shown only
	err      *azure.Error // why the newest attempt failed, or everything of the tenant waits
}

// read answers a record for each device, in the file's order.
func read(ctx context.Context, engine *reporting.Engine, devices []device, deleteObjects bool) ([]*record, error) {
	type key struct{ tenantID, hostID string }
	records := make([]*record, len(devices))
	of := map[key]*record{}
	for i, d := range devices {
		records[i] = &record{device: d}
		of[key{d.tenantID, d.hostID}] = records[i]
	}
	for _, tenantID := range tenantsOf(devices) {
		tenant, err := engine.Tenant(ctx, tenantID)
		if err != nil {
			return nil, err
		}
		for d, err := range engine.Devices(ctx, reporting.Filter{TenantID: tenantID}) {
			if err != nil {
				return nil, err
			}
			if r := of[key{d.TenantID, d.DeviceID}]; r != nil {
				r.take(d, tenant.Parked)
			}
		}
	}
	strictest := map[key]compliance.State{} // of those that claim an Azure id: it is what is sent
	for _, r := range records {
		if k := (key{r.tenantID, r.details.AzureDeviceID}); stricter(r.standing, strictest[k]) {
			strictest[k] = r.standing
		}
	}
	for _, r := range records {
		if r.details.Blank.ReportTime == status.BlankReportOnly {
			r.would = wouldSend(strictest[key{r.tenantID, r.details.AzureDeviceID}], r.platform, r.details.Conflict, deleteObjects)
		}
	}
	return records, nil
}

// take takes what the engine says of the device.
func (r *record) take(d reporting.Device, parked *azure.Error) {
	r.standing, r.details, r.removal, r.err = d.Standing, d.Device, d.Removal, d.Failure
	if r.err == nil && parked != nil && d.ReportTime.IsZero() && d.Cause == parked.Kind.Error() {
		r.err = parked
	}
}

// failed reports whether the newest standing should have reached Azure and did
// not. What waits for a user or for an evaluation is no failure.
func (r *record) failed() bool {
	switch r.details.Blank.ReportTime {
	case status.BlankNotCalledYet, status.BlankNoAnswer, status.BlankError, status.BlankNoChannel, status.BlankHeld:
		return true
	}
	return r.err != nil && r.details.ComplianceStatus == status.Failed && !r.details.ReportTime.IsZero()
}

// accepted reports whether Microsoft has accepted the newest standing.
func (r *record) accepted() bool { return !r.details.ReportTime.IsZero() }

// wouldSend says what the channel of a platform makes of a standing.
func wouldSend(standing compliance.State, platform azure.Platform, conflict, deleteObjects bool) string {
	text := "isManaged true, isCompliant true, the device's name and version would be sent."
	switch {
	case platform != azure.PlatformWindows:
		text = "managed, compliant"
		switch standing {
		case compliance.StateNonCompliant:
			text = "managed, not compliant"
		case compliance.StateRemoved:
			text = "not managed, not compliant"
		}
		text += " would be sent to Intune's partner services, with the device's name and version."
	case standing == compliance.StateCompliant:
	case standing == compliance.StateNonCompliant:
		text = strings.Replace(text, "isCompliant true", "isCompliant false", 1)
	case !deleteObjects || conflict:
		text = "isManaged false, isCompliant false would be sent; the directory object stays."
	default:
		text = "isManaged false, isCompliant false would be sent, and the DIRECTORY OBJECT WOULD BE DELETED unless it is hybrid-joined."
	}
	if conflict {
		text += " Another record claims the same Azure id."
	}
	return text
}

// tenantsOf answers the devices' tenants, in the order of their first devices.
func tenantsOf(devices []device) []string {
	var all []string
	seen := map[string]bool{}
	for _, d := range devices {
		if !seen[d.tenantID] {
			seen[d.tenantID] = true
			all = append(all, d.tenantID)
		}
	}
	return all
}
