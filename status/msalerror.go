package status

import "strings"

// MSALError is an error of MSAL for iOS and macOS, in the domain
// MSALErrorDomain. The zero value means that there was no error to hand over.
type MSALError struct {
	Code         int    `json:"code,omitzero"`         // the NSError's code, such as -50002
	InternalCode int    `json:"internalCode,omitzero"` // userInfo[MSALInternalErrorCodeKey]; 0 if absent
	Description  string `json:"description,omitzero"`  // userInfo[MSALErrorDescriptionKey]; only its start is looked at, and it is never shown
}

// The codes of MSALErrorDomain that lead to a client code of their own. The
// numbers are public in MSAL's header MSALError.h.
const (
	msalInternal                    = -50000
	msalWorkplaceJoinRequired       = -50001
	msalInteractionRequired         = -50002
	msalServerDeclinedScopes        = -50003
	msalServerProtectionPolicies    = -50004
	msalUserCanceled                = -50005
	msalInsufficientDeviceStrength  = -50007
	msalMDMEnrollmentNeedsRetry     = -50008
	msalServerResetPasswordRequired = -50142
)

// How the descriptions begin that MSAL gives to an interaction required where
// no account is signed in.
const (
	msalSignedOut = "account is signed out"
	msalNoAccount = "no account provided"
)

// ClientCode answers the Azure Client Status Code that e amounts to. The first
// rule that matches decides:
//
//  1. The zero MSALError is the blank code: the device has given no result. A
//     device that obtained its id has no error; its agent says CodeSuccess.
//  2. MSAL keeps few codes as they are and wraps the others in -50000, with the
//     original as the internal code. So for -50000 the internal code stands
//     for the code in the rules below.
//  3. -50001 and -50007 are CodeWorkplaceJoinRequired, -50003 is
//     CodeServerDeclinedScopes, -50004 CodeServerProtectionPoliciesRequired,
//     -50005 CodeUserCancelled, -50008 and -50142 CodeInteractionRequired.
//  4. -50002 is CodeAccountLoggedOut if the description begins with "Account is
//     signed out" or "No account provided", in any letter case, and
//     CodeInteractionRequired otherwise. MSAL has no number that tells the two
//     apart, and Microsoft does not promise the texts.
//  5. Everything else, -50006 among it, is CodeInternalError.
func (e MSALError) ClientCode() ClientCode {
	if e == (MSALError{}) {
		return ""
	}
	code := e.Code
	if code == msalInternal {
		code = e.InternalCode
	}
	switch code {
	case msalWorkplaceJoinRequired, msalInsufficientDeviceStrength:
		return CodeWorkplaceJoinRequired
	case msalInteractionRequired:
		if begins(e.Description, msalSignedOut) || begins(e.Description, msalNoAccount) {
			return CodeAccountLoggedOut
		}
		return CodeInteractionRequired
	case msalMDMEnrollmentNeedsRetry, msalServerResetPasswordRequired:
		return CodeInteractionRequired
	case msalServerDeclinedScopes:
		return CodeServerDeclinedScopes
	case msalServerProtectionPolicies:
		return CodeServerProtectionPoliciesRequired
	case msalUserCanceled:
		return CodeUserCancelled
	}
	return CodeInternalError
}

// begins reports whether s begins with start, whatever its letter case and
// the white space before it.
func begins(s, start string) bool {
	s = strings.TrimSpace(s)
	return len(s) >= len(start) && strings.EqualFold(s[:len(start)], start)
}
