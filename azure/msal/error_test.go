package msal_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/msal"
)

// tokenFailure is how a channel reads a token's failure without this package.
type tokenFailure interface {
	error
	TokenErrorCode() string
	TokenStatusCode() int
	TokenRetryAfter() time.Duration
	TokenRetryable() bool
}

var _ tokenFailure = (*msal.Error)(nil)

func TestErrorText(t *testing.T) {
	ids := ", correlation id " + correlationID + ", trace id " + traceID
	for _, tc := range []struct {
		name   string
		answer func() *http.Response
		want   string
	}{
		{"known number", func() *http.Response { return refuse(400, "unauthorized_client", 700016) },
			"AADSTS700016 (400): the application is not in this tenant: its administrator must consent, or the client id or the cloud is another" + ids},
		{"unknown number", func() *http.Response { return refuse(400, "invalid_request", 123) }, "AADSTS123 (400)" + ids},
		{"OAuth code", func() *http.Response { return reply(400, `{"error":"invalid_scope"}`) }, "invalid_scope (400)"},
		{"status", func() *http.Response { return reply(403, "<html>") }, "Entra answered 403"},
		{"throttled", func() *http.Response { return reply(429, "", "Retry-After", "1.5") }, "Entra answered 429, retry after 1.5s"},
		{"redirect", func() *http.Response { return reply(302, "", "Location", "https://elsewhere.example") }, "Entra answered 302: a redirect, which is not followed"},
		{"not JSON", func() *http.Response { return reply(200, "<html>") }, "Entra answered 200: the answer is not one of Entra's token endpoint"},
		{"no token", func() *http.Response { return reply(200, `{"expires_in":3600}`) }, "Entra answered 200: the answer is not one of Entra's token endpoint"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &entra{answer: func(int, url.Values) *http.Response { return tc.answer() }}
			_, err := secretCredential(t, once(e)).GetToken(t.Context(), forGraph())
			if want := "msal: no token for tenant " + tenantA + ": " + tc.want; err == nil || err.Error() != want {
				t.Errorf("error\n%v, want\n%s", err, want)
			}
			if errors.Unwrap(err) != nil {
				t.Errorf("the error wraps %v", errors.Unwrap(err))
			}
		})
	}
}

func TestErrorFields(t *testing.T) {
	e := &entra{answer: func(int, url.Values) *http.Response {
		resp := refuse(401, "invalid_client", 7000222)
		resp.Header.Set("Retry-After", "7")
		return resp
	}}
	_, err := secretCredential(t, once(e)).GetToken(t.Context(), forGraph())
	got, ok := errors.AsType[*msal.Error](err)
	require.True(t, ok)
	if got.TenantID != tenantA || got.Code != "AADSTS7000222" || got.StatusCode != 401 || got.CorrelationID != correlationID || got.TraceID != traceID || got.RetryAfter != 7*time.Second {
		t.Errorf("fields %+v", *got)
	}
	var failure tokenFailure = got
	if failure.TokenErrorCode() != got.Code || failure.TokenStatusCode() != 401 || failure.TokenRetryAfter() != 7*time.Second || failure.TokenRetryable() {
		t.Errorf("methods do not answer the fields of %v", got)
	}
	for _, form := range []string{"%v", "%+v", "%s"} {
		if text := fmt.Sprintf(form, got); text != got.Error() {
			t.Errorf("%s prints %q", form, text)
		}
	}
	if text := fmt.Sprintf("%#v", got); text != got.Error() {
		t.Errorf("%%#v prints %q", text)
	}
}

// A tenant that does not exist is refused at its metadata already.
func TestTenantGone(t *testing.T) {
	e := &entra{metadata: func(int, *http.Request) *http.Response { return refuse(400, "invalid_tenant", 90002) }}
	c := secretCredential(t, once(e))
	for range 2 {
		_, err := c.GetToken(t.Context(), forGraph())
		require.ErrorContains(t, err, "AADSTS90002 (400): the tenant does not exist in this cloud")
	}
	if e.asked() != 0 || e.discover != 1 {
		t.Errorf("%d token and %d metadata requests, want none and one", e.asked(), e.discover)
	}
}

func TestMetadataOfSomebodyElse(t *testing.T) {
	e := &entra{metadata: func(_ int, req *http.Request) *http.Response {
		return reply(200, strings.ReplaceAll(`{"token_endpoint":"https://x/t","authorization_endpoint":"https://x/a","issuer":"https://x"}`, "x", "issuer.example"))
	}}
	_, err := secretCredential(t, once(e)).GetToken(t.Context(), forGraph())
	require.ErrorContains(t, err, "metadata of the authority is not what MSAL accepts")
	require.NotContains(t, err.Error(), "issuer.example")
	require.Zero(t, e.asked())
}
