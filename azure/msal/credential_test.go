package msal_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/msal"
)

func TestSecretIsPostedOnce(t *testing.T) {
	e := &entra{}
	c := secretCredential(t, over(e))
	for range 3 {
		if got := get(t, c, forGraph()); got != "token-1" {
			t.Errorf("token = %q, want token-1", got)
		}
	}
	wantURLs := []string{
		"GET https://login.microsoftonline.com/" + tenantA + "/v2.0/.well-known/openid-configuration?",
		"POST https://login.microsoftonline.com/" + tenantA + "/oauth2/v2.0/token",
	}
	if diff := cmp.Diff(wantURLs, e.urls); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	want := url.Values{"grant_type": {"client_credentials"}, "client_id": {app}, "client_secret": {"canary-secret"}, "scope": {graph + " openid offline_access profile"}}
	got := e.form(0)
	if got.Get("scope") != want.Get("scope") {
		want.Set("scope", graph) // MSAL adds the OpenID scopes in some versions
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
}

func TestTokensAreKeptApart(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*policy.TokenRequestOptions)
		apart  bool
	}{
		{"the same", func(*policy.TokenRequestOptions) {}, false},
		{"the default tenant named", func(o *policy.TokenRequestOptions) { o.TenantID = tenantA }, false},
		{"the tenant in capitals", func(o *policy.TokenRequestOptions) { o.TenantID = strings.ToUpper(tenantA) }, false},
		{"another tenant", inB, true},
		{"another scope", forIntune, true},
		{"two scopes", func(o *policy.TokenRequestOptions) { o.Scopes = []string{graph, intune} }, true},
		{"with the capability", withCAE, true},
		{"with claims", withClaims, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &entra{}
			c := secretCredential(t, over(e))
			first, second := get(t, c, forGraph()), get(t, c, forGraph(tc.change))
			if apart := first != second; apart != tc.apart || e.asked() != 1+btoi(tc.apart) {
				t.Errorf("tokens %q and %q with %d requests, want them apart: %v", first, second, e.asked(), tc.apart)
			}
			if again := get(t, c, forGraph()); again != first {
				t.Errorf("first token again = %q, want %q", again, first)
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestTenantsNeverCross(t *testing.T) {
	e := &entra{}
	c := secretCredential(t, over(e))
	a, b, again := get(t, c, forGraph()), get(t, c, forGraph(inB)), get(t, c, forGraph())
	if a == b || a != again {
		t.Errorf("tokens of A, B, A = %q, %q, %q", a, b, again)
	}
	for i, tenant := range []string{tenantA, tenantB} {
		if posted := e.urls[2*i+1]; !strings.Contains(posted, "/"+tenant+"/") {
			t.Errorf("token request %d went to %s, want tenant %s", i+1, posted, tenant)
		}
	}
}

func TestClaimsAndCapability(t *testing.T) {
	capability := map[string]any{"xms_cc": map[string]any{"values": []any{"CP1"}}}
	both := map[string]any{"xms_cc": capability["xms_cc"], "nbf": map[string]any{"essential": true, "value": "1700000000"}}
	for _, tc := range []struct {
		name   string
		change func(*policy.TokenRequestOptions)
		want   map[string]any
	}{
		{"neither", func(*policy.TokenRequestOptions) {}, nil},
		{"capability", withCAE, capability},
		{"claims and capability", withClaims, both},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &entra{}
			get(t, secretCredential(t, over(e)), forGraph(tc.change))
			var got struct {
				AccessToken map[string]any `json:"access_token"`
			}
			if text := e.form(0).Get("claims"); text != "" {
				require.NoError(t, json.Unmarshal([]byte(text), &got))
			}
			if diff := cmp.Diff(tc.want, got.AccessToken); diff != "" {
				t.Errorf("claims sent (-want +got):\n%s", diff)
			}
		})
	}
}

// A claims challenge rejects the token in hand, so what it brings replaces it.
func TestClaimsReplaceTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		c := secretCredential(t, over(e))
		require.Equal(t, "token-1", get(t, c, forGraph(withCAE)))
		require.Equal(t, "token-2", get(t, c, forGraph(withClaims)))
		require.Equal(t, "token-2", get(t, c, forGraph(withCAE)), "the challenged token must not come back")
		require.Equal(t, "token-2", get(t, c, forGraph(withClaims)), "a neighbour with the same challenge shares it")
		time.Sleep(10 * time.Second)
		require.Equal(t, "token-3", get(t, c, forGraph(withClaims)), "later the same claims mean a new challenge")
	})
}

func TestCertificateAssertion(t *testing.T) {
	e := &entra{}
	certs := chain(t, 7)
	c, err := msal.NewClientCertificateCredential(app, certs, testKey(), over(e))
	require.NoError(t, err)
	get(t, c, forGraph())

	form := e.form(0)
	if form.Has("client_secret") || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		t.Errorf("form %v, want a JWT assertion and no secret", slices.Sorted(mapKeys(form)))
	}
	parts := strings.Split(form.Get("client_assertion"), ".")
	require.Len(t, parts, 3)
	var header struct {
		Alg string   `json:"alg"`
		X5C []string `json:"x5c"`
	}
	var claims struct {
		Aud, Iss, Sub string
	}
	for i, into := range []any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, into))
	}
	leaf, root := certs[1], certs[0]
	wantX5C := []string{base64.StdEncoding.EncodeToString(leaf.Raw), base64.StdEncoding.EncodeToString(root.Raw)}
	if diff := cmp.Diff(wantX5C, header.X5C); diff != "" {
		t.Errorf("x5c, the leaf first (-want +got):\n%s", diff)
	}
	endpoint := "https://login.microsoftonline.com/" + tenantA + "/oauth2/v2.0/token"
	if claims.Aud != endpoint || claims.Iss != app || claims.Sub != app {
		t.Errorf("assertion for %q by %q, %q, want %q by the application", claims.Aud, claims.Iss, claims.Sub, endpoint)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPSS(leaf.PublicKey.(*rsa.PublicKey), 5 /* crypto.SHA256 */, sum[:], signature, nil); header.Alg != "PS256" || err != nil {
		t.Errorf("signature %s: %v, want a valid PS256", header.Alg, err)
	}
}

func mapKeys(v url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range v {
			if !yield(k) {
				return
			}
		}
	}
}

func TestAssertionCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		text, fault, calls := "assertion-1", error(nil), 0
		c, err := msal.NewClientAssertionCredential(app, func(context.Context) (string, error) { calls++; return text, fault }, once(e))
		require.NoError(t, err)
		get(t, c, forGraph())
		text = "assertion-2"
		time.Sleep(time.Hour)
		get(t, c, forGraph())
		for i, want := range []string{"assertion-1", "assertion-2"} {
			if got := e.form(i).Get("client_assertion"); got != want {
				t.Errorf("assertion of request %d = %q, want %q", i+1, got, want)
			}
		}

		fault = errors.New("canary: the assertion is xyz")
		_, err = c.GetToken(t.Context(), forGraph(inB))
		if !errors.Is(err, fault) || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "callback") {
			t.Errorf("error %v, want one that is the callback's without its text", err)
		}
		text, fault = "", nil
		if _, err = c.GetToken(t.Context(), forGraph(inB)); err == nil {
			t.Error("an empty assertion is no error")
		}
		if e.asked() != 2 || calls != 4 {
			t.Errorf("%d token requests by %d calls, want none without an assertion and a call each", e.asked(), calls)
		}
		text = "assertion-3"
		if got := get(t, c, forGraph(inB)); got != "token-3" {
			t.Errorf("token after the callback recovered = %q", got)
		}
	})
}

func TestAuthorities(t *testing.T) {
	private := func(host string) cloud.Configuration {
		return cloud.Configuration{ActiveDirectoryAuthorityHost: host}
	}
	for _, tc := range []struct {
		name    string
		cloud   cloud.Configuration
		disable bool
		want    []string // hosts asked, in order
	}{
		{"default", cloud.Configuration{}, false, []string{"login.microsoftonline.com", "login.microsoftonline.com"}},
		{"public", cloud.AzurePublic, false, []string{"login.microsoftonline.com", "login.microsoftonline.com"}},
		{"government and DoD", cloud.AzureGovernment, false, []string{"login.microsoftonline.us", "login.microsoftonline.us"}},
		{"China", cloud.AzureChina, false, []string{"login.chinacloudapi.cn", "login.chinacloudapi.cn"}},
		{"China by its present name", private("https://login.partner.microsoftonline.cn"), false, []string{"login.partner.microsoftonline.cn", "login.partner.microsoftonline.cn"}},
		{"private", private("https://Login.Private.example/"), true, []string{"login.private.example", "login.private.example"}},
		{"loopback", private("https://127.0.0.1:8443"), true, []string{"127.0.0.1:8443", "127.0.0.1:8443"}},
		{"private with instance discovery", private("https://login.private.example"), false,
			[]string{"login.microsoftonline.com", "login.private.example", "login.private.example"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &entra{}
			e.metadata = instanceDiscovery
			o := over(e)
			o.Cloud, o.DisableInstanceDiscovery = tc.cloud, tc.disable
			get(t, secretCredential(t, o), forGraph())
			var hosts []string
			for _, line := range e.urls {
				u, err := url.Parse(strings.Fields(line)[1])
				require.NoError(t, err)
				if len(hosts) == 0 || u.Host != "login.microsoftonline.com" || !strings.Contains(line, "/discovery/instance") {
					hosts = append(hosts, u.Host)
				}
			}
			if diff := cmp.Diff(tc.want, hosts); diff != "" {
				t.Errorf("hosts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConstructorsRefuse(t *testing.T) {
	certs := chain(t, 1)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	bySecret := func(o *msal.Options) error {
		_, err := msal.NewClientSecretCredential(app, "s", o)
		return err
	}
	byCert := func(certs []*x509.Certificate, key any) error {
		_, err := msal.NewClientCertificateCredential(app, certs, key, nil)
		return err
	}
	in := func(host string) *msal.Options {
		return &msal.Options{ClientOptions: azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: host}}}
	}
	only := func(_ any, err error) error { return err }
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"client id":            {only(msal.NewClientSecretCredential("my-app", "s", nil)), `client id "my-app" is not a GUID`},
		"empty secret":         {only(msal.NewClientSecretCredential(app, "", nil)), "secret is empty"},
		"no assertion":         {only(msal.NewClientAssertionCredential(app, nil, nil)), "callback is nil"},
		"no callback":          {only(msal.NewRotatingCredential(app, nil, nil)), "callback is nil"},
		"tenant is a domain":   {bySecret(&msal.Options{TenantID: "contoso.com"}), `TenantID "contoso.com" is not a GUID`},
		"tenants":              {bySecret(&msal.Options{MaxTenants: -1}), "MaxTenants is -1"},
		"timeout":              {bySecret(&msal.Options{RequestTimeout: -1}), "RequestTimeout is -1ns"},
		"http authority":       {bySecret(in("http://login.example")), "not an https address"},
		"authority no host":    {bySecret(in("https://")), "not an https address"},
		"authority path":       {bySecret(in("https://login.example/tenant")), "more than a host"},
		"authority user":       {bySecret(in("https://user:password@login.example")), "more than a host"},
		"authority unreadable": {bySecret(in("https://a b\x7f")), "not an address"},
		"curve key":            {byCert(certs, curve), "not an RSA private key"},
		"no key":               {byCert(certs, nil), "not an RSA private key"},
		"nil key":              {byCert(certs, (*rsa.PrivateKey)(nil)), "not an RSA private key"},
		"zero key":             {byCert(certs, &rsa.PrivateKey{}), "not an RSA private key"},
		"other key":            {byCert(certs[1:], otherKey()), "none of the certificates"},
		"no certificate":       {byCert(nil, testKey()), "none of the certificates"},
		"nil certificate":      {byCert([]*x509.Certificate{nil}, testKey()), "certificates is nil"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.err == nil || !strings.HasPrefix(tc.err.Error(), "msal: ") || !strings.Contains(tc.err.Error(), tc.want) {
				t.Errorf("error %v, want one that says %q", tc.err, tc.want)
			}
			if tc.err != nil && strings.Contains(tc.err.Error(), "password") {
				t.Errorf("error %v shows a password", tc.err)
			}
		})
	}
}

func TestRequestsRefusedUnsent(t *testing.T) {
	var zero msal.Credential
	e := &entra{}
	c := secretCredential(t, over(e))
	o := over(e)
	o.TenantID = ""
	homeless := secretCredential(t, o)
	for _, tc := range []struct {
		name    string
		c       *msal.Credential
		request policy.TokenRequestOptions
		want    string
	}{
		{"no tenant", homeless, forGraph(), "neither the request nor Options.TenantID"},
		{"domain", c, policy.TokenRequestOptions{TenantID: "contoso.onmicrosoft.com", Scopes: []string{graph}}, "not a GUID"},
		{"path in tenant", c, policy.TokenRequestOptions{TenantID: "../" + tenantA[3:], Scopes: []string{graph}}, "not a GUID"},
		{"common", c, policy.TokenRequestOptions{TenantID: "common", Scopes: []string{graph}}, "not a GUID"},
		{"no scope", c, policy.TokenRequestOptions{}, "no scope"},
		{"empty scope", c, policy.TokenRequestOptions{Scopes: []string{""}}, "scope is empty"},
		{"two scopes in one", c, policy.TokenRequestOptions{Scopes: []string{graph + " " + intune}}, "holds a space"},
		{"claims in base64", c, policy.TokenRequestOptions{Scopes: []string{graph}, Claims: "eyJhIjoxfQ"}, "not a JSON object"},
		{"claims no object", c, policy.TokenRequestOptions{Scopes: []string{graph}, Claims: "null"}, "not a JSON object"},
		{"claims at odds with the capability", c, policy.TokenRequestOptions{Scopes: []string{graph}, Claims: `{"access_token":1}`, EnableCAE: true}, "not a JSON object"},
		{"zero credential", &zero, forGraph(), "not made by a constructor"},
		{"nil credential", nil, forGraph(), "not made by a constructor"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.c.GetToken(t.Context(), tc.request)
			refused, ok := errors.AsType[*msal.Error](err)
			if !ok || refused.TokenErrorCode() != "invalid_request" || refused.TokenStatusCode() != 0 || refused.TokenRetryable() || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want invalid_request that says %q", err, tc.want)
			}
		})
	}
	if e.asked() != 0 {
		t.Errorf("%d token requests, want none", e.asked())
	}
	zero.Discard("token")
}
