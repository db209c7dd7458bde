package main

import (
	"errors"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// waiting answers the Azure Device Details of a device before anything is
// sent: of one that nothing is sent for, its last word.
func waiting(d device, standing compliance.State) status.Device {
	s := status.Device{AzureDeviceID: d.azureID, ClientCode: d.code, ComplianceStatus: status.InProgress}
	if d.azureID == "" {
		s.Blank.AzureDeviceID = d.code.MissingID()
	}
	switch {
	case d.code != "":
	case d.platform == azure.PlatformWindows:
		s.Blank.ClientCode = status.BlankNoCode
	default:
		s.Blank.ClientCode = status.BlankNoResult
	}
	switch {
	case d.azureID == "" && standing == compliance.StateRemoved:
		return blankReport(s, status.BlankNothingToRemove)
	case standing == compliance.StateUnspecified:
		s.Blank.ReportTime = status.BlankNotEvaluated
	case d.azureID == "":
		s.Blank.ReportTime = s.Blank.AzureDeviceID
		if d.code != "" {
			s.ComplianceStatus = status.Failed
		}
	default:
		s.Blank.ReportTime = status.BlankNotCalledYet
	}
	return s
}

// blankReport answers s with neither a status nor a time, for one reason.
func blankReport(s status.Device, why status.BlankReason) status.Device {
	s.ComplianceStatus = status.ReportStateUnspecified
	s.Blank.ComplianceStatus, s.Blank.ReportTime = why, why
	return s
}

// shown marks that a report is shown and not sent.
func (r *record) shown(report azure.Report) {
	r.details = blankReport(r.details, status.BlankReportOnly)
	r.would = wouldSend(report)
	if r.details.Conflict {
		r.would += " Another record claims the same Azure id."
	}
}

// wouldSend says what the channel of a report's platform makes of it.
func wouldSend(r azure.Report) string {
	if r.Platform != azure.PlatformWindows {
		standing := "managed, compliant"
		switch r.State {
		case compliance.StateNonCompliant:
			standing = "managed, not compliant"
		case compliance.StateRemoved:
			standing = "not managed, not compliant"
		}
		return standing + " would be sent to Intune's partner services, with the device's name and version."
	}
	switch {
	case r.State == compliance.StateCompliant:
		return "isManaged true, isCompliant true, the device's name and version would be sent."
	case r.State == compliance.StateNonCompliant:
		return "isManaged true, isCompliant false, the device's name and version would be sent."
	case r.KeepObject:
		return "isManaged false, isCompliant false would be sent; the directory object stays."
	}
	return "isManaged false, isCompliant false would be sent, and the DIRECTORY OBJECT WOULD BE DELETED unless it is hybrid-joined."
}

// took takes Microsoft's answer to a report of standing sent.
func (r *record) took(sent compliance.State, result azure.Result) {
	s, receipt := &r.details, result.Receipt
	r.removal, r.err = receipt.Removal, result.Err
	if failure := receipt.Failure; r.err == nil && failure != nil {
		r.err = failure
	}
	if !receipt.AcceptedAt.IsZero() {
		s.ComplianceStatus, s.ReportTime = receipt.State, receipt.AcceptedAt.UTC().Truncate(time.Second)
		s.LastReported = status.LastReported{State: sent, Time: s.ReportTime, AzureDeviceID: s.AzureDeviceID}
		s.Blank.ReportTime = status.BlankUnspecified
		if receipt.State != status.Successful && r.err != nil {
			s.Cause = kind(r.err)
		}
		return
	}
	s.Cause = kind(r.err)
	failure, _ := errors.AsType[*azure.Error](r.err)
	switch {
	case failure != nil && failure.Outcome == azure.OutcomeUnknown:
		s.Blank.ReportTime = status.BlankNoAnswer
	case errors.Is(r.err, azure.ErrCanceled):
		s.Blank.ReportTime = status.BlankNotCalledYet
	default:
		s.ComplianceStatus, s.Blank.ReportTime = status.Failed, status.BlankError
	}
}

// kind names an error without its details.
func kind(err error) string {
	if known, ok := errors.AsType[*azure.Error](err); ok {
		return known.Kind.Error()
	}
	return azure.ErrUnexpected.Error()
}
