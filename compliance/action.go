package compliance

import (
	"encoding"

	"github.com/mdmkit/devicestatus/internal/enum"
)

// Action is what a compliance policy does about a violation. The zero value,
// ActionUnspecified, is no action of any policy; as an input it counts as a
// value that nobody knows.
type Action uint8

// The actions, from the least to the most restrictive.
const (
	ActionUnspecified     Action = iota // never valid input; its text is empty
	ActionSendAlert                     // "send-alert": tells people, restricts nothing
	ActionBlockEmail                    // "block-email"
	ActionBlockAppConnect               // "block-appconnect": Block AppConnect Apps
	ActionQuarantine                    // "quarantine"
	ActionRetire                        // "retire": the device's data leaves Azure
)

var (
	_ encoding.TextAppender    = Action(0)
	_ encoding.TextMarshaler   = Action(0)
	_ encoding.TextUnmarshaler = (*Action)(nil)
)

var actionNames = enum.Names{
	Type:  "Action",
	Texts: []string{"", "send-alert", "block-email", "block-appconnect", "quarantine", "retire"},
}

// appConnectLabel is the longer name by which consoles show one action.
var appConnectLabel = enum.Names{Type: "Action", Texts: []string{"", "block-appconnect-apps"}}

// String answers the text of a, "unspecified" for the zero value, and the
// number, as in Action(9), for a value that has no name.
func (a Action) String() string { return actionNames.String(uint8(a)) }

// AppendText appends the text of a to b, nothing for the zero value. A value
// that has no name is an error.
func (a Action) AppendText(b []byte) ([]byte, error) { return actionNames.AppendText(b, uint8(a)) }

// MarshalText answers what AppendText appends.
func (a Action) MarshalText() ([]byte, error) { return a.AppendText(nil) }

// UnmarshalText reads an action in any letter case, with space, hyphen,
// underscore or nothing between the words: "Block Email" is ActionBlockEmail.
// "Block AppConnect Apps" is ActionBlockAppConnect. Empty text is
// ActionUnspecified. Unknown text is an error that quotes it, and sets
// ActionUnspecified, so that a caller who ignores the error fails closed.
func (a *Action) UnmarshalText(text []byte) error {
	v, err := actionNames.Parse(text)
	*a = Action(v)
	if err == nil {
		return nil
	}
	if _, notLabel := appConnectLabel.Parse(text); notLabel != nil {
		return err
	}
	*a = ActionBlockAppConnect
	return nil
}
