package wire

import (
	"context"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strconv"
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

var (
	aadsts = regexp.MustCompile(`AADSTS[0-9]{4,10}\b`)
	// answered is how the errors of the Azure SDK show the answer's status.
	answered = regexp.MustCompile(`(?m)^\s*RESPONSE ([1-5][0-9]{2}):`)
)

const throttledAADSTS = "AADSTS90055" // TenantThrottlingError

// passingAADSTS are the refusals that Microsoft's list of error codes calls
// transient, retryable, or a service that did not answer.
var passingAADSTS = map[string]bool{
	"AADSTS50033": true, // RetryableError
	"AADSTS90006": true, // ExternalServerRetryableError
	"AADSTS90012": true, // RequestTimeout
	"AADSTS90024": true, // RequestBudgetExceededError
	"AADSTS90033": true, // MsodsServiceUnavailable
	"AADSTS90090": true, // GraphRetryableError
	"AADSTS90091": true, // GraphServiceUnreachable
}

// advice is what to do about the refusals that administrators meet most. The
// numbers are of Microsoft's list of error codes, but for two that stand in
// Entra's answers alone: 700024, "Client assertion is not within its valid time
// range", and 7000229, "The client application is missing service principal in
// the tenant".
var advice = map[string]string{
	"AADSTS53003":   "a Conditional Access policy blocks the application: exempt its workload identity",
	"AADSTS65001":   "an administrator of the tenant has not consented to the application",
	"AADSTS70011":   "the scope is not valid for this application or cloud",
	"AADSTS90002":   "the tenant does not exist: check its id and the cloud",
	"AADSTS500011":  "the resource is not in this tenant: check the cloud and the subscription",
	"AADSTS700016":  "the application is not in this tenant: its administrator has to consent, or the client id is wrong",
	"AADSTS700024":  "the assertion is outside its validity: check this machine's clock, or get a newer assertion",
	"AADSTS700027":  "the certificate is not registered with the application, or has expired",
	"AADSTS7000112": "the application is disabled in this tenant",
	"AADSTS7000215": "the client secret is wrong: give its value, not its id",
	"AADSTS7000222": "the client secret has expired: make a new one",
	"AADSTS7000229": "the application has no service principal in this tenant: its administrator has to consent",
}

// tokenFailure answers why a credential gave no token, as if nothing had been
// sent before. The AADSTS number and the status are read from the error's text,
// since every credential of the Azure SDK puts them there; nothing else of the
// text is used, for it may hold the whole answer of the token endpoint.
func tokenFailure(op string, err error) *azure.Error {
	text := err.Error()
	e := &azure.Error{
		Op: op, Kind: azure.ErrUnauthorized, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent,
		ErrorCode: aadsts.FindString(text),
	}
	if known, ok := errors.AsType[tokenRefusal](err); ok {
		e.StatusCode, e.RetryAfter = known.TokenStatusCode(), max(0, known.TokenRetryAfter())
		if e.ErrorCode == "" {
			e.ErrorCode = Identifier(known.TokenErrorCode())
		}
	} else if shown := answered.FindStringSubmatch(text); shown != nil {
		e.StatusCode, _ = strconv.Atoi(shown[1])
	}
	retryable, _ := errors.AsType[retryableRefusal](err)
	passing := passingAADSTS[e.ErrorCode] || retryable != nil && retryable.TokenRetryable()
	switch {
	case e.StatusCode == http.StatusTooManyRequests, e.ErrorCode == throttledAADSTS:
		e.Kind, e.Err = azure.ErrThrottled, noToken("no token: Entra throttles")
	case e.StatusCode >= 500, e.StatusCode == http.StatusRequestTimeout:
		e.Kind, e.Scope, e.Err = azure.ErrUnavailable, azure.ScopeService, noToken("no token: Entra fails")
	case e.ErrorCode != "" && passing:
		e.Kind, e.Err = azure.ErrUnavailable, noToken("no token: Entra fails for this tenant")
	case e.ErrorCode != "":
		e.Err = noToken("no token: the request was refused")
		if what := advice[e.ErrorCode]; what != "" {
			e.Err = noToken("no token: " + what)
		}
	case passing, e.StatusCode == 0 && networkFault(err, text):
		e.Kind, e.Scope, e.Err = azure.ErrUnavailable, azure.ScopeService, noToken("no token: "+cause(err).Error())
	case e.StatusCode != 0:
		e.Err = noToken("no token: the request was refused")
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

// retryableRefusal tells beside it whether asking again later can succeed
// without anybody's doing, as when the token endpoint was not reached.
type retryableRefusal interface {
	error
	TokenRetryable() bool
}

type noToken string

func (n noToken) Error() string { return string(n) }

// networkSigns are of the errors of the standard library. Some credentials
// keep the text of a network error and drop its type.
var networkSigns = []string{
	"dial tcp", "no such host", "connection refused", "connection reset", "i/o timeout",
	"unexpected EOF", ": EOF", "x509:", "context deadline exceeded", "TLS handshake timeout",
}

// networkFault reports whether the token endpoint was not reached or did not
// answer.
func networkFault(err error, text string) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, sign := range networkSigns {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
