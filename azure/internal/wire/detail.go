package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostDetail bounds Microsoft's sentence to the administrator, in characters.
const mostDetail = 500

const blot = "[redacted]"

// Detail answers Microsoft's sentence fit for an administrator's page: at most
// 500 printable characters, without the given names, words with an @ (user
// principal names and addresses), and tokens. Names under three bytes are
// left: they would blot out half of every sentence.
func Detail(message string, names ...string) string {
	s := strings.ToValidUTF8(message, "")
	for _, name := range names {
		if len(name) >= 3 {
			s = strings.ReplaceAll(s, name, blot)
		}
	}
	s = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, s)
	words := strings.Fields(s)
	for i, w := range words {
		if strings.Contains(w, "@") || strings.Contains(w, "eyJ") && len(w) > 40 {
			words[i] = blot
		}
	}
	s = strings.Join(words, " ")
	if utf8.RuneCountInString(s) > mostDetail {
		s = string([]rune(s)[:mostDetail])
	}
	return s
}
