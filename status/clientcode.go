package status

import "encoding"

// ClientCode is the Azure Client Status Code: whether the device is connected
// to Azure. It is what Microsoft's library on the device, MSAL, came to when
// it was asked for the device's Azure id. The set is open: a value may be a
// text that this package does not know. The zero value, blank, means that the
// device has given no code; Windows devices have none.
type ClientCode string

// The codes that this package knows, in their canonical text.
const (
	CodeSuccess                          ClientCode = "Success"                             // the device id could be retrieved
	CodeInternalError                    ClientCode = "Internal_Error"                      // an unrecoverable error in the client or on the server side
	CodeWorkplaceJoinRequired            ClientCode = "Workplace_Join_Required"             // the device must be registered
	CodeInteractionRequired              ClientCode = "Interaction_Required"                // an interactive sign-in is required
	CodeServerDeclinedScopes             ClientCode = "Server_Declined_Scopes"              // access to some scopes was not granted
	CodeServerProtectionPoliciesRequired ClientCode = "Server_Protection_Policies_Required" // an Intune conditional access policy protects the resource
	CodeUserCancelled                    ClientCode = "User_Cancelled"                      // the user dismissed the web sign-in
	CodeAccountLoggedOut                 ClientCode = "Account_Logged_Out"                  // the account is signed out
)

var (
	_ encoding.TextAppender    = ClientCode("")
	_ encoding.TextMarshaler   = ClientCode("")
	_ encoding.TextUnmarshaler = (*ClientCode)(nil)
)

// fact is what is known of one code.
type fact struct {
	meaning        string
	userCanResolve bool
	holdsCompliant bool
}

// facts answers what is known of c in canonical text, and false for a code
// that is not known.
func facts(c ClientCode) (fact, bool) {
	switch c {
	case CodeSuccess:
		return fact{meaning: "the device id could be retrieved"}, true
	case CodeInternalError:
		return fact{meaning: "an unrecoverable error in the client or on the server side"}, true
	case CodeWorkplaceJoinRequired:
		return fact{meaning: "the device must be registered", userCanResolve: true, holdsCompliant: true}, true
	case CodeInteractionRequired:
		return fact{meaning: "an interactive sign-in is required", userCanResolve: true}, true
	case CodeServerDeclinedScopes:
		return fact{meaning: "access to some scopes was not granted"}, true
	case CodeServerProtectionPoliciesRequired:
		return fact{meaning: "the resource is protected by an Intune conditional access policy"}, true
	case CodeUserCancelled:
		return fact{meaning: "the user dismissed the web sign-in"}, true
	case CodeAccountLoggedOut:
		return fact{meaning: "the account is signed out", holdsCompliant: true}, true
	}
	return fact{}, false
}

// Known reports whether c is one of the codes above, in any spelling. Blank
// is not one of them.
func (c ClientCode) Known() bool {
	_, known := facts(ParseClientCode(string(c)))
	return known
}

// UserCanResolve reports whether the user of the device can mend what c says,
// by registering the device or by signing in. It is false for Success, for
// blank and for a code that is not known.
func (c ClientCode) UserCanResolve() bool {
	f, _ := facts(ParseClientCode(string(c)))
	return f.userCanResolve
}

// HoldsCompliant reports whether a new claim that the device is compliant has
// to wait while c stands: under Workplace_Join_Required, Account_Logged_Out,
// and every code that is not known. Non-compliant and removed never wait.
//
// Blank holds too, since it vouches for nothing. A caller to whom an id with a
// blank code means Success, as it does on Windows, asks CodeSuccess instead.
func (c ClientCode) HoldsCompliant() bool {
	f, known := facts(ParseClientCode(string(c)))
	return f.holdsCompliant || !known
}

// MissingID answers why a device whose code is c has no Azure id, as far as
// the code tells: BlankNoResult for a blank code, BlankNoID for Success, which
// should have brought one, and BlankClientError for every other code.
func (c ClientCode) MissingID() BlankReason {
	switch ParseClientCode(string(c)) {
	case "":
		return BlankNoResult
	case CodeSuccess:
		return BlankNoID
	}
	return BlankClientError
}

// Description says in a few plain words what c means, without a capital and
// without a full stop. It is empty for blank, and for a code that is not known
// it says so without repeating it.
func (c ClientCode) Description() string {
	code := ParseClientCode(string(c))
	if code == "" {
		return ""
	}
	f, known := facts(code)
	if !known {
		return "a code that this version does not know"
	}
	return f.meaning
}

// String answers the text that ParseClientCode makes of c: canonical if the
// code is known, and in any case safe to show.
func (c ClientCode) String() string { return string(ParseClientCode(string(c))) }

// AppendText appends c.String() to b. The error is always nil.
func (c ClientCode) AppendText(b []byte) ([]byte, error) { return append(b, c.String()...), nil }

// MarshalText answers c.String(). The error is always nil.
func (c ClientCode) MarshalText() ([]byte, error) { return c.AppendText(nil) }

// UnmarshalText reads text as ParseClientCode does. The error is always nil.
func (c *ClientCode) UnmarshalText(text []byte) error {
	if code, known := spelling(text); known {
		*c = code
		return nil
	}
	*c = ParseClientCode(string(text))
	return nil
}
