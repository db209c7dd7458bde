package azure

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Error is why a report was not accepted. Every error of a reporter of this
// module is one; find it with errors.AsType[*azure.Error](err), and test its
// kind with errors.Is(err, azure.ErrThrottled).
//
// Its text is one line without a token, body, address, user or device name. It
// can be stored as JSON: of Err the text alone survives.
type Error struct {
	// Op is what was being done, as in "graph: report".
	Op string `json:"op,omitempty"`

	Kind    Kind    `json:"kind"`
	Scope   Scope   `json:"scope"`
	Outcome Outcome `json:"outcome"`

	// StatusCode is Microsoft's HTTP status, of the item where it was one of a
	// batch; zero where there was no answer.
	StatusCode int `json:"statusCode,omitempty"`

	// ErrorCode is Microsoft's own code: "Authorization_RequestDenied" of
	// Graph, "AADSTS7000222" of Entra.
	ErrorCode string `json:"errorCode,omitempty"`

	// RequestID and ClientRequestID name the call at Microsoft: its support
	// asks for them.
	RequestID       string `json:"requestId,omitempty"`
	ClientRequestID string `json:"clientRequestId,omitempty"`

	// RetryAfter is how long Microsoft asked to wait before any further call;
	// zero: it did not say.
	RetryAfter time.Duration `json:"-"` // in JSON a text, as in "1m30s"

	// Detail is Microsoft's own sentence for the administrator, at most 500
	// printable characters. What looks like an e-mail address and the names
	// that stood in the report are blotted out, but it is Microsoft's text and
	// may hold what nobody expects: show it, do not log it. It is not part of
	// Error().
	Detail string `json:"detail,omitempty"`

	// Err is the cause where there is one beyond the kind, such as
	// context.Canceled; may be nil.
	Err error `json:"-"`
}

// mostText bounds the line of an error, in bytes.
const mostText = 2000

// Error answers one line: the operation, the kind, the scope and outcome, what
// Microsoft answered, and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	b.WriteString(string(e.Kind))
	if e.Scope != ScopeUnspecified || e.Outcome != OutcomeUnspecified {
		b.WriteString(" (" + e.Scope.String() + ", " + e.Outcome.String() + ")")
	}
	if e.StatusCode != 0 {
		b.WriteString(": " + strconv.Itoa(e.StatusCode))
	}
	if e.ErrorCode != "" {
		b.WriteString(" " + e.ErrorCode)
	}
	if e.RetryAfter > 0 {
		b.WriteString(", retry after " + e.RetryAfter.String())
	}
	if e.RequestID != "" {
		b.WriteString(", request-id " + e.RequestID)
	}
	if e.ClientRequestID != "" {
		b.WriteString(", client-request-id " + e.ClientRequestID)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return printable(b.String(), mostText)
}

// Unwrap answers the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is e's kind.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// GoString answers as Error does, so that %#v shows no Detail.
func (e *Error) GoString() string { return e.Error() }

// LogValue implements [slog.LogValuer]: the line of Error(), without Detail.
func (e *Error) LogValue() slog.Value { return slog.StringValue(e.Error()) }

// stored is Error in JSON, with RetryAfter and Err as text.
type stored struct {
	*fields
	RetryAfter string `json:"retryAfter,omitempty"`
	Cause      string `json:"cause,omitempty"`
}

type fields Error

// MarshalJSON implements [json.Marshaler]. The text of Err is stored as
// "cause".
func (e *Error) MarshalJSON() ([]byte, error) {
	s := stored{fields: (*fields)(e)}
	if e.RetryAfter != 0 {
		s.RetryAfter = e.RetryAfter.String()
	}
	if e.Err != nil {
		s.Cause = printable(e.Err.Error(), mostText)
	}
	return json.Marshal(s)
}

// UnmarshalJSON implements [json.Unmarshaler]. Err becomes an error that holds
// the stored text and is equal to nothing else.
func (e *Error) UnmarshalJSON(text []byte) error {
	var f fields
	s := stored{fields: &f}
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if s.RetryAfter != "" {
		wait, err := time.ParseDuration(s.RetryAfter)
		if err != nil {
			return fmt.Errorf("retryAfter: %w", err)
		}
		f.RetryAfter = wait
	}
	*e = Error(f)
	if s.Cause != "" {
		e.Err = errors.New(s.Cause)
	}
	return nil
}

// printable answers s on one line, without control characters, cut to most
// bytes at a character's boundary.
func printable(s string, most int) string {
	clean := func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}
	s = strings.Map(clean, strings.ToValidUTF8(s, "?"))
	if len(s) <= most {
		return s
	}
	cut := 0
	for i := range s {
		if i > most {
			break
		}
		cut = i
	}
	return s[:cut]
}
