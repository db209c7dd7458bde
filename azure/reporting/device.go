package reporting

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

// ErrUnknownDevice: nothing was observed of the device, or it was forgotten.
var ErrUnknownDevice = errors.New("the device is not known")

// Device answers the Azure Device Details of a host's device.
func (e *Engine) Device(ctx context.Context, tenantID, deviceID string) (status.Device, error) {
	fail := func(err error) (status.Device, error) {
		return status.Device{}, fmt.Errorf("reporting: device %.60q: %w", deviceID, err)
	}
	if !guid.Valid(tenantID) {
		return fail(fmt.Errorf("tenant %.40q is not a GUID", tenantID))
	}
	tenantID = guid.Canonical(tenantID)
	tenant, known, err := e.tenant(ctx, tenantID)
	if err != nil {
		return fail(err)
	}
	if !known {
		return fail(ErrUnknownTenant)
	}
	var d status.Device
	err = e.store.Update(ctx, func(tx Tx) error {
		rows, err := tx.Get(Key{kindDevice, tenantID, deviceID})
		if err != nil {
			return err
		}
		p, err := decodePointer(rows[0])
		if err != nil {
			return err
		}
		if p.target == "" {
			return ErrUnknownDevice
		}
		rows, err = tx.Get(Key{kindTarget, tenantID, p.target})
		if err != nil {
			return err
		}
		var t target
		if err := decodeJSON(rows[0], &t); err != nil {
			return err
		}
		r := t.find(deviceID)
		if r == nil {
			return ErrUnknownDevice
		}
		d = t.details(r, &tenant, tx.Now(), e.rules(&tenant))
		return nil
	})
	if err != nil {
		return fail(err)
	}
	return d, nil
}

// details answers what an administrator sees of a record: the last columns of
// the table of what is sent.
func (t *target) details(r *record, tenant *tenantDocument, now time.Time, k *rules) status.Device {
	decided := t.decide(now, k)
	d := status.Device{
		AzureDeviceID: t.AzureID, ClientCode: r.code(t.AzureID), Conflict: decided.conflict,
		ComplianceStatus: t.reportState(decided),
	}
	if a := t.Accepted; a != nil && a.Enrolment != closedEnrolment {
		d.LastReported = status.LastReported{State: a.State, Time: a.At, AzureDeviceID: t.AzureID}
	}
	why := t.reportTime(&d, r, decided)
	switch {
	case why == status.BlankUnspecified:
	case tenant.Mode == ModeOff:
		why, d.ComplianceStatus = status.BlankOff, status.ReportStateUnspecified
	case tenant.Mode == ModePaused && (why == status.BlankNotCalledYet || why == status.BlankError):
		why, d.ComplianceStatus, d.Cause = status.BlankNotCalledYet, status.InProgress, "paused"
	case tenant.Parked != nil && why == status.BlankNotCalledYet:
		d.ComplianceStatus, d.Cause = status.Failed, string(tenant.Parked.Err.Kind)
	}
	if tenant.Mode == ModeOff {
		d.ComplianceStatus, d.ReportTime, why = status.ReportStateUnspecified, time.Time{}, status.BlankOff
	}
	d.Blank.ReportTime = why
	if d.AzureDeviceID == "" {
		d.Blank.AzureDeviceID = r.Code.MissingID()
	}
	if d.ClientCode == "" {
		d.Blank.ClientCode = status.BlankNoResult
	}
	if d.ComplianceStatus == status.ReportStateUnspecified {
		d.Blank.ComplianceStatus = why
	}
	return d
}

// reportTime writes the report time into d, or answers why it is blank.
func (t *target) reportTime(d *status.Device, r *record, decided decision) status.BlankReason {
	switch {
	case decided.blank != status.BlankUnspecified && decided.blank != status.BlankNotEvaluated:
		return decided.blank
	case r.State == compliance.StateUnspecified && t.Accepted == nil:
		return status.BlankNotEvaluated
	case t.Failure != nil && t.unsent(decided):
		d.Cause = string(t.Failure.Err.Kind)
		if t.Failure.shown() {
			return status.BlankError
		}
		if t.Failure.Err.Outcome.String() == "unknown" {
			return status.BlankNoAnswer
		}
		return status.BlankNotCalledYet
	case t.unsent(decided) || t.Accepted == nil:
		return status.BlankNotCalledYet
	}
	d.ReportTime = t.Accepted.At
	return status.BlankUnspecified
}
