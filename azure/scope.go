package azure

import "github.com/mdmkit/devicestatus/internal/enum"

// Scope says whom an error concerns, and so what else will fail as well.
type Scope uint8

// The scopes. ScopeUnspecified is the zero value and is in no error of this
// module.
const (
	ScopeUnspecified Scope = iota
	ScopeDevice            // this device alone: others go on
	ScopeTenant            // every device of the tenant: probe it, do not flood it
	ScopeService           // everybody: back off altogether
)

var scopes = enum.Names{
	Type:  "Scope",
	Texts: []string{"", "device", "tenant", "service"},
}

// String answers device, tenant or service; "unspecified" for the zero value;
// and Scope(9) for a number without a name.
func (s Scope) String() string { return scopes.String(uint8(s)) }

// AppendText implements [encoding.TextAppender]. The zero value appends
// nothing; a number without a name is an error.
func (s Scope) AppendText(b []byte) ([]byte, error) { return scopes.AppendText(b, uint8(s)) }

// MarshalText implements [encoding.TextMarshaler], as AppendText does.
func (s Scope) MarshalText() ([]byte, error) { return s.AppendText(nil) }

// UnmarshalText implements [encoding.TextUnmarshaler]. It takes any letter
// case; empty text is the zero value; unknown text is an error that quotes it.
func (s *Scope) UnmarshalText(text []byte) error {
	v, err := scopes.Parse(text)
	*s = Scope(v)
	return err
}

// Outcome says what is known of Microsoft's side when a report failed.
type Outcome uint8

// The outcomes. OutcomeUnspecified is the zero value and is in no error of
// this module.
const (
	OutcomeUnspecified Outcome = iota
	OutcomeNotSent             // no request left: Azure holds what it held
	OutcomeRefused             // Microsoft answered and did not apply it
	OutcomeUnknown             // it may have been applied: send it again
)

var outcomes = enum.Names{
	Type:  "Outcome",
	Texts: []string{"", "not-sent", "refused", "unknown"},
}

// String answers not-sent, refused or unknown; "unspecified" for the zero
// value; and Outcome(9) for a number without a name.
func (o Outcome) String() string { return outcomes.String(uint8(o)) }

// AppendText implements [encoding.TextAppender]. The zero value appends
// nothing; a number without a name is an error.
func (o Outcome) AppendText(b []byte) ([]byte, error) { return outcomes.AppendText(b, uint8(o)) }

// MarshalText implements [encoding.TextMarshaler], as AppendText does.
func (o Outcome) MarshalText() ([]byte, error) { return o.AppendText(nil) }

// UnmarshalText implements [encoding.TextUnmarshaler]. It takes any letter
// case; empty text is the zero value; unknown text is an error that quotes it.
func (o *Outcome) UnmarshalText(text []byte) error {
	v, err := outcomes.Parse(text)
	*o = Outcome(v)
	return err
}
