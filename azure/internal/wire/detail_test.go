package wire

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestDetail(t *testing.T) {
	jwt := "eyJ" + strings.Repeat("abcDEF-_", 10)
	for _, tt := range []struct {
		why   string
		in    string
		names []string
		want  string
	}{
		{"nothing to blot out", "Insufficient privileges to complete the operation.", nil, "Insufficient privileges to complete the operation."},
		{"empty", "", []string{"DESKTOP-1"}, ""},
		{"the device's name", "Device DESKTOP-1 is busy", []string{"DESKTOP-1"}, "Device [redacted] is busy"},
		{"Microsoft writes names in another letter case", "device desktop-1, Desktop-1.", []string{"DESKTOP-1"}, "device [redacted], [redacted]."},
		{"so with letters beyond ASCII", "GERÄT ZOË", []string{"gerät zoë"}, "[redacted]"},
		{"a name with spaces", "Name 'Ann's  MacBook Pro' is taken", []string{"Ann's  MacBook Pro"}, "Name '[redacted]' is taken"},
		{"what a pattern would take for an operator", "x a.c(1)* abc(1)*", []string{"a.c(1)*"}, "x [redacted] abc(1)*"},
		{"a name is no template for its replacement", "x $1 y", []string{"$1 y"}, "x [redacted]"},
		{"the longer of two names first", "anna-pc", []string{"anna", "ANNA-PC"}, "[redacted]"},
		{"a name that is a part of the blot is not searched in it", "ann red", []string{"ann", "red"}, "[redacted] [redacted]"},
		{"a name of two bytes is left", "it is PC", []string{"PC", ""}, "it is PC"},
		{"two bytes that are valid", "PC it is", []string{"PC\xff"}, "PC it is"},
		{"three bytes may be one character", "機 1", []string{"機"}, "[redacted] 1"},
		{"an invalid byte within a name", "see DESKTOP-1", []string{"DESK\xffTOP-1"}, "see [redacted]"},

		{"a user principal name", "User ann@contoso.com was not found", nil, "User [redacted] was not found"},
		{"with punctuation around", "Users 'ann@contoso.com', <bob@contoso.com>; (cy@contoso.com).", nil, "Users [redacted] [redacted] [redacted]"},
		{"of a guest", "ann_contoso.com#EXT#@fabrikam.onmicrosoft.com", nil, "[redacted]"},
		{"with an apostrophe or a plus", "o'neil@contoso.com ann+x@contoso.com", nil, "[redacted] [redacted]"},
		{"as it stands in an address", "Resource users/ann%40contoso.com", nil, "Resource [redacted]"},
		{"with a full-width sign", "ann＠contoso.com", nil, "[redacted]"},
		{"over a line's end", "of ann@contoso.com\r\nTrace", nil, "of [redacted] Trace"},

		{"a token", "token " + jwt + "." + jwt + " bad", nil, "token [redacted] bad"},
		{"a token in quotes", `"Bearer ` + jwt + `"`, nil, `"Bearer [redacted]`},
		{"a short word with the same letters", "eyJames", nil, "eyJames"},

		{"control characters and lines become spaces", "a\x00b\tc\r\n\u202ed\u00a0e", nil, "a b c d e"},
		{"bytes that are no text", "a\xff\xfeb", nil, "ab"},
		{"cut by characters, not by bytes", strings.Repeat("ä", 600), nil, strings.Repeat("ä", 500)},
		{"blotted out before it is cut", strings.Repeat("x ", 248) + "ann@contoso.com", nil, strings.Repeat("x ", 248) + "[red"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Detail(tt.in, tt.names...)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func FuzzDetail(f *testing.F) {
	f.Add("User ann@contoso.com on DESKTOP-1", "DESKTOP-1", "ann@contoso.com")
	f.Add("GERÄT \xff eyJ"+strings.Repeat("a", 50), "gerät", "(?i")
	f.Add("İstanbul ſ K", "i̇stanbul", "S K")
	f.Fuzz(func(t *testing.T, message, one, two string) {
		got := Detail(message, one, two)
		if n := utf8.RuneCountInString(got); n > mostDetail || !utf8.ValidString(got) {
			t.Fatalf("%d characters, valid %v: %q", n, utf8.ValidString(got), got)
		}
		for _, c := range got {
			if !unicode.IsPrint(c) {
				t.Fatalf("%q holds %U", got, c)
			}
		}
		if strings.Contains(got, "@") {
			t.Fatalf("%q holds an address", got)
		}
		// Where the blot itself and the joining of words cannot make the name
		// anew, it is gone.
		for _, name := range []string{one, two} {
			if len(name) >= 3 && utf8.ValidString(name) && !strings.ContainsFunc(name, func(c rune) bool {
				return !unicode.IsPrint(c) || unicode.IsSpace(c) || strings.ContainsRune(blot, unicode.ToLower(c))
			}) && strings.Contains(got, name) {
				t.Fatalf("%q holds %q", got, name)
			}
		}
	})
}
