package wire

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
)

// line is a finding in short.
func line(f azure.Finding) string {
	s := f.State.String() + " | " + f.Check + " | " + f.Saw
	if f.Advice != "" {
		s += " | " + f.Advice
	}
	return s
}

func lines(p *Preflight) []string {
	var all []string
	for _, f := range p.Findings {
		all = append(all, line(f))
	}
	return all
}

// jwt is a token without a signature worth the name.
func jwt(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

// given is a credential that gives one token, and may say when it ends.
type given struct {
	token string
	asked []policy.TokenRequestOptions
}

func (g *given) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	g.asked = append(g.asked, o)
	return azcore.AccessToken{Token: g.token, ExpiresOn: time.Date(2026, 1, 31, 11, 0, 0, 0, time.FixedZone("", 3600))}, nil
}

func TestPreflightToken(t *testing.T) {
	const base = "passed | graph: token | a token until 2026-01-31T10:00:00Z"
	for _, tc := range []struct{ name, token, want string }{
		{"not a JWT", "canary", base},
		{"roles, sorted", jwt(`{"roles":["User.Read.All","Device.ReadWrite.All"]}`), base + " with the roles Device.ReadWrite.All, User.Read.All"},
		{"padded", "e30." + base64.URLEncoding.EncodeToString([]byte(`{"roles":["a"]}`)) + ".", base + " with the roles a"},
		{"no roles", jwt(`{"canary":"x"}`), base},
		{"roles that are none", jwt(`{"roles":["a role of canary@contoso.example",""]}`), base},
		{"roles of another type", jwt(`{"roles":"canary"}`), base},
		{"no base64", "a.!canary!.b", base},
	} {
		cred, p := &given{token: tc.token}, &Preflight{Channel: "graph"}
		if !p.Token(t.Context(), cred, "token", "scope", tenantA) {
			t.Errorf("%s: refused", tc.name)
		}
		if diff := cmp.Diff([]string{tc.want}, lines(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if diff := cmp.Diff([]policy.TokenRequestOptions{{Scopes: []string{"scope"}, TenantID: tenantA, EnableCAE: true}}, cred.asked); diff != "" {
			t.Errorf("%s asked (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestPreflightNoToken(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	const advice = " | see the AADSTS number's meaning; check tenant, client id, credential and consent"
	for _, tc := range []struct {
		name string
		ctx  context.Context
		err  string
		want string
	}{
		{"refused", t.Context(), "AADSTS7000222: canary", "failed | graph: token | unauthorized (AADSTS7000222): no token: the client secret has expired: make a new one" + advice},
		{"throttled", t.Context(), "AADSTS90055: canary", "not-possible | graph: token | throttled (AADSTS90055): no token: Entra throttles" + advice},
		{"canceled", over, "canary", "not-possible | graph: token | canceled: context canceled" + advice},
	} {
		p := &Preflight{Channel: "graph"}
		if p.Token(tc.ctx, &forgetful{fail: func(context.Context) error { return errors.New(tc.err) }}, "token", "scope", tenantA) {
			t.Errorf("%s: a token", tc.name)
		}
		if diff := cmp.Diff([]string{tc.want}, lines(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if p.Findings[0].Err == nil || p.Findings[0].Err.Outcome != azure.OutcomeNotSent {
			t.Errorf("%s: error %v", tc.name, p.Findings[0].Err)
		}
	}
}

// ending is a credential that says when it ends.
type ending struct {
	given
	in    time.Duration
	known bool
}

func (e *ending) ExpiresOn() (time.Time, bool) { return time.Now().Add(e.in), e.known }

func TestPreflightExpiry(t *testing.T) {
	const day = 24 * time.Hour
	const ask = " | see in Microsoft's portal when the secret ends, and rotate it before"
	for _, tc := range []struct {
		name string
		cred azcore.TokenCredential
		want string
	}{
		{"does not say", &given{}, "not-possible | graph: credential's end | this kind of credential does not say when it ends" + ask},
		{"does not know", &ending{}, "not-possible | graph: credential's end | nothing says when this credential ends, as with a client secret" + ask},
		{"ended now", &ending{known: true}, "failed | graph: credential's end | ended 2000-01-01T00:00:00Z | register a new certificate"},
		{"ended a day ago", &ending{in: -day, known: true}, "failed | graph: credential's end | ended 1999-12-31T00:00:00Z | register a new certificate"},
		{"within the month", &ending{in: 30*day - 1, known: true}, "failed | graph: credential's end | ends 2000-01-30T23:59:59Z | register a new certificate within the month"},
		{"in a month", &ending{in: 30 * day, known: true}, "passed | graph: credential's end | ends 2000-01-31T00:00:00Z"},
	} {
		synctest.Test(t, func(t *testing.T) { // which begins at 2000-01-01
			p := &Preflight{Channel: "graph"}
			p.Expiry(tc.cred)
			if diff := cmp.Diff([]string{tc.want}, lines(p)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.name, diff)
			}
		})
	}
}

func TestPreflightClock(t *testing.T) {
	const none = "not-possible | graph: clock | Microsoft's answer carries no date | compare this machine's clock with a time server"
	const set = " | set this machine's clock by a time server"
	dated := func(of time.Duration) http.Header {
		return http.Header{"Date": {time.Now().Add(of).UTC().Format(http.TimeFormat)}}
	}
	for _, tc := range []struct {
		name   string
		header func() http.Header
		want   string
	}{
		{"the same", func() http.Header { return dated(0) }, "passed | graph: clock | differs from Microsoft's by 0s"},
		{"behind within bounds", func() http.Header { return dated(5 * time.Minute) }, "passed | graph: clock | differs from Microsoft's by -5m0s"},
		{"ahead within bounds", func() http.Header { return dated(-5 * time.Minute) }, "passed | graph: clock | differs from Microsoft's by 5m0s"},
		{"behind", func() http.Header { return dated(5*time.Minute + time.Second) }, "failed | graph: clock | this machine's clock differs from Microsoft's by -5m1s" + set},
		{"ahead", func() http.Header { return dated(-time.Hour) }, "failed | graph: clock | this machine's clock differs from Microsoft's by 1h0m0s" + set},
		{"no date", func() http.Header { return http.Header{} }, none},
		{"nonsense", func() http.Header { return http.Header{"Date": {"canary"}} }, none},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &Preflight{Channel: "graph"}
			p.Clock(Answer{Header: tc.header()})
			if diff := cmp.Diff([]string{tc.want}, lines(p)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.name, diff)
			}
		})
	}
	p := &Preflight{Channel: "graph"}
	p.Clock(Answer{})
	if diff := cmp.Diff([]string{none}, lines(p)); diff != "" {
		t.Errorf("no headers at all (-want +got):\n%s", diff)
	}
}

func TestPreflightFail(t *testing.T) {
	p := &Preflight{Channel: "intune"}
	p.Fail("a", "do", &azure.Error{Kind: azure.ErrForbidden, StatusCode: 403, ErrorCode: "Authorization_RequestDenied"})
	p.Fail("b", "do", &azure.Error{Kind: azure.ErrForbidden, StatusCode: 403})
	p.Fail("c", "do", &azure.Error{Kind: azure.ErrUnavailable, Err: errors.New("no such host")})
	p.Fail("d", "do", &azure.Error{Kind: azure.ErrThrottled, StatusCode: 429})
	p.Skip("e", "d")
	want := []string{
		"failed | intune: a | forbidden (403 Authorization_RequestDenied) | do",
		"failed | intune: b | forbidden (403) | do",
		"failed | intune: c | unavailable: no such host | do",
		"not-possible | intune: d | throttled (429) | do",
		"not-possible | intune: e | not checked, since d failed | mend that first",
	}
	if diff := cmp.Diff(want, lines(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzRolesOf(f *testing.F) {
	f.Add(jwt(`{"roles":["Device.ReadWrite.All"]}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		for _, role := range rolesOf(token) {
			if Identifier(role) != role || role == "" {
				t.Errorf("the role %q is shown", role)
			}
		}
	})
}
