package status_test

import (
	"testing"

	"github.com/mdmkit/devicestatus/status"
)

func TestAndroidExceptionClientCode(t *testing.T) {
	for _, tc := range []struct {
		e    status.AndroidException
		want status.ClientCode
	}{
		{status.AndroidException{}, ""},

		{status.AndroidException{Class: "MsalUiRequiredException", ErrorCode: "invalid_grant"}, status.CodeInteractionRequired},
		{status.AndroidException{Class: "MsalUiRequiredException", ErrorCode: "interaction_required"}, status.CodeInteractionRequired},
		{status.AndroidException{Class: "MsalUiRequiredException", ErrorCode: "no_tokens_found"}, status.CodeInteractionRequired},
		{status.AndroidException{Class: "MsalUiRequiredException"}, status.CodeInteractionRequired},
		{status.AndroidException{Class: "MsalUiRequiredException", ErrorCode: "device_registration_needed"}, status.CodeInteractionRequired},
		{status.AndroidException{Class: "MsalUiRequiredException", ErrorCode: "no_account_found"}, status.CodeAccountLoggedOut},
		{status.AndroidException{Class: "MsalUiRequiredException", ErrorCode: "no_current_account"}, status.CodeAccountLoggedOut},
		{status.AndroidException{Class: "MsalUiRequiredException", ErrorCode: "account_not_found"}, status.CodeAccountLoggedOut},

		{status.AndroidException{Class: "MsalClientException", ErrorCode: "no_account_found"}, status.CodeAccountLoggedOut},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "no_current_account"}, status.CodeAccountLoggedOut},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "account_not_found"}, status.CodeAccountLoggedOut},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "current_account_mismatch"}, status.CodeInteractionRequired},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "user_mismatch"}, status.CodeInteractionRequired},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "device_registration_needed"}, status.CodeWorkplaceJoinRequired},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "insufficient_device_registration"}, status.CodeWorkplaceJoinRequired},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "workplace_join_data_null"}, status.CodeWorkplaceJoinRequired},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "unknown_error", Cause: "DeviceRegistrationRequiredException"}, status.CodeWorkplaceJoinRequired},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "unknown_error", Cause: "InsufficientDeviceRegistrationException"}, status.CodeWorkplaceJoinRequired},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "unknown_error", Cause: "StrongDeviceRegistrationRequiredException"}, status.CodeWorkplaceJoinRequired},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "unknown_error", Cause: "IOException"}, status.CodeInternalError},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "unknown_error"}, status.CodeInternalError},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "io_error", Cause: "DeviceRegistrationRequiredException"}, status.CodeInternalError},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "device_network_not_available"}, status.CodeInternalError},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "unsupported_broker_version"}, status.CodeInternalError},
		{status.AndroidException{Class: "MsalClientException", ErrorCode: "access_denied"}, status.CodeInternalError},
		{status.AndroidException{Class: "MsalClientException"}, status.CodeInternalError},

		{status.AndroidException{Class: "MsalDeclinedScopeException", ErrorCode: "declined_scope_error"}, status.CodeServerDeclinedScopes},
		{status.AndroidException{Class: "MsalDeclinedScopeException"}, status.CodeServerDeclinedScopes},
		{status.AndroidException{Class: "MsalUserCancelException"}, status.CodeUserCancelled},
		{status.AndroidException{Class: "MsalIntuneAppProtectionPolicyRequiredException", ErrorCode: "unauthorized_client", SubError: "protection_policy_required"}, status.CodeServerProtectionPoliciesRequired},
		{status.AndroidException{Class: "MsalIntuneAppProtectionPolicyRequiredException"}, status.CodeServerProtectionPoliciesRequired},

		{status.AndroidException{Class: "MsalServiceException", ErrorCode: "invalid_scope"}, status.CodeServerDeclinedScopes},
		{status.AndroidException{Class: "MsalServiceException", ErrorCode: "access_denied"}, status.CodeUserCancelled},
		{status.AndroidException{Class: "MsalServiceException", ErrorCode: "unauthorized_client", SubError: "protection_policy_required"}, status.CodeServerProtectionPoliciesRequired},
		{status.AndroidException{Class: "MsalServiceException", ErrorCode: "unauthorized_client", SubError: "basic_action"}, status.CodeInternalError},
		{status.AndroidException{Class: "MsalServiceException", ErrorCode: "unauthorized_client"}, status.CodeInternalError},
		{status.AndroidException{Class: "MsalServiceException", ErrorCode: "invalid_request", SubError: "protection_policy_required"}, status.CodeInternalError},
		{status.AndroidException{Class: "MsalServiceException", ErrorCode: "no_account_found"}, status.CodeInternalError},
		{status.AndroidException{Class: "MsalServiceException"}, status.CodeInternalError},

		{status.AndroidException{Class: "MsalArgumentException", ErrorCode: "illegal_argument_exception"}, status.CodeInternalError},
		{status.AndroidException{Class: "MsalUnsupportedBrokerException", ErrorCode: "unsupported_broker_version"}, status.CodeInternalError},
		{status.AndroidException{Class: "NullPointerException"}, status.CodeInternalError},
		{status.AndroidException{ErrorCode: "no_account_found"}, status.CodeInternalError},
		{status.AndroidException{Cause: "DeviceRegistrationRequiredException"}, status.CodeInternalError},

		{status.AndroidException{Class: "com.microsoft.identity.client.exception.MsalUiRequiredException", ErrorCode: "NO_ACCOUNT_FOUND"}, status.CodeAccountLoggedOut},
		{status.AndroidException{Class: "com.microsoft.identity.client.exception.MsalUserCancelException: User cancelled. Now."}, status.CodeUserCancelled},
		{status.AndroidException{
			Class: "com.microsoft.identity.client.exception.MsalClientException", ErrorCode: " unknown_error ",
			Cause: "com.microsoft.identity.common.java.exception.DeviceRegistrationRequiredException: Device needs to be registered",
		}, status.CodeWorkplaceJoinRequired},
		{status.AndroidException{Class: "com.example.Outer$MsalUserCancelException"}, status.CodeUserCancelled},
		{status.AndroidException{Class: "NotMsalUserCancelException"}, status.CodeInternalError},
		{status.AndroidException{Class: "com.microsoft."}, status.CodeInternalError},
	} {
		if got := tc.e.ClientCode(); got != tc.want {
			t.Errorf("%+v is %q, want %q", tc.e, got, tc.want)
		}
	}
}

// Whatever an agent sends, the answer is a code that is known, and blank for
// the zero value only.
func FuzzAndroidExceptionClientCode(f *testing.F) {
	f.Add("com.microsoft.identity.client.exception.MsalClientException", "unknown_error", "", "java.lang.RuntimeException: x")
	f.Add("MsalServiceException", "unauthorized_client", "protection_policy_required", "")
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, class, errorCode, subError, cause string) {
		e := status.AndroidException{Class: class, ErrorCode: errorCode, SubError: subError, Cause: cause}
		code := e.ClientCode()
		if zero := e == (status.AndroidException{}); zero != (code == "") || !zero && !code.Known() || code == status.CodeSuccess {
			t.Errorf("%+v is %q", e, code)
		}
	})
}
