package azuresim_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// setUp makes one request of each kind, in an order that works.
func (w *partnerWorld) setUp(t testing.TB) {
	t.Helper()
	w.provision(t, 1)
	w.call(t, http.MethodPost, w.tenants(t)+"/PartnerCompliancePolicies?api-version=1.6", `{"DisplayName":"M","Description":"","Platform":"macOS","PartnerManagedCompliance":true}`)
	w.call(t, http.MethodGet, w.tenants(t)+"/PartnerCompliancePolicies?api-version=1.6", "")
	id := w.sim.PartnerPolicies(partnerTenant, w.app.ClientID)[0].ID
	w.call(t, http.MethodPost, w.tenants(t)+"/PartnerCompliancePolicies%28guid%27"+id+"%27%29/Assign?api-version=1.6", `{"assignments":["`+partnerGroup+`"]}`)
	w.upload(t, messageA, content(standing{managed: true}))
	w.status(t, messageA)
	w.status(t, messageA)
}

func TestPartnerMatches(t *testing.T) {
	w := newPartnerWorld(t, nil)
	w.setUp(t)
	for _, test := range []struct {
		name  string
		match azuresim.Match
		want  int
	}{
		{"all", azuresim.ForPartner(), 7},
		{"tenants", azuresim.ForPartnerTenants(), 1},
		{"policies", azuresim.ForPartnerPolicies(), 2},
		{"assignments", azuresim.ForPartnerAssignments(), 1},
		{"messages", azuresim.ForPartnerMessages(), 1},
		{"status", azuresim.ForPartnerStatus(), 2},
		{"one message", azuresim.ForMessage("AAAAAAAA-0000-4000-8000-00000000000A"), 3},
		{"another message", azuresim.ForMessage(messageB), 0},
		{"discovery", azuresim.ForPartnerDiscovery(), 7},
		{"tokens of the services", azuresim.ForPartnerTokens(), 7},
		{"tokens", azuresim.ForTokens(), 14},
		{"consent", azuresim.ForAdminConsent(), 0},
		{"device", azuresim.All(azuresim.ForPartner(), azuresim.ForDevice(partnerMac)), 3},
		{"tenant and application", azuresim.All(azuresim.ForPartner(), azuresim.ForTenant(partnerTenant), azuresim.ForApplication(w.app.ClientID)), 7},
		{"Graph", azuresim.All(azuresim.ForPartner(), azuresim.ForGraph()), 0},
	} {
		if got := w.sim.Count(test.match); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
	if azuresim.ForPartner()(&azuresim.Request{Path: "/%zz"}) {
		t.Error("a path that cannot be read matches")
	}
}

// A fault speaks as the service that was called does, and nothing is done.
func TestPartnerFaults(t *testing.T) {
	message := "/DataUploadMessages(guid'" + messageA + "')?api-version=1.2"
	tests := []struct {
		name  string
		match azuresim.Match
		fault azuresim.Fault
		call  func(w *partnerWorld) reply
		want  reply
	}{
		{"not provisioned", azuresim.ForPartnerTenants(), azuresim.Fault{Partner: &azuresim.PartnerFault{}},
			func(w *partnerWorld) reply { return w.provision(t, 1) },
			reply{status: 200, body: `{"Key":"` + zeros + `","ContextId":"` + partnerTenant + `","Provisioned":0,"HttpStatusCode":200,"ErrorDetail":null}`}},
		{"status inside", azuresim.ForPartnerTenants(), azuresim.Fault{Partner: &azuresim.PartnerFault{Provisioned: 1, HTTPStatusCode: 403}},
			func(w *partnerWorld) reply { return w.provision(t, 1) },
			reply{status: 200, body: `{"Key":"` + zeros + `","ContextId":"` + partnerTenant + `","Provisioned":1,"HttpStatusCode":403,"ErrorDetail":null}`}},
		{"detail inside", azuresim.ForPartnerTenants(), azuresim.Fault{Partner: &azuresim.PartnerFault{Provisioned: 1, ErrorDetail: "no licence"}},
			func(w *partnerWorld) reply { return w.provision(t, 1) },
			reply{status: 200, body: `{"Key":"` + zeros + `","ContextId":"` + partnerTenant + `","Provisioned":1,"HttpStatusCode":200,"ErrorDetail":"no licence"}`}},
		{"policy", azuresim.ForPartnerPolicies(), azuresim.Fault{Partner: &azuresim.PartnerFault{}},
			func(w *partnerWorld) reply {
				return w.call(t, http.MethodPost, w.tenants(t)+"/PartnerCompliancePolicies?api-version=1.6", `{}`)
			},
			reply{status: 204}},
		{"upload", azuresim.ForPartnerMessages(), azuresim.Fault{Partner: &azuresim.PartnerFault{ErrorDetail: "busy"}},
			func(w *partnerWorld) reply { return w.upload(t, messageA, content(standing{})) },
			reply{status: 200, body: `{"ErrorCode":"500","ErrorDetail":"busy"}`}},
		{"upload by status", azuresim.ForPartnerMessages(), azuresim.Fault{Status: 503, RetryAfter: "7", Partner: &azuresim.PartnerFault{ErrorCode: "503"}},
			func(w *partnerWorld) reply { return w.upload(t, messageA, content(standing{})) },
			reply{status: 503, body: `{"ErrorCode":"503","ErrorDetail":null}`}},
		{"status", azuresim.ForPartnerStatus(), azuresim.Fault{Partner: &azuresim.PartnerFault{ErrorCode: "12", ErrorDetail: "x"}},
			func(w *partnerWorld) reply { return w.status(t, messageA) },
			reply{status: 200, body: `{"Status":"Failed","ErrorCode":"12","ErrorDetail":"x"}`}},
		{"status, in other words", azuresim.ForPartnerStatus(), azuresim.Fault{Partner: &azuresim.PartnerFault{Status: "Waiting"}},
			func(w *partnerWorld) reply { return w.status(t, messageA) },
			reply{status: 200, body: `{"Status":"Waiting","ErrorCode":"500","ErrorDetail":null}`}},
		{"without a token", azuresim.ForPartnerTenants(), azuresim.Fault{Partner: &azuresim.PartnerFault{}},
			func(w *partnerWorld) reply {
				return w.send(t, http.MethodPut, w.tenants(t)+"/PartnerTenants(guid'"+partnerTenant+"')", "", nil)
			},
			reply{status: 200, body: `{"Key":"` + zeros + `","ContextId":"` + zeros + `","Provisioned":0,"HttpStatusCode":200,"ErrorDetail":null}`}},
		{"a token that is refused", azuresim.ForMessage(messageA), azuresim.Fault{Status: 401, Code: "Unauthorized"},
			func(w *partnerWorld) reply { return w.call(t, http.MethodGet, w.devices(t)+message, "") },
			reply{status: 401, body: "Unauthorized"}},
		{"another service is left alone", azuresim.ForPartnerDiscovery(), azuresim.Fault{Status: 503, Partner: &azuresim.PartnerFault{}},
			func(w *partnerWorld) reply {
				return w.graph(t, w.token(t), http.MethodGet, "/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints", "")
			},
			reply{status: 503}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newPartnerWorld(t, nil)
			w.sim.Provision(partnerTenant, w.app.ClientID)
			before, _ := w.sim.PartnerTenant(partnerTenant, w.app.ClientID)
			test.fault.Match, test.fault.Name = test.match, "script"
			w.sim.Inject(test.fault)
			got := test.call(w)
			if test.want.status == 401 {
				got.body = got.code()
			}
			if got.status != test.want.status || got.body != test.want.body || got.header.Get("Retry-After") != test.fault.RetryAfter {
				t.Errorf("got %d %s\nwant %d %s", got.status, got.body, test.want.status, test.want.body)
			}
			if after, _ := w.sim.PartnerTenant(partnerTenant, w.app.ClientID); after != before {
				t.Errorf("provisioned: %+v, then %+v", before, after)
			}
			if n := len(w.sim.PartnerMessages(partnerTenant)) + len(w.sim.PartnerPolicies(partnerTenant, w.app.ClientID)); n != 0 {
				t.Errorf("%d things were done", n)
			}
			if n := w.sim.Count(func(r *azuresim.Request) bool { return r.Fault == "script" }); n != 1 {
				t.Errorf("the ledger shows %d faults", n)
			}
		})
	}
}

// The message arrives, its acceptance does not: the same id may come again.
func TestAcceptanceIsLost(t *testing.T) {
	w := newPartnerWorld(t, nil)
	w.sim.Provision(partnerTenant, w.app.ClientID)
	w.sim.Inject(azuresim.Fault{Match: azuresim.ForPartnerMessages(), Times: 1, Reset: azuresim.ResetAfter})
	w.sim.Inject(azuresim.Fault{Match: azuresim.ForPartnerMessages(), Times: 1, Acts: true, Partner: &azuresim.PartnerFault{}})
	address, body := w.devices(t)+"/DataUploadMessages(guid'"+messageA+"')?api-version=1.2", envelope(content(standing{managed: true}))
	header := http.Header{"Authorization": {"Bearer " + w.partnerToken(t)}, "Content-Type": {"application/json"}}
	if r, err := w.try(t, http.MethodPut, address, body, header); err == nil {
		t.Errorf("it was answered: %d", r.status)
	}
	if got := w.send(t, http.MethodPut, address, body, header).inside(t); got.ErrorCode != "500" {
		t.Errorf("the second: %+v", got)
	}
	if got := w.send(t, http.MethodPut, address, body, header).inside(t); got.ErrorCode != "202" {
		t.Errorf("the third: %+v", got)
	}
	m, _ := w.sim.PartnerMessage(partnerTenant, messageA)
	if len(w.sim.PartnerHistory(partnerTenant, partnerMac)) != 1 || m.Uploads != 3 {
		t.Errorf("%+v", m)
	}
}

func TestGroupsInGraph(t *testing.T) {
	w := newPartnerWorld(t, nil)
	w.sim.AddGroup(partnerTenant, azuresim.Group{ID: "99999999-0000-4000-8000-000000000009", DisplayName: "Phones"})
	w.sim.Consent(partnerTenant, w.app.ClientID, "GroupMember.Read.All")
	token := w.token(t)
	ids := func(path string) []any {
		t.Helper()
		var all []any
		list, _ := w.graph(t, token, http.MethodGet, path, "").document(t)["value"].([]any)
		for _, g := range list {
			all = append(all, g.(map[string]any)["id"])
		}
		return all
	}
	for path, want := range map[string][]any{
		"/groups": {partnerGroup, "99999999-0000-4000-8000-000000000009"},
		"/groups?$filter=displayName%20eq%20'phones'":                 {"99999999-0000-4000-8000-000000000009"},
		"/groups?$filter=displayName%20eq%20'No'":                     nil,
		"/groups?$filter=id%20eq%20'" + partnerGroup + "'&$select=id": {partnerGroup},
	} {
		if diff := cmp.Diff(want, ids(path)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", path, diff)
		}
	}
	one := w.graph(t, token, http.MethodGet, "/groups/"+partnerGroup+"?$select=displayName", "").document(t)
	delete(one, "@odata.context")
	if diff := cmp.Diff(map[string]any{"displayName": "Macs"}, one); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for path, want := range map[string]verdict{
		"/groups('" + partnerGroup + "')":              {200, ""},
		"/groups/acacacac-9df4-4c7d-9d50-4ef0226f57a9": {404, "Request_ResourceNotFound"},
		"/groups?$orderby=id":                          {400, "Request_UnsupportedQuery"},
		"/groups?$select=mail":                         {400, "BadRequest"},
		"/groups?$filter=mail%20eq%20'x'":              {400, "Request_UnsupportedQuery"},
		"/groups?$filter=x":                            {400, "Request_UnsupportedQuery"},
	} {
		if got := w.graph(t, token, http.MethodGet, path, "").verdict(); got != want {
			t.Errorf("%s: got %+v, want %+v", path, got, want)
		}
	}
	if got := w.graph(t, token, http.MethodPost, "/groups", "{}").verdict(); got.Status != 405 {
		t.Errorf("POST: %+v", got)
	}
	w.sim.Consent(partnerTenant, w.app.ClientID, "Device.Read.All")
	if got := w.graph(t, w.token(t), http.MethodGet, "/groups", "").verdict(); got != (verdict{403, "Authorization_RequestDenied"}) {
		t.Errorf("without the role: %+v", got)
	}
}
