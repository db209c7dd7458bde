package intune_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/compliance"
)

const (
	tenantA  = "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11"
	tenantB  = "9b4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c22"
	device1  = "007c8232-9489-4074-9b35-345b16f0a72d"
	user1    = "5f0c6a51-2f2e-4f6f-9a20-9c3d1e0b7a01"
	message1 = "d3b07384-d9a0-4c1f-8a8e-0242ac120002"
	group1   = "77777777-0000-4000-8000-000000000001"
	upn1     = "anna@contoso.example"
)

// seen is a request as Microsoft met it.
type seen struct {
	method, url, body string
	header            http.Header
	tenant            string // whose token it came with
	ctx               context.Context
}

// is reports whether the request is to a service: graph, device or tenant.
func (s seen) is(what string) bool {
	switch what {
	case "graph":
		return strings.Contains(s.url, "//graph.microsoft.")
	case "discovery":
		return strings.Contains(s.url, "/servicePrincipals")
	case "users":
		return strings.Contains(s.url, "/$batch")
	case "upload":
		return s.method == http.MethodPut && strings.Contains(s.url, "/DataUploadMessages(")
	case "status":
		return s.method == http.MethodGet && strings.Contains(s.url, "/DataUploadMessages(")
	case "provision":
		return strings.Contains(s.url, "/PartnerTenants(")
	case "policies":
		return strings.Contains(s.url, "/PartnerCompliancePolicies")
	}
	panic(what)
}

// microsoft is Entra, Microsoft Graph and the partner services, as strict as
// what is known of them. Whatever a request gets wrong fails the test.
type microsoft struct {
	t      testing.TB
	domain string
	audience,
	graphAudience string

	// hook, where set, may answer in its place.
	hook func(m *microsoft, s seen) (*http.Response, error)
	// polls is how often a message is still running when asked.
	polls int

	mu       sync.Mutex
	requests []seen
	asks     map[string]int // of tokens, by tenant and scope
	users    map[string]string
	messages map[string]*stored
	devices  map[string]*entry
	tenants  map[string]*tenant
}

func newMicrosoft(t testing.TB) *microsoft {
	return &microsoft{
		t: t, domain: "manage.microsoft.com", audience: "https://api.manage.microsoft.com/", graphAudience: "https://graph.microsoft.com",
		asks: map[string]int{}, users: map[string]string{}, messages: map[string]*stored{},
		devices: map[string]*entry{}, tenants: map[string]*tenant{},
	}
}

const tokenMark = "SECRET-TOKEN."

// GetToken is Entra's part: the token names tenant and audience.
func (m *microsoft) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if err := ctx.Err(); err != nil {
		return azcore.AccessToken{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asks[o.TenantID+" "+strings.Join(o.Scopes, " ")]++
	kind := ""
	switch {
	case len(o.Scopes) == 1 && o.Scopes[0] == m.graphAudience+"/.default":
		kind = "graph"
	case len(o.Scopes) == 1 && o.Scopes[0] == m.audience+"/.default":
		kind = "partner"
	default:
		m.t.Errorf("a token of scope %q was asked for", o.Scopes)
		return azcore.AccessToken{}, errors.New("AADSTS70011: no such scope")
	}
	return azcore.AccessToken{Token: tokenMark + kind + "." + o.TenantID, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// Do is the transport.
func (m *microsoft) Do(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	s := seen{method: req.Method, url: req.URL.String(), header: req.Header.Clone(), ctx: req.Context()}
	if req.Body != nil {
		text, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		s.body = string(text)
	}
	host := req.URL.Hostname()
	graph := host == strings.TrimPrefix(m.graphAudience, "https://")
	partner := strings.HasPrefix(host, "fef.") && strings.HasSuffix(host, "."+m.domain)
	if req.URL.Scheme != "https" || !graph && !partner {
		m.t.Errorf("a token went to %s://%s", req.URL.Scheme, req.URL.Host)
		return nil, errors.New("no such host")
	}
	kind := map[bool]string{true: "graph", false: "partner"}[graph]
	var ok bool
	s.tenant, ok = strings.CutPrefix(req.Header.Get("Authorization"), "Bearer "+tokenMark+kind+".")
	if !ok {
		m.t.Errorf("%s %s came with the token of another service", req.Method, host)
	}
	if partner && !strings.HasPrefix(host, "fef."+s.tenant[:8]+".") {
		m.t.Errorf("the token of tenant %s went to %s", s.tenant, host)
	}
	if req.Header.Get("client-request-id") == "" {
		m.t.Errorf("%s %s came without a client-request-id", req.Method, host)
	}
	m.mu.Lock()
	m.requests = append(m.requests, s)
	m.mu.Unlock()
	if m.hook != nil {
		if resp, err := m.hook(m, s); resp != nil || err != nil {
			return m.sent(req, resp), err
		}
	}
	if graph {
		return m.sent(req, m.graph(s, req.URL)), nil
	}
	return m.sent(req, m.partner(s, req.URL)), nil
}

func (m *microsoft) sent(req *http.Request, resp *http.Response) *http.Response {
	if resp != nil {
		resp.Request = req
		resp.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	return resp
}

func (m *microsoft) count(what string) (n int) { return len(m.of(what)) }

// of answers the requests to one service.
func (m *microsoft) of(what string) (found []seen) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.requests {
		if s.is(what) {
			found = append(found, s)
		}
	}
	return found
}

func (m *microsoft) calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.requests)
}

func reply(status int, body string, header ...string) *http.Response {
	r := &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// answering makes a hook that answers requests to one service.
func answering(what string, status int, body string, header ...string) func(*microsoft, seen) (*http.Response, error) {
	return func(_ *microsoft, s seen) (*http.Response, error) {
		if !s.is(what) {
			return nil, nil
		}
		return reply(status, body, header...), nil
	}
}

var once = policy.RetryOptions{MaxRetries: -1}

// reporter answers a Reporter over m that makes one attempt.
func (m *microsoft) reporter(t testing.TB, o *intune.Options) *intune.Reporter {
	t.Helper()
	if o == nil {
		o = &intune.Options{}
	}
	o.Transport = m
	if o.Retry.MaxRetries == 0 {
		o.Retry = once
	}
	return reporterOf(t, m, o)
}

func reporterOf(t testing.TB, cred azcore.TokenCredential, o *intune.Options) *intune.Reporter {
	t.Helper()
	r, err := intune.New(cred, o)
	require.NoError(t, err)
	return r
}

func report1(state compliance.State) azure.Report {
	return azure.Report{TenantID: tenantA, DeviceID: device1, UserID: user1, Platform: azure.PlatformIOS, State: state}
}

// numbered answers reports of n devices of a tenant.
func numbered(tenant string, n int) []azure.Report {
	rs := make([]azure.Report, n)
	for i := range rs {
		rs[i] = report1(compliance.StateCompliant)
		rs[i].TenantID, rs[i].DeviceID = tenant, fmt.Sprintf("007c8232-9489-4074-9b35-%012x", i+1)
	}
	return rs
}

// summary is what the caller decides by.
func summary(err error) string {
	e, ok := errors.AsType[*azure.Error](err)
	if !ok {
		return fmt.Sprintf("%T: %v", err, err)
	}
	return fmt.Sprintf("%s (%v, %v)", e.Kind, e.Scope, e.Outcome)
}
