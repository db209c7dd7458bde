package graph

import (
	"encoding/json"

	"github.com/mdmkit/devicestatus/compliance"
)

// appendStanding appends the JSON of a write: both booleans always, what is
// set of the inventory, and never a null.
func appendStanding(b []byte, j *job) []byte {
	switch j.report.State {
	case compliance.StateCompliant:
		b = append(b, `{"isManaged":true,"isCompliant":true`...)
	case compliance.StateRemoved:
		b = append(b, `{"isManaged":false,"isCompliant":false`...)
	default:
		b = append(b, `{"isManaged":true,"isCompliant":false`...)
	}
	if !j.bare {
		b = appendText(b, `,"displayName":`, j.report.Inventory.DeviceName)
		b = appendText(b, `,"operatingSystemVersion":`, j.report.Inventory.OSVersion)
	}
	return append(b, '}')
}

// likelyBody is how long the JSON of a write is, in bytes, unless a character
// of its texts has to be escaped.
func likelyBody(j *job) int {
	n := len(`{"isManaged":false,"isCompliant":false}`)
	if j.bare {
		return n
	}
	if name := j.report.Inventory.DeviceName; name != "" {
		n += len(`,"displayName":""`) + len(name)
	}
	if version := j.report.Inventory.OSVersion; version != "" {
		n += len(`,"operatingSystemVersion":""`) + len(version)
	}
	return n
}

// appendText appends a JSON string behind its name, and nothing for "".
func appendText(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	b = append(b, name...)
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
