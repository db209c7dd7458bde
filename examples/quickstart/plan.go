package main

import (
	"slices"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// record is a device with its standing, and what came of reporting it.
type record struct {
	device
	standing compliance.State
	details  status.Device
	would    string // what would be sent, where reports are shown only
	removal  azure.RemovalForm
	err      error // why the report failed, or a removal stopped half way
}

// task is one report that is due, and the records it is about: one, or several
// that claim one Azure id.
type task struct {
	report  azure.Report
	records []*record
}

// plan answers a record for each device, and the reports that are due, those
// first that end access.
func plan(devices []device, deleteObjects bool) ([]*record, []task) {
	type claim struct{ tenantID, azureID string }
	claims := map[claim][]*record{}
	var order []claim
	records := make([]*record, len(devices))
	for i, d := range devices {
		r := &record{device: d, standing: d.state()}
		r.details = waiting(d, r.standing)
		records[i] = r
		if d.azureID == "" {
			continue
		}
		c := claim{d.tenantID, d.azureID}
		if len(claims[c]) == 0 {
			order = append(order, c)
		}
		claims[c] = append(claims[c], r)
	}
	var tasks []task
	for _, c := range order {
		if t, due := settle(claims[c]); due {
			t.report.KeepObject = !deleteObjects || len(t.records) > 1
			tasks = append(tasks, t)
		}
	}
	slices.SortStableFunc(tasks, func(a, b task) int { return strictness(b.report.State) - strictness(a.report.State) })
	return records, tasks
}

// settle decides what is sent for one Azure id. Where several records claim
// it and nothing tells which is right, the strictest standing is sent and
// nothing is deleted.
func settle(claimants []*record) (task, bool) {
	leading := slices.MaxFunc(claimants, func(a, b *record) int { return strictness(a.standing) - strictness(b.standing) })
	t := task{report: report(leading)}
	held := false
	for _, r := range claimants {
		r.details.Conflict = len(claimants) > 1
		if r.standing != compliance.StateUnspecified {
			t.records = append(t.records, r)
			held = held || code(r.device).HoldsCompliant()
		}
	}
	switch leading.standing {
	case compliance.StateUnspecified:
		return task{}, false
	case compliance.StateCompliant:
		if held {
			for _, r := range t.records {
				r.details.ComplianceStatus, r.details.Blank.ReportTime = status.Failed, status.BlankWaitsForSignIn
			}
			return task{}, false
		}
	}
	return t, true
}

// report is what Microsoft is told of a device.
func report(r *record) azure.Report {
	return azure.Report{
		TenantID: r.tenantID, DeviceID: r.azureID,
		UserID: r.userID, UserPrincipalName: r.upn,
		Platform: r.platform, State: r.standing, Inventory: r.inventory,
		Trigger: azure.TriggerSync, LastCheckIn: r.lastCheckIn,
	}
}

// code is a device's client code. A Windows device has none: its id, where it
// is known, stands for Success.
func code(d device) status.ClientCode {
	if d.code == "" && d.platform == azure.PlatformWindows && d.azureID != "" {
		return status.CodeSuccess
	}
	return d.code
}
