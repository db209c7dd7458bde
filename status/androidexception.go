package status

import "strings"

// AndroidException is an exception of MSAL for Android, which has texts in
// place of numbers. The zero value means that there was no exception.
type AndroidException struct {
	Class     string `json:"class,omitzero"`     // name of its class, with the package or without
	ErrorCode string `json:"errorCode,omitzero"` // getErrorCode()
	SubError  string `json:"subError,omitzero"`  // getSubErrorCode(), where the class has it
	Cause     string `json:"cause,omitzero"`     // name of the class of getCause(), with the package or without
}

// androidRules are tried from top to bottom. An empty field matches anything,
// so that a row of a class alone comes after the rows of that class that ask
// for more.
var androidRules = [...]struct {
	match AndroidException
	code  ClientCode
}{
	{AndroidException{Class: "MsalUiRequiredException", ErrorCode: "no_account_found"}, CodeAccountLoggedOut},
	{AndroidException{Class: "MsalUiRequiredException", ErrorCode: "no_current_account"}, CodeAccountLoggedOut},
	{AndroidException{Class: "MsalUiRequiredException", ErrorCode: "account_not_found"}, CodeAccountLoggedOut},
	{AndroidException{Class: "MsalUiRequiredException"}, CodeInteractionRequired},

	{AndroidException{Class: "MsalClientException", ErrorCode: "no_account_found"}, CodeAccountLoggedOut},
	{AndroidException{Class: "MsalClientException", ErrorCode: "no_current_account"}, CodeAccountLoggedOut},
	{AndroidException{Class: "MsalClientException", ErrorCode: "account_not_found"}, CodeAccountLoggedOut},
	{AndroidException{Class: "MsalClientException", ErrorCode: "current_account_mismatch"}, CodeInteractionRequired},
	{AndroidException{Class: "MsalClientException", ErrorCode: "user_mismatch"}, CodeInteractionRequired},
	{AndroidException{Class: "MsalClientException", ErrorCode: "device_registration_needed"}, CodeWorkplaceJoinRequired},
	{AndroidException{Class: "MsalClientException", ErrorCode: "insufficient_device_registration"}, CodeWorkplaceJoinRequired},
	{AndroidException{Class: "MsalClientException", ErrorCode: "workplace_join_data_null"}, CodeWorkplaceJoinRequired},
	{AndroidException{Class: "MsalClientException", ErrorCode: "unknown_error", Cause: "DeviceRegistrationRequiredException"}, CodeWorkplaceJoinRequired},
	{AndroidException{Class: "MsalClientException", ErrorCode: "unknown_error", Cause: "InsufficientDeviceRegistrationException"}, CodeWorkplaceJoinRequired},
	{AndroidException{Class: "MsalClientException", ErrorCode: "unknown_error", Cause: "StrongDeviceRegistrationRequiredException"}, CodeWorkplaceJoinRequired},

	{AndroidException{Class: "MsalDeclinedScopeException"}, CodeServerDeclinedScopes},
	{AndroidException{Class: "MsalIntuneAppProtectionPolicyRequiredException"}, CodeServerProtectionPoliciesRequired},
	{AndroidException{Class: "MsalUserCancelException"}, CodeUserCancelled},

	{AndroidException{Class: "MsalServiceException", ErrorCode: "invalid_scope"}, CodeServerDeclinedScopes},
	{AndroidException{Class: "MsalServiceException", ErrorCode: "access_denied"}, CodeUserCancelled},
	{AndroidException{Class: "MsalServiceException", ErrorCode: "unauthorized_client", SubError: "protection_policy_required"}, CodeServerProtectionPoliciesRequired},
}

// ClientCode answers the Azure Client Status Code that e amounts to. The class
// is looked at first, then the error code, the sub-error and the cause; the
// first rule that matches decides:
//
//  1. The zero AndroidException is the blank code: the device has given no
//     result. A device that obtained its id has no exception; its agent says
//     CodeSuccess.
//  2. The classes MsalDeclinedScopeException, MsalUserCancelException and
//     MsalIntuneAppProtectionPolicyRequiredException speak for themselves.
//  3. MsalUiRequiredException is CodeAccountLoggedOut where its error code says
//     that there is no account, and CodeInteractionRequired otherwise.
//  4. MsalClientException and MsalServiceException are told apart by the error
//     code; an unknown_error by its cause, an unauthorized_client by its
//     sub-error.
//  5. Everything else is CodeInternalError, whatever its error code: a class
//     that is not named above, or no class at all.
//
// Class and cause may carry their package, com.microsoft.identity..., and what
// Throwable.toString puts after the name. Error code and sub-error are
// compared without letter case.
func (e AndroidException) ClientCode() ClientCode {
	if e == (AndroidException{}) {
		return ""
	}
	class, cause := simpleName(e.Class), simpleName(e.Cause)
	errorCode, subError := strings.TrimSpace(e.ErrorCode), strings.TrimSpace(e.SubError)
	for i := range androidRules {
		m := &androidRules[i].match
		if m.Class == class &&
			(m.ErrorCode == "" || strings.EqualFold(m.ErrorCode, errorCode)) &&
			(m.SubError == "" || strings.EqualFold(m.SubError, subError)) &&
			(m.Cause == "" || m.Cause == cause) {
			return androidRules[i].code
		}
	}
	return CodeInternalError
}

// simpleName answers the last part of a Java class name, without the message
// that Throwable.toString puts after a colon.
func simpleName(class string) string {
	class, _, _ = strings.Cut(class, ":")
	class = strings.TrimSpace(class)
	return class[strings.LastIndexAny(class, ".$")+1:]
}
