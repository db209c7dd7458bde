package status_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/status"
)

// words are the known codes as the specification spells them, word by word,
// with the other spellings that mean the same.
var words = map[status.ClientCode][]string{
	status.CodeSuccess:                          {"Success"},
	status.CodeInternalError:                    {"Internal Error"},
	status.CodeWorkplaceJoinRequired:            {"Workplace Join Required"},
	status.CodeInteractionRequired:              {"Interaction Required"},
	status.CodeServerDeclinedScopes:             {"Server Declined Scopes"},
	status.CodeServerProtectionPoliciesRequired: {"Server Protection Policies Required"},
	status.CodeUserCancelled:                    {"User Cancelled", "User Canceled"},
	status.CodeAccountLoggedOut:                 {"Account Logged Out", "Account Signed Out"},
}

func TestParseEverySpelling(t *testing.T) {
	cases := []func(string) string{
		func(s string) string { return s }, strings.ToLower, strings.ToUpper,
		func(s string) string { return s[:1] + strings.ToLower(s[1:]) },
	}
	for want, spellings := range words {
		if canonical := strings.ReplaceAll(spellings[0], " ", "_"); canonical != string(want) {
			t.Errorf("canonical text is %q, want %q", want, canonical)
		}
		for _, spelling := range spellings {
			for _, separator := range []string{"_", " ", "-", `\`, `\_`, "", "__", " - "} {
				for _, change := range cases {
					text := change(strings.ReplaceAll(spelling, " ", separator))
					for _, around := range []string{text, " " + text, text + "\r\n", "\t" + text + " "} {
						if got := status.ParseClientCode(around); got != want {
							t.Errorf("ParseClientCode(%q) = %q, want %q", around, got, want)
						}
						var unmarshalled status.ClientCode
						if err := unmarshalled.UnmarshalText([]byte(around)); err != nil || unmarshalled != want {
							t.Errorf("UnmarshalText(%q) = %q, %v, want %q", around, unmarshalled, err, want)
						}
					}
				}
			}
		}
	}
}

func TestParseTheRest(t *testing.T) {
	long := strings.Repeat("x", 128)
	for _, tc := range []struct{ why, in, want string }{
		{"no code", "", ""},
		{"no code either", " \t\r\n ", ""},
		{"spaces alone, however many", strings.Repeat(" ", 1000), ""},
		{"an unknown code", "Token_Protection_Required", "Token_Protection_Required"},
		{"unknown, other spelling", `some\_New code-`, `some\_New code-`},
		{"spaces around an unknown code are kept", " Some_New_Code ", " Some_New_Code "},
		{"not English", "Über_Größe_要求", "Über_Größe_要求"},
		{"a replacement character that came as one", "a\uFFFDb", "a\uFFFDb"},
		{"separators inside a word do not count", "Suc_cess", "Suc_cess"},
		{"no separators before the first word", "_Success", "_Success"},
		{"nor after the last", "Success_", "Success_"},
		{"more than a known code", "Success2", "Success2"},
		{"less than a known code", "User_", "User_"},
		{"a word left out", "Account_Out", "Account_Out"},
		{"as long as may be", long, long},
		{"too long", long + "x", strings.Repeat("x", 125) + "…"},
		{"cut between characters", strings.Repeat("é", 100), strings.Repeat("é", 62) + "…"},
		{"a long text is not what it begins with", "Success" + strings.Repeat(" ", 200) + "not", "Success" + strings.Repeat(" ", 118) + "…"},
		{"nor is it blank", strings.Repeat(" ", 200) + "x", strings.Repeat(" ", 125) + "…"},
		{"line break", "New\nCode", "New\uFFFDCode"},
		{"terminal escape", "\x1b[31mNew", "\uFFFD[31mNew"},
		{"zero byte", "Success\x00", "Success\uFFFD"},
		{"turned direction of writing", "New\u202eedoC", "New\uFFFDedoC"},
		{"line separator", "New\u2028Code", "New\uFFFDCode"},
		{"not UTF-8", "New\xff\xfe", "New\uFFFD\uFFFD"},
	} {
		got := status.ParseClientCode(tc.in)
		if diff := cmp.Diff(tc.want, string(got)); diff != "" {
			t.Errorf("%s: ParseClientCode(%q) (-want +got):\n%s", tc.why, tc.in, diff)
		}
		if got.Known() {
			t.Errorf("%s: ParseClientCode(%q) is known", tc.why, tc.in)
		}
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	texts := []string{"user canceled", `Account\_Signed\_Out`, "Some_New_Code", ""}
	for code := range words {
		texts = append(texts, string(code))
	}
	for _, text := range texts {
		if n := testing.AllocsPerRun(100, func() { status.ParseClientCode(text) }); n != 0 {
			t.Errorf("ParseClientCode(%q) allocates %v times, want 0", text, n)
		}
	}
	text, code := []byte("Server_Protection_Policies_Required"), new(status.ClientCode)
	if n := testing.AllocsPerRun(100, func() { _ = code.UnmarshalText(text) }); n != 0 {
		t.Errorf("UnmarshalText(%q) allocates %v times, want 0", text, n)
	}
}

func FuzzParseClientCode(f *testing.F) {
	for _, s := range []string{
		"", "Success", `User\_Cancelled`, "Account signed out", "Some_New_Code", "a\nb", "\xff", "\u202e", "\uFFFD",
		"Success" + strings.Repeat(" ", 200) + "x", strings.Repeat("é", 100),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code := status.ParseClientCode(s)
		text := string(code)
		if again := status.ParseClientCode(text); again != code {
			t.Errorf("ParseClientCode(%q) = %q, and of that %q", s, code, again)
		}
		if len(text) > 128 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("ParseClientCode(%q) = %q, which is not safe to show", s, text)
		}
		harmless := len(s) <= 128 && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
		if harmless && strings.TrimSpace(s) != "" && !code.Known() && text != s {
			t.Errorf("ParseClientCode(%q) = %q, want it unchanged", s, text)
		}
		var unmarshalled status.ClientCode
		if err := unmarshalled.UnmarshalText([]byte(s)); err != nil || unmarshalled != code {
			t.Errorf("UnmarshalText(%q) = %q, %v, want %q", s, unmarshalled, err, code)
		}
		j, err := json.Marshal(code)
		if err != nil {
			t.Fatalf("Marshal(%q): %v", code, err)
		}
		if err := json.Unmarshal(j, &unmarshalled); err != nil || unmarshalled != code {
			t.Errorf("%q came back through JSON as %q, %v", code, unmarshalled, err)
		}
		if got := status.ClientCode(s).String(); got != text {
			t.Errorf("String of the raw text %q = %q, want %q", s, got, text)
		}
	})
}

func BenchmarkParseClientCode(b *testing.B) {
	for name, text := range map[string]string{
		"success":  "Success",
		"longest":  "Server_Protection_Policies_Required",
		"spelling": "account signed out",
		"unknown":  "Some_New_Code",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				status.ParseClientCode(text)
			}
		})
	}
}
