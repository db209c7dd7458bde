package msal

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/mdmkit/devicestatus/internal/guid"
)

// answer is what Entra said of a failure, reduced to what cannot hold anything
// of the request.
type answer struct {
	aadsts      string // "AADSTS7000215", or ""
	oauth       string // "invalid_client", or ""
	trace       string // GUIDs by which Microsoft's support finds the request
	correlation string
}

// parseAnswer reads the body of a failure. It is met as JSON with "error" and
// "error_description", and behind proxies as HTML or nothing; of what is not
// JSON only an AADSTS number is taken.
func parseAnswer(body []byte) answer {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return answer{aadsts: aadsts(string(body))}
	}
	text := func(name string) string {
		var s string
		if json.Unmarshal(fields[name], &s) != nil {
			return ""
		}
		return s
	}
	a := answer{
		aadsts:      aadsts(text("error_description")),
		oauth:       oauthCode(text("error")),
		trace:       guidOnly(text("trace_id")),
		correlation: guidOnly(text("correlation_id")),
	}
	if a.aadsts == "" {
		var codes []json.Number
		if json.Unmarshal(fields["error_codes"], &codes) == nil && len(codes) > 0 {
			if number := "AADSTS" + codes[0].String(); aadsts(number) == number {
				a.aadsts = number
			}
		}
	}
	return a
}

// mentionsError keeps the answers that hold a token from being parsed twice.
func mentionsError(body []byte) bool { return bytes.Contains(body, []byte(`"error"`)) }

// aadsts finds the first AADSTS number in s, of at most ten digits.
func aadsts(s string) string {
	const prefix, most = "AADSTS", 10
	for {
		at := strings.Index(s, prefix)
		if at < 0 {
			return ""
		}
		s = s[at:]
		end := len(prefix)
		for end < len(s) && '0' <= s[end] && s[end] <= '9' {
			end++
		}
		if digits := end - len(prefix); 0 < digits && digits <= most && (end == len(s) || !wordChar(s[end])) {
			return strings.Clone(s[:end])
		}
		s = s[end:]
	}
}

// oauthCode answers s if it has the form of an OAuth error code, else "".
func oauthCode(s string) string {
	const most = 40
	if len(s) > most {
		return ""
	}
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < 'a' || c > 'z') {
			return ""
		}
	}
	return s
}

func guidOnly(s string) string {
	if !guid.Valid(s) {
		return ""
	}
	return guid.Canonical(s)
}

func wordChar(c byte) bool {
	return c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
