// Package enum gives the module's enumerations their text: one table of names
// a type, canonical text out, any letter case and word separator in.
package enum

import (
	"fmt"
	"strconv"
)

// Names describes one enumeration over small integers. Value i is written as
// Texts[i]; Texts[0] is the zero value and is written as "". Type is the name
// of the Go type, for error texts and for numbers without a name.
type Names struct {
	Type  string
	Texts []string
}

// String answers the text of v, "unspecified" for the zero value, and the
// type with the number, as in Action(9), for a number without a name.
func (n *Names) String(v uint8) string {
	switch {
	case v == 0:
		return "unspecified"
	case int(v) < len(n.Texts):
		return n.Texts[v]
	}
	return n.Type + "(" + strconv.Itoa(int(v)) + ")"
}

// AppendText appends the text of v to b. The zero value appends nothing. A
// number without a name is an error, since its text could not be read back.
func (n *Names) AppendText(b []byte, v uint8) ([]byte, error) {
	if int(v) >= len(n.Texts) {
		return b, fmt.Errorf("%s has no text", n.String(v))
	}
	return append(b, n.Texts[v]...), nil
}

// Parse answers the value whose text is s, in any letter case, with space,
// hyphen, underscore or nothing between the words. Empty text is the zero
// value. Unknown text is an error that quotes it, cut to 40 bytes, and the
// zero value.
func (n *Names) Parse(s []byte) (uint8, error) {
	if len(s) == 0 {
		return 0, nil
	}
	for v := 1; v < len(n.Texts); v++ {
		if sameWords(s, n.Texts[v]) {
			return uint8(v), nil
		}
	}
	const most = 40
	shown, cut := s, ""
	if len(shown) > most {
		shown, cut = shown[:most], "..."
	}
	return 0, fmt.Errorf("unknown %s %q%s", n.Type, shown, cut)
}

// sameWords compares without letter case and separators; it does not allocate.
func sameWords(s []byte, name string) bool {
	i, j := 0, 0
	for {
		for i < len(s) && separator(s[i]) {
			i++
		}
		for j < len(name) && separator(name[j]) {
			j++
		}
		if i == len(s) || j == len(name) {
			return i == len(s) && j == len(name)
		}
		if lower(s[i]) != lower(name[j]) {
			return false
		}
		i++
		j++
	}
}

func separator(c byte) bool { return c == ' ' || c == '-' || c == '_' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
