package intune_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/compliance"
)

// failing is Entra where one of the two scopes is refused.
type failing struct {
	*microsoft
	graph, partner string // why; "": it is not
}

func (f *failing) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	why := f.partner
	if o.Scopes[0] == f.graphAudience+"/.default" {
		why = f.graph
	}
	if why != "" {
		return azcore.AccessToken{}, errors.New(why)
	}
	return f.microsoft.GetToken(ctx, o)
}

func optionsOf(m *microsoft) *intune.Options {
	o := &intune.Options{}
	o.Transport, o.Retry = m, once
	return o
}

// Each cloud has its two scopes, and the partner's has two slashes.
func TestClouds(t *testing.T) {
	for _, tc := range []struct {
		name                            string
		cloud                           cloud.Configuration
		graph, audience, domain, scopes string
	}{
		{"default", cloud.Configuration{}, "https://graph.microsoft.com", "https://api.manage.microsoft.com/", "manage.microsoft.com",
			"https://api.manage.microsoft.com//.default https://graph.microsoft.com/.default"},
		{"public", cloud.AzurePublic, "https://graph.microsoft.com", "https://api.manage.microsoft.com/", "manage.microsoft.com",
			"https://api.manage.microsoft.com//.default https://graph.microsoft.com/.default"},
		{"US Government", cloud.AzureGovernment, "https://graph.microsoft.us", "https://api.manage.microsoft.us/", "manage.microsoft.us",
			"https://api.manage.microsoft.us//.default https://graph.microsoft.us/.default"},
		{"one of the host's", cloud.Configuration{
			ActiveDirectoryAuthorityHost: "https://login.cloud.example/",
			Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				"microsoftGraph":   {Endpoint: "https://graph.cloud.example", Audience: "https://graph.cloud.example"},
				intune.ServiceName: {Endpoint: "https://Manage.cloud.example/", Audience: "api://partner"},
			},
		}, "https://graph.cloud.example", "api://partner", "manage.cloud.example", "api://partner/.default https://graph.cloud.example/.default"},
	} {
		m := newMicrosoft(t)
		m.graphAudience, m.audience, m.domain = tc.graph, tc.audience, tc.domain
		o := optionsOf(m)
		o.Cloud = tc.cloud
		_, err := m.reporter(t, o).Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err, tc.name)
		var scopes []string
		for ask := range m.asks {
			scopes = append(scopes, strings.TrimPrefix(ask, tenantA+" "))
		}
		slices.Sort(scopes)
		if diff := cmp.Diff(tc.scopes, strings.Join(scopes, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// An address of one cloud gets no token of another.
func TestCloudsApart(t *testing.T) {
	m := newMicrosoft(t)
	m.domain = "manage.microsoft.us"
	_, err := m.reporter(t, nil).Report(t.Context(), report1(compliance.StateCompliant))
	if got := summary(err); got != "unexpected (tenant, not-sent)" {
		t.Errorf("%s", got)
	}
}

// What New refuses, at once and by name.
func TestNewRefuses(t *testing.T) {
	service := func(endpoint, audience string) cloud.Configuration {
		return cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{intune.ServiceName: {Endpoint: endpoint, Audience: audience}}}
	}
	for want, change := range map[string]func(*intune.Options){
		"no partner compliance services":      func(o *intune.Options) { o.Cloud = cloud.AzureChina },
		"no address of Microsoft Graph":       func(o *intune.Options) { o.Cloud.ActiveDirectoryAuthorityHost = "https://login.example/" },
		"needs an audience":                   func(o *intune.Options) { o.Cloud = service("https://manage.example", "") },
		"without port and path":               func(o *intune.Options) { o.Cloud = service("https://manage.example:8443", "api://x") },
		"and an https endpoint":               func(o *intune.Options) { o.Cloud = service("http://manage.example", "api://x") },
		`Services["intunePartnerCompliance"]`: func(o *intune.Options) { o.Cloud = service("", "api://x") },
		"DiscoveryLifetime -1ns is negative":  func(o *intune.Options) { o.DiscoveryLifetime = -1 },
		"UserLifetime -1ns is negative":       func(o *intune.Options) { o.UserLifetime = -1 },
		"MaxUsers -1 is negative":             func(o *intune.Options) { o.MaxUsers = -1 },
		"MaxTenants -1 is negative":           func(o *intune.Options) { o.MaxTenants = -1 },
		"MessagesInFlight -1 is negative":     func(o *intune.Options) { o.MessagesInFlight = -1 },
		"DevicesPerMessage -1 is negative":    func(o *intune.Options) { o.DevicesPerMessage = -1 },
		"cannot be chosen":                    func(o *intune.Options) { o.APIVersion = "1.7" },
	} {
		o := &intune.Options{}
		change(o)
		if r, err := intune.New(newMicrosoft(t), o); err == nil || r != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New answered %v, want %q", err, want)
		}
	}
	if _, err := intune.New(nil, nil); err == nil {
		t.Error("New took no credential")
	}
}

// Options are the caller's after New.
func TestOptionsCopied(t *testing.T) {
	m := newMicrosoft(t)
	o := optionsOf(m)
	o.OSTexts = map[azure.Platform]string{azure.PlatformIOS: "first"}
	r := m.reporter(t, o)
	o.OSTexts[azure.PlatformIOS] = "second"
	_, err := r.Report(t.Context(), report1(compliance.StateCompliant))
	require.NoError(t, err)
	if got := m.devices[tenantA+" "+device1].OS; got != "first" {
		t.Errorf("Os is %q", got)
	}
	if diff := cmp.Diff(map[azure.Platform]string{azure.PlatformIOS: "second"}, o.OSTexts); diff != "" {
		t.Errorf("New changed the options (-want +got):\n%s", diff)
	}
}

// Tokens, addresses and users of one tenant are never another's: the stub
// holds every request against its token.
func TestTenantsNeverCross(t *testing.T) {
	m := newMicrosoft(t)
	other := "4f0c6a51-2f2e-4f6f-9a20-9c3d1e0b7a02"
	m.users[tenantA+" "+upn1], m.users[tenantB+" "+upn1] = user1, other
	r := m.reporter(t, nil)
	for _, tenant := range []string{tenantA, tenantB, tenantA, tenantB} {
		report := report1(compliance.StateCompliant)
		report.TenantID, report.UserID, report.UserPrincipalName = tenant, "", upn1
		_, err := r.Report(t.Context(), report)
		require.NoError(t, err)
	}
	a, b := m.devices[tenantA+" "+device1], m.devices[tenantB+" "+device1]
	if a.UserID != user1 || b.UserID != other {
		t.Errorf("users %s and %s, want %s and %s", a.UserID, b.UserID, user1, other)
	}
}

// 1,000 tenants, cold: two tokens and two calls of discovery each, at any
// concurrency.
func TestManyTenantsCold(t *testing.T) {
	const tenants = 1000
	for _, concurrency := range []int{1, 4} {
		m := newMicrosoft(t)
		r := m.reporter(t, nil)
		var group sync.WaitGroup
		limit := make(chan struct{}, 256)
		for i := range tenants {
			report := report1(compliance.StateCompliant)
			report.TenantID = fmt.Sprintf("%08x-1f6d-4d0c-9a53-0f6a2f9d1c11", i+1)
			for range concurrency {
				limit <- struct{}{}
				group.Go(func() {
					defer func() { <-limit }()
					if _, err := r.Report(t.Context(), report); err != nil {
						t.Error(err)
					}
				})
			}
		}
		group.Wait()
		lookups := map[string]int{}
		for _, s := range m.of("discovery") {
			lookups[s.tenant]++
		}
		if len(lookups) != tenants || len(m.asks) != 2*tenants {
			t.Errorf("%d tenants were looked up and %d pairs of tenant and scope asked for", len(lookups), len(m.asks))
		}
		for _, n := range lookups {
			if n != 2 {
				t.Errorf("%d callers a tenant: %d calls of discovery, want 2", concurrency, n)
			}
		}
		for ask, n := range m.asks {
			if n != 1 {
				t.Errorf("%d callers a tenant: %d tokens for %s, want 1", concurrency, n, ask)
			}
		}
	}
}

// Neither token: nothing of the tenant goes out.
func TestTokenRefused(t *testing.T) {
	for _, cred := range []failing{{graph: "AADSTS700016: x"}, {partner: "AADSTS700016: x"}} {
		cred.microsoft = newMicrosoft(t)
		r, err := intune.New(&cred, optionsOf(cred.microsoft))
		require.NoError(t, err)
		_, err = r.Report(t.Context(), report1(compliance.StateCompliant))
		if got := summary(err); got != "unauthorized (tenant, not-sent)" || cred.count("upload") != 0 {
			t.Errorf("%s after %d uploads", got, cred.count("upload"))
		}
		if e, _ := errors.AsType[*azure.Error](err); e == nil || e.ErrorCode != "AADSTS700016" {
			t.Errorf("%v", err)
		}
	}
}
