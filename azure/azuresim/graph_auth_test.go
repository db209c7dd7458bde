package azuresim_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// verdict is what a Graph answer comes down to.
type verdict struct {
	Status int
	Code   string
}

func (r reply) verdict() verdict { return verdict{r.status, r.code()} }

func TestGraphChecksTokens(t *testing.T) {
	forge := func(token string, change func(header, claims map[string]any)) string {
		parts := strings.Split(token, ".")
		header, claims := map[string]any{}, map[string]any{}
		for i, into := range []map[string]any{header, claims} {
			raw, err := base64.RawURLEncoding.DecodeString(parts[i])
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, &into); err != nil {
				t.Fatal(err)
			}
		}
		change(header, claims)
		for i, from := range []map[string]any{header, claims} {
			raw, err := json.Marshal(from)
			if err != nil {
				t.Fatal(err)
			}
			parts[i] = base64.RawURLEncoding.EncodeToString(raw)
		}
		return strings.Join(parts, ".")
	}
	tests := []struct {
		name   string
		change func(w *world, token string) (authorization string)
		want   verdict
	}{
		{"good", func(_ *world, token string) string { return "Bearer " + token }, verdict{204, ""}},
		{"scheme in small letters", func(_ *world, token string) string { return "bearer " + token }, verdict{204, ""}},
		{"nothing", func(*world, string) string { return "" }, verdict{401, "InvalidAuthenticationToken"}},
		{"empty", func(*world, string) string { return "Bearer " }, verdict{401, "InvalidAuthenticationToken"}},
		{"Basic", func(_ *world, token string) string { return "Basic " + token }, verdict{401, "InvalidAuthenticationToken"}},
		{"no JWT", func(*world, string) string { return "Bearer abc" }, verdict{401, "InvalidAuthenticationToken"}},
		{"claims forged", func(_ *world, token string) string {
			return "Bearer " + forge(token, func(_, claims map[string]any) { claims["roles"] = []string{"Everything"} })
		}, verdict{401, "InvalidAuthenticationToken"}},
		{"unsigned", func(_ *world, token string) string {
			return "Bearer " + forge(token, func(header, _ map[string]any) { header["alg"] = "none" })
		}, verdict{401, "InvalidAuthenticationToken"}},
		{"unknown key", func(_ *world, token string) string {
			return "Bearer " + forge(token, func(header, _ map[string]any) { header["kid"] = "other" })
		}, verdict{401, "InvalidAuthenticationToken"}},
		{"signature cut", func(_ *world, token string) string { return "Bearer " + token[:len(token)-4] }, verdict{401, "InvalidAuthenticationToken"}},
		{"of another simulator", func(*world, string) string {
			return "Bearer " + newWorld(t, &azuresim.Options{Seed: 7}).token(t)
		}, verdict{401, "InvalidAuthenticationToken"}},
		{"for Intune", func(w *world, _ string) string {
			return "Bearer " + w.token(t, "scope", "https://api.manage.microsoft.com//.default")
		}, verdict{401, "InvalidAuthenticationToken"}},
		{"for Graph by its application id", func(w *world, _ string) string {
			return "Bearer " + w.token(t, "scope", "00000003-0000-0000-c000-000000000000/.default")
		}, verdict{204, ""}},
		{"role missing", func(w *world, _ string) string {
			w.sim.Consent(w.tenant.ID, w.app.ClientID, "Device.Read.All")
			return "Bearer " + w.token(t)
		}, verdict{403, "Authorization_RequestDenied"}},
		{"role taken away later", func(w *world, token string) string {
			w.sim.Consent(w.tenant.ID, w.app.ClientID, "Device.Read.All")
			return "Bearer " + token
		}, verdict{204, ""}},
		{"consent revoked", func(w *world, token string) string {
			w.sim.RevokeConsent(w.tenant.ID, w.app.ClientID)
			return "Bearer " + token
		}, verdict{401, "Authorization_IdentityNotFound"}},
		{"application removed", func(w *world, token string) string {
			w.sim.RemoveApplication(w.app.ClientID)
			return "Bearer " + token
		}, verdict{401, "Authorization_IdentityNotFound"}},
		{"tenant removed", func(w *world, token string) string {
			w.sim.RemoveTenant(w.tenant.ID)
			return "Bearer " + token
		}, verdict{401, "Authorization_IdentityNotFound"}},
		{"application disabled", func(w *world, token string) string {
			w.sim.DisableApplication(w.tenant.ID, w.app.ClientID, true)
			return "Bearer " + token
		}, verdict{401, "Authorization_IdentityDisabled"}},
		{"application enabled again", func(w *world, token string) string {
			w.sim.DisableApplication(w.tenant.ID, w.app.ClientID, true)
			w.sim.DisableApplication(w.tenant.ID, w.app.ClientID, false)
			return "Bearer " + token
		}, verdict{204, ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			authorization := test.change(w, w.token(t))
			r := w.send(t, http.MethodPatch, "https://graph.microsoft.com/v1.0"+w.devicePath(), `{"isCompliant":true}`,
				http.Header{"Authorization": {authorization}, "Content-Type": {"application/json"}})
			if diff := cmp.Diff(test.want, r.verdict()); diff != "" {
				t.Errorf("(-want +got)\n%s%s", diff, r.body)
			}
			want := 0
			if test.want.Status == 204 {
				want = 1
			}
			if got := w.sim.WriteCount(w.tenant.ID, w.device.DeviceID); got != want && test.name != "tenant removed" {
				t.Errorf("writes: got %d, want %d", got, want)
			}
		})
	}
}

func TestGraphTokenOfAnotherTenantSeesItsOwnDevices(t *testing.T) {
	w := newWorld(t, nil)
	other := w.sim.AddTenant(azuresim.Tenant{})
	w.sim.Consent(other.ID, w.app.ClientID)
	token, err := getToken(w.client, "https://login.microsoftonline.com", other.ID, w.app.ClientID, "s3cret", "https://graph.microsoft.com/.default")
	if err != nil {
		t.Fatal(err)
	}
	if got := w.graph(t, token, http.MethodGet, w.devicePath(), "").verdict(); got != (verdict{404, "Request_ResourceNotFound"}) {
		t.Errorf("a device of another tenant: %+v", got)
	}
}

func TestTokenExpiresOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &azuresim.Options{TokenLifetime: 5 * time.Minute})
		token := w.token(t)
		time.Sleep(5*time.Minute - time.Second)
		if got := w.graph(t, token, http.MethodGet, w.devicePath(), "").status; got != 200 {
			t.Errorf("a second before: %d", got)
		}
		time.Sleep(time.Second)
		r := w.graph(t, token, http.MethodGet, w.devicePath(), "")
		if got := r.verdict(); got != (verdict{401, "InvalidAuthenticationToken"}) || !strings.Contains(r.body, "expired") {
			t.Errorf("after: %+v %s", got, r.body)
		}
		w.sim.Inject(azuresim.Fault{Delay: 6 * time.Minute, Times: 1, Match: azuresim.ForGraph()})
		if got := w.graph(t, w.token(t), http.MethodGet, w.devicePath(), "").status; got != 401 {
			t.Errorf("expired while delayed: %d", got)
		}
	})
}

func TestClaimsChallenge(t *testing.T) {
	const capability = `{"access_token":{"xms_cc":{"values":["CP1"]}}}`
	encodings := map[azuresim.ClaimsEncoding]*base64.Encoding{
		azuresim.ClaimsStandard: base64.StdEncoding, azuresim.ClaimsStandardUnpadded: base64.RawStdEncoding,
		azuresim.ClaimsURLSafe: base64.URLEncoding, azuresim.ClaimsURLSafeUnpadded: base64.RawURLEncoding,
	}
	for encoding, decoder := range encodings {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			capable, plain := w.token(t, "claims", capability), w.token(t)
			w.sim.Challenge(w.tenant.ID, w.app.ClientID, encoding)
			if got := w.graph(t, plain, http.MethodGet, w.devicePath(), "").status; got != 200 {
				t.Errorf("a token without CP1: %d", got)
			}
			r := w.graph(t, capable, http.MethodGet, w.devicePath(), "")
			header := r.header.Get("WWW-Authenticate")
			if r.status != 401 || !strings.HasPrefix(header, "Bearer ") || !strings.Contains(header, `error="insufficient_claims"`) {
				t.Fatalf("a token with CP1: %d %s", r.status, header)
			}
			_, claims, _ := strings.Cut(header, `claims="`)
			claims, _, _ = strings.Cut(claims, `"`)
			raw, err := decoder.DecodeString(claims)
			if err != nil {
				t.Fatalf("claims %q: %v", claims, err)
			}
			var challenge struct {
				AccessToken map[string]any `json:"access_token"`
			}
			if err := json.Unmarshal(raw, &challenge); err != nil {
				t.Fatal(err)
			}
			// In the same second only the claims tell a new token from an old one.
			if got := w.graph(t, w.token(t, "claims", capability), http.MethodGet, w.devicePath(), "").status; got != 401 {
				t.Errorf("a new token without the claims: %d", got)
			}
			challenge.AccessToken["xms_cc"] = map[string]any{"values": []string{"CP1"}}
			merged, err := json.Marshal(challenge)
			if err != nil {
				t.Fatal(err)
			}
			if got := w.graph(t, w.token(t, "claims", strings.Replace(string(merged), "AccessToken", "access_token", 1)), http.MethodGet, w.devicePath(), "").status; got != 200 {
				t.Errorf("a token with the claims: %d", got)
			}
			time.Sleep(time.Second)
			if got := w.graph(t, w.token(t, "claims", capability), http.MethodGet, w.devicePath(), "").status; got != 200 {
				t.Errorf("a token of a later second: %d", got)
			}
			if got := w.graph(t, capable, http.MethodGet, w.devicePath(), "").status; got != 401 {
				t.Errorf("the old token: %d", got)
			}
		})
	}
}
