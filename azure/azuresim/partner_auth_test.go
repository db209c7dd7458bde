package azuresim_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

func TestPartnerCallsThatAreRefused(t *testing.T) {
	const (
		message = "/DataUploadMessages(guid'" + messageA + "')?api-version=1.2"
		tenant  = "/PartnerTenants(guid'" + partnerTenant + "')?api-version=1.6"
		policy  = "/PartnerCompliancePolicies?api-version=1.6"
		assign  = "/PartnerCompliancePolicies(guid'" + messageA + "')/Assign?api-version=1.6"
	)
	bearer := func(w *partnerWorld, t *testing.T) string { return "Bearer " + w.partnerToken(t) }
	tests := []struct {
		name   string
		method string // empty: PUT
		onT    bool   // the tenant service; else the device service
		path   string // empty: message
		body   string // empty: a good message
		kind   string // content type; empty: JSON
		auth   func(w *partnerWorld, t *testing.T) string
		want   verdict
	}{
		{name: "nothing wrong", want: verdict{200, ""}},
		{name: "JSON with a charset", kind: "application/json; charset=utf-8", want: verdict{200, ""}},
		{name: "no token", auth: func(*partnerWorld, *testing.T) string { return "" }, want: verdict{401, "Unauthorized"}},
		{name: "other scheme", auth: func(w *partnerWorld, t *testing.T) string { return "Basic " + w.partnerToken(t) }, want: verdict{401, "Unauthorized"}},
		{name: "no JWT", auth: func(*partnerWorld, *testing.T) string { return "Bearer x" }, want: verdict{401, "Unauthorized"}},
		{name: "spoilt signature", auth: func(w *partnerWorld, t *testing.T) string {
			token := []byte(bearer(w, t))
			token[len(token)-10] ^= 1
			return string(token)
		}, want: verdict{401, "Unauthorized"}},
		{name: "token of another simulator", auth: func(w *partnerWorld, t *testing.T) string {
			return "Bearer " + newPartnerWorld(t, &azuresim.Options{Seed: 9}).partnerToken(t)
		}, want: verdict{401, "Unauthorized"}},
		{name: "token of Graph", auth: func(w *partnerWorld, t *testing.T) string { return "Bearer " + w.token(t) }, want: verdict{401, "Unauthorized"}},
		{name: "scope with one slash", auth: func(w *partnerWorld, t *testing.T) string {
			return "Bearer " + w.token(t, "scope", "https://api.manage.microsoft.com/.default")
		}, want: verdict{401, "Unauthorized"}},
		{name: "scope by application id", auth: func(w *partnerWorld, t *testing.T) string {
			return "Bearer " + w.token(t, "scope", "c161e42e-d4df-4a3d-9b42-e7a3c31f59d4/.default")
		}, want: verdict{200, ""}},
		{name: "consent withdrawn", auth: func(w *partnerWorld, t *testing.T) string {
			defer w.sim.RevokeConsent(partnerTenant, w.app.ClientID)
			return bearer(w, t)
		}, want: verdict{401, "Unauthorized"}},
		{name: "switched off", auth: func(w *partnerWorld, t *testing.T) string {
			defer w.sim.DisableApplication(partnerTenant, w.app.ClientID, true)
			return bearer(w, t)
		}, want: verdict{401, "Unauthorized"}},
		{name: "application removed", auth: func(w *partnerWorld, t *testing.T) string {
			defer w.sim.RemoveApplication(w.app.ClientID)
			return bearer(w, t)
		}, want: verdict{401, "Unauthorized"}},
		{name: "tenant removed", auth: func(w *partnerWorld, t *testing.T) string {
			defer w.sim.RemoveTenant(partnerTenant)
			return bearer(w, t)
		}, want: verdict{401, "Unauthorized"}},
		{name: "message without its role", auth: func(w *partnerWorld, t *testing.T) string {
			w.sim.Consent(partnerTenant, w.app.ClientID, "manage_partner_compliance_policy")
			return bearer(w, t)
		}, want: verdict{403, "Forbidden"}},
		{name: "status without its role", method: http.MethodGet, auth: func(w *partnerWorld, t *testing.T) string {
			w.sim.Consent(partnerTenant, w.app.ClientID, "manage_partner_compliance_policy")
			return bearer(w, t)
		}, want: verdict{403, "Forbidden"}},
		{name: "policy without its role", method: http.MethodPost, onT: true, path: policy, auth: func(w *partnerWorld, t *testing.T) string {
			w.sim.Consent(partnerTenant, w.app.ClientID, "update_device_attributes")
			return bearer(w, t)
		}, want: verdict{403, "Forbidden"}},
		{name: "provisioning by either role", onT: true, path: tenant, body: `{"Provisioned":2}`, auth: func(w *partnerWorld, t *testing.T) string {
			w.sim.Consent(partnerTenant, w.app.ClientID, "update_device_attributes")
			return bearer(w, t)
		}, want: verdict{200, ""}},
		{name: "provisioning by neither role", onT: true, path: tenant, auth: func(w *partnerWorld, t *testing.T) string {
			w.sim.Consent(partnerTenant, w.app.ClientID, "Device.Read.All")
			return bearer(w, t)
		}, want: verdict{403, "Forbidden"}},
		{name: "no version", path: "/DataUploadMessages(guid'" + messageA + "')", want: verdict{400, "BadRequest"}},
		{name: "version of the other service", path: "/DataUploadMessages(guid'" + messageA + "')?api-version=1.6", want: verdict{400, "BadRequest"}},
		{name: "version twice", path: message + "&api-version=1.2", want: verdict{400, "BadRequest"}},
		{name: "more in the query", path: message + "&client_secret=x", want: verdict{400, "BadRequest"}},
		{name: "query malformed", path: message + "&%zz", want: verdict{400, "BadRequest"}},
		{name: "tenant by 1.2", onT: true, path: "/PartnerTenants(guid'" + partnerTenant + "')?api-version=1.2", want: verdict{400, "BadRequest"}},
		{name: "key without guid", path: "/DataUploadMessages('" + messageA + "')?api-version=1.2", want: verdict{400, "BadRequest"}},
		{name: "key that is none", path: "/DataUploadMessages(guid'x')?api-version=1.2", want: verdict{400, "BadRequest"}},
		{name: "key not closed", path: "/DataUploadMessages(guid'" + messageA + "'?api-version=1.2", want: verdict{400, "BadRequest"}},
		{name: "unknown resource", path: "/Data?api-version=1.2", want: verdict{404, "NotFound"}},
		{name: "letter case of a resource", path: "/dataUploadMessages(guid'" + messageA + "')?api-version=1.2", want: verdict{404, "NotFound"}},
		{name: "two slashes", path: "/" + message, want: verdict{404, "NotFound"}},
		{name: "message at the tenant service", onT: true, want: verdict{404, "NotFound"}},
		{name: "tenant at the device service", path: tenant, want: verdict{404, "NotFound"}},
		{name: "delete a message", method: http.MethodDelete, want: verdict{405, "MethodNotAllowed"}},
		{name: "post a message", method: http.MethodPost, want: verdict{405, "MethodNotAllowed"}},
		{name: "list messages", method: http.MethodGet, path: "/DataUploadMessages?api-version=1.2", want: verdict{405, "MethodNotAllowed"}},
		{name: "read a tenant", method: http.MethodGet, onT: true, path: tenant, want: verdict{405, "MethodNotAllowed"}},
		{name: "get an assignment", method: http.MethodGet, onT: true, path: assign, want: verdict{405, "MethodNotAllowed"}},
		{name: "delete a policy", method: http.MethodDelete, onT: true, path: "/PartnerCompliancePolicies(guid'" + messageA + "')?api-version=1.6", want: verdict{405, "MethodNotAllowed"}},
		{name: "form", kind: "application/x-www-form-urlencoded", want: verdict{415, "Request_BadRequest"}},
		{name: "blank body", body: " ", want: verdict{400, "Request_BadRequest"}},
		{name: "blank body of a provisioning", onT: true, path: tenant, body: " ", want: verdict{400, "Request_BadRequest"}},
		{name: "blank body of a policy", method: http.MethodPost, onT: true, path: policy, body: " ", want: verdict{400, "Request_BadRequest"}},
		{name: "blank body of an assignment", method: http.MethodPost, onT: true, path: assign, body: " ", want: verdict{400, "Request_BadRequest"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newPartnerWorld(t, nil)
			w.sim.Provision(partnerTenant, w.app.ClientID)
			method, address, body, kind := http.MethodPut, w.devices(t), envelope(content(standing{managed: true})), "application/json"
			if test.method != "" {
				method = test.method
			}
			if test.onT {
				address = w.tenants(t)
			}
			address += map[bool]string{true: message, false: test.path}[test.path == ""]
			if test.body != "" {
				body = test.body
			}
			if test.kind != "" {
				kind = test.kind
			}
			auth := bearer
			if test.auth != nil {
				auth = test.auth
			}
			r := w.send(t, method, address, body, http.Header{"Authorization": {auth(w, t)}, "Content-Type": {kind}})
			if got := r.verdict(); got != test.want {
				t.Errorf("got %+v, want %+v: %s", got, test.want, r.body)
			}
			if got := r.header.Get("WWW-Authenticate"); (got != "") != (r.status == 401) {
				t.Errorf("%d with WWW-Authenticate %q", r.status, got)
			}
			if got := len(w.sim.PartnerMessages(partnerTenant)); (got == 1) != (test.want.Status == 200 && !test.onT) {
				t.Errorf("%d messages were accepted", got)
			}
		})
	}
}

func TestPartnerTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPartnerWorld(t, &azuresim.Options{TokenLifetime: time.Minute})
		w.sim.Provision(partnerTenant, w.app.ClientID)
		header := http.Header{"Authorization": {"Bearer " + w.partnerToken(t)}}
		address := w.devices(t) + "/DataUploadMessages(guid'" + messageA + "')?api-version=1.2"
		time.Sleep(time.Minute - time.Second)
		if got := w.send(t, http.MethodGet, address, "", header).verdict(); got != (verdict{404, "NotFound"}) {
			t.Errorf("before its end: %+v", got)
		}
		// A request that is under way while the token ends is refused.
		w.sim.Inject(azuresim.Fault{Match: azuresim.ForPartnerStatus(), Delay: time.Second})
		if got := w.send(t, http.MethodGet, address, "", header).verdict(); got != (verdict{401, "Unauthorized"}) {
			t.Errorf("at its end: %+v", got)
		}
	})
}

// A new token is refused as often as the settings say, every second one here.
func TestFreshTokens(t *testing.T) {
	w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{FreshTokens: azuresim.FreshTokens{Every: 2, Times: 2}}})
	address := w.devices(t) + "/DataUploadMessages(guid'" + messageA + "')?api-version=1.2"
	var got []int
	for range 3 {
		header := http.Header{"Authorization": {"Bearer " + w.partnerToken(t)}}
		for range 3 {
			got = append(got, w.send(t, http.MethodGet, address, "", header).status)
		}
	}
	want := []int{404, 404, 404, 401, 401, 404, 404, 404, 404}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	once := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{FreshTokens: azuresim.FreshTokens{Every: 1}}})
	header := http.Header{"Authorization": {"Bearer " + once.partnerToken(t)}}
	for i, want := range []int{401, 404, 404} {
		if r := once.send(t, http.MethodGet, address, "", header); r.status != want {
			t.Errorf("call %d: got %d, want %d", i, r.status, want)
		}
	}
}

// Tokens, addresses and tenants of two clouds do not mix.
func TestPartnerClouds(t *testing.T) {
	sim := azuresim.New(nil)
	app := sim.AddApplication(azuresim.Application{Roles: []string{"update_device_attributes", "manage_partner_compliance_policy"}})
	clouds := map[azuresim.Cloud]string{azuresim.CloudGlobal: "com", azuresim.CloudUSGov: "us", azuresim.CloudDoD: "us"}
	tokens, addresses := map[azuresim.Cloud]string{}, map[azuresim.Cloud]string{}
	for cloud, domain := range clouds {
		tenant := sim.AddTenant(azuresim.Tenant{Cloud: cloud})
		sim.Consent(tenant.ID, app.ClientID)
		token, err := getToken(sim.Client(), cloud.AuthorityURL(), tenant.ID, app.ClientID, app.Secrets[0].Value, "https://api.manage.microsoft."+domain+"//.default")
		if err != nil {
			t.Fatal(err)
		}
		tokens[cloud], addresses[cloud] = token, sim.Endpoints(tenant.ID)[1].URI
		if !strings.HasSuffix(strings.Split(addresses[cloud], "/")[2], ".manage.microsoft."+domain) {
			t.Errorf("%s publishes %s", cloud, addresses[cloud])
		}
		wrong := map[string]string{"com": "us", "us": "com"}[domain]
		if _, err := getToken(sim.Client(), cloud.AuthorityURL(), tenant.ID, app.ClientID, app.Secrets[0].Value, "https://api.manage.microsoft."+wrong+"//.default"); err == nil {
			t.Errorf("%s issues tokens for the other cloud", cloud)
		}
	}
	w := &world{sim: sim, client: sim.Client()}
	for from, token := range tokens {
		for to, address := range addresses {
			want := 404 // of the message at home, of the address in the same cloud
			if clouds[from] != clouds[to] {
				want = 401
			}
			r := w.send(t, http.MethodGet, address+"/DataUploadMessages(guid'"+messageA+"')?api-version=1.2", "", http.Header{"Authorization": {"Bearer " + token}})
			home := strings.Contains(r.body, "no such message")
			if r.status != want || home != (from == to) {
				t.Errorf("%s to %s: %d %s", from, to, r.status, r.body)
			}
		}
	}
}
