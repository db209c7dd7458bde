package status_test

import (
	"testing"

	"github.com/mdmkit/devicestatus/status"
)

func TestMSALErrorClientCode(t *testing.T) {
	for _, tc := range []struct {
		why  string
		err  status.MSALError
		want status.ClientCode
	}{
		{"no error is no result", status.MSALError{}, ""},
		{"MSALErrorInternal", status.MSALError{Code: -50000}, status.CodeInternalError},
		{"MSALErrorWorkplaceJoinRequired", status.MSALError{Code: -50001}, status.CodeWorkplaceJoinRequired},
		{"MSALErrorInteractionRequired", status.MSALError{Code: -50002}, status.CodeInteractionRequired},
		{"MSALErrorServerDeclinedScopes", status.MSALError{Code: -50003}, status.CodeServerDeclinedScopes},
		{"MSALErrorServerProtectionPoliciesRequired", status.MSALError{Code: -50004}, status.CodeServerProtectionPoliciesRequired},
		{"MSALErrorUserCanceled", status.MSALError{Code: -50005}, status.CodeUserCancelled},
		{"MSALErrorServerError", status.MSALError{Code: -50006}, status.CodeInternalError},
		{"MSALErrorInsufficientDeviceStrength", status.MSALError{Code: -50007}, status.CodeWorkplaceJoinRequired},
		{"MSALErrorMDMEnrollmentCompletedNeedsRetry", status.MSALError{Code: -50008}, status.CodeInteractionRequired},
		{"MSALErrorServerInvalidRequestResetPasswordRequired", status.MSALError{Code: -50142}, status.CodeInteractionRequired},

		{"-50006 wrapped", status.MSALError{Code: -50000, InternalCode: -50006}, status.CodeInternalError},
		{"-50007 wrapped", status.MSALError{Code: -50000, InternalCode: -50007}, status.CodeWorkplaceJoinRequired},
		{"-50008 wrapped", status.MSALError{Code: -50000, InternalCode: -50008}, status.CodeInteractionRequired},
		{"-50142 wrapped", status.MSALError{Code: -50000, InternalCode: -50142}, status.CodeInteractionRequired},
		{"an internal code of no meaning here", status.MSALError{Code: -50000, InternalCode: -42004}, status.CodeInternalError},
		{"-50000 wrapped in itself", status.MSALError{Code: -50000, InternalCode: -50000}, status.CodeInternalError},
		{"an internal code counts under -50000 only", status.MSALError{Code: -50003, InternalCode: -50007}, status.CodeServerDeclinedScopes},
		{"an internal code without a code", status.MSALError{InternalCode: -50007}, status.CodeInternalError},

		{"signed out, as MSAL writes it",
			status.MSALError{Code: -50002, Description: "Account is signed out, user interaction is required."}, status.CodeAccountLoggedOut},
		{"no account, as MSAL writes it",
			status.MSALError{Code: -50002, Description: "No account provided for the silent request. Please call interactive acquireToken request."}, status.CodeAccountLoggedOut},
		{"letter case and white space", status.MSALError{Code: -50002, Description: " ACCOUNT IS SIGNED OUT"}, status.CodeAccountLoggedOut},
		{"another description", status.MSALError{Code: -50002, Description: "User interaction is required"}, status.CodeInteractionRequired},
		{"the words later on", status.MSALError{Code: -50002, Description: "AADSTS: account is signed out"}, status.CodeInteractionRequired},
		{"too short for the words", status.MSALError{Code: -50002, Description: "No account"}, status.CodeInteractionRequired},
		{"the words with another code", status.MSALError{Code: -50003, Description: "Account is signed out"}, status.CodeServerDeclinedScopes},
		{"a description alone", status.MSALError{Description: "Account is signed out"}, status.CodeInternalError},

		{"a number that MSAL may add", status.MSALError{Code: -50009}, status.CodeInternalError},
		{"a number of another domain", status.MSALError{Code: -1009}, status.CodeInternalError},
		{"a positive number", status.MSALError{Code: 50002}, status.CodeInternalError},
	} {
		if got := tc.err.ClientCode(); got != tc.want {
			t.Errorf("%s: %+v is %q, want %q", tc.why, tc.err, got, tc.want)
		}
	}
}
