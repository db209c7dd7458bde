package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// mostHostID bounds a host's own id of a device, and mostName a device's name
// and version at Microsoft, in characters.
const (
	mostHostID = 128
	mostName   = 256
)

// device is one row of a fleet file.
type device struct {
	line        int
	tenantID    string // lower case
	hostID      string
	platform    azure.Platform
	azureID     string // lower case; empty: not known
	code        status.ClientCode
	userID, upn string
	evaluated   bool
	actions     []compliance.Action
	inventory   azure.Inventory
	lastCheckIn time.Time
}

// state is what the policies' actions amount to. A device that was not
// evaluated is not compliant by silence.
func (d device) state() compliance.State {
	if !d.evaluated {
		return compliance.StateUnspecified
	}
	return compliance.Resolve(d.actions...)
}

// row is one line in the making.
type row struct {
	device
	faults []fault
}

func (r *row) fault(column, effect, format string, args ...any) {
	r.faults = append(r.faults, fault{line: r.line, column: column, what: fmt.Sprintf(format, args...), effect: effect})
}

// row reads a device out of a line's values. All faults are named at once; the
// device counts unless one of them refuses it.
func (h header) row(line int, values []string) (device, []fault) {
	r := row{device: device{line: line}}
	for i, value := range values {
		value = strings.TrimSpace(value)
		if h[i] == columnName || h[i] == columnVersion {
			r.text(h[i], value)
			continue
		}
		r.set(h[i], value)
	}
	return r.device, r.faults
}

func (r *row) set(column, value string) {
	switch column {
	case columnTenant:
		r.tenantID = r.guid(column, value)
	case columnAzureID:
		if value != "" {
			r.azureID = r.guid(column, value)
		}
	case columnDevice:
		r.hostID = value
		switch {
		case value == "" || len(value) > mostHostID:
			r.fault(column, effectRefused, "%s; 1 to %d are needed", size(value), mostHostID)
		case !printable(value):
			r.fault(column, effectRefused, "%s %s", quote(value), unprintable)
		}
	case columnPlatform:
		if err := r.platform.UnmarshalText([]byte(value)); err != nil || value == "" {
			r.fault(column, effectRefused, "%s is not a platform", quote(value))
		}
	case columnActions:
		r.setActions(value)
	case columnCode:
		r.code = status.ParseClientCode(value)
		if !printable(value) {
			r.fault(column, effectUnknown, "%s %s", quote(value), unprintable)
		}
	case columnUser:
		switch {
		case value == "":
		case isGUID(value):
			r.userID = strings.ToLower(value)
		case isUser(value):
			r.upn = value
		default:
			r.fault(column, effectLeftOut, "%s is neither a user principal name nor a GUID", size(value))
		}
	case columnCheckIn:
		at, err := time.Parse(time.RFC3339, value)
		if err != nil && value != "" {
			r.fault(column, effectLeftOut, "%s is not a time as in 2026-01-31T08:15:00Z", quote(value))
			return
		}
		r.lastCheckIn = at
	}
}

func (r *row) guid(column, value string) string {
	if !isGUID(value) {
		r.fault(column, effectRefused, "%s is not a GUID", quote(value))
	}
	return strings.ToLower(value)
}

// setActions reads the actions. An unknown one is kept as an action that
// nobody knows, for which Resolve fails closed: a row that was dropped would
// leave its device compliant in Azure.
func (r *row) setActions(value string) {
	if r.evaluated = value != ""; !r.evaluated || strings.EqualFold(value, "none") {
		return
	}
	for text := range strings.SplitSeq(value, ";") {
		var action compliance.Action
		text = strings.TrimSpace(text)
		if err := action.UnmarshalText([]byte(text)); err != nil || text == "" {
			r.fault(columnActions, effectStricter, "%s is not an action", quote(text))
		}
		r.actions = append(r.actions, action)
	}
	if compliance.Resolve(r.actions...) == compliance.StateRemoved {
		for i := range r.faults {
			if r.faults[i].effect == effectStricter {
				r.faults[i].effect = effectLeftOut
			}
		}
	}
}

// text reads a name or version. The channel mends what is wrong with one, for
// that must not keep a lock-out from being sent; here it is only named.
func (r *row) text(column, value string) {
	if !printable(value) {
		r.fault(column, effectMended, "%s %s", size(value), unprintable)
	} else if n := len(utf16.Encode([]rune(value))); n > mostName {
		r.fault(column, effectMended, "of %d characters; Microsoft takes %d", n, mostName)
	}
	if column == columnName {
		r.inventory.DeviceName = value
	} else {
		r.inventory.OSVersion = value
	}
}

const unprintable = "holds control characters or is not UTF-8"

func printable(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsFunc(value, func(c rune) bool {
		return unicode.IsControl(c) || unicode.In(c, unicode.Bidi_Control)
	})
}
