package azuresim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// strictObject reads a JSON object whose members must all be asked for, in
// their exact letters. The first fault is kept; after it every read answers
// the zero value.
type strictObject struct {
	where   string // prefix of faults, such as Content[0].
	members map[string]json.RawMessage
	asked   []string
	fault   error
}

var errNoObject = errors.New("is no JSON object")

// readObject takes a JSON object apart. A member that comes twice is a fault:
// which of the two counts would be anybody's guess.
func readObject(where string, raw []byte) *strictObject {
	o := &strictObject{where: where, members: map[string]json.RawMessage{}}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return o.noObject()
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return o.noObject()
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return o.noObject()
		}
		text, _ := name.(string)
		if _, twice := o.members[text]; twice {
			o.blame(text, "comes twice")
		}
		o.members[text] = value
	}
	if _, err := decoder.Token(); err != nil {
		return o.noObject()
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return o.noObject()
	}
	return o
}

func (o *strictObject) noObject() *strictObject {
	name := strings.TrimSuffix(o.where, ".")
	if name == "" {
		name = "the body"
	}
	o.fault = fmt.Errorf("%s %w", name, errNoObject)
	return o
}

func (o *strictObject) blame(name, what string) {
	if o.fault == nil {
		o.fault = fmt.Errorf("%s%s %s", o.where, name, what)
	}
}

// has tells whether a member is there, and allows it to be.
func (o *strictObject) has(name string) bool {
	o.asked = append(o.asked, name)
	_, there := o.members[name]
	return there
}

// value is a member that has to be there.
func (o *strictObject) value(name string) json.RawMessage {
	if !o.has(name) {
		o.blame(name, "is missing")
	}
	if o.fault != nil {
		return nil
	}
	return o.members[name]
}

func (o *strictObject) text(name string) string {
	raw := o.value(name)
	var value string
	if o.fault == nil && (raw[0] != '"' || json.Unmarshal(raw, &value) != nil) {
		o.blame(name, "is no text")
	}
	return value
}

// full is a text that is not blank.
func (o *strictObject) full(name string) string {
	value := o.text(name)
	if strings.TrimSpace(value) == "" {
		o.blame(name, "is blank")
	}
	return value
}

func (o *strictObject) guid(name string) string {
	value := o.text(name)
	if !isGUID(value) {
		o.blame(name, "is no GUID")
	}
	return strings.ToLower(value)
}

// oneOf is a text out of a few, in their exact letters.
func (o *strictObject) oneOf(name string, allowed ...string) string {
	value := o.text(name)
	if !slices.Contains(allowed, value) {
		o.blame(name, "is none of "+strings.Join(allowed, ", "))
	}
	return value
}

func (o *strictObject) integer(name string, allowed ...int) int {
	raw := o.value(name)
	value, err := strconv.Atoi(string(raw))
	switch {
	case err != nil:
		o.blame(name, "is no whole number")
	case !slices.Contains(allowed, value):
		o.blame(name, "has a value that is not known")
	}
	return value
}

func (o *strictObject) flag(name string) bool {
	raw := string(o.value(name))
	if raw != "true" && raw != "false" {
		o.blame(name, "is neither true nor false")
	}
	return raw == "true"
}

func (o *strictObject) texts(name string) []string {
	raw := o.value(name)
	var values []*string
	if o.fault == nil && (raw[0] != '[' || json.Unmarshal(raw, &values) != nil || slices.Contains(values, nil)) {
		o.blame(name, "is no array of texts")
	}
	var all []string
	for _, v := range values {
		if v != nil {
			all = append(all, *v)
		}
	}
	return all
}

// utc is a time such as 2026-01-31T10:00:00Z, perhaps with a fraction.
func (o *strictObject) utc(name string) time.Time {
	text := o.text(name)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || strings.Trim(text, "0123456789-:.TZ") != "" || !strings.HasSuffix(text, "Z") || at.Year() < 2000 {
		o.blame(name, "is no time in UTC such as 2026-01-31T10:00:00Z")
	}
	return at
}

// done answers the first fault, a member that nobody asked for included.
func (o *strictObject) done() error {
	if o.fault != nil {
		return o.fault
	}
	for _, name := range slices.Sorted(maps.Keys(o.members)) {
		if !slices.Contains(o.asked, name) {
			return fmt.Errorf("%s%q is no member that is known; letter case counts", o.where, name)
		}
	}
	return nil
}
