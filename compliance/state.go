package compliance

import (
	"encoding"

	"github.com/mdmkit/devicestatus/internal/enum"
)

// State is a device's standing, as Azure is to be told it. The zero value,
// StateUnspecified, means that the device was not evaluated: it is neither
// compliant nor non-compliant, and an earlier standing stays.
type State uint8

// The states.
const (
	StateUnspecified  State = iota // not evaluated; its text is empty
	StateCompliant                 // "compliant": may open mail and files
	StateNonCompliant              // "non-compliant": Conditional Access keeps it out
	StateRemoved                   // "removed": retired, its data leaves Azure
)

var (
	_ encoding.TextAppender    = State(0)
	_ encoding.TextMarshaler   = State(0)
	_ encoding.TextUnmarshaler = (*State)(nil)
)

var stateNames = enum.Names{
	Type:  "State",
	Texts: []string{"", "compliant", "non-compliant", "removed"},
}

// String answers the text of s, "unspecified" for the zero value, and the
// number, as in State(9), for a value that has no name.
func (s State) String() string { return stateNames.String(uint8(s)) }

// AppendText appends the text of s to b, nothing for the zero value. A value
// that has no name is an error.
func (s State) AppendText(b []byte) ([]byte, error) { return stateNames.AppendText(b, uint8(s)) }

// MarshalText answers what AppendText appends.
func (s State) MarshalText() ([]byte, error) { return s.AppendText(nil) }

// UnmarshalText reads a state in any letter case, with space, hyphen,
// underscore or nothing between the words: "NonCompliant" is
// StateNonCompliant. Empty text is StateUnspecified. Unknown text is an error
// that quotes it, and sets StateUnspecified, so that a caller who ignores the
// error claims nothing.
func (s *State) UnmarshalText(text []byte) error {
	v, err := stateNames.Parse(text)
	*s = State(v)
	return err
}
