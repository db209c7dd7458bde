package wire

import (
	"net/http"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
)

// Answer is one answer of Microsoft's, of a call or of an item in a batch.
type Answer struct {
	StatusCode      int
	Header          interface{ Get(name string) string } // any letter case; "" where absent; nil: none
	Body            []byte
	ClientRequestID string // as sent; the answer's own where this is empty
}

// Failure answers why a was not an acceptance: what its status means, with
// Microsoft's code, ids and sentence, by which nothing is decided. names are
// the report's own, kept out of the detail.
func Failure(op string, a Answer, names ...string) *azure.Error {
	e := &azure.Error{Op: op, StatusCode: a.StatusCode, ClientRequestID: a.ClientRequestID}
	e.Kind, e.Scope, e.Outcome = Meaning(a.StatusCode)
	if fault, ok := ParseFault(a.Body); ok {
		e.ErrorCode = fault.Code
		e.RequestID = fault.RequestID
		e.Detail = Detail(fault.Message, names...)
		if e.ClientRequestID == "" {
			e.ClientRequestID = fault.ClientRequestID
		}
	}
	if a.Header == nil {
		return e
	}
	if id := Identifier(a.Header.Get("request-id")); id != "" {
		e.RequestID = id
	}
	e.RetryAfter = RetryAfter(a.Header.Get("Retry-After"), a.Header.Get("Date"), time.Now())
	if e.Kind == azure.ErrThrottled {
		e.Scope = throttleScope(a.Header.Get("x-ms-throttle-scope"))
	}
	return e
}

// Meaning is what a status says without its body. 429 is an unknown outcome
// because Microsoft was seen to throttle calls that it had applied.
func Meaning(status int) (azure.Kind, azure.Scope, azure.Outcome) {
	switch status {
	case http.StatusUnauthorized:
		return azure.ErrUnauthorized, azure.ScopeTenant, azure.OutcomeRefused
	case http.StatusForbidden:
		return azure.ErrForbidden, azure.ScopeTenant, azure.OutcomeRefused
	case http.StatusNotFound:
		return azure.ErrDeviceNotFound, azure.ScopeDevice, azure.OutcomeRefused
	case http.StatusRequestTimeout:
		return azure.ErrUnavailable, azure.ScopeService, azure.OutcomeUnknown
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusLocked:
		return azure.ErrConflict, azure.ScopeDevice, azure.OutcomeRefused
	case http.StatusTooManyRequests:
		return azure.ErrThrottled, azure.ScopeTenant, azure.OutcomeUnknown
	}
	switch {
	case status >= 500:
		return azure.ErrUnavailable, azure.ScopeService, azure.OutcomeUnknown
	case status >= 400:
		return azure.ErrRejected, azure.ScopeDevice, azure.OutcomeRefused
	}
	if status >= 300 {
		return azure.ErrUnexpected, azure.ScopeService, azure.OutcomeUnknown
	}
	// An acceptance that was none.
	return azure.ErrUnexpected, azure.ScopeDevice, azure.OutcomeUnknown
}

// throttleScope reads Scope/Limit/ApplicationId/ResourceId. Only the limit of
// the application in all tenants concerns everybody.
func throttleScope(header string) azure.Scope {
	scope, _, _ := strings.Cut(header, "/")
	if strings.EqualFold(strings.TrimSpace(scope), "Application") {
		return azure.ScopeService
	}
	return azure.ScopeTenant
}
