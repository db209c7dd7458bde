// Package guid checks, canonicalises and makes the GUIDs by which Microsoft
// names tenants, devices, users and messages.
package guid

import "crypto/rand"

// length of the canonical text, 8-4-4-4-12 hexadecimal digits.
const length = 36

// Valid reports whether s is a GUID in the 8-4-4-4-12 form, in either letter
// case, without braces. The all-zero GUID names nothing and is not valid.
func Valid(s string) bool {
	if len(s) != length {
		return false
	}
	zero := true
	for i := range length {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
			continue
		}
		switch {
		case c == '0':
		case '1' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
			zero = false
		default:
			return false
		}
	}
	return !zero
}

// Canonical answers s in lower case. It does not check s. Text that is lower
// case already is returned as it is, without allocating.
func Canonical(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// New answers a random GUID of version 4 (RFC 9562), in canonical form.
func New() string {
	const digits = "0123456789abcdef"
	var raw [16]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	var text [length]byte
	at := 0
	for i, b := range raw {
		switch i {
		case 4, 6, 8, 10:
			text[at] = '-'
			at++
		}
		text[at], text[at+1] = digits[b>>4], digits[b&0x0f]
		at += 2
	}
	return string(text[:])
}
