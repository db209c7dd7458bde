package status

import (
	"encoding"

	"github.com/mdmkit/devicestatus/internal/enum"
)

// ReportState is the Azure Device Compliance Status: where the report of the
// device's newest standing stands. It says nothing about the standing itself:
// a non-compliant device of which Microsoft knows is Successful. The zero
// value, ReportStateUnspecified, means that there is nothing to report.
type ReportState uint8

// The states of a report. A report is InProgress until Microsoft's verdict is
// known, then Successful or Failed; a new standing makes it InProgress again.
const (
	ReportStateUnspecified ReportState = iota // nothing to report; its text is empty
	InProgress                                // "In-progress": waiting, sent, or its outcome unknown
	Successful                                // "Successful": Microsoft has it
	Failed                                    // "Failed": it did not come about, and the reason is known
)

var (
	_ encoding.TextAppender    = ReportState(0)
	_ encoding.TextMarshaler   = ReportState(0)
	_ encoding.TextUnmarshaler = (*ReportState)(nil)
)

var reportStateNames = enum.Names{
	Type:  "ReportState",
	Texts: []string{"", "In-progress", "Successful", "Failed"},
}

// String answers the text of s, "unspecified" for the zero value, and the
// number, as in ReportState(9), for a value that has no name.
func (s ReportState) String() string { return reportStateNames.String(uint8(s)) }

// AppendText appends the text of s to b, nothing for the zero value. A value
// that has no name is an error.
func (s ReportState) AppendText(b []byte) ([]byte, error) {
	return reportStateNames.AppendText(b, uint8(s))
}

// MarshalText answers what AppendText appends.
func (s ReportState) MarshalText() ([]byte, error) { return s.AppendText(nil) }

// UnmarshalText reads a state in any letter case, with space, hyphen,
// underscore or nothing between the words. Empty text is
// ReportStateUnspecified. Unknown text is an error that quotes it, and sets
// ReportStateUnspecified.
func (s *ReportState) UnmarshalText(text []byte) error {
	v, err := reportStateNames.Parse(text)
	*s = ReportState(v)
	return err
}
