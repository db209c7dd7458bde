package reporting

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

// ErrUnknownDevice: nothing was observed of the device, or it was forgotten.
var ErrUnknownDevice = errors.New("the device is not known")

// Device is a host's device: the Azure Device Details, whose method Explain
// says in one sentence why it is not reported or not compliant, and what the
// engine knows besides.
type Device struct {
	TenantID string `json:"tenantId"`
	DeviceID string `json:"deviceId,omitempty"` // the host's; empty: no record claims the Azure id any more

	// Standing is the newest that was evaluated, which is what Azure should
	// hold.
	Standing compliance.State `json:"standing,omitempty"`

	// Failure is what the newest attempt failed with; nil after a success. Its
	// Detail is Microsoft's own sentence, which may name a user.
	Failure *azure.Error `json:"failure,omitempty"`

	// Confirmed is when Microsoft last accepted anything of the device, a
	// refresh included.
	Confirmed time.Time `json:"confirmed,omitzero"`

	// Removal says how far a removal that was accepted went, and DeleteAt when
	// its second step, the deletion of the directory object, is due; zero where
	// there is none.
	Removal  azure.RemovalForm `json:"removal,omitempty"`
	DeleteAt time.Time         `json:"deleteAt,omitzero"`

	status.Device
}

// Device answers one device of a host's.
func (e *Engine) Device(ctx context.Context, tenantID, deviceID string) (Device, error) {
	var d Device
	err := e.withDevice(ctx, tenantID, deviceID, func(tx Tx, tenant *tenantDocument, _ Row, row Row, t *target) error {
		d = t.device(row.Tenant, t.find(deviceID), tenant, tx.Now(), e.rules())
		return nil
	})
	if err != nil {
		return Device{}, err
	}
	return d, nil
}

// withDevice gives the rows of a device to do, in a transaction.
func (e *Engine) withDevice(ctx context.Context, tenantID, deviceID string, do func(tx Tx, tenant *tenantDocument, pointer, row Row, t *target) error) error {
	fail := func(err error) error { return fmt.Errorf("reporting: device %.60q: %w", deviceID, err) }
	if !guid.Valid(tenantID) {
		return fail(fmt.Errorf("tenant %.40q is not a GUID", tenantID))
	}
	if deviceID == "" || len(deviceID) > mostDeviceID || containsControl(deviceID) {
		return fail(errors.New("its id is empty, too long or holds control characters"))
	}
	tenantID = guid.Canonical(tenantID)
	tenant, err := e.registered(ctx, tenantID)
	if err != nil {
		return fail(err)
	}
	err = e.update(ctx, func(tx Tx) error {
		pointers, err := tx.Get(Key{kindDevice, tenantID, deviceID})
		if err != nil {
			return err
		}
		p, err := decodePointer(pointers[0])
		if err != nil {
			return err
		}
		if p.target == "" {
			return ErrUnknownDevice
		}
		rows, err := tx.Get(Key{kindTarget, tenantID, p.target})
		if err != nil {
			return err
		}
		var t target
		if err := decodeTarget(rows[0], rows[0].Claims, &t); err != nil {
			return err
		}
		if t.find(deviceID) == nil {
			return ErrUnknownDevice
		}
		return do(tx, &tenant, pointers[0], rows[0], &t)
	})
	if err != nil {
		return fail(err)
	}
	return nil
}

// device answers a record as the host sees it; r is nil for a target that
// nobody claims.
func (t *target) device(tenantID string, r *record, tenant *tenantDocument, now time.Time, k *rules) Device {
	d := Device{TenantID: tenantID}
	if t.Failure != nil {
		d.Failure = new(t.Failure.Err)
	}
	if t.Accepted != nil {
		d.Confirmed, d.Removal, d.DeleteAt = t.Accepted.At, t.Accepted.Removal, t.DeleteAt
	}
	if r != nil {
		d.DeviceID, d.Standing = r.Host, r.State
		d.Device = t.details(r, tenant, now, k)
		return d
	}
	d.AzureDeviceID, d.Blank.ClientCode = t.AzureID, status.BlankNoCode
	d.ComplianceStatus, d.Blank.ReportTime = status.InProgress, status.BlankNotCalledYet
	if a := t.Accepted; a != nil {
		d.LastReported = status.LastReported{State: a.State, Time: a.At, AzureDeviceID: t.AzureID}
		if t.Close == nil {
			d.ComplianceStatus, d.ReportTime, d.Blank.ReportTime = status.Successful, a.At, status.BlankUnspecified
		}
	}
	return d
}

// details answers what an administrator sees of a record: the last columns of
// the table of what is sent.
func (t *target) details(r *record, tenant *tenantDocument, now time.Time, k *rules) status.Device {
	decided := t.own(now, k)
	pending := decided.act == actReport || decided.act == actClose
	d := status.Device{
		AzureDeviceID: t.AzureID, ClientCode: r.code(t.AzureID), Conflict: decided.conflict,
		ComplianceStatus: t.reportState(decided),
	}
	if a := t.Accepted; a != nil && !a.closing() {
		d.LastReported = status.LastReported{State: a.State, Time: a.At, AzureDeviceID: t.AzureID}
	}
	parked := tenant.channel(t.queue(actReport)).Parked
	why := t.reportTime(&d, r, decided)
	if l := r.Last; l != nil && d.ReportTime.IsZero() && d.LastReported.Time.IsZero() {
		d.LastReported = status.LastReported{State: l.State, Time: l.At, AzureDeviceID: l.AzureID}
	}
	if own := t.standingOf(r); own != status.BlankUnspecified {
		// The id's standing is another record's.
		d.ComplianceStatus, d.ReportTime, d.Cause, d.LastReported = status.ReportStateUnspecified, time.Time{}, "", status.LastReported{}
		if why = own; own == status.BlankNotEvaluated {
			d.ComplianceStatus = status.InProgress
		}
	}
	switch {
	case tenant.Mode == ModeOff:
		d.ComplianceStatus, d.ReportTime, why, d.Cause = status.ReportStateUnspecified, time.Time{}, status.BlankOff, ""
	case why == status.BlankUnspecified, why == status.BlankSuperseded, why == status.BlankNothingToRemove:
	case tenant.Mode == ModePaused && pending:
		why, d.ComplianceStatus, d.Cause = status.BlankNotCalledYet, status.InProgress, "paused"
	case tenant.Mode == ModeReportOnly && pending:
		why, d.ComplianceStatus, d.Cause = status.BlankReportOnly, status.InProgress, ""
	case parked != nil && pending:
		why, d.ComplianceStatus, d.Cause = status.BlankNotCalledYet, status.Failed, string(parked.Err.Kind)
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

// standingOf answers why the standing that is reported is not that of a record;
// BlankUnspecified: it is, or it is the stricter of those that claim the id.
func (t *target) standingOf(r *record) status.BlankReason {
	switch owner, _ := t.owner(); {
	case r.Released, t.closedSince(r):
		return status.BlankNothingToRemove // it only released its claim
	case owner == r:
		return status.BlankUnspecified
	case r.State == compliance.StateRemoved:
		return status.BlankNothingToRemove
	case t.superseded(r):
		return status.BlankSuperseded
	case owner == nil:
	case r.State == compliance.StateUnspecified:
		return status.BlankNotEvaluated
	}
	return status.BlankUnspecified
}

// reportTime writes the report time into d, or answers why it is blank.
func (t *target) reportTime(d *status.Device, r *record, decided decision) status.BlankReason {
	switch {
	case decided.blank != status.BlankUnspecified && decided.blank != status.BlankNotEvaluated,
		decided.blank == status.BlankNotEvaluated && t.unsent(decided):
		return decided.blank
	case r.State == compliance.StateUnspecified && !t.known():
		return status.BlankNotEvaluated
	case t.Failure != nil && t.unsent(decided):
		d.Cause = string(t.Failure.Err.Kind)
		switch {
		case t.Failure.shown() && t.Failure.Err.Kind == azure.ErrUnsupported && t.Failure.Err.Outcome == azure.OutcomeNotSent:
			return status.BlankNoChannel
		case t.Failure.shown():
			return status.BlankError
		}
		switch t.Failure.Err.Outcome {
		case azure.OutcomeUnknown:
			return status.BlankNoAnswer
		case azure.OutcomeRefused:
			return status.BlankError // and tried again
		}
		return status.BlankNotCalledYet
	case t.unsent(decided) || t.Accepted == nil:
		return status.BlankNotCalledYet
	}
	d.ReportTime = t.Accepted.At
	if t.Failure != nil && t.Failure.shown() {
		d.Cause = string(t.Failure.Err.Kind) // of the same standing, once more
	}
	if t.Kept != "" {
		d.Cause = "the directory object stays: " + string(t.Kept)
	}
	return status.BlankUnspecified
}
