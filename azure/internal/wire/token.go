package wire

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
)

// tokenError marks that a credential gave no token, so that it can be told
// from a broken call.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return "no token" }
func (e *tokenError) Unwrap() error { return e.err }

// NonRetriable keeps the SDK's retry policy from asking again: credentials do
// their own retrying.
func (e *tokenError) NonRetriable() {}

var aadsts = regexp.MustCompile(`AADSTS[0-9]{4,7}`)

// transientAADSTS are the refusals that Entra documents as passing: a service
// behind it did not answer.
var transientAADSTS = map[string]bool{
	"AADSTS90006": true, // ExternalServerRetryableError
	"AADSTS90024": true, // RequestBudgetExceededError
	"AADSTS90033": true, // MsodsServiceUnavailable
}

// advice is what to do about the refusals that administrators meet most.
var advice = map[string]string{
	"AADSTS50034":   "the account does not exist in this tenant",
	"AADSTS53003":   "a Conditional Access policy blocks the application: exempt its workload identity",
	"AADSTS65001":   "an administrator of the tenant has not consented to the application",
	"AADSTS70011":   "the scope is not valid for this application or cloud",
	"AADSTS90002":   "the tenant does not exist: check its id and the cloud",
	"AADSTS500011":  "the resource is not in this tenant: check the cloud and the subscription",
	"AADSTS700016":  "the application is not in this tenant: its administrator has to consent, or the client id is wrong",
	"AADSTS700024":  "the assertion is outside its validity: check this machine's clock",
	"AADSTS700027":  "the certificate is not registered with the application, or has expired",
	"AADSTS7000112": "the application is disabled in this tenant",
	"AADSTS7000215": "the client secret is wrong: give its value, not its id",
	"AADSTS7000222": "the client secret has expired: make a new one",
}

// tokenFailure answers why a credential gave no token. Nothing was sent. The
// AADSTS number is read from the error's text, since every credential of the
// Azure SDK puts it there; nothing else of the text is used, for it may hold
// the whole answer of the token endpoint.
func tokenFailure(op string, err error) *azure.Error {
	e := &azure.Error{
		Op: op, Kind: azure.ErrUnauthorized, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent,
		ErrorCode: aadsts.FindString(err.Error()),
	}
	if known, ok := errors.AsType[tokenRefusal](err); ok {
		e.RetryAfter = known.TokenRetryAfter()
		if code := Identifier(known.TokenErrorCode()); code != "" && e.ErrorCode == "" {
			e.ErrorCode = code
		}
		switch status := known.TokenStatusCode(); {
		case status == 429:
			e.Kind, e.StatusCode = azure.ErrThrottled, status
			return e
		case status >= 500:
			e.Kind, e.Scope, e.StatusCode = azure.ErrUnavailable, azure.ScopeService, status
			return e
		default:
			e.StatusCode = status
		}
	}
	switch {
	case transientAADSTS[e.ErrorCode]:
		e.Kind = azure.ErrUnavailable
	case e.ErrorCode != "":
		e.Err = noToken("no token: Entra refused")
		if what := advice[e.ErrorCode]; what != "" {
			e.Err = noToken("no token: " + what)
		}
	case e.StatusCode != 0:
		e.Err = noToken("no token: Entra refused")
	case networkFault(err):
		e.Kind, e.Scope, e.Err = azure.ErrUnavailable, azure.ScopeService, noToken("no token: "+cause(err).Error())
	default:
		e.Err = noToken("no token: the credential failed")
	}
	return e
}

// tokenRefusal is what the msal package's error tells of the token endpoint's
// answer; other credentials tell it in their text alone.
type tokenRefusal interface {
	error
	TokenErrorCode() string
	TokenStatusCode() int
	TokenRetryAfter() time.Duration
}

type noToken string

func (n noToken) Error() string { return string(n) }

// networkFault reports whether the token endpoint was not reached or did not
// answer.
func networkFault(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	// Some credentials keep the text of a network error and drop its type.
	text := err.Error()
	for _, sign := range []string{"dial tcp", "no such host", "connection refused", "connection reset", "i/o timeout", "EOF", "x509:"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
