package msal_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/msal"
)

const (
	app       = "11111111-1111-4111-8111-111111111111"
	tenantA   = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	tenantB   = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
	graph     = "https://graph.microsoft.com/.default"
	intune    = "https://api.manage.microsoft.com/.default"
	challenge = `{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}`

	traceID       = "0a0a0a0a-0000-4000-8000-000000000001"
	correlationID = "0b0b0b0b-0000-4000-8000-000000000002"
)

// entra is a stand-in for Microsoft's side that does what a test tells it.
type entra struct {
	// answer answers the nth token request, n from 1; nil issues a token.
	answer func(n int, form url.Values) *http.Response
	// metadata answers the nth metadata request; nil gives the tenant's own.
	metadata func(n int, req *http.Request) *http.Response
	// before runs before each request, without a lock; an error is the
	// transport's.
	before func(req *http.Request) error
	// lifetime of the tokens it issues, one hour by default, and the seconds
	// after which to renew, if any.
	lifetime time.Duration
	refresh  time.Duration

	mu       sync.Mutex
	forms    []url.Values // of the token requests
	headers  []http.Header
	urls     []string // of all requests
	discover int
}

func (e *entra) Do(req *http.Request) (*http.Response, error) {
	var form url.Values
	if req.Body != nil {
		text, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		if form, err = url.ParseQuery(string(text)); err != nil {
			return nil, err
		}
	}
	e.mu.Lock()
	e.urls = append(e.urls, req.Method+" "+req.URL.String())
	n := 0
	if req.Method == http.MethodPost {
		e.forms = append(e.forms, form)
		e.headers = append(e.headers, req.Header.Clone())
		n = len(e.forms)
	} else {
		e.discover++
		n = e.discover
	}
	e.mu.Unlock()
	if e.before != nil {
		if err := e.before(req); err != nil {
			return nil, err
		}
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if req.Method == http.MethodGet {
		if e.metadata != nil {
			if resp := e.metadata(n, req); resp != nil {
				return resp, nil
			}
		}
		return metadata(req), nil
	}
	if e.answer != nil {
		if resp := e.answer(n, form); resp != nil {
			return resp, nil
		}
	}
	return e.issue(n), nil
}

// issue answers token number n.
func (e *entra) issue(n int) *http.Response {
	lifetime := e.lifetime
	if lifetime == 0 {
		lifetime = time.Hour
	}
	refresh := ""
	if e.refresh > 0 {
		refresh = fmt.Sprintf(`,"refresh_in":%d`, int(e.refresh.Seconds()))
	}
	return reply(200, fmt.Sprintf(`{"token_type":"Bearer","expires_in":%d%s,"access_token":"token-%d"}`, int(lifetime.Seconds()), refresh, n))
}

func (e *entra) asked() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.forms)
}

func (e *entra) form(i int) url.Values {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.forms[i]
}

func metadata(req *http.Request) *http.Response {
	tenant := strings.Split(req.URL.Path, "/")[1]
	base := "https://" + req.URL.Host + "/" + tenant
	return reply(200, fmt.Sprintf(`{"token_endpoint":"%[1]s/oauth2/v2.0/token","authorization_endpoint":"%[1]s/oauth2/v2.0/authorize","issuer":"%[1]s/v2.0"}`, base))
}

func reply(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: h, Body: io.NopCloser(strings.NewReader(body)), ProtoMajor: 1, ProtoMinor: 1}
}

// refuse answers as Entra does: the code is a number.
func refuse(status int, oauth string, code int) *http.Response {
	return reply(status, fmt.Sprintf(`{"error":%q,"error_description":"AADSTS%d: Something about app '%s'.\r\nTrace ID: %s\r\nCorrelation ID: %s","error_codes":[%d],"trace_id":%q,"correlation_id":%q}`,
		oauth, code, app, traceID, correlationID, code, traceID, correlationID))
}

// over answers options whose transport is e and whose retries cost little.
func over(e policy.Transporter) *msal.Options {
	return &msal.Options{ClientOptions: azcore.ClientOptions{Transport: e}, TenantID: tenantA}
}

// once answers options that do not retry.
func once(e policy.Transporter) *msal.Options {
	o := over(e)
	o.Retry.MaxRetries = -1
	return o
}

func secretCredential(t testing.TB, o *msal.Options) *msal.Credential {
	t.Helper()
	c, err := msal.NewClientSecretCredential(app, "canary-secret", o)
	require.NoError(t, err)
	return c
}

func forGraph(change ...func(*policy.TokenRequestOptions)) policy.TokenRequestOptions {
	o := policy.TokenRequestOptions{Scopes: []string{graph}}
	for _, f := range change {
		f(&o)
	}
	return o
}

func withClaims(o *policy.TokenRequestOptions) { o.Claims, o.EnableCAE = challenge, true }
func withCAE(o *policy.TokenRequestOptions)    { o.EnableCAE = true }
func inB(o *policy.TokenRequestOptions)        { o.TenantID = tenantB }
func forIntune(o *policy.TokenRequestOptions)  { o.Scopes = []string{intune} }

// get answers the token's text, failing the test on an error.
func get(t testing.TB, c azcore.TokenCredential, o policy.TokenRequestOptions) string {
	t.Helper()
	tk, err := c.GetToken(t.Context(), o)
	require.NoError(t, err)
	return tk.Token
}

// all runs n callers at once and answers how often each token or error text
// came.
func all(t testing.TB, n int, c azcore.TokenCredential, o policy.TokenRequestOptions) map[string]int {
	t.Helper()
	var mu sync.Mutex
	came := map[string]int{}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			tk, err := c.GetToken(t.Context(), o)
			text := tk.Token
			if err != nil {
				text = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			came[text]++
		})
	}
	wg.Wait()
	return came
}

func keysOf(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }

// testKey makes one key a test binary: it is slow.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// chain answers a leaf for testKey and the authority that issued it, the
// authority first.
func chain(t testing.TB, serial int64) []*x509.Certificate {
	t.Helper()
	root := certificate(t, serial+1000, "Example Root", nil)
	return []*x509.Certificate{root, certificate(t, serial, "devicestatus", root)}
}

func certificate(t testing.TB, serial int64, name string, parent *x509.Certificate) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), BasicConstraintsValid: true, IsCA: parent == nil}
	if parent == nil {
		parent = template
	}
	public := testKey().Public()
	if template.IsCA {
		public = otherKey().Public()
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, otherKey())
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert
}

// otherKey is the issuer's.
var otherKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func pemOf(t testing.TB, certs []*x509.Certificate, key *rsa.PrivateKey) []byte {
	t.Helper()
	var text []byte
	for _, c := range certs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
}
