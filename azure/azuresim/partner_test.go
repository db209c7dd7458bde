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

// The ids of the partner tests are written out, so that failures read well.
const (
	partnerTenant = "11111111-0000-4000-8000-000000000001"
	partnerUser   = "22222222-0000-4000-8000-000000000002"
	partnerMac    = "33333333-0000-4000-8000-000000000003"
	partnerPhone  = "44444444-0000-4000-8000-000000000004"
	partnerGroup  = "55555555-0000-4000-8000-000000000005"
	messageA      = "aaaaaaaa-0000-4000-8000-00000000000a"
	messageB      = "bbbbbbbb-0000-4000-8000-00000000000b"

	partnerScope = "https://api.manage.microsoft.com//.default"
)

// partnerWorld is a tenant that is ready for a partner: registered for macOS
// and iOS, with a user, a group, a Mac and a phone.
type partnerWorld struct {
	world
	graphURL string // without a version
}

func newPartnerWorld(t testing.TB, o *azuresim.Options) *partnerWorld {
	t.Helper()
	w := &partnerWorld{world: world{sim: azuresim.New(o)}, graphURL: "https://graph.microsoft.com"}
	w.client = w.sim.Client()
	w.tenant = w.sim.AddTenant(azuresim.Tenant{ID: partnerTenant, Domain: "contoso.example"})
	w.app = w.sim.AddApplication(azuresim.Application{
		Name: "partner", Secrets: []azuresim.Secret{{Value: "s3cret"}},
		Roles: []string{"Application.Read.All", "DeviceManagementServiceConfig.Read.All", "update_device_attributes", "manage_partner_compliance_policy"},
	})
	w.sim.Consent(w.tenant.ID, w.app.ClientID)
	w.sim.RegisterPartner(w.tenant.ID, w.app.ClientID, azuresim.PartnerMacOS, azuresim.PartnerIOS)
	w.sim.AddUser(w.tenant.ID, azuresim.User{ID: partnerUser, UserPrincipalName: "ada@contoso.example"})
	w.sim.AddGroup(w.tenant.ID, azuresim.Group{ID: partnerGroup, DisplayName: "Macs"})
	w.sim.AddDevice(w.tenant.ID, azuresim.Device{DeviceID: partnerMac, OperatingSystem: "MacMDM"})
	w.sim.AddDevice(w.tenant.ID, azuresim.Device{DeviceID: partnerPhone, OperatingSystem: "IPhone"})
	return w
}

// endpoint discovers the address of a service as a client does.
func (w *partnerWorld) endpoint(t testing.TB, provider string) string {
	t.Helper()
	header := http.Header{"Authorization": {"Bearer " + w.token(t)}}
	r := w.send(t, http.MethodGet, w.graphURL+"/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints", "", header)
	var answer struct {
		Value []struct{ ProviderName, URI string }
	}
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil || r.status != 200 {
		t.Fatalf("discovery: %d %s", r.status, r.body)
	}
	for _, e := range answer.Value {
		if e.ProviderName == provider {
			return e.URI
		}
	}
	t.Fatalf("discovery: no %s in %s", provider, r.body)
	return ""
}

func (w *partnerWorld) devices(t testing.TB) string {
	return w.endpoint(t, "PartnerDeviceDataSyncService")
}

func (w *partnerWorld) tenants(t testing.TB) string {
	return w.endpoint(t, "PartnerTenantDataSyncService")
}

// partnerToken gets a token for the partner services.
func (w *partnerWorld) partnerToken(t testing.TB) string {
	t.Helper()
	return w.token(t, "scope", partnerScope)
}

// call sends a request with a token of the partner services.
func (w *partnerWorld) call(t testing.TB, method, address, body string) reply {
	t.Helper()
	header := http.Header{"Authorization": {"Bearer " + w.partnerToken(t)}}
	if body != "" {
		header.Set("Content-Type", "application/json")
	}
	return w.send(t, method, address, body, header)
}

func (w *partnerWorld) upload(t testing.TB, id, content string) reply {
	t.Helper()
	return w.call(t, http.MethodPut, w.devices(t)+"/DataUploadMessages(guid'"+id+"')?api-version=1.2", envelope(content))
}

func (w *partnerWorld) status(t testing.TB, id string) reply {
	t.Helper()
	return w.call(t, http.MethodGet, w.devices(t)+"/DataUploadMessages(guid'"+id+"')?api-version=1.2", "")
}

func (w *partnerWorld) provision(t testing.TB, wish int) reply {
	t.Helper()
	body := `{"Provisioned":1,"PartnerEnrollmentUrl":"https://mdm.example/enroll","PartnerRemediationUrl":"https://mdm.example/help"}`
	if wish == 2 {
		body = `{"Provisioned":2,"PartnerEnrollmentUrl":"https://mdm.example/enroll","PartnerRemediationUrl":"https://mdm.example/help"}`
	}
	return w.call(t, http.MethodPut, w.tenants(t)+"/PartnerTenants(guid'"+partnerTenant+"')?api-version=1.6", body)
}

func envelope(content string) string {
	text, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	return `{"TenantId":"` + partnerTenant + `","UploadTime":"2026-01-31T10:00:00Z","Content":` + string(text) + `}`
}

// standing is what a test says of a device; empty fields have defaults.
type standing struct {
	device, user, name, system, version, updated string
	managed, compliant                           bool
}

// content writes the two entries of each device.
func content(all ...standing) string {
	var entries []any
	for _, s := range all {
		or := func(value, other string) string {
			if value == "" {
				return other
			}
			return value
		}
		managed, compliant := "notManaged", "notCompliant"
		if s.managed {
			managed = "managed"
		}
		if s.compliant {
			compliant = "compliant"
		}
		device, user, updated := or(s.device, partnerMac), or(s.user, partnerUser), or(s.updated, "2026-01-31T10:00:00Z")
		entries = append(entries, map[string]any{
			"EntityType": 1, "TenantId": partnerTenant, "DeviceManagementState": managed, "DeviceId": device,
			"DeviceName": or(s.name, "MAC-1"), "UserId": user, "LastCheckInTime": "2026-01-31T09:00:00Z", "LastUpdateTime": updated,
			"Os": or(s.system, "macOS"), "OsVersion": or(s.version, "15.3.1"), "EasIds": []string{}, "State": 0,
		}, map[string]any{
			"EntityType": 4, "TenantId": partnerTenant, "DeviceId": device, "UserId": user,
			"LastUpdateTime": updated, "complianceStatus": compliant,
		})
	}
	text, err := json.Marshal(entries)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// The whole way: provision, policy, assignment, report, status, standing.
func TestPartnerReport(t *testing.T) {
	w := newPartnerWorld(t, nil)
	r := w.provision(t, 1)
	var provisioned struct {
		Key, ContextID              string
		Provisioned, HTTPStatusCode int
		ErrorDetail                 *string
	}
	if err := json.Unmarshal([]byte(r.body), &provisioned); err != nil || r.status != 200 || provisioned.Provisioned != 1 ||
		provisioned.HTTPStatusCode != 200 || provisioned.ContextID != partnerTenant || provisioned.Key == "" || provisioned.ErrorDetail != nil {
		t.Fatalf("provision: %d %s", r.status, r.body)
	}
	policies := w.tenants(t) + "/PartnerCompliancePolicies"
	r = w.call(t, http.MethodPost, policies+"?api-version=1.6",
		`{"DisplayName":"P","Description":"","Platform":"macOS","PartnerManagedCompliance":true}`)
	var policy struct {
		ID, Platform string
	}
	if err := json.Unmarshal([]byte(r.body), &policy); err != nil || r.status != 201 || policy.Platform != "macOS" {
		t.Fatalf("policy: %d %s", r.status, r.body)
	}
	r = w.call(t, http.MethodPost, policies+"(guid'"+policy.ID+"')/Assign?api-version=1.6", `{"assignments":["`+partnerGroup+`"]}`)
	if want := `{"value":"{\"assignments\":[\"` + partnerGroup + `\"]}"}`; r.status != 200 || r.body != want {
		t.Fatalf("assign: %d %s, want %s", r.status, r.body, want)
	}
	r = w.upload(t, messageA, content(standing{managed: true, compliant: true}))
	if want := `{"ErrorCode":"202","ErrorDetail":null}`; r.status != 200 || r.body != want {
		t.Fatalf("upload: %d %s, want %s", r.status, r.body, want)
	}
	r = w.status(t, messageA)
	if want := `{"Status":"Completed","ErrorCode":null,"ErrorDetail":null}`; r.status != 200 || r.body != want {
		t.Fatalf("status: %d %s, want %s", r.status, r.body, want)
	}
	d, _ := w.sim.Device(partnerTenant, partnerMac)
	if d.IsManaged == nil || !*d.IsManaged || d.IsCompliant == nil || !*d.IsCompliant || d.DisplayName != "MAC-1" || d.OperatingSystemVersion != "15.3.1" {
		t.Errorf("the device in Entra: %+v", d)
	}
	kept, found := w.sim.PartnerStanding(partnerTenant, partnerMac)
	want := azuresim.PartnerReport{
		DeviceID: partnerMac, UserID: partnerUser, DeviceName: "MAC-1", OS: "macOS", OSVersion: "15.3.1", Managed: true, Compliant: true,
		LastCheckIn: time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC), LastUpdate: time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC),
	}
	if diff := cmp.Diff(want, kept.Report); !found || diff != "" || kept.MessageID != messageA || kept.ShownAt.IsZero() {
		t.Errorf("standing: %v %+v (-want +got)\n%s", found, kept, diff)
	}
}

// The same way for a client that knows nothing but the listener's address.
func TestPartnerOnLoopback(t *testing.T) {
	w := newPartnerWorld(t, nil)
	l, err := w.sim.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	w.client, w.graphURL = l.Client(), l.URL()
	t.Cleanup(w.client.CloseIdleConnections)
	if got := w.devices(t); !strings.HasPrefix(got, l.URL()+"/fef."+partnerTenant+".azuresim.manage.microsoft.com/") {
		t.Errorf("published on loopback: %s", got)
	}
	if r := w.provision(t, 1); r.status != 200 || !strings.Contains(r.body, `"Provisioned":1`) {
		t.Fatalf("provision: %d %s", r.status, r.body)
	}
	if r := w.upload(t, messageA, content(standing{managed: true})); r.status != 200 || !strings.Contains(r.body, `"202"`) {
		t.Fatalf("upload: %d %s", r.status, r.body)
	}
	if r := w.status(t, messageA); r.status != 200 || !strings.Contains(r.body, `"Completed"`) {
		t.Fatalf("status: %d %s", r.status, r.body)
	}
	if u, err := url.Parse(w.tenants(t)); err != nil || u.Host != strings.TrimPrefix(l.URL(), "https://") {
		t.Errorf("the tenant service on loopback: %v %v", u, err)
	}
}
