package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/prepare"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

// phase is what a job asks Microsoft next.
type phase uint8

const (
	phaseWrite    phase = iota // PATCH the standing
	phasePlatform              // after a 400: read the operating system
	phaseRead                  // second step of a removal: read the object
	phaseDelete                // and delete it
)

const (
	opReport = "graph: report"
	opDelete = "graph: delete"
	opBatch  = "graph: report in a batch"
)

// job is one report on its way. What to ask next and what an answer means are
// decided here, whether requests travel alone or in batches.
type job struct {
	report   azure.Report
	notes    []string
	phase    phase
	bare     bool // the inventory is left out: of a removal, or refused
	deletes  bool // a removal goes on to its second step
	objectID string
	attempts int
	accepted time.Time
	removal  azure.RemovalForm
	refused  *azure.Error // the 400 that the request in hand looks into
	failure  *azure.Error
	done     bool

	// Of a batch:
	at    int  // index of the report and its result
	tries int  // how often the request in hand was answered with a refusal to retry
	next  *job // the following report of the same device
	due   time.Time
}

// accept takes a report in hand, or answers why it cannot be sent.
func (j *job) accept(report azure.Report, keep bool) error {
	switch report.Platform {
	case azure.PlatformIOS, azure.PlatformIPadOS, azure.PlatformAndroid, azure.PlatformMacOS:
		return &azure.Error{
			Op: j.doing(), Kind: azure.ErrUnsupported, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent,
			Err: fmt.Errorf("%v devices are reported through the Intune partner compliance services (the intune channel); Microsoft Graph takes Windows devices only", report.Platform),
		}
	}
	prepared, notes, err := prepare.Report(report)
	if err != nil {
		return err
	}
	j.report, j.notes = prepared, notes
	j.deletes = prepared.State == compliance.StateRemoved && !prepared.KeepObject && !keep
	j.bare = prepared.State == compliance.StateRemoved
	return nil
}

// method, appendPath and appendBody are what to send for a job now; a nil body
// is none.
func (j *job) method() string {
	switch j.phase {
	case phaseWrite:
		return http.MethodPatch
	case phaseDelete:
		return http.MethodDelete
	}
	return http.MethodGet
}

// appendPath appends the path behind the service's version. The device id was
// checked to be a GUID: escaping it would escape the parentheses and quotes
// around it too.
func (j *job) appendPath(b []byte) []byte {
	if j.phase == phaseDelete {
		return append(append(b, "/devices/"...), j.objectID...)
	}
	b = appendDevice(b, j.report.DeviceID)
	switch j.phase {
	case phasePlatform:
		b = append(b, "?$select=operatingSystem"...)
	case phaseRead:
		b = append(b, "?$select=id,trustType,isCompliant"...)
	}
	return b
}

func appendDevice(b []byte, deviceID string) []byte {
	b = append(b, "/devices(deviceId='"...)
	b = append(b, deviceID...)
	return append(b, "')"...)
}

func (j *job) appendBody(b []byte) []byte {
	if j.phase != phaseWrite {
		return b
	}
	return appendStanding(b, j)
}

// final reports whether a 404 settles the request in hand: for a removal and
// for its second step the device's absence is an answer. For any other write
// it may be replication, which is waited for.
func (j *job) final() bool {
	return j.phase != phaseWrite || j.report.State == compliance.StateRemoved
}

// clientRequestID names the next call: the report's own id for its first
// request, a fresh one for any other.
func (j *job) clientRequestID() string {
	if j.attempts == 0 {
		return j.report.ID
	}
	return guid.New()
}

// answered takes Microsoft's answer to the request in hand.
func (j *job) answered(a wire.Answer, now time.Time) {
	j.failure, j.tries = nil, 0
	switch j.phase {
	case phaseWrite:
		j.wrote(a, now)
	case phasePlatform:
		j.platform(a)
	case phaseRead:
		j.read(a, now)
	case phaseDelete:
		j.deleted(a, now)
	}
}

// broken ends a job whose request got no answer.
func (j *job) broken(e *azure.Error) {
	switch before := j.failure; {
	case j.phase == phasePlatform:
		e = j.refused // what was asked for was only its explanation
	case before != nil && before.Outcome == azure.OutcomeUnknown && e.Outcome == azure.OutcomeNotSent:
		e.Outcome = azure.OutcomeUnknown // of the request that went before it
	}
	e.Op = j.doing()
	j.fail(e)
}

func (j *job) wrote(a wire.Answer, now time.Time) {
	removal := j.report.State == compliance.StateRemoved
	switch {
	case accepted(a):
		j.accepted = now
		if removal {
			j.removal = azure.RemovalMarked
		}
		if j.refused != nil {
			j.notes = append(j.notes, fmt.Sprintf("Inventory: refused by Microsoft (%d %s), left out", j.refused.StatusCode, j.refused.ErrorCode))
		}
		j.phase, j.done = phaseRead, !j.deletes
	case removal && a.StatusCode == http.StatusNotFound:
		j.accepted, j.removal, j.done = now, azure.RemovalAbsent, true
	case a.StatusCode == http.StatusBadRequest && j.hasInventory():
		j.refused, j.bare = j.refusal(a), true
	case a.StatusCode == http.StatusBadRequest:
		j.refused, j.phase = j.refusal(a), phasePlatform
	default:
		j.fail(j.refusal(a))
	}
}

// hasInventory reports whether the request in hand says more than the two
// booleans.
func (j *job) hasInventory() bool {
	return !j.bare && (j.report.Inventory.DeviceName != "" || j.report.Inventory.OSVersion != "")
}

// platform settles a 400 to the two booleans alone. Microsoft words its refusal
// of other systems than Windows in a message, which is not to be relied on; the
// device itself tells.
func (j *job) platform(a wire.Answer) {
	var device struct {
		OperatingSystem string `json:"operatingSystem"`
	}
	if accepted(a) && json.Unmarshal(a.Body, &device) == nil && device.OperatingSystem != "" && !windows(device.OperatingSystem) {
		j.refused.Kind = azure.ErrUnsupported
		j.refused.Err = errors.New("in Entra the device is not a Windows device; such devices are reported through the Intune partner compliance services (the intune channel)")
	}
	j.fail(j.refused)
}

func windows(system string) bool {
	return strings.HasPrefix(strings.ToLower(system), "windows")
}

func (j *job) read(a wire.Answer, now time.Time) {
	var device struct {
		ID          string `json:"id"`
		TrustType   string `json:"trustType"`
		IsCompliant *bool  `json:"isCompliant"`
	}
	switch {
	case a.StatusCode == http.StatusNotFound:
		j.removal, j.done = azure.RemovalAbsent, true
		if j.accepted.IsZero() {
			j.accepted = now
		}
	case !accepted(a):
		j.fail(j.refusal(a))
	case json.Unmarshal(a.Body, &device) != nil || !guid.Valid(device.ID):
		e := j.refusal(a)
		e.Err = errors.New("the device was read without a directory id")
		j.fail(e)
	case device.TrustType == "", strings.EqualFold(device.TrustType, "ServerAd"):
		// Deleting cannot be undone: what is not known to be safe is kept.
		j.removal, j.done = azure.RemovalProtected, true
		if j.accepted.IsZero() {
			j.accepted = now
		}
	case j.accepted.IsZero() && device.IsCompliant != nil && *device.IsCompliant:
		// Time has passed since the first step, and somebody vouches for the
		// device again; or the read is older than that step. Both pass.
		e := j.refusal(a)
		e.Kind, e.Scope, e.Outcome = azure.ErrConflict, azure.ScopeDevice, azure.OutcomeNotSent
		e.Err = errors.New("the device is shown as compliant: it was reported again, or its removal has not reached every reader yet")
		j.fail(e)
	default:
		j.objectID, j.phase = guid.Canonical(device.ID), phaseDelete
	}
}

func (j *job) deleted(a wire.Answer, now time.Time) {
	switch {
	case accepted(a):
		j.removal, j.done = azure.RemovalDeleted, true
	case a.StatusCode == http.StatusNotFound:
		j.removal, j.done = azure.RemovalAbsent, true
	default:
		j.fail(j.refusal(a))
		return
	}
	if j.accepted.IsZero() {
		j.accepted = now
	}
}

func (j *job) fail(e *azure.Error) {
	j.failure, j.done = e, true
}

// doing names the request in hand in errors.
func (j *job) doing() string {
	if j.phase == phaseRead || j.phase == phaseDelete {
		return opDelete
	}
	return opReport
}

// refusal answers what was wrong with an answer.
func (j *job) refusal(a wire.Answer) *azure.Error {
	return wire.Failure(j.doing(), a, j.report.UserPrincipalName, j.report.Inventory.DeviceName)
}

// result answers what Report returns for a job that is done. A removal whose
// second step was forbidden is no error while the first stands: the receipt
// tells it.
func (j *job) result() (azure.Receipt, error) {
	if j.failure != nil && j.accepted.IsZero() {
		return azure.Receipt{}, j.failure
	}
	receipt := azure.Receipt{
		Channel: Channel, TenantID: j.report.TenantID, DeviceID: j.report.DeviceID, MessageID: j.report.ID,
		State: status.Successful, AcceptedAt: j.accepted.UTC().Round(0), Removal: j.removal,
		Attempts: j.attempts, Notes: j.notes,
	}
	switch {
	case j.failure == nil:
		return receipt, nil
	case j.failure.Kind == azure.ErrForbidden:
		receipt.Failure = j.failure
		return receipt, nil
	}
	return receipt, j.failure
}

// accepted reports whether an answer is a success that holds no error: some
// services answer 200 and say in the body that they failed.
func accepted(a wire.Answer) bool {
	if a.StatusCode < 200 || a.StatusCode > 299 {
		return false
	}
	_, failed := wire.ParseFault(a.Body)
	return !failed
}
