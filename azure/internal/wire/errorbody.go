package wire

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Fault is what Microsoft's error body says. Any part may be missing.
type Fault struct {
	Code            string
	Message         string // Microsoft's own sentence, as it came: see Detail
	RequestID       string
	ClientRequestID string
}

// errorBody is the JSON of an error: {"error":{"code","message","innerError"}}.
// encoding/json takes names in any letter case, so "innererror" is met too.
type errorBody struct {
	Error *struct {
		Code       looseText   `json:"code"`
		Message    looseText   `json:"message"`
		InnerError *innerError `json:"innerError"`
	} `json:"error"`
}

type innerError struct {
	Code            looseText   `json:"code"`
	RequestID       looseText   `json:"request-id"`
	ClientRequestID looseText   `json:"client-request-id"`
	InnerError      *innerError `json:"innerError"`
}

// looseText takes a JSON string and passes over anything else, so that one
// field of an unexpected type does not hide the others.
type looseText string

func (t *looseText) UnmarshalJSON(text []byte) error {
	var s string
	if json.Unmarshal(text, &s) == nil {
		*t = looseText(s)
	}
	return nil
}

// ParseFault reads an error body. It answers false where there is none: empty,
// HTML, cut off, or JSON without an error object. Codes and ids are
// identifiers or "": they go into error texts.
func ParseFault(body []byte) (Fault, bool) {
	if len(body) == 0 {
		return Fault{}, false // the answer to most calls
	}
	return parseFault(body)
}

func parseFault(body []byte) (Fault, bool) {
	var b errorBody
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // some of Microsoft's services begin with one
	err := json.Unmarshal(body, &b)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "error" {
		err = nil // an innerError of another type: the rest was read
	}
	if err != nil || b.Error == nil {
		return Fault{}, false
	}
	f := Fault{Code: Identifier(string(b.Error.Code)), Message: string(b.Error.Message)}
	for inner := b.Error.InnerError; inner != nil; inner = inner.InnerError {
		if f.Code == "" {
			f.Code = Identifier(string(inner.Code))
		}
		if f.RequestID == "" {
			f.RequestID = Identifier(string(inner.RequestID))
		}
		if f.ClientRequestID == "" {
			f.ClientRequestID = Identifier(string(inner.ClientRequestID))
		}
	}
	return f, true
}

// Identifier answers s where it is an identifier of at most 64 letters,
// digits, points, hyphens and underscores, and "" where it is not: text of
// Microsoft's that is printed must not carry anything else.
func Identifier(s string) string {
	if len(s) > 64 {
		return ""
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '.' && c != '-' && c != '_' {
			return ""
		}
	}
	return s
}
