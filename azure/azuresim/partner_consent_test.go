package azuresim_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

func TestAdminConsent(t *testing.T) {
	const back = "https://mdm.example/back?account=7"
	other := "77777777-0000-4000-8000-000000000007"
	tests := []struct {
		name        string
		admin       azuresim.Administrator
		tenant      string   // in the address; empty: the tenant's domain
		query       []string // replaces parameters; "-" leaves one out
		application func(*azuresim.Application)
		want        url.Values // of the redirect; nil: a page
		page        string     // what the page says
		consented   string     // the tenant in which
	}{
		{name: "consents", want: url.Values{"tenant": {partnerTenant}, "state": {"s&1"}, "admin_consent": {"True"}}, consented: partnerTenant},
		{name: "tenant by its id", tenant: partnerTenant, want: url.Values{"tenant": {partnerTenant}, "state": {"s&1"}, "admin_consent": {"True"}}, consented: partnerTenant},
		{name: "no state", query: []string{"state", "-"}, want: url.Values{"tenant": {partnerTenant}, "admin_consent": {"True"}}, consented: partnerTenant},
		{name: "refuses", admin: azuresim.Administrator{Refuses: true},
			want: url.Values{"tenant": {partnerTenant}, "state": {"s&1"}, "error": {"permission_denied"}, "error_description": {"The admin canceled the request"}}},
		{name: "refuses in other words", admin: azuresim.Administrator{Refuses: true, Error: "access_denied", Description: "AADSTS65004: no"},
			want: url.Values{"tenant": {partnerTenant}, "state": {"s&1"}, "error": {"access_denied"}, "error_description": {"AADSTS65004: no"}}},
		{name: "another tenant", admin: azuresim.Administrator{TenantID: strings.ToUpper(other)},
			want: url.Values{"tenant": {other}, "state": {"s&1"}, "admin_consent": {"True"}}, consented: other},
		{name: "another state", admin: azuresim.Administrator{State: "forged"},
			want: url.Values{"tenant": {partnerTenant}, "state": {"forged"}, "admin_consent": {"True"}}, consented: partnerTenant},
		{name: "a tenant that is not there", admin: azuresim.Administrator{TenantID: partnerUser},
			want: url.Values{"tenant": {partnerUser}, "state": {"s&1"}, "error": {"access_denied"}, "error_description": {"The application cannot be consented to in this tenant."}}},
		{name: "loopback", query: []string{"redirect_uri", "http://127.0.0.1:5000/x"}, want: url.Values{"tenant": {partnerTenant}, "state": {"s&1"}, "admin_consent": {"True"}}, consented: partnerTenant},
		{name: "registered", application: func(a *azuresim.Application) { a.RedirectURIs = []string{"https://mdm.example/", back} },
			want: url.Values{"tenant": {partnerTenant}, "state": {"s&1"}, "admin_consent": {"True"}}, consented: partnerTenant},

		{name: "not registered", application: func(a *azuresim.Application) { a.RedirectURIs = []string{"https://mdm.example/"} }, page: "AADSTS50011"},
		{name: "http", query: []string{"redirect_uri", "http://mdm.example/"}, page: "AADSTS50011"},
		{name: "relative", query: []string{"redirect_uri", "/back"}, page: "AADSTS50011"},
		{name: "fragment", query: []string{"redirect_uri", back + "#x"}, page: "AADSTS50011"},
		{name: "malformed", query: []string{"redirect_uri", "::"}, page: "AADSTS50011"},
		{name: "nowhere to go", query: []string{"redirect_uri", "-"}, page: "AADSTS900144"},
		{name: "unknown application", query: []string{"client_id", partnerUser}, page: "AADSTS700016"},
		{name: "no application", query: []string{"client_id", "-"}, page: "AADSTS700016"},
		{name: "unknown tenant", tenant: partnerUser, page: "AADSTS90002"},
		{name: "common", tenant: "common", page: "AADSTS50059"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newPartnerWorld(t, nil)
			w.sim.AddTenant(azuresim.Tenant{ID: other})
			w.sim.RevokeConsent(partnerTenant, w.app.ClientID)
			w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			w.sim.SetAdministrator(partnerTenant, test.admin)
			if test.application != nil {
				w.sim.UpdateApplication(w.app.ClientID, test.application)
			}
			tenant := "contoso.example"
			if test.tenant != "" {
				tenant = test.tenant
			}
			query := url.Values{"client_id": {w.app.ClientID}, "state": {"s&1"}, "redirect_uri": {back}}
			for i := 0; i+1 < len(test.query); i += 2 {
				query.Set(test.query[i], test.query[i+1])
				if test.query[i+1] == "-" {
					query.Del(test.query[i])
				}
			}
			r := w.send(t, http.MethodGet, "https://login.microsoftonline.com/"+tenant+"/adminconsent?"+query.Encode(), "", nil)
			location := r.header.Get("Location")
			if test.want == nil {
				if r.status != 400 || location != "" || !strings.HasPrefix(r.body, test.page) {
					t.Errorf("%d %q %s", r.status, location, r.body)
				}
			} else {
				to, err := url.Parse(location)
				if err != nil || r.status != 302 {
					t.Fatalf("%d %q", r.status, location)
				}
				got := to.Query()
				if strings.HasPrefix(query.Get("redirect_uri"), back) {
					if got.Get("account") != "7" {
						t.Errorf("%s lost its query", location)
					}
					got.Del("account")
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			}
			for _, id := range []string{partnerTenant, other} {
				_, err := getToken(w.client, "https://login.microsoftonline.com", id, w.app.ClientID, "s3cret", partnerScope)
				if (err == nil) != (id == test.consented) {
					t.Errorf("a token in %s: %v", id, err)
				}
			}
		})
	}
}

// The page grants all that the application asks for, is a GET, and counts.
func TestAdminConsentGrants(t *testing.T) {
	w := newPartnerWorld(t, nil)
	w.sim.Provision(partnerTenant, w.app.ClientID)
	w.sim.Consent(partnerTenant, w.app.ClientID, "Application.Read.All")
	if r := w.upload(t, messageA, content(standing{})); r.status != 403 {
		t.Errorf("before: %d", r.status)
	}
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	page := "https://login.microsoftonline.com/" + partnerTenant + "/adminconsent?client_id=" + w.app.ClientID + "&redirect_uri=https://mdm.example/"
	if r := w.send(t, http.MethodPost, page, "", nil); r.status != 405 {
		t.Errorf("POST: %d", r.status)
	}
	w.send(t, http.MethodGet, page, "", nil)
	if r := w.send(t, http.MethodGet, page+"&%zz", "", nil); r.status != 400 {
		t.Errorf("malformed query: %d", r.status)
	}
	if r := w.upload(t, messageA, content(standing{})); r.inside(t).ErrorCode != "202" {
		t.Errorf("after: %d %s", r.status, r.body)
	}
	if n := w.sim.Count(azuresim.ForAdminConsent()); n != 3 {
		t.Errorf("%d visits", n)
	}
	requests := w.sim.Requests()
	if i := len(requests) - 1; requests[i].MessageID != messageA {
		t.Errorf("the last request is %+v", requests[i])
	}
	if n := w.sim.Count(azuresim.All(azuresim.ForAdminConsent(), azuresim.ForTenant(partnerTenant), azuresim.ForApplication(w.app.ClientID))); n != 2 {
		t.Errorf("%d visits are known by tenant and application", n)
	}
}
