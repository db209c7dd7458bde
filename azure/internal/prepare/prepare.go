// Package prepare makes a host's report fit to send: checked, its identifiers
// in canonical form, its inventory mended. Every channel and the fake start
// with it, so that they refuse and mend the same.
package prepare

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// mostCharacters bounds a text of the inventory, in UTF-16 code units.
// Microsoft documents 256 characters for a device's display name and nothing
// for the version, which is bounded by the same so that it cannot grow without
// end.
const mostCharacters = 256

// Report answers r as it can be sent: an ID where it had none, GUIDs in lower
// case, the inventory mended, with a note for each thing mended. The error is
// that of r.Validate.
func Report(r azure.Report) (azure.Report, []string, error) {
	if err := r.Validate(); err != nil {
		return azure.Report{}, nil, err
	}
	if r.ID == "" {
		r.ID = guid.New()
	} else {
		r.ID = guid.Canonical(r.ID)
	}
	r.TenantID = guid.Canonical(r.TenantID)
	r.DeviceID = guid.Canonical(r.DeviceID)
	r.UserID = guid.Canonical(r.UserID)

	var notes []string
	note := func(s string) { notes = append(notes, s) }
	r.Inventory = inventory(r.Inventory, note)
	if y := r.LastCheckIn.UTC().Year(); !r.LastCheckIn.IsZero() && (y < 1 || y > 9999) {
		note(fmt.Sprintf("LastCheckIn: the year %d cannot be written, left out", y))
		r.LastCheckIn = time.Time{}
	}
	return r, notes, nil
}

// Inventory answers i as it would be sent.
func Inventory(i azure.Inventory) azure.Inventory {
	return inventory(i, func(string) {})
}

func inventory(i azure.Inventory, note func(string)) azure.Inventory {
	i.DeviceName = text("DeviceName", i.DeviceName, note)
	i.OSVersion = text("OSVersion", i.OSVersion, note)
	if _, err := i.Ownership.MarshalText(); err != nil {
		note(fmt.Sprintf("Ownership: %v is not an ownership, left out", i.Ownership))
		i.Ownership = azure.OwnershipUnspecified
	}
	return i
}

// text answers s without what no directory shows: broken UTF-8 and control
// characters, space around it, and what is beyond the bound.
func text(field, s string, note func(string)) string {
	if len(s) <= mostCharacters && plain(s) {
		return s
	}
	clean := strings.TrimSpace(strings.Map(func(c rune) rune {
		if c == utf8.RuneError || unicode.IsControl(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, "")))
	if clean != s {
		note(fmt.Sprintf("%s: control characters, broken UTF-8 or outer space removed, %d of %d bytes left", field, len(clean), len(s)))
	}
	whole := characters(clean)
	if whole <= mostCharacters {
		return clean
	}
	left := mostCharacters
	for at, c := range clean {
		if left -= utf16.RuneLen(c); left < 0 {
			clean = strings.TrimSpace(clean[:at])
			break
		}
	}
	note(fmt.Sprintf("%s: %d characters cut to %d", field, whole, characters(clean)))
	return clean
}

// characters counts as Microsoft does, in UTF-16 code units. s is valid UTF-8.
func characters(s string) int {
	n := 0
	for _, c := range s {
		n += utf16.RuneLen(c)
	}
	return n
}

// plain reports whether s is printable ASCII without space around it: nearly
// every name and version, for which there is nothing to mend.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}
