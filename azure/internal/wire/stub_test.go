package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/stretchr/testify/require"
)

// sender is a transport in process.
type sender func(*http.Request) (*http.Response, error)

func (s sender) Do(req *http.Request) (*http.Response, error) { return s(req) }

func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// seen is what a server saw of one request.
type seen struct {
	Auth, Body string
	At         time.Duration // since the first
}

// server answers requests in their order, the last answer again and again.
type server struct {
	mu      sync.Mutex
	start   time.Time
	seen    []seen
	answers []func() *http.Response
}

func serve(answers ...func() *http.Response) *server { return &server{answers: answers} }

func always(status int, body string, header ...string) func() *http.Response {
	return func() *http.Response { return answer(status, body, header...) }
}

func (s *server) Do(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		if err := req.Body.Close(); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.start.IsZero() {
		s.start = time.Now()
	}
	s.seen = append(s.seen, seen{req.Header.Get("Authorization"), string(body), time.Since(s.start)})
	return s.answers[min(len(s.seen), len(s.answers))-1](), nil
}

// forgetful is a credential that gives T1, T2 ... until told to fail, keeps
// what it gave for each tenant, and can forget it.
type forgetful struct {
	mu        sync.Mutex
	given     int
	kept      map[string]string
	asked     []policy.TokenRequestOptions
	discarded []string
	fail      func(context.Context) error
}

func (c *forgetful) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if c.fail != nil {
		if err := c.fail(ctx); err != nil {
			return azcore.AccessToken{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, o)
	if c.kept == nil {
		c.kept = map[string]string{}
	}
	key := o.TenantID + o.Claims
	if c.kept[key] == "" {
		c.given++
		c.kept[key] = fmt.Sprintf("T%d", c.given)
	}
	return azcore.AccessToken{Token: c.kept[key], ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func (c *forgetful) Discard(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.discarded = append(c.discarded, token)
	for key, t := range c.kept {
		if t == token {
			delete(c.kept, key)
		}
	}
}

// plain hides that a credential can forget.
type plain struct{ azcore.TokenCredential }

const (
	tenantA = "aaaaaaaa-0000-4000-8000-000000000001"
	tenantB = "bbbbbbbb-0000-4000-8000-000000000002"
	tenantC = "cccccccc-0000-4000-8000-000000000003"
)

// pipelines answers the Tenants of a test over a transport.
func pipelines(cred azcore.TokenCredential, t policy.Transporter, change ...func(*Options)) *Tenants {
	o := Options{Module: "devicestatus/test", Version: "v0.0.0", Scope: "https://graph.microsoft.com/.default", MostTenants: 10}
	o.Client.Transport = NewTransport(t, 1<<20)
	for _, c := range change {
		c(&o)
	}
	return NewTenants(cred, o)
}

func once(o *Options) { o.Client.Retry.MaxRetries = -1 }

// body is a request's body that notes its closing.
type body struct {
	*strings.Reader
	closed *int
}

func (b body) Close() error {
	*b.closed++
	return nil
}

// send makes one call with a body as the channels do.
func send(ctx context.Context, t testing.TB, all *Tenants, tenant, text string) (*http.Response, *Call, error) {
	t.Helper()
	client, err := all.Client(tenant)
	require.NoError(t, err)
	return sendBy(ctx, t, client, text)
}

func sendBy(ctx context.Context, t testing.TB, client *azcore.Client, text string) (*http.Response, *Call, error) {
	t.Helper()
	call := NewCall(ctx, "id-1", []byte(text))
	req, err := runtime.NewRequest(call, http.MethodPatch, "https://graph.microsoft.com/v1.0/devices")
	require.NoError(t, err)
	closed := 0
	require.NoError(t, req.SetBody(body{strings.NewReader(text), &closed}, "application/json"))
	resp, err := client.Pipeline().Do(req)
	if closed == 0 {
		t.Error("the request's body was never closed")
	}
	return resp, call, err
}
