package azuresim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

const zeros = "00000000-0000-0000-0000-000000000000"

// provisioned is the answer to a provisioning.
type provisioned struct {
	Key            string
	ContextID      string `json:"ContextId"`
	Provisioned    int
	HTTPStatusCode int `json:"HttpStatusCode"`
	ErrorDetail    *string
}

func (r reply) provisioned(t testing.TB) provisioned {
	t.Helper()
	var p provisioned
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.status != 200 {
		t.Fatalf("%v: %d %s", err, r.status, r.body)
	}
	return p
}

// A failure travels inside a 200.
func TestProvisioning(t *testing.T) {
	const urls = `,"PartnerEnrollmentUrl":"https://mdm.example/e","PartnerRemediationUrl":"https://mdm.example/r"}`
	tests := []struct {
		name, tenant, body string
		state, status      int
		detail             string
	}{
		{"on", "", `{"Provisioned":1` + urls, 1, 200, ""},
		{"off", "", `{"Provisioned":2` + urls, 2, 200, ""},
		{"off without addresses", "", `{"Provisioned":2}`, 2, 200, ""},
		{"off with blank addresses", "", `{"Provisioned":2,"PartnerEnrollmentUrl":"","PartnerRemediationUrl":""}`, 2, 200, ""},
		{"another tenant", partnerUser, `{"Provisioned":1` + urls, 0, 403, "another tenant"},
		{"no state", "", `{"X":1` + urls, 0, 400, "Provisioned is missing"},
		{"state 0", "", `{"Provisioned":0` + urls, 0, 400, "Provisioned has a value"},
		{"state as text", "", `{"Provisioned":"1"` + urls, 0, 400, "Provisioned is no whole number"},
		{"letter case", "", `{"provisioned":1` + urls, 0, 400, "Provisioned is missing"},
		{"without addresses", "", `{"Provisioned":1}`, 0, 400, "PartnerEnrollmentUrl is missing"},
		{"blank address", "", `{"Provisioned":1` + strings.Replace(urls, "https://mdm.example/r", "", 1), 0, 400, "PartnerRemediationUrl is no https"},
		{"http", "", `{"Provisioned":1` + strings.Replace(urls, "https", "http", 1), 0, 400, "PartnerEnrollmentUrl is no https"},
		{"one member more", "", `{"Provisioned":1,"x":1` + urls, 0, 400, `"x" is no member`},
		{"no object", "", `1`, 0, 400, "no JSON object"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newPartnerWorld(t, nil)
			tenant := partnerTenant
			if test.tenant != "" {
				tenant = test.tenant
			}
			p := w.call(t, http.MethodPut, w.tenants(t)+"/PartnerTenants(guid'"+tenant+"')?api-version=1.6", test.body).provisioned(t)
			detail := ""
			if p.ErrorDetail != nil {
				detail = *p.ErrorDetail
			}
			if p.Provisioned != test.state || p.HTTPStatusCode != test.status || !strings.Contains(detail, test.detail) || (detail == "") != (test.detail == "") || p.ContextID != partnerTenant {
				t.Errorf("got %+v %q", p, detail)
			}
			kept, found := w.sim.PartnerTenant(partnerTenant, w.app.ClientID)
			if found != (test.state != 0) || kept.Provisioned != test.state {
				t.Errorf("kept %v %+v", found, kept)
			}
			if test.state == 1 && (kept.EnrollmentURL != "https://mdm.example/e" || kept.RemediationURL != "https://mdm.example/r" || kept.Key != p.Key) {
				t.Errorf("kept %+v", kept)
			}
		})
	}
}

// After it, messages are refused and the partner is terminated; nothing happens
// to devices; it may be provisioned again.
func TestDeprovision(t *testing.T) {
	w := newPartnerWorld(t, nil)
	on := w.provision(t, 1).provisioned(t)
	if again := w.provision(t, 1).provisioned(t); again != on {
		t.Errorf("twice: %+v, then %+v", on, again)
	}
	w.upload(t, messageA, content(standing{managed: true, compliant: true}))
	if off := w.provision(t, 2).provisioned(t); off.Provisioned != 2 || off.Key != on.Key {
		t.Errorf("off: %+v", off)
	}
	if got := w.upload(t, messageB, content(standing{updated: "2026-02-01T00:00:00Z"})).inside(t); got.ErrorCode != "403" {
		t.Errorf("a message: %+v", got)
	}
	if got := w.shown(partnerMac); got != "true" {
		t.Errorf("Entra shows %s", got)
	}
	if got := w.sim.CompliancePartners(partnerTenant)[0].PartnerState; got != "terminated" {
		t.Errorf("the partner is %s", got)
	}
	w.provision(t, 1)
	if got := w.upload(t, messageB, content(standing{updated: "2026-02-01T00:00:00Z"})).inside(t); got.ErrorCode != "202" {
		t.Errorf("a message: %+v", got)
	}
}

func TestPartnerPolicies(t *testing.T) {
	const mac = `{"DisplayName":"Macs","Description":"d","Platform":"macOS","PartnerManagedCompliance":true}`
	w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{AndroidText: "android"}})
	policies := w.tenants(t) + "/PartnerCompliancePolicies"
	post := func(body string) reply { return w.call(t, http.MethodPost, policies+"?api-version=1.6", body) }
	wantZeros := func(what string, r reply) {
		t.Helper()
		if r.status != 204 || r.body != "" || r.header.Get("OData-EntityId") != "PartnerCompliancePolicies(guid'"+zeros+"')" {
			t.Errorf("%s: %d %s %v", what, r.status, r.body, r.header)
		}
	}
	wantZeros("not provisioned", post(mac))
	if r := w.call(t, http.MethodGet, policies+"?api-version=1.6", ""); r.status != 200 || r.body != `{"value":[]}` {
		t.Errorf("none: %d %s", r.status, r.body)
	}
	w.provision(t, 1)
	wantZeros("not registered", post(strings.Replace(mac, "macOS", "android", 1)))
	wantZeros("assigned to zeros", w.call(t, http.MethodPost, policies+"(guid'"+zeros+"')/Assign?api-version=1.6", `{"assignments":["`+partnerGroup+`"]}`))
	if got := w.sim.PartnerPolicies(partnerTenant, w.app.ClientID); len(got) != 0 {
		t.Errorf("policies: %+v", got)
	}
	w.sim.RegisterPartner(partnerTenant, w.app.ClientID, azuresim.PartnerMacOS, azuresim.PartnerIOS, azuresim.PartnerAndroid)
	for _, platform := range []string{"macOS", "iOS", "android"} {
		body := strings.Replace(mac, "macOS", platform, 1)
		r := post(body)
		var p struct {
			ID, DisplayName, Platform, PartnerPolicyID string
			PartnerManagedCompliance                   bool
		}
		if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.status != 201 || p.Platform != platform || p.DisplayName != "Macs" ||
			!p.PartnerManagedCompliance || p.ID == zeros || p.ID == "" || p.PartnerPolicyID == "" {
			t.Errorf("%s: %d %s", platform, r.status, r.body)
		}
		if got := post(strings.Replace(body, "Macs", "Other", 1)).verdict(); got != (verdict{409, "Conflict"}) {
			t.Errorf("%s twice: %+v", platform, got)
		}
	}
	want := []azuresim.PartnerPolicy{
		{DisplayName: "Macs", Description: "d", Platform: "macOS", PartnerManagedCompliance: true},
		{DisplayName: "Macs", Description: "d", Platform: "iOS", PartnerManagedCompliance: true},
		{DisplayName: "Macs", Description: "d", Platform: "android", PartnerManagedCompliance: true},
	}
	got := w.sim.PartnerPolicies(partnerTenant, w.app.ClientID)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(azuresim.PartnerPolicy{}), cmpopts.IgnoreFields(azuresim.PartnerPolicy{}, "ID", "PartnerPolicyID")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	r := w.call(t, http.MethodGet, policies+"?api-version=1.6", "")
	var list struct {
		Value []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(r.body), &list); err != nil || len(list.Value) != 3 || list.Value[1].ID != got[1].ID {
		t.Errorf("list: %v %s", err, r.body)
	}

	for name, body := range map[string]string{
		"letter case of a platform": strings.Replace(mac, "macOS", "MacOS", 1),
		"Windows":                   strings.Replace(mac, "macOS", "Windows", 1),
		"blank name":                strings.Replace(mac, `"Macs"`, `""`, 1),
		"no description":            strings.Replace(mac, `"Description":"d",`, ``, 1),
		"flag as text":              strings.Replace(mac, `true`, `"true"`, 1),
		"letter case of a member":   strings.Replace(mac, `"Platform"`, `"platform"`, 1),
		"one member more":           strings.Replace(mac, `{`, `{"Id":"",`, 1),
		"no object":                 `[]`,
	} {
		if got := post(body).verdict(); got != (verdict{400, "BadRequest"}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The zeros may come with a body, by a status that has one.
func TestZerosInABody(t *testing.T) {
	w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{UnregisteredStatus: 200}})
	r := w.call(t, http.MethodPost, w.tenants(t)+"/PartnerCompliancePolicies?api-version=1.6",
		`{"DisplayName":"M","Description":"","Platform":"macOS","PartnerManagedCompliance":true}`)
	if r.status != 200 || !strings.Contains(r.body, `"Id":"`+zeros+`"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestAssign(t *testing.T) {
	const allUsers, allDevices = "acacacac-9df4-4c7d-9d50-4ef0226f57a9", "adadadad-808e-44e2-905a-0b7873a8a531"
	w := newPartnerWorld(t, nil)
	other := w.sim.AddGroup(partnerTenant, azuresim.Group{DisplayName: "Other"}).ID
	w.sim.AddGroup(partnerTenant, azuresim.Group{ID: allUsers}) // not even where a test says it is real
	w.provision(t, 1)
	policies := w.tenants(t) + "/PartnerCompliancePolicies"
	w.call(t, http.MethodPost, policies+"?api-version=1.6", `{"DisplayName":"M","Description":"","Platform":"macOS","PartnerManagedCompliance":true}`)
	id := w.sim.PartnerPolicies(partnerTenant, w.app.ClientID)[0].ID
	assign := func(id, body string) reply {
		return w.call(t, http.MethodPost, policies+"(guid'"+id+"')/Assign?api-version=1.6", body)
	}
	tests := []struct {
		name, id, body string
		want           verdict
		groups         []string // after it
	}{
		{"all users", id, `{"assignments":["` + allUsers + `"]}`, verdict{400, "BadRequest"}, nil},
		{"all devices", id, `{"assignments":["` + strings.ToUpper(allDevices) + `"]}`, verdict{400, "BadRequest"}, nil},
		{"unknown group", id, `{"assignments":["` + partnerUser + `"]}`, verdict{400, "BadRequest"}, nil},
		{"unknown policy", messageA, `{"assignments":["` + partnerGroup + `"]}`, verdict{404, "NotFound"}, nil},
		{"no array", id, `{"assignments":"` + partnerGroup + `"}`, verdict{400, "BadRequest"}, nil},
		{"letter case", id, `{"Assignments":["` + partnerGroup + `"]}`, verdict{400, "BadRequest"}, nil},
		{"a group", id, `{"assignments":["` + partnerGroup + `"]}`, verdict{200, ""}, []string{partnerGroup}},
		{"one good, one not", id, `{"assignments":["` + other + `","` + allUsers + `"]}`, verdict{400, "BadRequest"}, []string{partnerGroup}},
		{"another, in capitals", strings.ToUpper(id), `{"assignments":["` + strings.ToUpper(other) + `"]}`, verdict{200, ""}, []string{other}},
		{"two", id, `{"assignments":["` + other + `","` + partnerGroup + `"]}`, verdict{200, ""}, []string{other, partnerGroup}},
		{"none", id, `{"assignments":[]}`, verdict{200, ""}, []string{}},
	}
	for _, test := range tests {
		r := assign(test.id, test.body)
		if got := r.verdict(); got != test.want {
			t.Errorf("%s: got %+v, want %+v: %s", test.name, got, test.want, r.body)
		}
		got := w.sim.PartnerPolicies(partnerTenant, w.app.ClientID)[0].Groups
		if diff := cmp.Diff(test.groups, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.name, diff)
		}
		if r.status == 200 {
			var outer, inner struct {
				Value       string
				Assignments []string
			}
			if err := json.Unmarshal([]byte(r.body), &outer); err != nil || json.Unmarshal([]byte(outer.Value), &inner) != nil {
				t.Fatalf("%s: %s", test.name, r.body)
			}
			if diff := cmp.Diff(test.groups, inner.Assignments); diff != "" {
				t.Errorf("%s, answer (-want +got)\n%s", test.name, diff)
			}
		}
	}
	stranger := w.sim.AddApplication(azuresim.Application{Secrets: []azuresim.Secret{{Value: "s3cret"}}, Roles: w.app.Roles})
	w.sim.Consent(partnerTenant, stranger.ClientID)
	w.app = stranger
	if got := assign(id, `{"assignments":[]}`).verdict(); got != (verdict{404, "NotFound"}) {
		t.Errorf("a stranger: %+v", got)
	}
}

// What Graph shows of the partner follows registration, provisioning, messages
// and assignments.
func TestPartnerStateInGraph(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPartnerWorld(t, &azuresim.Options{Partner: azuresim.PartnerOptions{UnresponsiveAfter: 7 * 24 * time.Hour}})
		shown := func() map[string]any {
			t.Helper()
			list, _ := w.graph(t, w.token(t), http.MethodGet, "/deviceManagement/complianceManagementPartners", "").document(t)["value"].([]any)
			if len(list) != 1 {
				t.Fatalf("partners: %v", list)
			}
			return list[0].(map[string]any)
		}
		check := func(when, state string, heartbeat time.Time) {
			t.Helper()
			p := shown()
			if p["partnerState"] != state || p["lastHeartbeatDateTime"] != heartbeat.UTC().Format(time.RFC3339) {
				t.Errorf("%s: %v, heartbeat %v; want %s %v", when, p["partnerState"], p["lastHeartbeatDateTime"], state, heartbeat)
			}
		}
		start := time.Now()
		check("registered", "unknown", time.Time{})
		if p := shown(); p["macOsOnboarded"] != true || p["iosOnboarded"] != true || p["androidOnboarded"] != false || p["displayName"] != "partner" {
			t.Errorf("registered: %v", p)
		}
		w.provision(t, 1)
		check("provisioned", "enabled", start)
		time.Sleep(7 * 24 * time.Hour)
		check("a week later", "enabled", start)
		time.Sleep(time.Second)
		check("silent", "unresponsive", start)
		w.upload(t, messageA, content(standing{managed: true}))
		check("heard of", "enabled", time.Now())
		heard := time.Now()
		time.Sleep(time.Hour)
		w.upload(t, messageB, "[]")
		check("a refused message", "enabled", heard)

		w.call(t, http.MethodPost, w.tenants(t)+"/PartnerCompliancePolicies?api-version=1.6", `{"DisplayName":"M","Description":"","Platform":"iOS","PartnerManagedCompliance":true}`)
		id := w.sim.PartnerPolicies(partnerTenant, w.app.ClientID)[0].ID
		w.call(t, http.MethodPost, w.tenants(t)+"/PartnerCompliancePolicies(guid'"+id+"')/Assign?api-version=1.6", `{"assignments":["`+partnerGroup+`"]}`)
		p := shown()
		if ios, mac := p["iosEnrollmentAssignments"].([]any), p["macOsEnrollmentAssignments"].([]any); len(ios) != 1 || len(mac) != 0 {
			t.Errorf("assignments: iOS %v, macOS %v", ios, mac)
		}
		if !w.sim.UpdatePartner(partnerTenant, w.app.ClientID, func(c *azuresim.CompliancePartner) {
			c.PartnerState, c.IOSGroups, c.ID, c.ClientID = "rejected", []string{partnerGroup}, "x", "x"
		}) {
			t.Error("the partner is not there")
		}
		check("rejected", "rejected", heard)
		if c := w.sim.CompliancePartners(partnerTenant)[0]; !c.Provisioned || c.ClientID != w.app.ClientID || c.ID == "x" || len(c.IOSGroups) != 1 {
			t.Errorf("%+v", c)
		}
		w.provision(t, 1)
		check("provisioned again", "enabled", time.Now())
	})
}

// The groups of a policy of each platform show at that platform.
func TestPartnerAssignmentsByPlatform(t *testing.T) {
	w := newPartnerWorld(t, nil)
	w.sim.RegisterPartner(partnerTenant, w.app.ClientID, azuresim.PartnerMacOS, azuresim.PartnerIOS, azuresim.PartnerAndroid)
	w.provision(t, 1)
	for _, platform := range []string{"Android", "iOS", "macOS"} {
		group := w.sim.AddGroup(partnerTenant, azuresim.Group{}).ID
		w.call(t, http.MethodPost, w.tenants(t)+"/PartnerCompliancePolicies?api-version=1.6", `{"DisplayName":"M","Description":"","Platform":"`+platform+`","PartnerManagedCompliance":true}`)
		policies := w.sim.PartnerPolicies(partnerTenant, w.app.ClientID)
		w.call(t, http.MethodPost, w.tenants(t)+"/PartnerCompliancePolicies(guid'"+policies[len(policies)-1].ID+"')/Assign?api-version=1.6", `{"assignments":["`+group+`"]}`)
		c := w.sim.CompliancePartners(partnerTenant)[0]
		got := map[string][]string{"Android": c.AndroidGroups, "iOS": c.IOSGroups, "macOS": c.MacOSGroups}[platform]
		if diff := cmp.Diff([]string{group}, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", platform, diff)
		}
	}
}

func TestPartnerFixturesThatAreWrong(t *testing.T) {
	for name, wrong := range map[string]func(w *partnerWorld){
		"tenant":         func(w *partnerWorld) { w.sim.RegisterPartner(partnerUser, w.app.ClientID) },
		"application":    func(w *partnerWorld) { w.sim.RegisterPartner(partnerTenant, partnerUser) },
		"platform":       func(w *partnerWorld) { w.sim.RegisterPartner(partnerTenant, w.app.ClientID, "Windows") },
		"group's tenant": func(w *partnerWorld) { w.sim.AddGroup(partnerUser, azuresim.Group{}) },
		"group id":       func(w *partnerWorld) { w.sim.AddGroup(partnerTenant, azuresim.Group{ID: "x"}) },
		"group twice":    func(w *partnerWorld) { w.sim.AddGroup(partnerTenant, azuresim.Group{ID: partnerGroup}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newPartnerWorld(t, nil)
			defer func() {
				if text, ok := recover().(string); !ok || !strings.HasPrefix(text, "azuresim: ") {
					t.Errorf("it panicked with %q", text)
				}
			}()
			wrong(w)
		})
	}
}

// Questions about what is not there have empty answers.
func TestPartnerSideThatIsNotThere(t *testing.T) {
	w := newPartnerWorld(t, nil)
	for _, tenant := range []string{partnerUser, partnerTenant} {
		if _, found := w.sim.PartnerTenant(tenant, partnerUser); found {
			t.Errorf("%s: a provisioning", tenant)
		}
		if _, found := w.sim.PartnerMessage(tenant, messageA); found {
			t.Errorf("%s: a message", tenant)
		}
		if _, found := w.sim.PartnerStanding(tenant, partnerMac); found {
			t.Errorf("%s: a standing", tenant)
		}
		if len(w.sim.PartnerHistory(tenant, partnerMac)) != 0 || len(w.sim.PartnerMessages(tenant)) != 0 || len(w.sim.PartnerPolicies(tenant, partnerUser)) != 0 {
			t.Errorf("%s: something is there", tenant)
		}
		if w.sim.UpdatePartner(tenant, partnerUser, func(*azuresim.CompliancePartner) {}) {
			t.Errorf("%s: a partner", tenant)
		}
	}
	if w.sim.Provision(partnerUser, w.app.ClientID) || w.sim.SetEndpoints(partnerUser) || w.sim.SetAdministrator(partnerUser, azuresim.Administrator{}) ||
		w.sim.Endpoints(partnerUser) != nil || w.sim.CompliancePartners(partnerUser) != nil {
		t.Error("a tenant that is not there")
	}
}
