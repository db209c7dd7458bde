package graph_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
)

func atEndpoint(endpoint, audience string) graph.Options {
	return graph.Options{ClientOptions: azcore.ClientOptions{Cloud: cloud.Configuration{
		ActiveDirectoryAuthorityHost: "https://login.microsoftonline.com",
		Services:                     map[cloud.ServiceName]cloud.ServiceConfiguration{graph.ServiceName: {Endpoint: endpoint, Audience: audience}},
	}}}
}

// What New refuses, in words that name the option and show no secret.
func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		cred azcore.TokenCredential
		o    graph.Options
		say  string
	}{
		{"no credential", nil, graph.Options{}, "credential"},
		{"BatchesInFlight", staticToken{}, graph.Options{BatchesInFlight: -1}, "BatchesInFlight -1"},
		{"MaxTenants", staticToken{}, graph.Options{MaxTenants: -1}, "MaxTenants -1"},
		{"APIVersion", staticToken{}, graph.Options{ClientOptions: azcore.ClientOptions{APIVersion: "beta"}}, "APIVersion"},
		{"unknown authority", staticToken{}, graph.Options{ClientOptions: azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: "https://login.example"}}}, "Cloud.Services[graph.ServiceName]"},
		{"no address", staticToken{}, atEndpoint("", ""), "address"},
		{"no host", staticToken{}, atEndpoint("https://", ""), "address"},
		{"a path alone", staticToken{}, atEndpoint("/v1.0", ""), "address"},
		{"not an address", staticToken{}, atEndpoint("https://user:canary@%zz", ""), "address"},
		{"a user without a host", staticToken{}, atEndpoint("https://user:canary@", ""), "address"},
		{"a user", staticToken{}, atEndpoint("https://user:canary@graph.example", ""), "user"},
		{"a query", staticToken{}, atEndpoint("https://graph.example?canary", ""), "query"},
		{"a fragment", staticToken{}, atEndpoint("https://graph.example#canary", ""), "fragment"},
		{"plain HTTP", staticToken{}, atEndpoint("http://graph.example", ""), "InsecureAllowCredentialWithHTTP"},
		{"another scheme", staticToken{}, atEndpoint("ftp://graph.example", ""), "https"},
	} {
		r, err := graph.New(tc.cred, &tc.o)
		if err == nil || r != nil {
			t.Errorf("%s was accepted", tc.name)
			continue
		}
		if !strings.Contains(err.Error(), tc.say) || !strings.HasPrefix(err.Error(), "graph: ") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want it to say %q and no secret", tc.name, err, tc.say)
		}
	}
}

// A cloud of one's own: its root, with a path and slashes behind it, and its
// audience.
func TestOwnEndpoint(t *testing.T) {
	for _, tc := range []struct{ endpoint, audience, url, scope string }{
		{"https://graph.example", "", "https://graph.example/v1.0/", "https://graph.example/.default"},
		{"https://graph.example/", "", "https://graph.example/v1.0/", "https://graph.example/.default"},
		{"https://relay.example/graph/", "https://graph.microsoft.com/", "https://relay.example/graph/v1.0/", "https://graph.microsoft.com/.default"},
	} {
		cred, s := &recorder{}, newStub(t, inTurn(always(204, "")))
		o := atEndpoint(tc.endpoint, tc.audience)
		o.Transport = s
		r, err := graph.New(cred, &o)
		require.NoError(t, err)
		_, err = r.Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err)
		if got := s.requests()[0].url; !strings.HasPrefix(got, tc.url+"devices(") {
			t.Errorf("%s: called %s", tc.endpoint, got)
		}
		if got := cred.asked()[0].Scopes; len(got) != 1 || got[0] != tc.scope {
			t.Errorf("%s: scopes %v, want %s", tc.endpoint, got, tc.scope)
		}
	}
}

// The options are copied: what a host does to them afterwards changes nothing.
func TestOptionsAreCopied(t *testing.T) {
	s := newStub(t, inTurn(always(503, ""), always(204, "")))
	o := graph.Options{ClientOptions: azcore.ClientOptions{Transport: s, Retry: policy.RetryOptions{StatusCodes: []int{503}, RetryDelay: -1}}}
	r, err := graph.New(staticToken{}, &o)
	require.NoError(t, err)
	o.Retry.StatusCodes[0] = 418
	o.Transport, o.KeepObjects = nil, true
	_, err = r.Report(t.Context(), report1(compliance.StateCompliant))
	require.NoError(t, err)
}

// The Azure SDK's own options are honoured: policies of the host, telemetry.
func TestSDKOptions(t *testing.T) {
	s := newStub(t, inTurn(always(503, ""), always(204, "")))
	count := map[string]int{}
	counts := func(name string) policy.Policy {
		return policyFunc(func(req *policy.Request) (*http.Response, error) {
			count[name]++
			req.Raw().Header.Set("X-Host", name)
			return req.Next()
		})
	}
	r, err := graph.New(staticToken{}, &graph.Options{ClientOptions: azcore.ClientOptions{
		Transport: s, Retry: policy.RetryOptions{RetryDelay: -1}, Telemetry: policy.TelemetryOptions{ApplicationID: "my-mdm"},
		PerCallPolicies: []policy.Policy{counts("call")}, PerRetryPolicies: []policy.Policy{counts("retry")},
	}})
	require.NoError(t, err)
	_, err = r.Report(t.Context(), report1(compliance.StateCompliant))
	require.NoError(t, err)
	if count["call"] != 1 || count["retry"] != 2 {
		t.Errorf("policies ran %v", count)
	}
	if h := s.requests()[1].header; h.Get("X-Host") != "retry" || !strings.HasPrefix(h.Get("User-Agent"), "my-mdm azsdk-go-") {
		t.Errorf("headers %v", h)
	}
}

type policyFunc func(*policy.Request) (*http.Response, error)

func (f policyFunc) Do(req *policy.Request) (*http.Response, error) { return f(req) }

// A nil client in the interface is the default one, and a program may have
// replaced the standard library's transport: neither makes New panic.
func TestNewDoesNotPanic(t *testing.T) {
	for _, o := range []*graph.Options{nil, {}, {ClientOptions: azcore.ClientOptions{Transport: (*http.Client)(nil)}}} {
		_, err := graph.New(staticToken{}, o)
		require.NoError(t, err)
	}
}
