package status

import (
	"encoding"

	"github.com/mdmkit/devicestatus/internal/enum"
)

// BlankReason says why a field of the Azure Device Details is blank. The zero
// value, BlankUnspecified, stands beside a field that is not blank.
type BlankReason uint8

// The reasons.
const (
	BlankUnspecified     BlankReason = iota // the field is not blank; its text is empty
	BlankOff                                // "off": reporting is switched off for the tenant
	BlankNotCalledYet                       // "not-called-yet": the data has arrived, Microsoft has not been called
	BlankNotEvaluated                       // "not-evaluated": no policy evaluation has said how the device stands
	BlankNoResult                           // "no-result-yet": nothing has come from MSAL on the device
	BlankClientError                        // "client-error": MSAL failed on the device; the client code says how
	BlankNoID                               // "no-id": the client code is Success, but no id came with it
	BlankNoCode                             // "no-code": devices of this platform give no client code
	BlankNothingToRemove                    // "nothing-to-remove": removed before Azure ever knew of it
	BlankNoAnswer                           // "no-answer": sent, and the answer was lost; it is sent again
	BlankError                              // "error": the report failed; Device.Cause says of what
	BlankWaitsForSignIn                     // "waits-for-sign-in": a claim of compliance waits for the user
	BlankHeld                               // "held": a change of many devices at once waits for approval
	BlankReportOnly                         // "report-only": the tenant is set to show what would be sent
	BlankNoChannel                          // "no-channel": nothing here carries reports of this platform
	BlankSuperseded                         // "superseded": another record of the device counts, of a newer enrolment
)

var (
	_ encoding.TextAppender    = BlankReason(0)
	_ encoding.TextMarshaler   = BlankReason(0)
	_ encoding.TextUnmarshaler = (*BlankReason)(nil)
)

var blankReasonNames = enum.Names{
	Type: "BlankReason",
	Texts: []string{
		BlankUnspecified:     "",
		BlankOff:             "off",
		BlankNotCalledYet:    "not-called-yet",
		BlankNotEvaluated:    "not-evaluated",
		BlankNoResult:        "no-result-yet",
		BlankClientError:     "client-error",
		BlankNoID:            "no-id",
		BlankNoCode:          "no-code",
		BlankNothingToRemove: "nothing-to-remove",
		BlankNoAnswer:        "no-answer",
		BlankError:           "error",
		BlankWaitsForSignIn:  "waits-for-sign-in",
		BlankHeld:            "held",
		BlankReportOnly:      "report-only",
		BlankNoChannel:       "no-channel",
		BlankSuperseded:      "superseded",
	},
}

// Description says in plain words what r means, without a capital and without
// a full stop. It is empty for BlankUnspecified and for a value that has no
// name.
func (r BlankReason) Description() string {
	switch r {
	case BlankOff:
		return "reporting to Azure is off"
	case BlankNotCalledYet:
		return "the data has arrived, but Microsoft has not been called yet"
	case BlankNotEvaluated:
		return "the device has not been evaluated against its policies yet"
	case BlankNoResult:
		return "the device has not said yet whether it is connected to Azure"
	case BlankClientError:
		return "the device could not obtain its Azure id"
	case BlankNoID:
		return "the device reported success but sent no Azure id"
	case BlankNoCode:
		return "devices of this platform have no client status code"
	case BlankNothingToRemove:
		return "there is nothing to remove, for Azure never knew of the device"
	case BlankNoAnswer:
		return "Microsoft's answer was lost, and the report is sent again"
	case BlankError:
		return "the report failed"
	case BlankWaitsForSignIn:
		return "the device is not claimed to be compliant until its user signs in"
	case BlankHeld:
		return "the report is held until an administrator approves it"
	case BlankReportOnly:
		return "the tenant is set to show what would be sent, and nothing is sent"
	case BlankNoChannel:
		return "no channel carries reports of this platform"
	case BlankSuperseded:
		return "the device was enrolled anew under another record, which is reported in place of this one"
	}
	return ""
}

// String answers the text of r, "unspecified" for the zero value, and the
// number, as in BlankReason(99), for a value that has no name.
func (r BlankReason) String() string { return blankReasonNames.String(uint8(r)) }

// AppendText appends the text of r to b, nothing for the zero value. A value
// that has no name is an error.
func (r BlankReason) AppendText(b []byte) ([]byte, error) {
	return blankReasonNames.AppendText(b, uint8(r))
}

// MarshalText answers what AppendText appends.
func (r BlankReason) MarshalText() ([]byte, error) { return r.AppendText(nil) }

// UnmarshalText reads a reason in any letter case, with space, hyphen,
// underscore or nothing between the words. Empty text is BlankUnspecified.
// Unknown text is an error that quotes it, and sets BlankUnspecified.
func (r *BlankReason) UnmarshalText(text []byte) error {
	v, err := blankReasonNames.Parse(text)
	*r = BlankReason(v)
	return err
}
