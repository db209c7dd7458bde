package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
)

// canary stands in every text that must not come through.
const canary = "CANARY-7f3a"

// azidentityText is the form in which azidentity's errors print the token
// endpoint's answer.
func azidentityText(status int, body string) string {
	return fmt.Sprintf("ClientSecretCredential authentication failed. \nPOST https://login.microsoftonline.com/%s/oauth2/v2.0/token\n"+
		"----\nRESPONSE %d: %d %s\n----\n%s\n----\nTo troubleshoot, visit https://aka.ms/azsdk", canary, status, status, http.StatusText(status), body)
}

// msalLike is what the msal package's error looks like from here.
type msalLike struct {
	code      string
	status    int
	wait      time.Duration
	retryable bool
	is        error
}

func (e *msalLike) Error() string                  { return "msal: no token: " + e.code + " " + canary }
func (e *msalLike) TokenErrorCode() string         { return e.code }
func (e *msalLike) TokenStatusCode() int           { return e.status }
func (e *msalLike) TokenRetryAfter() time.Duration { return e.wait }
func (e *msalLike) TokenRetryable() bool           { return e.retryable }
func (e *msalLike) Is(target error) bool           { return e.is != nil && errors.Is(e.is, target) }

// minimal is a refusal of somebody else's that tells no TokenRetryable.
type minimal struct{ e msalLike }

func (m minimal) Error() string                  { return canary }
func (m minimal) TokenErrorCode() string         { return m.e.code }
func (m minimal) TokenStatusCode() int           { return m.e.status }
func (m minimal) TokenRetryAfter() time.Duration { return m.e.wait }

func TestTokenFailure(t *testing.T) {
	body := func(code string) string {
		return `{"error": "invalid_client", "error_description": "` + code + `: ` + canary + ` Trace ID: x", "access_token": "eyJ` + canary + `"}`
	}
	const (
		refused  = azure.ErrUnauthorized
		down     = azure.ErrUnavailable
		throttle = azure.ErrThrottled
	)
	for _, tt := range []struct {
		why  string
		err  error
		want azure.Error
		text string
	}{
		{"azidentity prints the answer: the number and the status are found", errors.New(azidentityText(401, body("AADSTS7000222"))),
			azure.Error{Kind: refused, Scope: azure.ScopeTenant, ErrorCode: "AADSTS7000222", StatusCode: 401},
			"no token: the client secret has expired: make a new one"},
		{"a number without advice", errors.New(azidentityText(400, body("AADSTS90014"))),
			azure.Error{Kind: refused, Scope: azure.ScopeTenant, ErrorCode: "AADSTS90014", StatusCode: 400}, "no token: the request was refused"},
		{"of a chain of credentials the first number is taken", errors.New("\tAADSTS700016: a\n\tAADSTS65001: b"),
			azure.Error{Kind: refused, Scope: azure.ScopeTenant, ErrorCode: "AADSTS700016"},
			"no token: the application is not in this tenant: its administrator has to consent, or the client id is wrong"},
		{"eight digits are a number of their own, not 7000222 with a 0 behind", errors.New("AADSTS70002220: " + canary),
			azure.Error{Kind: refused, Scope: azure.ScopeTenant, ErrorCode: "AADSTS70002220"}, "no token: the request was refused"},
		{"no number has so many digits", errors.New("AADSTS123456789012345: " + canary),
			azure.Error{Kind: refused, Scope: azure.ScopeTenant}, "no token: the credential failed"},
		{"the service behind Entra did not answer: a passing refusal, of this tenant", errors.New(azidentityText(400, body("AADSTS90033"))),
			azure.Error{Kind: down, Scope: azure.ScopeTenant, ErrorCode: "AADSTS90033", StatusCode: 400}, "no token: Entra fails for this tenant"},
		{"Entra's own word for throttling", errors.New(azidentityText(400, body("AADSTS90055"))),
			azure.Error{Kind: throttle, Scope: azure.ScopeTenant, ErrorCode: "AADSTS90055", StatusCode: 400}, "no token: Entra throttles"},
		{"azidentity, throttled without a number", errors.New(azidentityText(429, canary)),
			azure.Error{Kind: throttle, Scope: azure.ScopeTenant, StatusCode: 429}, "no token: Entra throttles"},
		{"azidentity, Entra down behind a proxy's page", errors.New(azidentityText(503, "<html>"+canary)),
			azure.Error{Kind: down, Scope: azure.ScopeService, StatusCode: 503}, "no token: Entra fails"},
		{"indented in the list of a chain", errors.New("failed to acquire a token.\n\t" + strings.ReplaceAll(azidentityText(502, ""), "\n", "\n\t")),
			azure.Error{Kind: down, Scope: azure.ScopeService, StatusCode: 502}, "no token: Entra fails"},
		{"azidentity, refused without a number", errors.New(azidentityText(400, `{"error":"invalid_request"}`)),
			azure.Error{Kind: refused, Scope: azure.ScopeTenant, StatusCode: 400}, "no token: the request was refused"},
		{"a status in the text of a body is none", errors.New("oops RESPONSE 503: " + canary),
			azure.Error{Kind: refused, Scope: azure.ScopeTenant}, "no token: the credential failed"},

		{"msal: a refusal", &msalLike{code: "AADSTS700027", status: 401},
			azure.Error{Kind: refused, Scope: azure.ScopeTenant, ErrorCode: "AADSTS700027", StatusCode: 401},
			"no token: the certificate is not registered with the application, or has expired"},
		{"msal: an OAuth code stands where there is no number", &msalLike{code: "unauthorized_client", status: 400},
			azure.Error{Kind: refused, Scope: azure.ScopeTenant, ErrorCode: "unauthorized_client", StatusCode: 400}, "no token: the request was refused"},
		{"msal: throttled, with a wait", &msalLike{code: "temporarily_unavailable", status: 429, wait: 17 * time.Second, retryable: true},
			azure.Error{Kind: throttle, Scope: azure.ScopeTenant, ErrorCode: "temporarily_unavailable", StatusCode: 429, RetryAfter: 17 * time.Second}, "no token: Entra throttles"},
		{"msal: Entra down", &msalLike{status: 503, wait: time.Minute, retryable: true},
			azure.Error{Kind: down, Scope: azure.ScopeService, StatusCode: 503, RetryAfter: time.Minute}, "no token: Entra fails"},
		{"msal: its types of network errors are hidden, so its own word counts", &msalLike{retryable: true},
			azure.Error{Kind: down, Scope: azure.ScopeService}, "no token: the connection broke"},
		{"msal: errors.Is still finds the deadline", &msalLike{retryable: true, is: context.DeadlineExceeded},
			azure.Error{Kind: down, Scope: azure.ScopeService}, "no token: no answer within the time limit of one try"},
		{"msal: 200, but not of Entra's token endpoint", &msalLike{status: 200, retryable: true},
			azure.Error{Kind: down, Scope: azure.ScopeService, StatusCode: 200}, "no token: the connection broke"},
		{"msal: a passing code that only it knows", &msalLike{code: "temporarily_unavailable", status: 400, retryable: true},
			azure.Error{Kind: down, Scope: azure.ScopeTenant, ErrorCode: "temporarily_unavailable", StatusCode: 400}, "no token: Entra fails for this tenant"},
		{"msal: refused before it was sent", &msalLike{code: "invalid_request"},
			azure.Error{Kind: refused, Scope: azure.ScopeTenant, ErrorCode: "invalid_request"}, "no token: the request was refused"},

		{"another's refusal: request timeout", minimal{msalLike{status: 408}},
			azure.Error{Kind: down, Scope: azure.ScopeService, StatusCode: 408}, "no token: Entra fails"},
		{"another's refusal: a code that is no identifier is not shown", minimal{msalLike{code: "bad " + canary, status: 401}},
			azure.Error{Kind: refused, Scope: azure.ScopeTenant, StatusCode: 401}, "no token: the request was refused"},
		{"another's refusal: a negative wait is none", minimal{msalLike{code: "x", status: 401, wait: -1}},
			azure.Error{Kind: refused, Scope: azure.ScopeTenant, ErrorCode: "x", StatusCode: 401}, "no token: the request was refused"},
		{"wrapped", fmt.Errorf("%s: %w", canary, &msalLike{code: "AADSTS65001", status: 400}),
			azure.Error{Kind: refused, Scope: azure.ScopeTenant, ErrorCode: "AADSTS65001", StatusCode: 400},
			"no token: an administrator of the tenant has not consented to the application"},

		{"a typed network error", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
			azure.Error{Kind: down, Scope: azure.ScopeService}, "no token: connection refused"},
		{"a network error of which only the text is left", errors.New("ClientSecretCredential: Post \"https://" + canary + "\": dial tcp: lookup: no such host"),
			azure.Error{Kind: down, Scope: azure.ScopeService}, "no token: the connection broke"},
		{"text: reset", errors.New(canary + " read: connection reset by peer"),
			azure.Error{Kind: down, Scope: azure.ScopeService}, "no token: the connection broke"},
		{"text: end of file", errors.New("Post \"https://" + canary + "\": EOF"),
			azure.Error{Kind: down, Scope: azure.ScopeService}, "no token: the connection broke"},
		{"text: certificate", errors.New(canary + " x509: certificate signed by unknown authority"),
			azure.Error{Kind: down, Scope: azure.ScopeService}, "no token: the connection broke"},
		{"the letters EOF in a name are no end of file", errors.New("no file GEOFENCE " + canary),
			azure.Error{Kind: refused, Scope: azure.ScopeTenant}, "no token: the credential failed"},
		{"a credential's own deadline", fmt.Errorf(canary+": %w", context.DeadlineExceeded),
			azure.Error{Kind: down, Scope: azure.ScopeService}, "no token: no answer within the time limit of one try"},
		{"nothing is known", errors.New(canary),
			azure.Error{Kind: refused, Scope: azure.ScopeTenant}, "no token: the credential failed"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got := tokenFailure("op", tt.err)
			want := tt.want
			want.Op, want.Outcome, want.Err = "op", azure.OutcomeNotSent, noToken(tt.text)
			if diff := cmp.Diff(want, *got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if s := fmt.Sprintf("%v %+v %#v %v", got, got, got, errors.Unwrap(got)); strings.Contains(s, canary) {
				t.Errorf("the credential's text came through: %s", s)
			}
		})
	}
}

func TestEveryAdviceIsOfAnEntraNumber(t *testing.T) {
	for _, n := range slices.Concat(slices.Collect(maps.Keys(passingAADSTS)), slices.Collect(maps.Keys(advice))) {
		if aadsts.FindString(n) != n {
			t.Errorf("%q is not what the pattern finds", n)
		}
	}
	for n := range passingAADSTS {
		if advice[n] != "" {
			t.Errorf("%s passes by itself and has advice", n)
		}
	}
}

func TestTokenErrorIsNotRetriedAndPrintsNothing(t *testing.T) {
	err := fmt.Errorf("x: %w", &tokenError{errors.New(canary)})
	var stop interface{ NonRetriable() }
	if !errors.As(err, &stop) {
		t.Error("the SDK's retry policy would ask again")
	}
	stop.NonRetriable()
	if strings.Contains(err.Error(), canary) {
		t.Errorf("%q shows the credential's text", err)
	}
}

// The pattern is of what azcore prints of a *azcore.ResponseError, too.
func TestStatusIsFoundInAResponseError(t *testing.T) {
	resp := &http.Response{StatusCode: 503, Status: "503 Service Unavailable", Body: io.NopCloser(strings.NewReader(canary))}
	got := tokenFailure("op", runtime.NewResponseError(resp))
	if got.StatusCode != 503 || got.Kind != azure.ErrUnavailable {
		t.Errorf("got %v", got)
	}
}
