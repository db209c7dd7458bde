package azuresim_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// document reads a JSON answer without its context.
func (r reply) document(t testing.TB) map[string]any {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal([]byte(r.body), &d); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	delete(d, "@odata.context")
	return d
}

func TestUsers(t *testing.T) {
	w := newWorld(t, nil)
	user := w.sim.AddUser(w.tenant.ID, azuresim.User{UserPrincipalName: "Ada.O'Neil@contoso.example", DisplayName: "Ada"})
	w.sim.Consent(w.tenant.ID, w.app.ClientID, "User.Read.All")
	token := w.token(t)
	for _, path := range []string{
		"/users('Ada.O''Neil@contoso.example')", "/users('ada.o''neil@CONTOSO.example')", "/users/Ada.O'Neil@contoso.example",
		"/users/" + user.ID, "/users('" + user.ID + "')", "/users(userPrincipalName='ada.o''neil@contoso.example')",
	} {
		got := w.graph(t, token, http.MethodGet, path+"?$select=id", "").document(t)
		if diff := cmp.Diff(map[string]any{"id": user.ID}, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", path, diff)
		}
	}
	full := w.graph(t, token, http.MethodGet, "/users/"+user.ID, "").document(t)
	if full["displayName"] != "Ada" || full["userPrincipalName"] != user.UserPrincipalName || full["mail"] != nil {
		t.Errorf("without $select: %v", full)
	}
	for path, want := range map[string]verdict{
		"/users('nobody@contoso.example')":        {404, "Request_ResourceNotFound"},
		"/users/" + user.ID + "?$select=password": {400, "BadRequest"},
		"/users(mail='x')":                        {400, "Request_BadRequest"},
		"/users('a''":                             {400, "Request_BadRequest"},
		"/users":                                  {400, "BadRequest"},
		"/devices(deviceId='" + w.device.DeviceID + "')?$select=": {403, "Authorization_RequestDenied"},
	} {
		if got := w.graph(t, token, http.MethodGet, path, "").verdict(); got != want {
			t.Errorf("%s: got %+v, want %+v", path, got, want)
		}
	}
	// Inside a batch the name stands in the body and in no address.
	r := w.graph(t, token, http.MethodPost, "/$batch", batchOf(`{"id":"1","method":"GET","url":"/users('ada.o''neil%40contoso.example')?$select=id"}`))
	if got := r.responses(t); len(got) != 1 || got[0].Status != 200 || !strings.Contains(string(got[0].Body), user.ID) {
		t.Errorf("in a batch: %s", r.body)
	}
	w.sim.Consent(w.tenant.ID, w.app.ClientID, "Device.ReadWrite.All")
	if got := w.graph(t, w.token(t), http.MethodGet, "/users/"+user.ID, "").verdict(); got != (verdict{403, "Authorization_RequestDenied"}) {
		t.Errorf("without the role: %+v", got)
	}
}

func TestServicePrincipals(t *testing.T) {
	const partner = "0000000a-0000-0000-c000-000000000000"
	w := newWorld(t, nil)
	w.sim.Consent(w.tenant.ID, w.app.ClientID, "Application.Read.All")
	token := w.token(t)
	list := func(appID string) []any {
		d := w.graph(t, token, http.MethodGet, "/servicePrincipals?$filter="+url.QueryEscape("appId eq '"+appID+"'"), "").document(t)
		value, _ := d["value"].([]any)
		return value
	}
	found := list(partner)
	if len(found) != 1 {
		t.Fatalf("the partner principal: %v", found)
	}
	id, _ := found[0].(map[string]any)["id"].(string)
	if len(list(w.app.ClientID)) != 1 || len(list("99999999-9999-4999-8999-999999999999")) != 0 {
		t.Error("the application's own principal is missing, or a stranger's is there")
	}
	for _, path := range []string{"/servicePrincipals/" + id, "/servicePrincipals(appId='" + partner + "')", "/servicePrincipals/appId=" + partner, "/servicePrincipals('" + id + "')"} {
		if got := w.graph(t, token, http.MethodGet, path, "").document(t); got["id"] != id || got["appId"] != partner {
			t.Errorf("%s: %v", path, got)
		}
		d := w.graph(t, token, http.MethodGet, path+"/endpoints", "").document(t)
		got := map[string]string{}
		for _, e := range d["value"].([]any) {
			endpoint := e.(map[string]any)
			got[endpoint["providerName"].(string)], _ = endpoint["uri"].(string)
		}
		want := map[string]string{
			"PartnerTenantDataSyncService": "https://fef." + w.tenant.ID + ".azuresim.manage.microsoft.com/PartnerTenantDataSyncService",
			"PartnerDeviceDataSyncService": "https://fef." + w.tenant.ID + ".azuresim.manage.microsoft.com/PartnerDeviceDataSyncService",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s/endpoints (-want +got)\n%s", path, diff)
		}
	}
	own, _ := list(w.app.ClientID)[0].(map[string]any)["id"].(string)
	if d := w.graph(t, token, http.MethodGet, "/servicePrincipals/"+own+"/endpoints", "").document(t); len(d["value"].([]any)) != 0 {
		t.Errorf("the application's endpoints: %v", d)
	}
	for path, want := range map[string]verdict{
		"/servicePrincipals": {400, "Request_UnsupportedQuery"},
		"/servicePrincipals?$filter=displayName%20eq%20'x'":       {400, "Request_UnsupportedQuery"},
		"/servicePrincipals/99999999-9999-4999-8999-999999999999": {404, "Request_ResourceNotFound"},
		"/servicePrincipals(appId='x')/endpoints":                 {404, "Request_ResourceNotFound"},
	} {
		if got := w.graph(t, token, http.MethodGet, path, "").verdict(); got != want {
			t.Errorf("%s: got %+v, want %+v", path, got, want)
		}
	}
	w.sim.Consent(w.tenant.ID, w.app.ClientID, "Device.ReadWrite.All")
	for _, path := range []string{"/servicePrincipals", "/servicePrincipals/" + id} {
		if got := w.graph(t, w.token(t), http.MethodGet, path, "").verdict(); got != (verdict{403, "Authorization_RequestDenied"}) {
			t.Errorf("%s without the role: %+v", path, got)
		}
	}
	// Endpoints are the tenant's own, and none in China.
	other := w.sim.AddTenant(azuresim.Tenant{Endpoints: []azuresim.Endpoint{}})
	china := w.sim.AddTenant(azuresim.Tenant{Cloud: azuresim.CloudChina})
	for _, tenant := range []azuresim.Tenant{other, china} {
		if len(tenant.Endpoints) != 0 {
			t.Errorf("endpoints in %s: %v", tenant.Cloud, tenant.Endpoints)
		}
	}
	w.sim.Consent(china.ID, w.app.ClientID, "Application.Read.All", "DeviceManagementServiceConfig.Read.All")
	token, err := getToken(w.client, china.Cloud.AuthorityURL(), china.ID, w.app.ClientID, "s3cret", china.Cloud.GraphURL()+"/.default")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/servicePrincipals(appId='" + partner + "')": 404, "/deviceManagement/complianceManagementPartners": 400} {
		r := w.send(t, http.MethodGet, china.Cloud.GraphURL()+"/v1.0"+path, "", http.Header{"Authorization": {"Bearer " + token}})
		if r.status != want {
			t.Errorf("%s in China: got %d, want %d", path, r.status, want)
		}
	}
}

func TestComplianceManagementPartners(t *testing.T) {
	w := newWorld(t, nil)
	w.tenant = w.sim.AddTenant(azuresim.Tenant{Partners: []azuresim.CompliancePartner{
		{DisplayName: "P", LastHeartbeat: time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC), MacOSOnboarded: true, MacOSGroups: []string{"g"}},
		{DisplayName: "Q", PartnerState: "terminated"},
	}})
	w.sim.Consent(w.tenant.ID, w.app.ClientID, "DeviceManagementServiceConfig.Read.All")
	token := w.token(t)
	const path = "/deviceManagement/complianceManagementPartners"
	value, _ := w.graph(t, token, http.MethodGet, path, "").document(t)["value"].([]any)
	if len(value) != 2 {
		t.Fatalf("got %v", value)
	}
	id := w.tenant.Partners[0].ID
	want := map[string]any{
		"id": id, "displayName": "P", "partnerState": "enabled", "lastHeartbeatDateTime": "2026-01-31T10:00:00Z",
		"macOsOnboarded": true, "androidOnboarded": false, "iosOnboarded": false,
		"macOsEnrollmentAssignments": []any{map[string]any{"target": map[string]any{
			"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g",
		}}},
		"androidEnrollmentAssignments": []any{}, "iosEnrollmentAssignments": []any{},
	}
	if diff := cmp.Diff(want, value[0]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, one := range []string{path + "/" + id, path + "('" + id + "')"} {
		if diff := cmp.Diff(want, w.graph(t, token, http.MethodGet, one, "").document(t)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", one, diff)
		}
	}
	if got := w.graph(t, token, http.MethodGet, path+"/x", "").verdict(); got != (verdict{404, "Request_ResourceNotFound"}) {
		t.Errorf("unknown: %+v", got)
	}
	if got := w.graph(t, token, http.MethodPost, path, "{}").status; got != 405 {
		t.Errorf("POST: %d", got)
	}
	w.sim.Consent(w.tenant.ID, w.app.ClientID, "Device.ReadWrite.All")
	if got := w.graph(t, w.token(t), http.MethodGet, path, "").verdict(); got != (verdict{403, "Authorization_RequestDenied"}) {
		t.Errorf("without the role: %+v", got)
	}
}

func TestIntuneCallsHaveTheirOwnQuota(t *testing.T) {
	w := newWorld(t, &azuresim.Options{
		Clock:    func() time.Time { return time.Unix(1_800_000_000, 0) },
		Throttle: azuresim.Throttle{IntuneTenantAppCalls: azuresim.Limit{Units: 2}},
	})
	w.sim.Consent(w.tenant.ID, w.app.ClientID, "DeviceManagementServiceConfig.Read.All", "Device.Read.All")
	token := w.token(t)
	var got []int
	for range 3 {
		got = append(got, w.graph(t, token, http.MethodGet, "/deviceManagement/complianceManagementPartners", "").status)
	}
	got = append(got, w.graph(t, token, http.MethodGet, w.devicePath(), "").status)
	if diff := cmp.Diff([]int{200, 200, 429, 200}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
