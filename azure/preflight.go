package azure

import (
	"context"
	"log/slog"

	"github.com/mdmkit/devicestatus/internal/enum"
)

// Preflighter is implemented by channels that can say whether a tenant is set
// up for them, before anything is reported.
//
// Preflight makes every check that concerns the given platforms and answers
// one Finding each, in a fixed order; it writes nothing and changes nothing. A
// check that depends on a failed one is answered as not possible. platforms
// are those in use in the tenant; a channel that serves none of them answers
// nothing.
type Preflighter interface {
	Preflight(ctx context.Context, tenantID string, platforms ...Platform) []Finding
}

// Finding is what one check came to. Its texts hold no secret, token or user.
type Finding struct {
	// Check is the check's stable name, as in "graph: read devices".
	Check string `json:"check"`

	State CheckState `json:"state"`

	// Saw is what was found, in a few words.
	Saw string `json:"saw"`

	// Advice is what to do about it; empty for a check that passed.
	Advice string `json:"advice,omitempty"`

	// Err is the failed call behind it, if one failed.
	Err *Error `json:"error,omitempty"`
}

// LogValue implements [slog.LogValuer]: the check, its state, what was seen and
// what to do, without Microsoft's own sentence.
func (f Finding) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("check", f.Check),
		slog.String("state", f.State.String()),
		slog.String("saw", f.Saw),
		slog.String("advice", f.Advice),
	)
}

// CheckState says how a check ended.
type CheckState uint8

// The states. CheckUnspecified is the zero value and is in no Finding of this
// module.
const (
	CheckUnspecified CheckState = iota
	CheckPassed
	CheckFailed
	CheckNotPossible // could not be made; Saw says why
)

var checkStates = enum.Names{
	Type:  "CheckState",
	Texts: []string{"", "passed", "failed", "not-possible"},
}

// String answers passed, failed or not-possible; "unspecified" for the zero
// value; and CheckState(9) for a number without a name.
func (s CheckState) String() string { return checkStates.String(uint8(s)) }

// AppendText implements [encoding.TextAppender]. The zero value appends
// nothing; a number without a name is an error.
func (s CheckState) AppendText(b []byte) ([]byte, error) {
	return checkStates.AppendText(b, uint8(s))
}

// MarshalText implements [encoding.TextMarshaler], as AppendText does.
func (s CheckState) MarshalText() ([]byte, error) { return s.AppendText(nil) }

// UnmarshalText implements [encoding.TextUnmarshaler]. It takes any letter
// case; empty text is the zero value; unknown text is an error that quotes it.
func (s *CheckState) UnmarshalText(text []byte) error {
	v, err := checkStates.Parse(text)
	*s = CheckState(v)
	return err
}
