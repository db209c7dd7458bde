package wire

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostDetail bounds Microsoft's sentence to the administrator, in characters.
const mostDetail = 500

const blot = "[redacted]"

// Detail answers Microsoft's sentence fit for an administrator's page: at most
// 500 printable characters, without the given names in any letter case, words
// with an @ (user principal names and addresses), and tokens. Names under three
// bytes are left: they would blot out half of every sentence.
func Detail(message string, names ...string) string {
	s := strings.ToValidUTF8(message, "")
	if any := anyOf(names); any != nil {
		s = any.ReplaceAllLiteralString(s, blot)
	}
	s = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, s)
	words := strings.Fields(s)
	for i, w := range words {
		if strings.ContainsAny(w, "@\uff20") || strings.Contains(w, "%40") || strings.Contains(w, "eyJ") && len(w) > 40 {
			words[i] = blot
		}
	}
	s = strings.Join(words, " ")
	if utf8.RuneCountInString(s) > mostDetail {
		s = string([]rune(s)[:mostDetail])
	}
	return s
}

// anyOf answers a pattern of the names, nil where there is none to look for.
// A name that begins with another comes before it.
func anyOf(names []string) *regexp.Regexp {
	var quoted []string
	for _, name := range names {
		if name = strings.ToValidUTF8(name, ""); len(name) >= 3 {
			quoted = append(quoted, regexp.QuoteMeta(name))
		}
	}
	if quoted == nil {
		return nil
	}
	slices.SortFunc(quoted, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return regexp.MustCompile("(?i:" + strings.Join(quoted, "|") + ")")
}
