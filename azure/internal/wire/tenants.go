package wire

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// Options of the pipelines.
type Options struct {
	Module, Version string // for the User-Agent and tracing
	Namespace       string // of traces, as in Microsoft.Graph
	Scope           string // what tokens are asked for
	Client          azcore.ClientOptions
	MostTenants     int
	MostAnswer      int64 // bytes of one answer, as given to NewTransport
}

// Tenants holds one pipeline a tenant: the SDK's bearer policy caches one
// token and does not look at the tenant. Safe for concurrent use.
type Tenants struct {
	cred  azcore.TokenCredential
	o     Options
	bad   error      // why the SDK makes no client with these options
	agent string     // the User-Agent; "": the host wants none
	mu    sync.Mutex // held while a pipeline is made, so that a tenant has one
	byID  *Cache[tenant]
}

type tenant struct {
	client *azcore.Client
	gate   *gate
}

// NewTenants answers pipelines that take their tokens from cred. The transport
// in o is used as it is: see NewTransport.
func NewTenants(cred azcore.TokenCredential, o Options) *Tenants {
	t := &Tenants{cred: cred, o: o, agent: agent(o), byID: NewCache[tenant](o.MostTenants, 0)}
	_, t.bad = azcore.NewClient(o.Module, o.Version, runtime.PipelineOptions{}, &o.Client)
	t.o.Client.Telemetry.Disabled = true // see agent; with it goes the check of the version
	return t
}

// agent answers the User-Agent by the SDK's telemetry policy, which would put it
// into each request at the cost of two allocations.
func agent(o Options) string {
	own := o.Client.Telemetry // the policy shortens the application's name in place
	req, err := runtime.NewRequest(context.Background(), http.MethodGet, "https://localhost")
	if err != nil {
		return ""
	}
	_, _ = runtime.NewTelemetryPolicy(o.Module, o.Version, &own).Do(req) // ends in an error: there is no next policy
	return req.Raw().Header.Get("User-Agent")
}

// Client answers the client of the tenant, a GUID in lower case. Beyond
// MostTenants the one not used for longest is forgotten, with its token.
func (t *Tenants) Client(id string) (*azcore.Client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok, _ := t.byID.Get(id); ok && known.gate.usable() {
		return known.client, nil
	}
	t.byID.Drop(id)
	g := &gate{}
	client, err := t.dial(id, g)
	if err != nil {
		return nil, err
	}
	t.byID.Put(id, tenant{client: client, gate: g})
	return client, nil
}

// dial makes a tenant's pipeline. In the order in which a request passes:
// the SDK's retry policy, then for each attempt front, the SDK's bearer
// policy, behind, and the transport.
func (t *Tenants) dial(id string, g *gate) (*azcore.Client, error) {
	if t.bad != nil {
		return nil, t.bad
	}
	ask := policy.TokenRequestOptions{Scopes: []string{t.o.Scope}, TenantID: id}
	bearer := runtime.NewBearerTokenPolicy(&watched{t.cred, g}, ask.Scopes, &policy.BearerTokenOptions{
		AuthorizationHandler: policy.AuthorizationHandler{
			OnRequest: func(req *policy.Request, authorize func(policy.TokenRequestOptions) error) error {
				return g.enter(req.Raw().Context(), authorize, ask)
			},
		},
		InsecureAllowCredentialWithHTTP: t.o.Client.InsecureAllowCredentialWithHTTP,
	})
	ahead := &front{once: t.o.Client.Retry.MaxRetries < 0}
	ahead.cred, _ = t.cred.(discarder)
	client := t.o.Client
	client.PerCallPolicies = slices.Clone(client.PerCallPolicies)
	client.PerRetryPolicies = slices.Clone(client.PerRetryPolicies)
	return azcore.NewClient(t.o.Module, t.o.Version, runtime.PipelineOptions{
		AllowedHeaders: []string{
			"client-request-id", "request-id", "Retry-After",
			"x-ms-throttle-priority", "x-ms-throttle-scope", "x-ms-throttle-information",
			"x-ms-throttle-limit-percentage", "x-ms-resource-unit",
		},
		PerRetry: []policy.Policy{ahead, bearer, &behind{g}},
		Tracing:  runtime.TracingOptions{Namespace: t.o.Namespace},
	}, &client)
}

// watched is the host's credential. It marks its errors, and tells the gate
// until when a token is at hand, or that it panicked.
type watched struct {
	azcore.TokenCredential
	gate *gate
}

func (w *watched) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	returned := false
	defer func() {
		if !returned {
			w.gate.wreck()
		}
	}()
	if end := w.gate.end(); time.Now().Before(end) {
		// A renewal. The bearer policy makes those who come after the old
		// token's end wait for it without looking at their contexts.
		renewal, stop := context.WithDeadline(ctx, end)
		defer stop()
		ctx = renewal
	}
	token, err := w.TokenCredential.GetToken(ctx, o)
	returned = true
	if err != nil {
		return token, &tokenError{err}
	}
	w.gate.have(token.ExpiresOn)
	return token, nil
}
