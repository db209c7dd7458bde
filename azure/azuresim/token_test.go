package azuresim_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// refusal is what a token service's error says.
type refusal struct {
	Status int
	Error  string
	Number int
}

func readRefusal(t testing.TB, r reply) refusal {
	t.Helper()
	var body struct {
		Error string `json:"error"`
		Codes []int  `json:"error_codes"`
	}
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || len(body.Codes) != 1 {
		t.Fatalf("no refusal: %d %s", r.status, r.body)
	}
	return refusal{r.status, body.Error, body.Codes[0]}
}

func (w *world) secretForm() url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {w.app.ClientID}, "client_secret": {"s3cret"},
		"scope": {"https://graph.microsoft.com/.default"},
	}
}

// claimsOf reads the claims of a token without checking it.
func claimsOf(t testing.TB, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %q", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestTokenRefusals(t *testing.T) {
	const stranger = "11111111-2222-4333-8444-555555555555"
	tests := []struct {
		name   string
		tenant string // empty: the world's
		change func(w *world, form url.Values)
		want   refusal
	}{
		{"wrong secret", "", func(_ *world, f url.Values) { f.Set("client_secret", "wrong") }, refusal{401, "invalid_client", 7000215}},
		{"expired secret", "", func(_ *world, f url.Values) { f.Set("client_secret", "old") }, refusal{401, "invalid_client", 7000222}},
		{"no credential", "", func(_ *world, f url.Values) { f.Del("client_secret") }, refusal{401, "invalid_client", 7000216}},
		{"unknown application", "", func(_ *world, f url.Values) { f.Set("client_id", stranger) }, refusal{400, "unauthorized_client", 700016}},
		{"unknown tenant", stranger, nil, refusal{400, "invalid_request", 90002}},
		{"no tenant", "common", nil, refusal{400, "invalid_request", 50059}},
		{"no grant", "", func(_ *world, f url.Values) { f.Del("grant_type") }, refusal{400, "invalid_request", 900144}},
		{"no client", "", func(_ *world, f url.Values) { f.Del("client_id") }, refusal{400, "invalid_request", 900144}},
		{"no scope", "", func(_ *world, f url.Values) { f.Del("scope") }, refusal{400, "invalid_request", 900144}},
		{"other grant", "", func(_ *world, f url.Values) { f.Set("grant_type", "password") }, refusal{400, "unsupported_grant_type", 70003}},
		{"scope without .default", "", func(_ *world, f url.Values) { f.Set("scope", "https://graph.microsoft.com/Device.Read.All") }, refusal{400, "invalid_scope", 1002012}},
		{"two resources", "", func(_ *world, f url.Values) {
			f.Set("scope", "https://graph.microsoft.com/.default https://api.manage.microsoft.com//.default")
		}, refusal{400, "invalid_scope", 1002012}},
		{"OpenID scopes alone", "", func(_ *world, f url.Values) { f.Set("scope", "openid profile") }, refusal{400, "invalid_scope", 70011}},
		{"unknown resource", "", func(_ *world, f url.Values) { f.Set("scope", "https://example.com/.default") }, refusal{400, "invalid_resource", 500011}},
		{"Graph of another cloud", "", func(_ *world, f url.Values) { f.Set("scope", "https://graph.microsoft.us/.default") }, refusal{400, "invalid_resource", 500011}},
		{"claims that are no JSON", "", func(_ *world, f url.Values) { f.Set("claims", "{") }, refusal{400, "invalid_request", 90100}},
		{"no consent", "", func(w *world, _ url.Values) { w.sim.RevokeConsent(w.tenant.ID, w.app.ClientID) }, refusal{401, "invalid_client", 7000229}},
		{"disabled", "", func(w *world, _ url.Values) { w.sim.DisableApplication(w.tenant.ID, w.app.ClientID, true) }, refusal{400, "unauthorized_client", 7000112}},
		{"application removed", "", func(w *world, _ url.Values) { w.sim.RemoveApplication(w.app.ClientID) }, refusal{400, "unauthorized_client", 700016}},
		{"tenant removed", "", func(w *world, _ url.Values) { w.sim.RemoveTenant(w.tenant.ID) }, refusal{400, "invalid_request", 90002}},
		{"secret rotated", "", func(w *world, _ url.Values) {
			w.sim.UpdateApplication(w.app.ClientID, func(a *azuresim.Application) { a.Secrets = []azuresim.Secret{{Value: "new"}} })
		}, refusal{401, "invalid_client", 7000215}},
		{"single tenant of another", "", func(w *world, f url.Values) {
			home := w.sim.AddTenant(azuresim.Tenant{})
			other := w.sim.AddApplication(azuresim.Application{TenantID: home.ID, SingleTenant: true})
			f.Set("client_id", other.ClientID)
			f.Set("client_secret", other.Secrets[0].Value)
		}, refusal{400, "unauthorized_client", 700016}},
		{"scripted", "", func(w *world, _ url.Values) {
			w.sim.Inject(azuresim.Fault{Match: azuresim.ForTokens(), AADSTS: 65001})
		}, refusal{400, "invalid_grant", 65001}},
		{"scripted, transient", "", func(w *world, _ url.Values) {
			w.sim.Inject(azuresim.Fault{Match: azuresim.ForTokens(), AADSTS: 90033})
		}, refusal{503, "temporarily_unavailable", 90033}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.sim.UpdateApplication(w.app.ClientID, func(a *azuresim.Application) {
				a.Secrets = append(a.Secrets, azuresim.Secret{Value: "old", Expires: time.Now().Add(-time.Hour)})
			})
			form := w.secretForm()
			if test.change != nil {
				test.change(w, form)
			}
			tenant := test.tenant
			if tenant == "" {
				tenant = w.tenant.ID
			}
			got := readRefusal(t, w.form(t, tenant, form))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTokenRefusalHasMicrosoftsShape(t *testing.T) {
	w := newWorld(t, &azuresim.Options{Clock: func() time.Time { return time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC) }})
	const correlation = "22222222-2222-4222-8222-222222222222"
	form := w.secretForm()
	form.Set("client_secret", "wrong")
	r := w.send(t, http.MethodPost, "https://login.microsoftonline.com/"+w.tenant.ID+"/oauth2/v2.0/token", form.Encode(),
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Client-Request-Id": {correlation}, "Return-Client-Request-Id": {"true"}})
	var got map[string]any
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatal(err)
	}
	trace, _ := got["trace_id"].(string)
	want := map[string]any{
		"error": "invalid_client",
		"error_description": "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '" + w.app.ClientID + "'." +
			"\r\nTrace ID: " + trace + "\r\nCorrelation ID: " + correlation + "\r\nTimestamp: 2026-01-31 10:00:00Z",
		"error_codes": []any{7000215.0}, "timestamp": "2026-01-31 10:00:00Z",
		"trace_id": trace, "correlation_id": correlation,
		"error_uri": "https://login.microsoftonline.com/error?code=7000215",
	}
	if diff := cmp.Diff(want, got); diff != "" || len(trace) != 36 {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := r.header.Get("Client-Request-Id"); got != correlation {
		t.Errorf("client-request-id: got %q", got)
	}
	if strings.Contains(r.body, "wrong") {
		t.Error("the answer repeats the secret")
	}
}

func TestTokenClaims(t *testing.T) {
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, &azuresim.Options{Clock: func() time.Time { return noon }, TokenLifetime: 10 * time.Minute})
	w.sim.Consent(w.tenant.ID, w.app.ClientID, "Device.Read.All", "update_device_attributes")
	tests := []struct {
		name, scope, claims string
		want                map[string]any
	}{
		{"Graph", "https://graph.microsoft.com/.default openid offline_access profile", "",
			map[string]any{"aud": "https://graph.microsoft.com", "roles": []any{"Device.Read.All"}, "xms_cc": nil}},
		{"Graph by its application id", "00000003-0000-0000-c000-000000000000/.default", "",
			map[string]any{"aud": "00000003-0000-0000-c000-000000000000", "roles": []any{"Device.Read.All"}, "xms_cc": nil}},
		{"Intune keeps its two slashes", "https://api.manage.microsoft.com//.default", "",
			map[string]any{"aud": "https://api.manage.microsoft.com/", "roles": []any{"update_device_attributes"}, "xms_cc": nil}},
		{"Intune with one", "https://api.manage.microsoft.com/.default", "",
			map[string]any{"aud": "https://api.manage.microsoft.com", "roles": []any{"update_device_attributes"}, "xms_cc": nil}},
		{"capability", "https://graph.microsoft.com/.default", `{"access_token":{"xms_cc":{"values":["CP1"]}}}`,
			map[string]any{"aud": "https://graph.microsoft.com", "roles": []any{"Device.Read.All"}, "xms_cc": []any{"CP1"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := claimsOf(t, w.token(t, "scope", test.scope, "claims", test.claims))
			want := maps.Clone(test.want)
			want["iss"] = "https://sts.windows.net/" + w.tenant.ID + "/"
			want["tid"], want["appid"], want["appidacr"] = w.tenant.ID, w.app.ClientID, "1"
			want["iat"], want["nbf"], want["exp"] = float64(noon.Unix()), float64(noon.Unix()), float64(noon.Unix()+600)
			picked := map[string]any{}
			for name := range want {
				picked[name] = got[name]
			}
			if diff := cmp.Diff(want, picked); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTokenIsSignedByThePublishedKey(t *testing.T) {
	w := newWorld(t, nil)
	token := w.token(t)
	r := w.send(t, http.MethodGet, "https://login.microsoftonline.com/common/discovery/v2.0/keys", "", nil)
	var set struct {
		Keys []struct{ Kid, X, Y string }
	}
	if err := json.Unmarshal([]byte(r.body), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("keys: %s", r.body)
	}
	point := []byte{4} // uncompressed
	for _, coordinate := range []string{set.Keys[0].X, set.Keys[0].Y} {
		raw, err := base64.RawURLEncoding.DecodeString(coordinate)
		if err != nil {
			t.Fatal(err)
		}
		point = append(point, raw...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	end := strings.LastIndexByte(token, '.')
	digest := sha256.Sum256([]byte(token[:end]))
	signature, err := base64.RawURLEncoding.DecodeString(token[end+1:])
	if err != nil || len(signature) != 64 {
		t.Fatalf("signature: %d bytes, %v", len(signature), err)
	}
	if !ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		t.Error("the published key does not verify the token")
	}
}

func TestTokenByOtherWays(t *testing.T) {
	w := newWorld(t, nil)
	form := w.secretForm()
	if r := w.form(t, "CONTOSO.example", form); r.status != 200 {
		t.Errorf("by domain: %d %s", r.status, r.body)
	}
	if r := w.form(t, strings.ToUpper(w.tenant.ID), form); r.status != 200 {
		t.Errorf("by GUID in capitals: %d %s", r.status, r.body)
	}
	form.Del("client_secret")
	form.Del("client_id")
	address := "https://westus2.login.microsoft.com/" + w.tenant.ID + "/oauth2/v2.0/token"
	basic := base64.StdEncoding.EncodeToString([]byte(w.app.ClientID + ":" + url.QueryEscape("s3cret")))
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Authorization": {"Basic " + basic}}
	if r := w.send(t, http.MethodPost, address, form.Encode(), header); r.status != 200 {
		t.Errorf("by HTTP Basic at a regional authority: %d %s", r.status, r.body)
	}
	header.Set("Authorization", "Basic ***")
	if got := readRefusal(t, w.send(t, http.MethodPost, address, form.Encode(), header)); got.Number != 90100 {
		t.Errorf("malformed HTTP Basic: %+v", got)
	}
	header.Set("Content-Type", "application/json")
	if got := readRefusal(t, w.send(t, http.MethodPost, address, "{}", header)); got.Number != 900144 {
		t.Errorf("JSON instead of a form: %+v", got)
	}
	if got := readRefusal(t, w.send(t, http.MethodGet, address, "", nil)); got.Number != 900561 {
		t.Errorf("GET: %+v", got)
	}
	if r := w.send(t, http.MethodGet, "https://login.microsoftonline.com/x/y", "", nil); r.status != 404 {
		t.Errorf("unknown path: %d", r.status)
	}
}

func TestClouds(t *testing.T) {
	tests := []struct {
		cloud            azuresim.Cloud
		authority, graph string
	}{
		{azuresim.CloudGlobal, "https://login.microsoftonline.com", "https://graph.microsoft.com"},
		{azuresim.CloudUSGov, "https://login.microsoftonline.us", "https://graph.microsoft.us"},
		{azuresim.CloudDoD, "https://login.microsoftonline.us", "https://dod-graph.microsoft.us"},
		{azuresim.CloudChina, "https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"},
	}
	for _, test := range tests {
		t.Run(string(test.cloud), func(t *testing.T) {
			w := newWorld(t, nil)
			w.tenant = w.sim.AddTenant(azuresim.Tenant{Cloud: test.cloud})
			w.sim.Consent(w.tenant.ID, w.app.ClientID)
			w.device = w.sim.AddDevice(w.tenant.ID, azuresim.Device{})
			if test.cloud.AuthorityURL() != test.authority || test.cloud.GraphURL() != test.graph {
				t.Errorf("addresses: %s %s", test.cloud.AuthorityURL(), test.cloud.GraphURL())
			}
			token, err := getToken(w.client, test.authority, w.tenant.ID, w.app.ClientID, "s3cret", test.graph+"/.default")
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range tests {
				resp, err := report(w.client, other.graph, token, w.device.DeviceID)
				if err != nil {
					t.Fatal(err)
				}
				want := http.StatusUnauthorized
				if other.cloud == test.cloud {
					want = http.StatusNoContent
				}
				if resp.StatusCode != want {
					t.Errorf("Graph of %s: got %d, want %d", other.cloud, resp.StatusCode, want)
				}
				_, err = getToken(w.client, other.authority, w.tenant.ID, w.app.ClientID, "s3cret", test.graph+"/.default")
				if got, want := err == nil, other.authority == test.authority; got != want {
					t.Errorf("authority of %s: token %t, want %t", other.cloud, got, want)
				}
			}
		})
	}
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t, nil)
	const instance = "https://login.microsoftonline.com/common/discovery/instance?api-version=1.1&authorization_endpoint="
	tests := []struct {
		name, address string
		status        int
		want          map[string]string
	}{
		{"known authority", instance + url.QueryEscape("https://login.microsoftonline.us/"+w.tenant.ID+"/oauth2/v2.0/authorize"), 200,
			map[string]string{"tenant_discovery_endpoint": "https://login.microsoftonline.us/" + w.tenant.ID + "/v2.0/.well-known/openid-configuration"}},
		{"loopback authority", instance + url.QueryEscape("https://127.0.0.1:4711/contoso.example/oauth2/v2.0/authorize"), 200,
			map[string]string{"tenant_discovery_endpoint": "https://127.0.0.1:4711/contoso.example/v2.0/.well-known/openid-configuration"}},
		{"unknown authority", instance + url.QueryEscape("https://example.com/x/oauth2/v2.0/authorize"), 400, map[string]string{"error": "invalid_instance"}},
		{"Graph is no authority", instance + url.QueryEscape("https://graph.microsoft.com/x/authorize"), 400, map[string]string{"error": "invalid_instance"}},
		{"no authority", instance, 400, map[string]string{"error": "invalid_instance"}},
		{"metadata", "https://login.microsoftonline.com/contoso.example/v2.0/.well-known/openid-configuration", 200, map[string]string{
			"token_endpoint": "https://login.microsoftonline.com/" + w.tenant.ID + "/oauth2/v2.0/token",
			"issuer":         "https://login.microsoftonline.com/" + w.tenant.ID + "/v2.0",
			"jwks_uri":       "https://login.microsoftonline.com/" + w.tenant.ID + "/discovery/v2.0/keys",
		}},
		{"metadata of version 1", "https://login.microsoftonline.com/" + w.tenant.ID + "/.well-known/openid-configuration", 200,
			map[string]string{"issuer": "https://sts.windows.net/" + w.tenant.ID + "/"}},
		{"metadata of no tenant", "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration", 200,
			map[string]string{"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}},
		{"metadata of an unknown tenant", "https://login.microsoftonline.com/nobody.example/v2.0/.well-known/openid-configuration", 400,
			map[string]string{"error": "invalid_request"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := w.send(t, http.MethodGet, test.address, "", nil)
			if r.status != test.status {
				t.Fatalf("status: got %d, want %d: %s", r.status, test.status, r.body)
			}
			var document map[string]any
			if err := json.Unmarshal([]byte(r.body), &document); err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for name := range test.want {
				got[name], _ = document[name].(string)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestInstanceDiscoveryNamesAliases(t *testing.T) {
	w := newWorld(t, nil)
	r := w.send(t, http.MethodGet, "https://login.microsoftonline.com/common/discovery/instance?authorization_endpoint="+
		url.QueryEscape("https://login.microsoftonline.com/common/oauth2/v2.0/authorize"), "", nil)
	var document struct {
		Metadata []struct {
			Network string   `json:"preferred_network"`
			Aliases []string `json:"aliases"`
		}
	}
	if err := json.Unmarshal([]byte(r.body), &document); err != nil {
		t.Fatal(err)
	}
	for _, m := range document.Metadata {
		if !slices.Contains(m.Aliases, m.Network) {
			t.Errorf("%s is not among its own aliases %q", m.Network, m.Aliases)
		}
	}
	if len(document.Metadata) != 3 {
		t.Errorf("got %d instances, want 3", len(document.Metadata))
	}
}
