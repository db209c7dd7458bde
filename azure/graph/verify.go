package graph

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// Verify reads the device back and compares isManaged and isCompliant with
// what report says: see [azure.Verifier]. Reads lag behind writes: a mismatch
// within the first minutes after a report is more often the old value than a
// wrong one. It serves devices of every platform, since Microsoft Graph shows
// them all. A property without a value counts as false.
func (r *Reporter) Verify(ctx context.Context, report azure.Report) (azure.Verification, error) {
	const op = "graph: verify"
	if err := report.Validate(); err != nil {
		return azure.Verification{}, err
	}
	answer, _, failure := r.tenants.Send(ctx, wire.Request{
		Op: op, Tenant: guid.Canonical(report.TenantID), Method: http.MethodGet,
		URL: string(appendDevice([]byte(r.base.String()), guid.Canonical(report.DeviceID))) +
			"?$select=id,operatingSystem,trustType,isCompliant,isManaged,mdmAppId",
		ClientRequestID: guid.New(), Priority: priority(report.Trigger), Retry: r.retrying(true),
	})
	if failure != nil {
		return azure.Verification{}, failure
	}
	if answer.StatusCode == http.StatusNotFound {
		if report.State == compliance.StateRemoved {
			return azure.Verification{Verdict: azure.VerdictMatch}, nil
		}
		return azure.Verification{Verdict: azure.VerdictAbsent}, nil
	}
	refused := func() *azure.Error {
		return wire.Failure(op, answer, report.UserPrincipalName, report.Inventory.DeviceName)
	}
	if !accepted(answer) {
		return azure.Verification{}, refused()
	}
	var read struct {
		ID              string `json:"id"`
		OperatingSystem string `json:"operatingSystem"`
		TrustType       string `json:"trustType"`
		MDMAppID        string `json:"mdmAppId"`
		IsCompliant     *bool  `json:"isCompliant"`
		IsManaged       *bool  `json:"isManaged"`
	}
	if err := json.Unmarshal(answer.Body, &read); err != nil || read.ID == "" {
		e := refused()
		e.Err = errors.New("the answer is not a device")
		return azure.Verification{}, e
	}
	v := azure.Verification{Verdict: azure.VerdictMatch, Device: azure.EntraDevice{
		ObjectID: read.ID, OperatingSystem: read.OperatingSystem, TrustType: read.TrustType,
		MDMAppID: read.MDMAppID, IsCompliant: read.IsCompliant, IsManaged: read.IsManaged,
	}}
	shows := func(b *bool) bool { return b != nil && *b }
	if shows(read.IsManaged) != (report.State != compliance.StateRemoved) {
		v.Mismatches = append(v.Mismatches, "isManaged")
	}
	if shows(read.IsCompliant) != (report.State == compliance.StateCompliant) {
		v.Mismatches = append(v.Mismatches, "isCompliant")
	}
	if len(v.Mismatches) > 0 {
		v.Verdict = azure.VerdictMismatch
	}
	return v, nil
}
