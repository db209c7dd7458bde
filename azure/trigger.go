package azure

import "github.com/mdmkit/devicestatus/internal/enum"

// Trigger says why a report is sent. It sets the priority that Microsoft is
// asked for when it has to shed load: a refresh is low, everything else is
// normal. It changes nothing else about the report.
type Trigger uint8

// The triggers. TriggerUnspecified, the zero value, is sent as TriggerChange:
// a host that says nothing gets the priority of a change.
const (
	TriggerUnspecified Trigger = iota
	TriggerChange              // the compliance state changed
	TriggerInventory           // the inventory changed
	TriggerRefresh             // the weekly report, whether or not anything changed
	TriggerSync                // an administrator asked for it now
)

var triggers = enum.Names{
	Type:  "Trigger",
	Texts: []string{"", "change", "inventory", "refresh", "sync"},
}

// String answers change, inventory, refresh or sync; "unspecified" for the
// zero value; and Trigger(9) for a number without a name.
func (t Trigger) String() string { return triggers.String(uint8(t)) }

// AppendText implements [encoding.TextAppender]. The zero value appends
// nothing; a number without a name is an error.
func (t Trigger) AppendText(b []byte) ([]byte, error) { return triggers.AppendText(b, uint8(t)) }

// MarshalText implements [encoding.TextMarshaler], as AppendText does.
func (t Trigger) MarshalText() ([]byte, error) { return t.AppendText(nil) }

// UnmarshalText implements [encoding.TextUnmarshaler]. It takes any letter
// case; empty text is the zero value; unknown text is an error that quotes it.
func (t *Trigger) UnmarshalText(text []byte) error {
	v, err := triggers.Parse(text)
	*t = Trigger(v)
	return err
}
