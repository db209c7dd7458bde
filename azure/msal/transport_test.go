package msal_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/msal"
)

// An authority on loopback that sends the token request elsewhere.
func TestRedirectIsNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, kind := range []string{"*http.Client", "a client behind another type"} {
			t.Run(fmt.Sprint(status, " ", kind), func(t *testing.T) {
				var elsewhere, posted []string
				other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					elsewhere = append(elsewhere, r.Method+" "+string(body))
				}))
				defer other.Close()
				var server *httptest.Server
				server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodGet {
						fmt.Fprintf(w, `{"token_endpoint":"%[1]s/t","authorization_endpoint":"%[1]s/a","issuer":"%[1]s"}`, server.URL)
						return
					}
					posted = append(posted, r.URL.Path)
					http.Redirect(w, r, other.URL, status)
				}))
				defer server.Close()

				client := server.Client()
				client.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify = true // both servers, on loopback
				o := &msal.Options{ClientOptions: azcore.ClientOptions{Transport: client, Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: server.URL}},
					TenantID: tenantA, DisableInstanceDiscovery: true}
				if kind != "*http.Client" {
					o.Transport = wrapped{client}
				}
				_, err := secretCredential(t, o).GetToken(t.Context(), forGraph())
				if err == nil {
					t.Fatal("no error")
				}
				for _, request := range elsewhere {
					if strings.Contains(request, "secret") {
						t.Errorf("the secret went elsewhere: %s", request)
					}
				}
				if kind == "*http.Client" || status >= 307 {
					refused, ok := errors.AsType[*msal.Error](err)
					if !ok || refused.TokenStatusCode() != status || len(elsewhere) != 0 || !strings.Contains(err.Error(), "redirect") {
						t.Errorf("error %v after %d requests elsewhere, want status %d and none", err, len(elsewhere), status)
					}
				}
				if len(posted) != 1 {
					t.Errorf("%d token requests, want 1", len(posted))
				}
				if client.CheckRedirect != nil {
					t.Error("the caller's own client was changed")
				}
			})
		}
	}
}

// wrapped hides what it is.
type wrapped struct{ client *http.Client }

func (w wrapped) Do(req *http.Request) (*http.Response, error) { return w.client.Do(req) }

// The token endpoint is what the metadata says, and the metadata may lie.
func TestSecretStaysWithTheAuthority(t *testing.T) {
	for _, tc := range []struct {
		name, authority, endpoint string
		sent                      bool
	}{
		{"own host", "https://login.microsoftonline.com", "https://login.microsoftonline.com/t", true},
		{"same cloud", "https://login.chinacloudapi.cn", "https://login.partner.microsoftonline.cn/t", true},
		{"another cloud", "https://login.microsoftonline.us", "https://login.microsoftonline.com/t", false},
		{"elsewhere", "https://login.microsoftonline.com", "https://login.microsoftonline.com.example/t", false},
		{"another port", "https://127.0.0.1:8443", "https://127.0.0.1:8444/t", false},
		{"from a private cloud to Microsoft", "https://127.0.0.1:8443", "https://login.microsoftonline.com/t", false},
		{"plain HTTP", "https://login.microsoftonline.com", "http://login.microsoftonline.com/t", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &entra{metadata: func(int, *http.Request) *http.Response {
				return reply(200, fmt.Sprintf(`{"token_endpoint":%q,"authorization_endpoint":"https://a","issuer":%q}`, tc.endpoint, tc.authority))
			}}
			o := over(e)
			o.Cloud.ActiveDirectoryAuthorityHost, o.DisableInstanceDiscovery = tc.authority, true
			_, err := secretCredential(t, o).GetToken(t.Context(), forGraph())
			if sent := e.asked() > 0; sent != tc.sent || (err == nil) != tc.sent {
				t.Errorf("sent %v, error %v, want sent %v", sent, err, tc.sent)
			}
			if err != nil && !strings.Contains(err.Error(), "token endpoint elsewhere") {
				t.Errorf("error %v, want one that tells the reason", err)
			}
		})
	}
}

type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }
func (*endless) Close() error                 { return nil }

func TestAnswersAreBounded(t *testing.T) {
	for _, status := range []int{200, 400, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			body := &endless{}
			e := &entra{answer: func(int, url.Values) *http.Response {
				resp := reply(status, "")
				resp.Body = body
				return resp
			}}
			_, err := secretCredential(t, over(e)).GetToken(t.Context(), forGraph())
			if err == nil || !strings.Contains(err.Error(), "too long") || body.read > 3<<20 || e.asked() != 1 {
				t.Errorf("error %v after %d bytes and %d requests, want one that says too long", err, body.read, e.asked())
			}
		})
	}
}

func TestRetries(t *testing.T) {
	type result struct {
		Waits      []time.Duration
		Err        bool
		RetryAfter time.Duration
		Status     int
	}
	fail := errors.New("connection reset")
	for _, tc := range []struct {
		name   string
		max    int32
		answer func() *http.Response // until the last; nil: the network fails
		times  int
		want   result // Waits are the least: azcore adds jitter to its own
	}{
		{"short Retry-After", 0, func() *http.Response { return reply(429, "", "Retry-After", "2") }, 1, result{Waits: []time.Duration{2 * time.Second}}},
		{"broken seconds", 0, func() *http.Response { return reply(503, "", "Retry-After", "2.128") }, 1, result{Waits: []time.Duration{2128 * time.Millisecond}}},
		{"a date, by Entra's own clock", 0, func() *http.Response {
			return reply(503, "", "Retry-After", "Sunday, 06-Nov-94 08:49:40 GMT", "Date", "Sun, 06 Nov 1994 08:49:37 GMT")
		}, 1, result{Waits: []time.Duration{3 * time.Second}}},
		{"none", 0, func() *http.Response { return reply(500, "") }, 2, result{Waits: []time.Duration{640 * time.Millisecond, 1900 * time.Millisecond}}},
		{"nonsense", 0, func() *http.Response { return reply(503, "", "Retry-After", "-3") }, 1, result{Waits: []time.Duration{640 * time.Millisecond}}},
		{"network", 0, nil, 1, result{Waits: []time.Duration{640 * time.Millisecond}}},
		{"long Retry-After", 0, func() *http.Response { return reply(429, "", "Retry-After", "30") }, 1, result{Err: true, RetryAfter: 30 * time.Second, Status: 429}},
		{"a day", 0, func() *http.Response { return reply(503, "", "Retry-After", "86400") }, 1, result{Err: true, RetryAfter: 24 * time.Hour, Status: 503}},
		{"no retries", -1, func() *http.Response { return reply(429, "", "Retry-After", "1") }, 1, result{Err: true, RetryAfter: time.Second, Status: 429}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				e := &entra{before: func(req *http.Request) error {
					if req.Method == http.MethodPost {
						if at = append(at, time.Now()); tc.answer == nil && len(at) <= tc.times {
							return fail
						}
					}
					return nil
				}}
				e.answer = func(n int, _ url.Values) *http.Response {
					if tc.answer != nil && n <= tc.times {
						return tc.answer()
					}
					return nil
				}
				o := over(e)
				o.Retry.MaxRetries = tc.max
				_, err := secretCredential(t, o).GetToken(t.Context(), forGraph())
				got := result{Err: err != nil}
				if refused, ok := errors.AsType[*msal.Error](err); ok {
					got.RetryAfter, got.Status = refused.TokenRetryAfter(), refused.TokenStatusCode()
				}
				for i := 1; i < len(at); i++ {
					wait := at[i].Sub(at[i-1])
					if i <= len(tc.want.Waits) && wait >= tc.want.Waits[i-1] && wait < 2*tc.want.Waits[i-1] {
						wait = tc.want.Waits[i-1]
					}
					got.Waits = append(got.Waits, wait)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s%v", diff, err)
				}
				for i := 1; i < e.asked(); i++ {
					if diff := cmp.Diff(e.form(0), e.form(i)); diff != "" {
						t.Errorf("request %d differs from the first (-first +later):\n%s", i+1, diff)
					}
				}
			})
		})
	}
}

func TestReasonsOfNoAnswer(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{&net.DNSError{Err: "no such host", Name: "canary.example"}, "could not be resolved"},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "connection refused"},
		{&tls.CertificateVerificationError{Err: errors.New("canary")}, "TLS certificate is not trusted"},
		{&url.Error{Op: "Post", URL: "https://canary.example/?token", Err: context.DeadlineExceeded}, "did not answer in time"},
		{errors.New("canary"), "could not be reached"},
	} {
		e := &entra{before: func(*http.Request) error { return tc.err }}
		_, err := secretCredential(t, once(e)).GetToken(t.Context(), forGraph())
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "canary") || !errors.Is(err, tc.err) {
			t.Errorf("%T: error %v, want one that says %q", tc.err, err, tc.want)
		}
	}
}

func TestCutOffAnswer(t *testing.T) {
	e := &entra{answer: func(int, url.Values) *http.Response {
		resp := reply(200, "")
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"access_token":"tok`), failing{}))
		return resp
	}}
	_, err := secretCredential(t, once(e)).GetToken(t.Context(), forGraph())
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("error %v, want one that says cut off", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// MSAL would go to a regional endpoint, and to the machine's metadata service
// without the caller's transport, if the environment says so.
func TestEnvironmentIsNotRead(t *testing.T) {
	t.Setenv("MSAL_FORCE_REGION", "westeurope")
	t.Setenv("AZURE_AUTHORITY_HOST", "https://login.example")
	e := &entra{}
	get(t, secretCredential(t, over(e)), forGraph())
	for _, line := range e.urls {
		if !strings.Contains(line, "https://login.microsoftonline.com/"+tenantA) {
			t.Errorf("request %s, want login.microsoftonline.com alone", line)
		}
	}
}

func TestPoliciesAndTelemetry(t *testing.T) {
	e := &entra{}
	o := over(e)
	o.Telemetry.ApplicationID = "mdm"
	o.APIVersion = "2020-01-01" // of no meaning here
	o.PerCallPolicies = []policy.Policy{addHeader{}}
	get(t, secretCredential(t, o), forGraph())
	h := e.headers[0]
	if agent := h.Get("User-Agent"); !strings.HasPrefix(agent, "mdm azsdk-go-devicestatus-msal/") || h.Get("X-Test") != "yes" || h.Get("Client-Request-Id") == "" {
		t.Errorf("headers %v, want the policy's, a client-request-id and the telemetry's agent", h)
	}
	for _, line := range e.urls {
		if strings.Contains(line, "api-version") {
			t.Errorf("request %s", line)
		}
	}
	o.Telemetry.Disabled = true
	get(t, secretCredential(t, o), forGraph())
}

type addHeader struct{}

func (addHeader) Do(req *policy.Request) (*http.Response, error) {
	req.Raw().Header.Set("X-Test", "yes")
	return req.Next()
}

// Without a Transport the network is used: to a port of loopback where nobody
// listens.
func TestDefaultTransport(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	listener.Close()
	o := once(nil)
	o.Transport = nil
	o.Cloud.ActiveDirectoryAuthorityHost, o.DisableInstanceDiscovery = "https://"+address, true
	_, err = secretCredential(t, o).GetToken(t.Context(), forGraph())
	if !errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), address) {
		t.Errorf("error %v, want connection refused without the address", err)
	}
}

// What azcore's own bearer policy makes of the credential.
func TestUnderAzcore(t *testing.T) {
	var e entra
	graphAPI := transport(func(req *http.Request) (*http.Response, error) {
		switch req.Header.Get("Authorization") {
		case "Bearer token-1":
			return reply(401, "", "WWW-Authenticate", `Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNzAwMDAwMDAwIn19fQ=="`), nil
		case "Bearer token-2":
			return reply(204, ""), nil
		}
		return reply(500, ""), nil
	})
	c := secretCredential(t, over(&e))
	pipeline := runtime.NewPipeline("test", "v0.0.0", runtime.PipelineOptions{
		PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(c, []string{graph}, nil)},
	}, &policy.ClientOptions{Transport: graphAPI})
	send := func() (*http.Response, error) {
		req, err := runtime.NewRequest(t.Context(), http.MethodGet, "https://graph.microsoft.com/v1.0/devices")
		require.NoError(t, err)
		return pipeline.Do(req)
	}
	resp, err := send()
	require.NoError(t, err)
	require.Equal(t, 204, resp.StatusCode, "the challenge is answered with a new token")
	require.JSONEq(t, `{"access_token":{"nbf":{"essential":true,"value":"1700000000"},"xms_cc":{"values":["CP1"]}}}`, e.form(1).Get("claims"))

	e.answer = func(int, url.Values) *http.Response { return refuse(401, "invalid_client", 7000222) }
	pipeline = runtime.NewPipeline("test", "v0.0.0", runtime.PipelineOptions{
		PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(c, []string{intune}, nil)},
	}, &policy.ClientOptions{Transport: graphAPI})
	_, err = send()
	if refused, ok := errors.AsType[*msal.Error](err); !ok || refused.Code != "AADSTS7000222" {
		t.Errorf("error %v, want the credential's through azcore", err)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) Do(req *http.Request) (*http.Response, error) { return f(req) }
