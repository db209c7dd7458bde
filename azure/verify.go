package azure

import (
	"context"

	"github.com/mdmkit/devicestatus/internal/enum"
)

// Verifier is implemented by reporters that can read a device back.
//
// Verify compares what Entra shows of the device with what r says of its
// standing. Reads lag behind writes: shortly after a report, a mismatch may be
// the old value, so ask again before believing it. An error means that the
// device could not be read; a device that is not there is not an error.
type Verifier interface {
	Verify(ctx context.Context, r Report) (Verification, error)
}

// Verification is what Entra showed of a device when it was asked.
type Verification struct {
	// Verdict compares the device with the report.
	Verdict Verdict `json:"verdict"`

	// Mismatches names the fields that differ from the report, of isCompliant
	// and isManaged; empty unless the verdict is VerdictMismatch. A field that
	// Entra holds no value for counts as false.
	Mismatches []string `json:"mismatches,omitempty"`

	// Device is what was read; zero where the device is absent.
	Device EntraDevice `json:"device,omitzero"`
}

// EntraDevice is a device as the directory shows it. Values are Microsoft's
// own; a field that Entra holds no value for is empty or nil.
type EntraDevice struct {
	ObjectID        string `json:"objectId,omitempty"` // the directory's id, not the device id
	OperatingSystem string `json:"operatingSystem,omitempty"`
	TrustType       string `json:"trustType,omitempty"` // Workplace, AzureAd or ServerAd (hybrid)
	MDMAppID        string `json:"mdmAppId,omitempty"`  // the MDM that Microsoft holds responsible
	IsCompliant     *bool  `json:"isCompliant,omitempty"`
	IsManaged       *bool  `json:"isManaged,omitempty"`
}

// Verdict is the result of reading a device back.
type Verdict uint8

// The verdicts. VerdictUnspecified is the zero value: nothing was read.
const (
	VerdictUnspecified Verdict = iota
	VerdictMatch               // Entra shows what the report says, or no device where it says removed
	VerdictMismatch            // a field differs: see Mismatches
	VerdictAbsent              // Entra does not show the device, and the report does not say removed
)

var verdicts = enum.Names{
	Type:  "Verdict",
	Texts: []string{"", "match", "mismatch", "absent"},
}

// String answers match, mismatch or absent; "unspecified" for the zero value;
// and Verdict(9) for a number without a name.
func (v Verdict) String() string { return verdicts.String(uint8(v)) }

// AppendText implements [encoding.TextAppender]. The zero value appends
// nothing; a number without a name is an error.
func (v Verdict) AppendText(b []byte) ([]byte, error) { return verdicts.AppendText(b, uint8(v)) }

// MarshalText implements [encoding.TextMarshaler], as AppendText does.
func (v Verdict) MarshalText() ([]byte, error) { return v.AppendText(nil) }

// UnmarshalText implements [encoding.TextUnmarshaler]. It takes any letter
// case; empty text is the zero value; unknown text is an error that quotes it.
func (v *Verdict) UnmarshalText(text []byte) error {
	n, err := verdicts.Parse(text)
	*v = Verdict(n)
	return err
}
