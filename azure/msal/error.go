package msal

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Error is why there is no token. Every error of [Credential.GetToken] is one;
// find it with errors.AsType[*msal.Error](err).
//
// Its text is one line that says what to do where the reason is a known one. It
// wraps nothing that could show a body, a secret, an assertion or a token:
// errors.Is finds its cause (context.Canceled, context.DeadlineExceeded, an
// error of the transport or of a callback), errors.As and errors.Unwrap do not.
//
// Microsoft warns that AADSTS numbers change. Nothing here depends on one alone:
// an unknown number is judged by the OAuth code and the HTTP status.
type Error struct {
	// TenantID is the tenant the token was for; empty where none was named.
	TenantID string

	// Code is Entra's number, as in "AADSTS7000222"; the OAuth error code, as
	// in "invalid_client", where the answer had no number; "" where Entra gave
	// no reason. A request that was refused before it was sent (no tenant, no
	// scope) has "invalid_request", an application without any secret or
	// certificate "invalid_client".
	Code string

	// StatusCode is the HTTP status of Entra's answer; 0 where none came.
	StatusCode int

	// CorrelationID and TraceID name the request at Microsoft: its support asks
	// for them.
	CorrelationID, TraceID string

	// RetryAfter is how long Entra asked to wait; 0: it did not say.
	RetryAfter time.Duration

	oauth string        // beside an AADSTS number
	what  string        // what failed where Entra gave no reason
	cause sealed[error] // for errors.Is alone: its text is unknown
}

// Error answers one line: the tenant, the code, the status, what to do, and the
// ids for Microsoft's support.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("msal: no token")
	if e.TenantID != "" {
		b.WriteString(" for tenant " + e.TenantID)
	}
	b.WriteString(": ")
	switch {
	case e.Code != "":
		b.WriteString(e.Code)
		if e.StatusCode != 0 {
			b.WriteString(" (" + strconv.Itoa(e.StatusCode) + ")")
		}
		if do := advice(e.Code); do != "" {
			b.WriteString(": " + do)
		}
	case e.StatusCode != 0:
		b.WriteString("Entra answered " + strconv.Itoa(e.StatusCode))
	}
	if e.what != "" {
		if e.Code != "" || e.StatusCode != 0 {
			b.WriteString(": ")
		}
		b.WriteString(e.what)
	}
	if e.RetryAfter > 0 {
		b.WriteString(", retry after " + e.RetryAfter.String())
	}
	if e.CorrelationID != "" {
		b.WriteString(", correlation id " + e.CorrelationID)
	}
	if e.TraceID != "" {
		b.WriteString(", trace id " + e.TraceID)
	}
	return b.String()
}

// Is reports whether target is among the causes.
func (e *Error) Is(target error) bool { return e.cause != nil && errors.Is(e.cause(), target) }

// GoString answers Error, so that %#v does not look into the cause.
func (e *Error) GoString() string { return e.Error() }

// LogValue answers Error.
func (e *Error) LogValue() slog.Value { return slog.StringValue(e.Error()) }

// TokenErrorCode answers Code. Together with the next three it is how a channel
// reads a token's failure without importing this package.
func (e *Error) TokenErrorCode() string { return e.Code }

// TokenStatusCode answers StatusCode.
func (e *Error) TokenStatusCode() int { return e.StatusCode }

// TokenRetryAfter answers RetryAfter.
func (e *Error) TokenRetryAfter() time.Duration { return e.RetryAfter }

// TokenRetryable reports whether asking again later can succeed without
// anybody's doing: true of network errors, throttling, faults of Entra and
// answers that are not Entra's; false of a refusal, of a request that was never
// sent and of a caller that was canceled.
func (e *Error) TokenRetryable() bool {
	return !e.Is(context.Canceled) && !e.refused()
}

// refused reports whether Entra, or this package, gave a reason that lasts.
func (e *Error) refused() bool {
	switch {
	case e.Code == "", transient(e.Code), transient(e.oauth):
		return false
	case e.StatusCode == http.StatusTooManyRequests, e.StatusCode == http.StatusRequestTimeout, e.StatusCode >= 500:
		return false
	}
	return true
}

// proofRefused reports whether the refusal is of the secret, the certificate or
// the assertion, so that another one may be accepted.
func (e *Error) proofRefused() bool {
	if !e.refused() {
		return false
	}
	return aboutProof(e.Code, e.oauth)
}

func (e *Error) clone() *Error {
	c := *e
	return &c
}

// invalid is the error of a request that cannot be sent.
func invalid(tenant, what string) *Error {
	return &Error{TenantID: tenant, Code: "invalid_request", what: what}
}

// gaveUp is the error of a caller whose context ended.
func gaveUp(tenant string, cause error) *Error {
	return &Error{TenantID: tenant, what: "the caller's context ended: " + ended(cause), cause: seal(cause)}
}

func ended(cause error) string {
	if errors.Is(cause, context.DeadlineExceeded) {
		return "deadline exceeded"
	}
	return "canceled"
}

// failure tells what became of an acquisition that MSAL says has failed. MSAL's
// error itself is not looked at: it shows the body.
func (x *exchange) failure(ctx context.Context, tenant string) *Error {
	e := &Error{TenantID: tenant}
	switch {
	case x.callback != nil:
		e.what, e.cause = "the client assertion callback failed", seal(x.callback)
	case ctx.Err() != nil:
		e.what, e.cause = "the token request was given up: "+ended(ctx.Err()), seal(ctx.Err())
	case x.err != nil:
		e.what, e.cause = noAnswer(x.err), seal(x.err)
	case !x.called:
		e.Code, e.what = "invalid_request", "MSAL refused to send the request"
	default:
		e.StatusCode, e.RetryAfter = x.status, x.retryAfter
		e.CorrelationID, e.TraceID = x.answer.correlation, x.answer.trace
		e.Code, e.oauth = x.answer.aadsts, x.answer.oauth
		switch {
		case e.Code != "":
		case e.oauth != "":
			e.Code = e.oauth
		case 300 <= x.status && x.status < 400:
			e.what = "a redirect, which is not followed"
		case x.status == http.StatusOK && x.posted:
			e.what = "the answer is not one of Entra's token endpoint"
		case x.status == http.StatusOK:
			e.what = "the metadata of the authority is not what MSAL accepts"
		}
	}
	return e
}

// noAnswer names the reason in words of this package: the error's own text
// holds the address.
func noAnswer(err error) string {
	if f, ok := errors.AsType[final](err); ok {
		return strings.TrimPrefix(string(f), "msal: ")
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "Entra's host name could not be resolved"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "Entra's TLS certificate is not trusted here"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "Entra did not answer in time"
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Entra could not be reached: connection refused"
	case errors.Is(err, errCutOff):
		return "Entra's answer was cut off"
	}
	return "Entra could not be reached"
}
