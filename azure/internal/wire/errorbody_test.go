package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFault(t *testing.T) {
	const id = "7a2c3f1e-0f5b-4d0e-9a39-5b1f0a3f9d11"
	for _, tt := range []struct {
		why  string
		body string
		want *Fault // nil: none
	}{
		{"as documented", `{"error":{"code":"Request_ResourceNotFound","message":"not there","innerError":{"date":"2025-02-13T10:17:06","request-id":"` + id + `","client-request-id":"c-1"}}}`,
			&Fault{Code: "Request_ResourceNotFound", Message: "not there", RequestID: id, ClientRequestID: "c-1"}},
		{"innererror in lower case", `{"error":{"code":"X","innererror":{"request-id":"r"}}}`, &Fault{Code: "X", RequestID: "r"}},
		{"every name in another letter case", `{"Error":{"CODE":"X","Message":"m","InnerError":{"Request-Id":"r"}}}`, &Fault{Code: "X", Message: "m", RequestID: "r"}},
		{"nested: the ids stand further in", `{"error":{"code":"X","innerError":{"code":"Y","innerError":{"request-id":"r","client-request-id":"c"}}}}`,
			&Fault{Code: "X", RequestID: "r", ClientRequestID: "c"}},
		{"nested: the outer id wins", `{"error":{"code":"X","innerError":{"request-id":"a","innerError":{"request-id":"b"}}}}`, &Fault{Code: "X", RequestID: "a"}},
		{"an empty code: the inner one", `{"error":{"code":"","innerError":{"code":"Y","innerError":{"code":"Z"}}}}`, &Fault{Code: "Y"}},
		{"no innerError", `{"error":{"code":"X"}}`, &Fault{Code: "X"}},
		{"innerError is null", `{"error":{"code":"X","innerError":null}}`, &Fault{Code: "X"}},
		{"innerError is a text: the code is not lost", `{"error":{"code":"X","innerError":"oops","message":"m"}}`, &Fault{Code: "X", Message: "m"}},
		{"innerError is a list", `{"error":{"innerError":[{"request-id":"r"}],"code":"X"}}`, &Fault{Code: "X"}},
		{"an inner innerError of another type", `{"error":{"code":"X","innerError":{"innerError":7,"request-id":"r"}}}`, &Fault{Code: "X", RequestID: "r"}},
		{"a number for a code", `{"error":{"code":400,"message":"m"}}`, &Fault{Message: "m"}},
		{"an object for a message", `{"error":{"code":"X","message":{"lang":"en","value":"m"}}}`, &Fault{Code: "X"}},
		{"an empty error object", `{"error":{}}`, &Fault{}},
		{"a code with spaces is not printed", `{"error":{"code":"User ann is bad","message":"m"}}`, &Fault{Message: "m"}},
		{"a code with an address is not printed", `{"error":{"code":"ann@contoso.com"}}`, &Fault{}},
		{"a code beyond any", `{"error":{"code":"` + strings.Repeat("x", 65) + `"}}`, &Fault{}},
		{"an id with a line's end is not printed", `{"error":{"code":"X","innerError":{"request-id":"a\nb"}}}`, &Fault{Code: "X"}},
		{"a byte order mark in front", "\ufeff" + `{"error":{"code":"X"}}`, &Fault{Code: "X"}},
		{"spaces around", " \r\n{\"error\":{\"code\":\"X\"}}\n", &Fault{Code: "X"}},
		{"what else stands beside it", `{"value":[1],"error":{"code":"X","details":[{"code":"Y"}]}}`, &Fault{Code: "X"}},

		{"empty", "", nil},
		{"a byte order mark alone", "\ufeff", nil},
		{"a page of a proxy", "<html><body>502 Bad Gateway</body></html>", nil},
		{"cut off", `{"error":{"code":"X","mess`, nil},
		{"text behind it", `{"error":{"code":"X"}} x`, nil},
		{"an answer without an error", `{"id":"1"}`, nil},
		{"null", `null`, nil},
		{"error is null", `{"error":null}`, nil},
		{"error is a text, as of Entra", `{"error":"invalid_client","error_description":"AADSTS"}`, nil},
		{"error is a list", `{"error":[{"code":"X"}]}`, nil},
		{"a list", `[{"error":{"code":"X"}}]`, nil},
		{"a text", `"error"`, nil},
		{"deeper than the decoder goes", strings.Repeat(`{"error":`, 20000), nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var got *Fault
			if f, ok := ParseFault([]byte(tt.body)); ok {
				got = &f
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func FuzzParseFault(f *testing.F) {
	for _, body := range []string{
		"", "\ufeff{}", `{"error":{"code":"X","message":"m","innerError":{"request-id":"r","innererror":{"client-request-id":"c"}}}}`,
		`{"error":"x"}`, `{"error":{"innerError":[]}}`, `{"ERROR":{"code":1,"code":"Y"}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fault, ok := ParseFault(body)
		if !ok && fault != (Fault{}) {
			t.Fatalf("no fault, and yet %+v", fault)
		}
		for _, printed := range []string{fault.Code, fault.RequestID, fault.ClientRequestID} {
			if Identifier(printed) != printed {
				t.Fatalf("%q is no identifier", printed)
			}
		}
		if !ok {
			return
		}
		again, err := json.Marshal(map[string]any{"error": map[string]any{
			"code": fault.Code, "message": fault.Message,
			"innerError": map[string]any{"request-id": fault.RequestID, "client-request-id": fault.ClientRequestID},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if same, ok := ParseFault(again); !ok || same != fault {
			t.Fatalf("%+v, written and read again, is %+v", fault, same)
		}
	})
}

func TestIdentifier(t *testing.T) {
	for _, tt := range []struct{ why, in, want string }{
		{"a code", "Authorization_RequestDenied", "Authorization_RequestDenied"},
		{"a GUID", "7a2c3f1e-0f5b-4d0e-9a39-5b1f0a3f9d11", "7a2c3f1e-0f5b-4d0e-9a39-5b1f0a3f9d11"},
		{"points", "a.b", "a.b"},
		{"empty", "", ""},
		{"64 characters", strings.Repeat("a", 64), strings.Repeat("a", 64)},
		{"65 characters", strings.Repeat("a", 65), ""},
		{"a space", "a b", ""},
		{"a line's end", "a\n", ""},
		{"an address", "ann@contoso.com", ""},
		{"a path", "a/b", ""},
		{"a letter beyond ASCII", "é", ""},
		{"a quote", `"`, ""},
		{"the neighbours of the letters and digits", "[", ""},
		{"", "`", ""}, {"", "{", ""}, {"", ":", ""}, {"", "/", ""},
	} {
		if got := Identifier(tt.in); got != tt.want {
			t.Errorf("%s: Identifier(%q) = %q, want %q", tt.why, tt.in, got, tt.want)
		}
	}
}

func FuzzIdentifier(f *testing.F) {
	f.Add("Request_BadRequest")
	f.Add("a b")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := Identifier(s)
		if got != "" && got != s {
			t.Fatalf("%q became %q", s, got)
		}
		if strings.ContainsAny(got, " @/\\\"'\r\n<>%:;,") || len(got) > 64 {
			t.Fatalf("%q passes", got)
		}
	})
}
