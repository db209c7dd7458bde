package status_test

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// Agents, exports and consoles spell the codes differently.
func ExampleParseClientCode() {
	for _, text := range []string{"Success", `User\_Cancelled`, "account signed out", "Token_Protection_Required"} {
		code := status.ParseClientCode(text)
		fmt.Println(code, code.Known())
	}
	// Output:
	// Success true
	// User_Cancelled true
	// Account_Logged_Out true
	// Token_Protection_Required false
}

func ExampleClientCode_UserCanResolve() {
	for _, code := range []status.ClientCode{status.CodeInteractionRequired, status.CodeServerDeclinedScopes} {
		fmt.Printf("%s: %s; user can resolve it: %v\n", code, code.Description(), code.UserCanResolve())
	}
	// Output:
	// Interaction_Required: an interactive sign-in is required; user can resolve it: true
	// Server_Declined_Scopes: access to some scopes was not granted; user can resolve it: false
}

func ExampleClientCode_Known() {
	fmt.Println(status.ParseClientCode("user canceled").Known())
	fmt.Println(status.ParseClientCode("Some_New_Code").Known())
	// Output:
	// true
	// false
}

func ExampleClientCode_Description() {
	fmt.Println(status.CodeWorkplaceJoinRequired.Description())
	fmt.Println(status.ClientCode("Some_New_Code").Description())
	// Output:
	// the device must be registered
	// a code that this version does not know
}

// Non-compliant is always sent; compliant waits while nobody is signed in.
func ExampleClientCode_HoldsCompliant() {
	for _, code := range []status.ClientCode{status.CodeUserCancelled, status.CodeAccountLoggedOut, "Some_New_Code"} {
		fmt.Println(code, code.HoldsCompliant())
	}
	// Output:
	// User_Cancelled false
	// Account_Logged_Out true
	// Some_New_Code true
}

func ExampleClientCode_MissingID() {
	for _, code := range []status.ClientCode{"", status.CodeSuccess, status.CodeUserCancelled} {
		fmt.Printf("%q: %v\n", string(code), code.MissingID())
	}
	// Output:
	// "": no-result-yet
	// "Success": no-id
	// "User_Cancelled": client-error
}

func ExampleClientCode_UnmarshalText() {
	var result struct{ Code status.ClientCode }
	if err := json.Unmarshal([]byte(`{"Code": "account logged out"}`), &result); err != nil {
		fmt.Println(err)
	}
	fmt.Println(result.Code == status.CodeAccountLoggedOut)
	// Output: true
}

// What an iPhone's agent sends after a registration that is not strong enough:
// MSAL wraps the code that matters.
func ExampleMSALError_ClientCode() {
	e := status.MSALError{Code: -50000, InternalCode: -50007}
	fmt.Println(e.ClientCode())

	e = status.MSALError{Code: -50002, Description: "Account is signed out, user interaction is required."}
	fmt.Println(e.ClientCode())
	// Output:
	// Workplace_Join_Required
	// Account_Logged_Out
}

func ExampleAndroidException_ClientCode() {
	e := status.AndroidException{
		Class:     "com.microsoft.identity.client.exception.MsalServiceException",
		ErrorCode: "unauthorized_client",
		SubError:  "protection_policy_required",
	}
	fmt.Println(e.ClientCode())
	// Output: Server_Protection_Policies_Required
}

func ExampleReportState() {
	var state status.ReportState
	if err := state.UnmarshalText([]byte("in progress")); err != nil {
		fmt.Println(err)
	}
	fmt.Println(state, state == status.InProgress)
	fmt.Println(state.UnmarshalText([]byte("done")))
	// Output:
	// In-progress true
	// unknown ReportState "done"
}

func ExampleBlankReason() {
	reason := status.BlankNotCalledYet
	fmt.Println(reason)
	fmt.Println(reason.Description())
	// Output:
	// not-called-yet
	// the data has arrived, but Microsoft has not been called yet
}

// A device whose user dismissed the sign-in, as an API answers it.
func ExampleDevice() {
	d := status.Device{
		ComplianceStatus: status.Failed,
		ClientCode:       status.ParseClientCode("User_Canceled"),
		Blank: status.Blanks{
			AzureDeviceID: status.BlankClientError,
			ReportTime:    status.BlankClientError,
		},
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(d); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {
	//   "complianceStatus": "Failed",
	//   "clientCode": "User_Cancelled",
	//   "blank": {
	//     "azureDeviceId": "client-error",
	//     "reportTime": "client-error"
	//   }
	// }
}

// A device that broke a policy after it was reported as compliant, while
// Microsoft's service is not available.
func ExampleDevice_Explain() {
	d := status.Device{
		AzureDeviceID:    "007c8232-9489-4074-9b35-345b16f0a72d",
		ComplianceStatus: status.InProgress,
		ClientCode:       status.CodeSuccess,
		Blank:            status.Blanks{ReportTime: status.BlankNoAnswer},
		LastReported: status.LastReported{
			State:         compliance.StateCompliant,
			Time:          time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC),
			AzureDeviceID: "007c8232-9489-4074-9b35-345b16f0a72d",
		},
	}
	fmt.Println(d.Explain())
	// Output: Microsoft's answer was lost, and the report is sent again; Azure still holds the device as compliant since 2026-01-31 10:00:00 UTC.
}

func ExampleDevice_Validate() {
	d := status.Device{
		ComplianceStatus: status.InProgress,
		ClientCode:       status.CodeSuccess,
		Blank:            status.Blanks{AzureDeviceID: status.BlankNoID},
	}
	fmt.Println(d.Validate())
	// Output: ReportTime: blank without a reason
}
