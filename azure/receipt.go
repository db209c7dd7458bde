package azure

import (
	"log/slog"
	"time"

	"github.com/mdmkit/devicestatus/internal/enum"
	"github.com/mdmkit/devicestatus/status"
)

// Receipt is Microsoft's acceptance of one report. It can be stored as JSON and
// handed to Check by another process; it holds ids and no secret, address or
// name of a user or device.
type Receipt struct {
	// Channel names the channel that carried the report, as in "graph".
	Channel string `json:"channel"`

	// TenantID, DeviceID and MessageID (the report's ID, or the one made for
	// it) are GUIDs in lower case.
	TenantID  string `json:"tenantId"`
	DeviceID  string `json:"deviceId"`
	MessageID string `json:"messageId"`

	// State is Successful where the channel answers at once, InProgress where
	// Check tells later, and Failed only after Check.
	State status.ReportState `json:"state"`

	// AcceptedAt is when Microsoft accepted the report, by this process's
	// clock, in UTC.
	AcceptedAt time.Time `json:"acceptedAt,omitzero"`

	// Removal says what was removed; zero for other states.
	Removal RemovalForm `json:"removal,omitempty"`

	// Attempts counts the requests that carried this report, retries included.
	Attempts int `json:"attempts,omitempty"`

	// Notes say what was mended or left out so that the report could be sent,
	// as in "DeviceName: 300 characters cut to 256". They name fields and
	// lengths, never the values.
	Notes []string `json:"notes,omitempty"`

	// Failure is why the State is Failed. With State Successful it is why the
	// second step of a removal was refused while the first stands.
	Failure *Error `json:"failure,omitempty"`
}

// LogValue implements [slog.LogValuer]: the ids, the state and the failure in
// one line.
func (r Receipt) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("channel", r.Channel),
		slog.String("tenant", r.TenantID),
		slog.String("device", r.DeviceID),
		slog.String("message", r.MessageID),
		slog.String("state", r.State.String()),
		slog.Time("accepted", r.AcceptedAt),
	}
	if r.Removal != RemovalUnspecified {
		attrs = append(attrs, slog.String("removal", r.Removal.String()))
	}
	if r.Failure != nil {
		attrs = append(attrs, slog.String("failure", r.Failure.Error()))
	}
	return slog.GroupValue(attrs...)
}

// RemovalForm says how far a removal went.
type RemovalForm uint8

// The forms of a removal. RemovalUnspecified, the zero value: nothing was
// removed.
const (
	RemovalUnspecified RemovalForm = iota

	// RemovalMarked: unmanaged and non-compliant; access has ended. The
	// directory object stands: the second step was not asked for, was refused
	// (Receipt.Failure), or the channel has none.
	RemovalMarked

	// RemovalProtected: unmanaged and non-compliant; the directory object is
	// not deleted because the device is hybrid-joined, and its own directory
	// would bring it back; or because Entra does not say how it is joined.
	RemovalProtected

	// RemovalDeleted: the directory object was deleted.
	RemovalDeleted

	// RemovalAbsent: there was no directory object to remove.
	RemovalAbsent
)

var removals = enum.Names{
	Type:  "RemovalForm",
	Texts: []string{"", "marked", "protected", "deleted", "absent"},
}

// String answers marked, protected, deleted or absent; "unspecified" for the
// zero value; and RemovalForm(9) for a number without a name.
func (f RemovalForm) String() string { return removals.String(uint8(f)) }

// AppendText implements [encoding.TextAppender]. The zero value appends
// nothing; a number without a name is an error.
func (f RemovalForm) AppendText(b []byte) ([]byte, error) { return removals.AppendText(b, uint8(f)) }

// MarshalText implements [encoding.TextMarshaler], as AppendText does.
func (f RemovalForm) MarshalText() ([]byte, error) { return f.AppendText(nil) }

// UnmarshalText implements [encoding.TextUnmarshaler]. It takes any letter
// case; empty text is the zero value; unknown text is an error that quotes it.
func (f *RemovalForm) UnmarshalText(text []byte) error {
	v, err := removals.Parse(text)
	*f = RemovalForm(v)
	return err
}
