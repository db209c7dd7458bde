package status_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

const (
	id    = "007c8232-9489-4074-9b35-345b16f0a72d"
	oldID = "5f3f1c2e-0b52-4c36-9f64-2c8a6d1b7e90"
)

var (
	accepted = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	earlier  = accepted.Add(-72 * time.Hour)
)

func last(state compliance.State, at time.Time, under string) status.LastReported {
	return status.LastReported{State: state, Time: at, AzureDeviceID: under}
}

// situations are what an administrator can meet, each with the whole Device,
// its sentence and its JSON. Each must be valid and come back through JSON.
var situations = []struct {
	name    string
	device  status.Device
	explain string
	json    string
}{
	{
		name: "reporting is off, Azure holds the device as compliant",
		device: status.Device{
			AzureDeviceID: id, ClientCode: status.CodeSuccess,
			Blank:        status.Blanks{ComplianceStatus: status.BlankOff, ReportTime: status.BlankOff},
			LastReported: last(compliance.StateCompliant, earlier, id),
		},
		explain: "Reporting to Azure is off; Azure still holds the device as compliant since 2026-01-28 10:00:00 UTC.",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","clientCode":"Success",` +
			`"blank":{"complianceStatus":"off","reportTime":"off"},` +
			`"lastReported":{"state":"compliant","time":"2026-01-28T10:00:00Z","azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d"}}`,
	},
	{
		name: "the tenant is paused",
		device: status.Device{
			AzureDeviceID: id, ComplianceStatus: status.InProgress, ClientCode: status.CodeSuccess,
			Blank: status.Blanks{ReportTime: status.BlankNotCalledYet}, Cause: "paused",
		},
		explain: "The data has arrived, but Microsoft has not been called yet (paused).",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","complianceStatus":"In-progress","clientCode":"Success",` +
			`"blank":{"reportTime":"not-called-yet"},"cause":"paused"}`,
	},
	{
		name: "the tenant is parked",
		device: status.Device{
			AzureDeviceID: id, ComplianceStatus: status.Failed, ClientCode: status.CodeSuccess,
			Blank: status.Blanks{ReportTime: status.BlankNotCalledYet}, Cause: "unauthorized",
		},
		explain: "The data has arrived, but Microsoft has not been called yet (unauthorized).",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","complianceStatus":"Failed","clientCode":"Success",` +
			`"blank":{"reportTime":"not-called-yet"},"cause":"unauthorized"}`,
	},
	{
		name: "removed before Azure knew of it",
		device: status.Device{
			ClientCode: status.CodeUserCancelled,
			Blank: status.Blanks{AzureDeviceID: status.BlankClientError, ComplianceStatus: status.BlankNothingToRemove,
				ReportTime: status.BlankNothingToRemove},
		},
		explain: "There is nothing to remove, for Azure never knew of the device.",
		json: `{"clientCode":"User_Cancelled",` +
			`"blank":{"azureDeviceId":"client-error","complianceStatus":"nothing-to-remove","reportTime":"nothing-to-remove"}}`,
	},
	{
		name: "not evaluated",
		device: status.Device{
			AzureDeviceID: id, ComplianceStatus: status.InProgress, ClientCode: status.CodeSuccess,
			Blank: status.Blanks{ReportTime: status.BlankNotEvaluated},
		},
		explain: "The device has not been evaluated against its policies yet.",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","complianceStatus":"In-progress","clientCode":"Success",` +
			`"blank":{"reportTime":"not-evaluated"}}`,
	},
	{
		name: "no result from the device yet",
		device: status.Device{
			ComplianceStatus: status.InProgress,
			Blank:            status.Blanks{AzureDeviceID: status.BlankNoResult, ClientCode: status.BlankNoResult, ReportTime: status.BlankNoResult},
		},
		explain: "The device has not said yet whether it is connected to Azure.",
		json:    `{"complianceStatus":"In-progress","blank":{"azureDeviceId":"no-result-yet","clientCode":"no-result-yet","reportTime":"no-result-yet"}}`,
	},
	{
		name: "client error that the user can mend",
		device: status.Device{
			ComplianceStatus: status.Failed, ClientCode: status.CodeInteractionRequired,
			Blank: status.Blanks{AzureDeviceID: status.BlankClientError, ReportTime: status.BlankClientError},
		},
		explain: "The device could not obtain its Azure id: Interaction_Required, an interactive sign-in is required, which the user can do.",
		json:    `{"complianceStatus":"Failed","clientCode":"Interaction_Required","blank":{"azureDeviceId":"client-error","reportTime":"client-error"}}`,
	},
	{
		name: "client error of a code that is not known",
		device: status.Device{
			ComplianceStatus: status.Failed, ClientCode: "Token_Protection_Required",
			Blank: status.Blanks{AzureDeviceID: status.BlankClientError, ReportTime: status.BlankClientError},
		},
		explain: "The device could not obtain its Azure id: Token_Protection_Required, a code that this version does not know.",
		json:    `{"complianceStatus":"Failed","clientCode":"Token_Protection_Required","blank":{"azureDeviceId":"client-error","reportTime":"client-error"}}`,
	},
	{
		name: "success without an id",
		device: status.Device{
			ComplianceStatus: status.Failed, ClientCode: status.CodeSuccess,
			Blank: status.Blanks{AzureDeviceID: status.BlankNoID, ReportTime: status.BlankNoID},
		},
		explain: "The device reported success but sent no Azure id.",
		json:    `{"complianceStatus":"Failed","clientCode":"Success","blank":{"azureDeviceId":"no-id","reportTime":"no-id"}}`,
	},
	{
		name: "removed",
		device: status.Device{
			AzureDeviceID: id, ComplianceStatus: status.Successful, ClientCode: status.CodeAccountLoggedOut, ReportTime: accepted,
			LastReported: last(compliance.StateRemoved, accepted, id),
		},
		explain: "Microsoft accepted at 2026-01-31 10:00:00 UTC that the device is removed.",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","complianceStatus":"Successful","clientCode":"Account_Logged_Out",` +
			`"reportTime":"2026-01-31T10:00:00Z",` +
			`"lastReported":{"state":"removed","time":"2026-01-31T10:00:00Z","azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d"}}`,
	},
	{
		name: "a new Azure id, the old one known as non-compliant",
		device: status.Device{
			AzureDeviceID: id, ComplianceStatus: status.InProgress, ClientCode: status.CodeSuccess,
			Blank:        status.Blanks{ReportTime: status.BlankNotCalledYet},
			LastReported: last(compliance.StateNonCompliant, earlier, oldID),
		},
		explain: "The data has arrived, but Microsoft has not been called yet; " +
			"under an earlier id it was reported as not compliant last, at 2026-01-28 10:00:00 UTC.",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","complianceStatus":"In-progress","clientCode":"Success",` +
			`"blank":{"reportTime":"not-called-yet"},` +
			`"lastReported":{"state":"non-compliant","time":"2026-01-28T10:00:00Z","azureDeviceId":"5f3f1c2e-0b52-4c36-9f64-2c8a6d1b7e90"}}`,
	},
	{
		name: "the answer was lost",
		device: status.Device{
			AzureDeviceID: id, ComplianceStatus: status.InProgress, ClientCode: status.CodeSuccess,
			Blank: status.Blanks{ReportTime: status.BlankNoAnswer}, Cause: "unavailable",
		},
		explain: "Microsoft's answer was lost, and the report is sent again (unavailable).",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","complianceStatus":"In-progress","clientCode":"Success",` +
			`"blank":{"reportTime":"no-answer"},"cause":"unavailable"}`,
	},
	{
		name: "refused, and in conflict with another record",
		device: status.Device{
			AzureDeviceID: id, ComplianceStatus: status.Failed, ClientCode: status.CodeSuccess,
			Blank: status.Blanks{ReportTime: status.BlankError}, Cause: "forbidden", Conflict: true,
			LastReported: last(compliance.StateCompliant, earlier, id),
		},
		explain: "The report failed (forbidden); Azure still holds the device as compliant since 2026-01-28 10:00:00 UTC; " +
			"another record claims the same Azure id.",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","complianceStatus":"Failed","clientCode":"Success",` +
			`"blank":{"reportTime":"error"},"cause":"forbidden","conflict":true,` +
			`"lastReported":{"state":"compliant","time":"2026-01-28T10:00:00Z","azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d"}}`,
	},
	{
		name: "accepted by a channel that answers later",
		device: status.Device{
			AzureDeviceID: id, ComplianceStatus: status.InProgress, ClientCode: status.CodeInternalError, ReportTime: accepted,
			LastReported: last(compliance.StateNonCompliant, accepted, id),
		},
		explain: "Microsoft accepted at 2026-01-31 10:00:00 UTC that the device is not compliant and has not confirmed it yet.",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","complianceStatus":"In-progress","clientCode":"Internal_Error",` +
			`"reportTime":"2026-01-31T10:00:00Z",` +
			`"lastReported":{"state":"non-compliant","time":"2026-01-31T10:00:00Z","azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d"}}`,
	},
	{
		name: "a claim of compliance waits",
		device: status.Device{
			AzureDeviceID: id, ComplianceStatus: status.Failed, ClientCode: status.CodeWorkplaceJoinRequired,
			Blank:        status.Blanks{ReportTime: status.BlankWaitsForSignIn},
			LastReported: last(compliance.StateNonCompliant, earlier, id),
		},
		explain: "The device is not claimed to be compliant until its user signs in: " +
			"Workplace_Join_Required, the device must be registered, which the user can do; " +
			"Azure still holds the device as not compliant since 2026-01-28 10:00:00 UTC.",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","complianceStatus":"Failed","clientCode":"Workplace_Join_Required",` +
			`"blank":{"reportTime":"waits-for-sign-in"},` +
			`"lastReported":{"state":"non-compliant","time":"2026-01-28T10:00:00Z","azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d"}}`,
	},
	{
		name: "compliant, and signed out since",
		device: status.Device{
			AzureDeviceID: id, ComplianceStatus: status.Successful, ClientCode: status.CodeAccountLoggedOut, ReportTime: accepted,
			LastReported: last(compliance.StateCompliant, accepted, id),
		},
		explain: "Microsoft accepted at 2026-01-31 10:00:00 UTC that the device is compliant; " +
			"the next report waits until its user signs in: Account_Logged_Out, the account is signed out.",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","complianceStatus":"Successful","clientCode":"Account_Logged_Out",` +
			`"reportTime":"2026-01-31T10:00:00Z",` +
			`"lastReported":{"state":"compliant","time":"2026-01-31T10:00:00Z","azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d"}}`,
	},
	{
		name: "Windows, which has no code",
		device: status.Device{
			AzureDeviceID: id, ComplianceStatus: status.Successful, ReportTime: accepted,
			Blank:        status.Blanks{ClientCode: status.BlankNoCode},
			LastReported: last(compliance.StateCompliant, accepted, id),
		},
		explain: "Microsoft accepted at 2026-01-31 10:00:00 UTC that the device is compliant.",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","complianceStatus":"Successful",` +
			`"reportTime":"2026-01-31T10:00:00Z","blank":{"clientCode":"no-code"},` +
			`"lastReported":{"state":"compliant","time":"2026-01-31T10:00:00Z","azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d"}}`,
	},
	{
		name: "failed after it was accepted",
		device: status.Device{
			AzureDeviceID: id, ComplianceStatus: status.Failed, ClientCode: status.CodeSuccess, ReportTime: accepted, Cause: "rejected",
			LastReported: last(compliance.StateUnspecified, accepted, id),
		},
		explain: "Microsoft accepted at 2026-01-31 10:00:00 UTC that the device is in a state that was not recorded, but the report failed (rejected).",
		json: `{"azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d","complianceStatus":"Failed","clientCode":"Success",` +
			`"reportTime":"2026-01-31T10:00:00Z","cause":"rejected",` +
			`"lastReported":{"time":"2026-01-31T10:00:00Z","azureDeviceId":"007c8232-9489-4074-9b35-345b16f0a72d"}}`,
	},
}

func TestDeviceSituations(t *testing.T) {
	for _, tc := range situations {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.device.Validate(); err != nil {
				t.Errorf("Validate: %v", err)
			}
			if diff := cmp.Diff(tc.explain, tc.device.Explain()); diff != "" {
				t.Errorf("Explain (-want +got):\n%s", diff)
			}
			j, err := json.Marshal(tc.device)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.json, string(j)); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
			var back status.Device
			if err := json.Unmarshal(j, &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.device, back); diff != "" {
				t.Errorf("after JSON (-want +got):\n%s", diff)
			}
		})
	}
}

func TestZeroDevice(t *testing.T) {
	var zero status.Device
	if j, err := json.Marshal(zero); err != nil || string(j) != "{}" {
		t.Errorf("JSON of the zero Device = %s, %v, want {}", j, err)
	}
	const want = "Nothing has been reported, and no reason is recorded."
	if got := zero.Explain(); got != want {
		t.Errorf("Explain of the zero Device = %q, want %q", got, want)
	}
}

// A host puts a Device into a row of its own; the row's fields must survive.
func TestDeviceEmbedded(t *testing.T) {
	type row struct {
		Serial string `json:"serial"`
		status.Device
	}
	j, err := json.Marshal(row{Serial: "C02X", Device: status.Device{ComplianceStatus: status.InProgress}})
	if want := `{"serial":"C02X","complianceStatus":"In-progress"}`; err != nil || string(j) != want {
		t.Errorf("JSON = %s, %v, want %s", j, err, want)
	}
}

func TestExplainSpeaksUTC(t *testing.T) {
	d := status.Device{
		ComplianceStatus: status.Successful,
		ReportTime:       accepted.In(time.FixedZone("CET", 3600)),
		LastReported:     last(compliance.StateCompliant, accepted, id),
	}
	const want = "Microsoft accepted at 2026-01-31 10:00:00 UTC that the device is compliant."
	if got := d.Explain(); got != want {
		t.Errorf("Explain = %q, want %q", got, want)
	}
}

// What an engine or a device puts into a text stays on one line and short.
func TestExplainIsSafeToShow(t *testing.T) {
	got := status.Device{
		ComplianceStatus: status.Failed,
		ClientCode:       status.ClientCode("New\nCode\x1b[2J"),
		Blank:            status.Blanks{ReportTime: status.BlankClientError},
		Cause:            "line\nbreak " + strings.Repeat("x", 5000),
	}.Explain()
	if strings.ContainsAny(got, "\n\x1b") || len(got) > 300 {
		t.Errorf("Explain = %q", got)
	}
}
