package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// What is wrong is named by field and value, all at once.
func TestCheckInFaults(t *testing.T) {
	b := newBench(t, "")
	path := "/v1/tenants/" + tenantA + "/devices/pc-1/check-in"
	for _, tc := range []struct {
		name, body string
		status     int
		want       []fault
	}{
		{"no JSON", `nonsense`, 400, []fault{{Problem: "is not JSON at byte 2"}}},
		{"half of it", `{"account":"contoso"`, 400, []fault{{Problem: "is not JSON, or ends too soon"}}},
		{"something behind it", `{} {}`, 400, []fault{{Problem: "something follows the JSON value at byte 4"}}},
		{"a misspelt field", `{"acccount":"contoso"}`, 400, []fault{{Field: "acccount", Problem: "is not a field that is known"}}},
		{"a number for a text", `{"account":7}`, 400, []fault{{Field: "account", Value: "number", Problem: "has to be a string"}}},
		{"a text for a list", `{"actions":"quarantine"}`, 400, []fault{{Field: "actions", Value: "string", Problem: "has to be an array"}}},
		{"a negative version", `{"version":-1}`, 400, []fault{{Field: "version", Value: "number -1", Problem: "has to be a whole number"}}},
		{"nothing in it", `{}`, 422, []fault{
			{Field: "account", Problem: "is needed"},
			{Field: "platform", Problem: "is not windows, ios, ipados, android or macos"},
		}},
		{"everything wrong", `{"account":"contoso","tenantId":"` + tenantB + `","deviceId":"other","platform":"toaster","enrolledAt":"yesterday",
			"azureDeviceId":"` + canaryUPN + `","userId":"7","seenAt":"2026-13-01T00:00:00Z","clientCode":"Success","msal":{"code":-50005}}`, 422, []fault{
			{Field: "tenantId", Value: tenantB, Problem: "is not the one in the address"},
			{Field: "deviceId", Value: "other", Problem: "is not the one in the address"},
			{Field: "azureDeviceId", Value: "(27 bytes)", Problem: "is not a GUID"},
			{Field: "userId", Value: "7", Problem: "is not a GUID"},
			{Field: "enrolledAt", Value: "yesterday", Problem: "is not a time as in 2026-01-31T08:15:00Z"},
			{Field: "platform", Value: "toaster", Problem: "is not windows, ios, ipados, android or macos"},
			{Field: "seenAt", Value: "2026-13-01T00:00:00Z", Problem: "is not a time as in 2026-01-31T08:15:00Z"},
			{Field: "clientCode", Value: "Success", Problem: "only one of clientCode, msal and android can be there"},
		}},
		{"another account's tenant", `{"account":"fabrikam","platform":"windows"}`, 422, []fault{{Problem: `Account "fabrikam" for TenantID "aaaaaaaa-0000-4000-8000-000000000001": the tenant is registered for another account`}}},
	} {
		got := decodeAs[problem](t, b.want(tc.status, "POST", path, tc.body))
		if diff := cmp.Diff(tc.want, got.Faults); diff != "" || got.Error == "" {
			t.Errorf("%s: %q (-want +got):\n%s", tc.name, got.Error, diff)
		}
	}
	b.want(404, "GET", "/v1/tenants/"+tenantA+"/devices/pc-1", "") // nothing of it was taken

	w := b.do("POST", path, strings.Repeat(" ", mostSmall+1))
	if w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), "65536") {
		t.Errorf("a long body: %d %s", w.Code, w.Body)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://localhost"+path, strings.NewReader("{}"))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "text/plain")
	if w := b.serve(r); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a text: %d %s", w.Code, w.Body)
	}
}

// What a device says becomes its details.
func TestCheckIn(t *testing.T) {
	b := newBench(t, "")
	for _, tc := range []struct {
		name, fields string
		standing     compliance.State
		code         status.ClientCode
		notes        int
	}{
		{"violates nothing", `"platform":"windows","azureDeviceId":"` + azure1 + `","actions":[]`, compliance.StateCompliant, status.CodeSuccess, 0},
		{"violates something", `"platform":"ios","clientCode":"success","azureDeviceId":"` + azure1 + `","actions":["send-alert","quarantine"]`, compliance.StateNonCompliant, status.CodeSuccess, 0},
		{"an action that nobody knows", `"platform":"macos","actions":["send-alert","scold"]`, compliance.StateNonCompliant, "", 1},
		{"not evaluated", `"platform":"windows","actions":null`, compliance.StateUnspecified, "", 0},
		{"an error of MSAL on iOS", `"platform":"ios","msal":{"code":-50005},"actions":[]`, compliance.StateCompliant, status.CodeUserCancelled, 0},
		{"an exception of MSAL on Android", `"platform":"android","android":{"class":"MsalDeclinedScopeException","errorCode":"declined_scope_error"},"actions":[]`, compliance.StateCompliant, status.CodeServerDeclinedScopes, 0},
	} {
		device := strings.ReplaceAll(tc.name, " ", "-")
		path := "/v1/tenants/" + tenantA + "/devices/" + device
		got := decodeAs[taken](t, b.want(200, "POST", path+"/check-in", `{"account":"contoso",`+tc.fields+`}`))
		if got.Changed != 1 || len(got.Notes) != tc.notes {
			t.Errorf("%s: %+v", tc.name, got)
		}
		d := decodeAs[shownDevice](t, b.want(200, "GET", path, ""))
		if d.DeviceID != device || d.Standing != tc.standing || d.ClientCode != tc.code || d.Explanation == "" || d.Validate() != nil {
			t.Errorf("%s: %+v, %v", tc.name, d, d.Validate())
		}
	}
}

// The moment that a check-in names orders it.
func TestCheckInOrder(t *testing.T) {
	b := newBench(t, "")
	path := "/v1/tenants/" + tenantA + "/devices/pc-1"
	at := time.Now().Add(-time.Hour).UTC()
	say := func(minute int, actions string) taken {
		body := fmt.Sprintf(`{"account":"contoso","platform":"windows","seenAt":%q,"actions":%s}`, at.Add(time.Duration(minute)*time.Minute).Format(time.RFC3339), actions)
		return decodeAs[taken](t, b.want(200, "POST", path+"/check-in", body))
	}
	got := []taken{say(10, `["quarantine"]`), say(5, `[]`), say(10, `["quarantine"]`), say(20, `[]`)}
	if diff := cmp.Diff([]taken{{Changed: 1}, {Stale: 1}, {Unchanged: 1}, {Changed: 1}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Of many check-ins the good ones are taken, whatever is wrong with others.
func TestBatch(t *testing.T) {
	b := newBench(t, "")
	batch := func(checkIns ...string) string { return `{"checkIns":[` + strings.Join(checkIns, ",") + `]}` }
	index := func(i int) *int { return &i }
	body := batch(pc("pc-1", azure1, `[]`), `7`, strings.Replace(pc("pc-2", "x", `[]`), tenantA, "contoso", 1),
		strings.Replace(pc("pc-3", azure2, `[]`), tenantA, tenantB, 1), pc("pc-4", azure2, `["scold"]`), `{"acccount":1}`)
	got := decodeAs[taken](t, b.want(200, "POST", "/v1/check-ins", body))
	want := taken{Changed: 2, Refused: []fault{
		{Index: index(1), Value: "number", Problem: "has to be an object"},
		{Index: index(2), Field: "tenantId", Value: "contoso", Problem: "is not a GUID"},
		{Index: index(2), Field: "azureDeviceId", Value: "x", Problem: "is not a GUID"},
		{Index: index(5), Field: "acccount", Problem: "is not a field that is known"},
		{Index: index(3), Problem: `TenantID "bbbbbbbb-0000-4000-8000-000000000001": the tenant is not registered`},
	}, Notes: []fault{
		{Index: index(4), Field: "actions[0]", Value: "scold", Problem: "is not an action; it counts as one that makes the device non-compliant"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = decodeAs[taken](t, b.want(200, "POST", "/v1/check-ins", batch(pc("pc-1", azure1, `[]`))))
	if diff := cmp.Diff(taken{Unchanged: 1}, got); diff != "" {
		t.Errorf("again (-want +got):\n%s", diff)
	}

	b.want(422, "POST", "/v1/check-ins", batch(`7`))
	b.want(422, "POST", "/v1/check-ins", batch())
	b.want(422, "POST", "/v1/check-ins", batch(strings.Split(strings.Repeat("{},", mostCheckIns)+"{}", ",")...))
	b.want(413, "POST", "/v1/check-ins", strings.Repeat(" ", mostBatch+1))
}

// Whatever a client sends is taken or refused with a reason, and no unknown
// action is ever compliant.
func FuzzCheckIn(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"actions":[""]}`, pc("pc-1", azure1, `["retire"]`), pc("pc-1", azure1, `["send-alert","x"]`),
		`{"account":"a","deviceId":"d","tenantId":"` + tenantA + `","platform":"ios","msal":{"code":-50000,"internalCode":-50007},"seenAt":"2026-01-31T08:15:00Z"}`,
	} {
		f.Add(seed)
	}
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		var c checkIn
		if fault := decode([]byte(text), &c); fault != nil {
			if json.Valid([]byte(text)) && fault.Problem == "" {
				t.Errorf("refused without a reason")
			}
			return
		}
		o, faults, notes := c.observation(now)
		for _, f := range append(faults, notes...) {
			if f.Field == "" || f.Problem == "" || strings.Contains(f.Value, "@") || len(f.Value) > 300 {
				t.Errorf("fault %+v", f)
			}
		}
		if len(notes) > 0 && o.State == compliance.StateCompliant || c.Actions == nil && o.State != compliance.StateUnspecified {
			t.Errorf("actions %q are %v", c.Actions, o.State)
		}
	})
}
