package status

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCodeLen bounds an unknown code, in bytes. The longest known one has 35.
const maxCodeLen = 128

// ParseClientCode reads a code as devices, agents and exports write it. It
// never fails; the first rule that matches decides:
//
//  1. Empty text and white space alone are the blank code.
//  2. A known code in any letter case, with spaces, hyphens, underscores or
//     backslashes, or nothing, between its words, and white space around it,
//     is that code in canonical text. User_Canceled is CodeUserCancelled, and
//     Account_Signed_Out is CodeAccountLoggedOut.
//  3. Any other text of printable characters, up to 128 bytes, is an unknown
//     code, byte for byte as it came.
//  4. What is left cannot be shown safely. Bytes that are not UTF-8 and
//     characters that are not printable, such as line breaks, escapes and
//     marks that turn the direction of writing, become U+FFFD each. What is
//     longer than 128 bytes is cut to fewer and ends in an ellipsis.
//
// Parsing its own answer answers the same. Known codes, and what rule 3
// keeps, are parsed without allocation. The result is safe for a terminal, a
// log and a table; like any text from outside it still has to be escaped for
// HTML.
func ParseClientCode(s string) ClientCode {
	if code, known := spelling(s); known {
		return code
	}
	if len(s) <= maxCodeLen && printable(s) {
		if strings.TrimLeft(s, " ") == "" {
			return ""
		}
		return ClientCode(s)
	}
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return ClientCode(showable(s, maxCodeLen))
}

// spellings are the texts of rule 2; an underscore marks the border of words.
var spellings = [...]struct {
	words string
	code  ClientCode
}{
	{"success", CodeSuccess},
	{"internal_error", CodeInternalError},
	{"workplace_join_required", CodeWorkplaceJoinRequired},
	{"interaction_required", CodeInteractionRequired},
	{"server_declined_scopes", CodeServerDeclinedScopes},
	{"server_protection_policies_required", CodeServerProtectionPoliciesRequired},
	{"user_cancelled", CodeUserCancelled},
	{"user_canceled", CodeUserCancelled},
	{"account_logged_out", CodeAccountLoggedOut},
	{"account_signed_out", CodeAccountLoggedOut},
}

// spelling answers the known code that s spells.
func spelling[T string | []byte](s T) (ClientCode, bool) {
	start, end := 0, len(s)
	for start < end && space(s[start]) {
		start++
	}
	for end > start && space(s[end-1]) {
		end--
	}
	for i := range spellings {
		if spells(s[start:end], spellings[i].words) {
			return spellings[i].code, true
		}
	}
	return "", false
}

// spells reports whether s is words, separators allowed between words only,
// so that no split-up text passes for Success.
func spells[T string | []byte](s T, words string) bool {
	i := 0
	for j := range len(words) {
		if words[j] == '_' {
			for i < len(s) && separator(s[i]) {
				i++
			}
			continue
		}
		if i == len(s) || lower(s[i]) != words[j] {
			return false
		}
		i++
	}
	return i == len(s)
}

func separator(c byte) bool { return c == '_' || c == ' ' || c == '-' || c == '\\' }

func space(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// printable reports whether s is UTF-8 of printable characters only.
func printable(s string) bool {
	for i, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			return false // one byte that is no UTF-8
		}
	}
	return true
}

// showable answers s with U+FFFD for whatever is not printable. What is longer
// than most bytes is cut at the border of a character and ends in an ellipsis,
// so that the start of a long text never passes for a text of its own.
func showable(s string, most int) string {
	const ellipsis = "…"
	var b strings.Builder
	room := 0 // how much of b leaves room for an ellipsis
	for _, r := range s {
		if !unicode.IsPrint(r) {
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > most {
			return b.String()[:room] + ellipsis
		}
		b.WriteRune(r)
		if b.Len() <= most-len(ellipsis) {
			room = b.Len()
		}
	}
	return b.String()
}
