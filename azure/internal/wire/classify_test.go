package wire

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
)

func TestFailureByStatus(t *testing.T) {
	const (
		device, tenant, service = azure.ScopeDevice, azure.ScopeTenant, azure.ScopeService
		refused, unknown        = azure.OutcomeRefused, azure.OutcomeUnknown
	)
	for _, tt := range []struct {
		status  int
		kind    azure.Kind
		scope   azure.Scope
		outcome azure.Outcome
		why     string
	}{
		{0, azure.ErrUnexpected, device, unknown, "an item without a status"},
		{200, azure.ErrUnexpected, device, unknown, "an acceptance with an error inside"},
		{204, azure.ErrUnexpected, device, unknown, "the same"},
		{302, azure.ErrUnexpected, service, unknown, "a redirect, which is not followed"},
		{304, azure.ErrUnexpected, service, unknown, "the same"},
		{400, azure.ErrRejected, device, refused, "permanent for this report"},
		{401, azure.ErrUnauthorized, tenant, refused, "the token, or the application in this tenant"},
		{403, azure.ErrForbidden, tenant, refused, "permission or consent"},
		{404, azure.ErrDeviceNotFound, device, refused, "the device is not there"},
		{405, azure.ErrRejected, device, refused, "any other refusal"},
		{408, azure.ErrUnavailable, service, unknown, "Microsoft was slow, and may have applied it"},
		{409, azure.ErrConflict, device, refused, "another writes the same device"},
		{412, azure.ErrConflict, device, refused, "the same"},
		{413, azure.ErrRejected, device, refused, "too large stays too large"},
		{423, azure.ErrConflict, device, refused, "locked by another"},
		{424, azure.ErrRejected, device, refused, "an item that failed with another"},
		{429, azure.ErrThrottled, tenant, unknown, "throttled calls were seen to be applied"},
		{500, azure.ErrUnavailable, service, unknown, "a fault after the write is possible"},
		{501, azure.ErrUnavailable, service, unknown, "the same"},
		{503, azure.ErrUnavailable, service, unknown, "the same"},
		{504, azure.ErrUnavailable, service, unknown, "the same"},
		{599, azure.ErrUnavailable, service, unknown, "the same"},
	} {
		got := Failure("op", Answer{StatusCode: tt.status, ClientRequestID: "c"})
		want := &azure.Error{Op: "op", Kind: tt.kind, Scope: tt.scope, Outcome: tt.outcome, StatusCode: tt.status, ClientRequestID: "c"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d: %s (-want +got)\n%s", tt.status, tt.why, diff)
		}
	}
}

func TestFailureTellsWhatTheAnswerSays(t *testing.T) {
	const body = `{"error":{"code":"Authorization_RequestDenied","message":"ANN-PC of ann@contoso.com","innerError":{"request-id":"inner","client-request-id":"theirs"}}}`
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	for _, tt := range []struct {
		why  string
		a    Answer
		want azure.Error
	}{
		{"the body's ids where the header has none", Answer{StatusCode: 403, Header: header(), Body: []byte(body)},
			azure.Error{RequestID: "inner", ClientRequestID: "theirs"}},
		{"no header at all", Answer{StatusCode: 403, Body: []byte(body)}, azure.Error{RequestID: "inner", ClientRequestID: "theirs"}},
		{"a nil http.Header", Answer{StatusCode: 403, Header: http.Header(nil), Body: []byte(body)}, azure.Error{RequestID: "inner", ClientRequestID: "theirs"}},
		{"the header's id and the caller's own win", Answer{StatusCode: 403, Header: header("request-id", "outer"), Body: []byte(body), ClientRequestID: "ours"},
			azure.Error{RequestID: "outer", ClientRequestID: "ours"}},
		{"an id that is none is not printed", Answer{StatusCode: 403, Header: header("request-id", "a b"), Body: []byte(body)},
			azure.Error{RequestID: "inner", ClientRequestID: "theirs"}},
		{"a wait", Answer{StatusCode: 403, Header: header("Retry-After", "1.5"), Body: []byte(body)},
			azure.Error{RequestID: "inner", ClientRequestID: "theirs", RetryAfter: 1500 * time.Millisecond}},
		{"a wait by the answer's own clock", Answer{StatusCode: 403, Body: []byte(body), Header: header(
			"Retry-After", "Sat, 31 Jan 2026 10:00:09 GMT", "Date", "Sat, 31 Jan 2026 10:00:00 GMT")},
			azure.Error{RequestID: "inner", ClientRequestID: "theirs", RetryAfter: 9 * time.Second}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			want := tt.want
			want.Op, want.Kind, want.Scope, want.Outcome = "op", azure.ErrForbidden, azure.ScopeTenant, azure.OutcomeRefused
			want.StatusCode, want.ErrorCode, want.Detail = 403, "Authorization_RequestDenied", "[redacted] of [redacted]"
			got := Failure("op", tt.a, "ann@contoso.com", "ann-pc")
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if strings.Contains(strings.ToLower(got.Error()), "ann") {
				t.Errorf("a name is in %q", got)
			}
		})
	}
}

func TestThrottleScope(t *testing.T) {
	for _, tt := range []struct {
		header string
		want   azure.Scope
		why    string
	}{
		{"Tenant_Application/ReadWrite/app/tenant", azure.ScopeTenant, "the application in this tenant"},
		{"Tenant/Write/app/tenant", azure.ScopeTenant, "every application in this tenant"},
		{"Application/Write/app/tenant", azure.ScopeService, "the application in every tenant: everybody waits"},
		{"application/write/app", azure.ScopeService, "in another letter case"},
		{" Application /Write", azure.ScopeService, "with spaces"},
		{"Application", azure.ScopeService, "cut off"},
		{"ApplicationX/Write", azure.ScopeTenant, "unknown: the smaller scope"},
		{"", azure.ScopeTenant, "often missing"},
		{"/Application", azure.ScopeTenant, "nonsense"},
	} {
		got := Failure("op", Answer{StatusCode: 429, Header: http.Header{"X-Ms-Throttle-Scope": {tt.header}}})
		if got.Scope != tt.want {
			t.Errorf("%q is %v, want %v: %s", tt.header, got.Scope, tt.want, tt.why)
		}
	}
	got := Failure("op", Answer{StatusCode: 503, Header: http.Header{"X-Ms-Throttle-Scope": {"Tenant/x"}}})
	if got.Scope != azure.ScopeService {
		t.Errorf("a 503 is of the %v: the header is read of a 429 alone", got.Scope)
	}
}
