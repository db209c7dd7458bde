package msal

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/internal/guid"
)

const someGUID = "0a0a0a0a-0000-4000-8000-000000000001"

func TestParseAnswer(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       answer
	}{
		{"as Entra writes it", `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: x","error_codes":[7000215],"trace_id":"` + someGUID + `","correlation_id":"` + strings.ToUpper(someGUID) + `"}`,
			answer{aadsts: "AADSTS7000215", oauth: "invalid_client", trace: someGUID, correlation: someGUID}},
		{"number in the list alone", `{"error":"invalid_client","error_codes":[90033,1]}`, answer{aadsts: "AADSTS90033", oauth: "invalid_client"}},
		{"no number", `{"error":"invalid_scope"}`, answer{oauth: "invalid_scope"}},
		{"a number too long", `{"error_description":"AADSTS12345678901: x"}`, answer{}},
		{"a second, good number", `{"error_description":"AADSTS: AADSTS7x AADSTS90002."}`, answer{aadsts: "AADSTS90002"}},
		{"no digits in the list", `{"error_codes":["7000215",-1]}`, answer{aadsts: "AADSTS7000215"}},
		{"negative", `{"error_codes":[-1]}`, answer{}},
		{"broken number", `{"error_codes":[1.5]}`, answer{}},
		{"ids that are none", `{"trace_id":"my-secret","correlation_id":7}`, answer{}},
		{"error as an object", `{"error":{"code":"x","message":"AADSTS1"}}`, answer{}},
		{"error as a sentence", `{"error":"the secret abc is wrong"}`, answer{}},
		{"error too long", `{"error":"` + strings.Repeat("a", 41) + `"}`, answer{}},
		{"HTML with a number", `<html>Sorry, AADSTS90002: Tenant 'x' not found</html>`, answer{aadsts: "AADSTS90002"}},
		{"cut off", `{"error":"invalid_client","error_description":"AADSTS7000222: The prov`, answer{aadsts: "AADSTS7000222"}},
		{"an array", `[{"error":"x"}]`, answer{}},
		{"null", `null`, answer{}},
		{"nothing", ``, answer{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, parseAnswer([]byte(tc.body)), cmp.AllowUnexported(answer{})); diff != "" {
				t.Errorf("parseAnswer (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever the body, nothing of it comes out that is not of a fixed form.
func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"error":"invalid_client","error_description":"AADSTS7000215: x","error_codes":[7000215],"trace_id":"` + someGUID + `"}`))
	f.Add([]byte(`<html>AADSTS90002</html>`))
	f.Add([]byte(`AADSTSAADSTS1AADSTS12345678901 AADSTS7`))
	number := regexp.MustCompile(`^AADSTS[0-9]{1,10}$`)
	word := regexp.MustCompile(`^[a-z_]{1,40}$`)
	f.Fuzz(func(t *testing.T, body []byte) {
		a := parseAnswer(body)
		if a.aadsts != "" && !number.MatchString(a.aadsts) {
			t.Errorf("aadsts %q", a.aadsts)
		}
		if a.oauth != "" && !word.MatchString(a.oauth) {
			t.Errorf("oauth %q", a.oauth)
		}
		for _, id := range []string{a.trace, a.correlation} {
			if id != "" && !guid.Valid(id) {
				t.Errorf("id %q", id)
			}
		}
		if !json.Valid(body) && a.aadsts != "" && !strings.Contains(string(body), a.aadsts) {
			t.Errorf("aadsts %q is not in the body", a.aadsts)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	const date = "Sun, 06 Nov 1994 08:49:37 GMT"
	for _, tc := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"10", "", 10 * time.Second},
		{" 10 ", "", 10 * time.Second},
		{"2.128", "", 2128 * time.Millisecond},
		{"0.249", "", 249 * time.Millisecond},
		{"86400", "", 24 * time.Hour},
		{"0", "", 0},
		{"-1", "", 0},
		{"NaN", "", 0},
		{"Inf", "", 0},
		{"1e300", "", 0},
		{"604801", "", 0},
		{"soon", "", 0},
		{"Sun, 06 Nov 1994 08:50:37 GMT", date, time.Minute},
		{"Sunday, 06-Nov-94 08:50:37 GMT", date, time.Minute},
		{"Sun Nov  6 08:50:37 1994", date, time.Minute},
		{"Sun, 06 Nov 1994 08:49:36 GMT", date, 0},
		{"Sun, 06 Nov 2094 08:49:36 GMT", date, 0},
		{"Sun, 06 Nov 1994 08:50:37 GMT", "", 0},
	} {
		h := http.Header{}
		h.Set("Retry-After", tc.value)
		h.Set("Date", tc.date)
		if got := retryAfter(h); got != tc.want {
			t.Errorf("retryAfter(%q, %q) = %s, want %s", tc.value, tc.date, got, tc.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"10", "2.128", "Sun, 06 Nov 1994 08:49:37 GMT", "1e300", "NaN", "-0", "0x1p-2"} {
		f.Add(s, "Sun, 06 Nov 1994 08:49:37 GMT")
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		h := http.Header{"Retry-After": {value}, "Date": {date}}
		if got := retryAfter(h); got < 0 || got > mostRetryAfter {
			t.Errorf("retryAfter(%q, %q) = %s", value, date, got)
		}
	})
}

// The lists of one code each must not disagree.
func TestEveryAdviceIsOneLine(t *testing.T) {
	for _, code := range []string{"AADSTS7000215", "AADSTS70002", "AADSTS50012", "AADSTS7000222", "AADSTS700027", "AADSTS700030", "AADSTS700024",
		"AADSTS700211", "AADSTS700212", "AADSTS700213", "AADSTS700016", "AADSTS700011", "AADSTS7000229", "AADSTS7000112", "AADSTS70001", "AADSTS65001",
		"AADSTS90094", "AADSTS90008", "AADSTS650052", "AADSTS500011", "AADSTS90002", "AADSTS900023", "AADSTS90038", "AADSTS900382", "AADSTS900432",
		"AADSTS53003", "AADSTS530032", "AADSTS1002012", "AADSTS70011", "AADSTS50196", "AADSTS90055"} {
		if got := advice(code); got == "" || strings.ContainsAny(got, "\r\n") {
			t.Errorf("advice(%s) = %q, want one line", code, got)
		}
		if transient(code) && aboutProof(code, "") {
			t.Errorf("%s is both passing and about the secret", code)
		}
	}
	if got := advice("AADSTS1"); got != "" {
		t.Errorf("advice of an unknown number = %q", got)
	}
}
