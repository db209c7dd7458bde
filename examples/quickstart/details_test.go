package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// seen is what an administrator sees of a device, short.
type seen struct {
	Sent                        bool
	ID                          status.BlankReason
	Status                      string
	StatusBlank, CodeBlank, Why status.BlankReason
}

// The rows of what is sent and shown that a program without a memory can meet.
func TestPlan(t *testing.T) {
	const (
		c, n, d = compliance.ActionSendAlert, compliance.ActionQuarantine, compliance.ActionRetire
	)
	evaluated := func(a compliance.Action) []compliance.Action { return []compliance.Action{a} }
	for _, tc := range []struct {
		name     string
		platform azure.Platform
		code     status.ClientCode
		known    bool
		actions  []compliance.Action // nil: not evaluated
		want     seen
	}{
		{"registered, compliant", azure.PlatformWindows, "", true, evaluated(c), seen{true, 0, "In-progress", 0, status.BlankNoCode, status.BlankNotCalledYet}},
		{"registered, non-compliant", azure.PlatformWindows, "", true, evaluated(n), seen{true, 0, "In-progress", 0, status.BlankNoCode, status.BlankNotCalledYet}},
		{"registered, removed", azure.PlatformWindows, "", true, evaluated(d), seen{true, 0, "In-progress", 0, status.BlankNoCode, status.BlankNotCalledYet}},
		{"registered, not evaluated", azure.PlatformWindows, "", true, nil, seen{false, 0, "In-progress", 0, status.BlankNoCode, status.BlankNotEvaluated}},
		{"cancelled, id known: compliant is sent", azure.PlatformWindows, status.CodeUserCancelled, true, evaluated(c), seen{true, 0, "In-progress", 0, 0, status.BlankNotCalledYet}},
		{"signed out, id known: compliant waits", azure.PlatformWindows, status.CodeAccountLoggedOut, true, evaluated(c), seen{false, 0, "Failed", 0, 0, status.BlankWaitsForSignIn}},
		{"not joined, id known: compliant waits", azure.PlatformWindows, status.CodeWorkplaceJoinRequired, true, evaluated(c), seen{false, 0, "Failed", 0, 0, status.BlankWaitsForSignIn}},
		{"unknown code, id known: compliant waits", azure.PlatformWindows, "News_Of_Tomorrow", true, evaluated(c), seen{false, 0, "Failed", 0, 0, status.BlankWaitsForSignIn}},
		{"signed out, id known: non-compliant is sent", azure.PlatformWindows, status.CodeAccountLoggedOut, true, evaluated(n), seen{true, 0, "In-progress", 0, 0, status.BlankNotCalledYet}},
		{"unknown code, id known: removed is sent", azure.PlatformWindows, "News_Of_Tomorrow", true, evaluated(d), seen{true, 0, "In-progress", 0, 0, status.BlankNotCalledYet}},
		{"nothing heard", azure.PlatformWindows, "", false, evaluated(c), seen{false, status.BlankNoResult, "In-progress", 0, status.BlankNoCode, status.BlankNoResult}},
		{"client error", azure.PlatformWindows, status.CodeInternalError, false, evaluated(n), seen{false, status.BlankClientError, "Failed", 0, 0, status.BlankClientError}},
		{"success without an id", azure.PlatformWindows, status.CodeSuccess, false, evaluated(n), seen{false, status.BlankNoID, "Failed", 0, 0, status.BlankNoID}},
		{"never known, removed", azure.PlatformWindows, "", false, evaluated(d), seen{false, status.BlankNoResult, "unspecified", status.BlankNothingToRemove, status.BlankNoCode, status.BlankNothingToRemove}},
		{"never known, not evaluated", azure.PlatformWindows, "", false, nil, seen{false, status.BlankNoResult, "In-progress", 0, status.BlankNoCode, status.BlankNotEvaluated}},
		{"phone", azure.PlatformIOS, status.CodeSuccess, true, evaluated(n), seen{true, 0, "In-progress", 0, 0, status.BlankNotCalledYet}},
		{"phone, nothing heard", azure.PlatformAndroid, "", false, evaluated(c), seen{false, status.BlankNoResult, "In-progress", 0, status.BlankNoResult, status.BlankNoResult}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dev := device{tenantID: tenantA, hostID: "H", platform: tc.platform, code: tc.code, actions: tc.actions, evaluated: tc.actions != nil}
			if tc.known {
				dev.azureID = azureID("1")
			}
			records, tasks := plan([]device{dev}, false)
			got := records[0].details
			if err := got.Validate(); err != nil {
				t.Error(err)
			}
			short := seen{len(tasks) == 1, got.Blank.AzureDeviceID, got.ComplianceStatus.String(), got.Blank.ComplianceStatus, got.Blank.ClientCode, got.Blank.ReportTime}
			if diff := cmp.Diff(tc.want, short); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What ends access goes first, and directory objects stay unless it is said.
func TestPlanOrder(t *testing.T) {
	var devices []device
	for i, a := range []compliance.Action{compliance.ActionSendAlert, compliance.ActionRetire, compliance.ActionQuarantine, compliance.ActionSendAlert} {
		devices = append(devices, device{tenantID: tenantA, platform: azure.PlatformWindows, azureID: azureID(fmt.Sprint(i + 1)),
			evaluated: true, actions: []compliance.Action{a}})
	}
	for _, deleteObjects := range []bool{false, true} {
		_, tasks := plan(devices, deleteObjects)
		var order []string
		for _, task := range tasks {
			order = append(order, task.report.DeviceID)
			if task.report.KeepObject == deleteObjects {
				t.Errorf("KeepObject is %v", task.report.KeepObject)
			}
		}
		if diff := cmp.Diff([]string{azureID("2"), azureID("3"), azureID("1"), azureID("4")}, order); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	}
}

// Every answer of a channel, those of the channel to come among them.
func TestTook(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 500, time.FixedZone("CET", 3600))
	refused := func(k azure.Kind, o azure.Outcome) *azure.Error {
		return &azure.Error{Op: "test", Kind: k, Scope: azure.ScopeDevice, Outcome: o}
	}
	for _, tc := range []struct {
		name   string
		answer azure.Result
		status status.ReportState
		why    status.BlankReason
		cause  string
	}{
		{"accepted", azure.Result{Receipt: azure.Receipt{State: status.Successful, AcceptedAt: at}}, status.Successful, 0, ""},
		{"accepted, the verdict comes later", azure.Result{Receipt: azure.Receipt{State: status.InProgress, AcceptedAt: at}}, status.InProgress, 0, ""},
		{"accepted, then failed", azure.Result{Receipt: azure.Receipt{State: status.Failed, AcceptedAt: at, Failure: refused(azure.ErrUserNotFound, azure.OutcomeRefused)}}, status.Failed, 0, "user_not_found"},
		{"second step of a removal refused", azure.Result{Receipt: azure.Receipt{State: status.Successful, AcceptedAt: at, Removal: azure.RemovalMarked, Failure: refused(azure.ErrForbidden, azure.OutcomeRefused)}}, status.Successful, 0, ""},
		{"second step of a removal failed", azure.Result{Receipt: azure.Receipt{State: status.Successful, AcceptedAt: at}, Err: refused(azure.ErrUnavailable, azure.OutcomeUnknown)}, status.Successful, 0, ""},
		{"refused", azure.Result{Err: refused(azure.ErrRejected, azure.OutcomeRefused)}, status.Failed, status.BlankError, "rejected"},
		{"no token", azure.Result{Err: refused(azure.ErrUnauthorized, azure.OutcomeNotSent)}, status.Failed, status.BlankError, "unauthorized"},
		{"no answer", azure.Result{Err: refused(azure.ErrUnavailable, azure.OutcomeUnknown)}, status.InProgress, status.BlankNoAnswer, "unavailable"},
		{"cut off before it was sent", azure.Result{Err: refused(azure.ErrCanceled, azure.OutcomeNotSent)}, status.InProgress, status.BlankNotCalledYet, "canceled"},
		{"cut off after it was sent", azure.Result{Err: refused(azure.ErrCanceled, azure.OutcomeUnknown)}, status.InProgress, status.BlankNoAnswer, "canceled"},
		{"an error of another reporter's own", azure.Result{Err: context.DeadlineExceeded}, status.Failed, status.BlankError, "unexpected"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			records, _ := plan([]device{{tenantID: tenantA, platform: azure.PlatformWindows, azureID: azureID("1"), evaluated: true}}, false)
			r := records[0]
			r.took(compliance.StateCompliant, tc.answer)
			d := r.details
			if err := d.Validate(); err != nil {
				t.Error(err)
			}
			if d.ComplianceStatus != tc.status || d.Blank.ReportTime != tc.why || d.Cause != tc.cause {
				t.Errorf("%v, blank %v, cause %q; want %v, %v, %q", d.ComplianceStatus, d.Blank.ReportTime, d.Cause, tc.status, tc.why, tc.cause)
			}
			if failed := tc.answer.Err != nil || tc.answer.Receipt.Failure != nil; failed != (r.err != nil) {
				t.Errorf("error %v", r.err)
			}
			if shown := !d.ReportTime.IsZero(); shown != !tc.answer.Receipt.AcceptedAt.IsZero() || shown && d.LastReported.State != compliance.StateCompliant {
				t.Errorf("time %v, last reported %v", d.ReportTime, d.LastReported)
			}
		})
	}
}

// A run across midnight shows the date.
func TestClock(t *testing.T) {
	day := time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC)
	if got := clock(day, day) + " " + clock(day.Add(time.Second), day); got != "23:59:59 2026-02-01 00:00:00" {
		t.Errorf("clocks %q", got)
	}
}
