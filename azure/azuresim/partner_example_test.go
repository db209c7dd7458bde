package azuresim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// say sends one request of a partner and answers what came back.
func say(client *http.Client, token, method, address, body string) (string, error) {
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", string(text))), err
}

// message writes the message of one device.
func message(tenantID, deviceID, userID, status string) string {
	content := `[{"EntityType":1,"TenantId":"` + tenantID + `","DeviceManagementState":"managed","DeviceId":"` + deviceID +
		`","DeviceName":"Ada's Mac","UserId":"` + userID + `","LastCheckInTime":"2026-01-31T09:58:00Z","LastUpdateTime":"2026-01-31T10:00:00Z",` +
		`"Os":"macOS","OsVersion":"15.3.1","EasIds":[],"State":0},` +
		`{"EntityType":4,"TenantId":"` + tenantID + `","DeviceId":"` + deviceID + `","UserId":"` + userID +
		`","LastUpdateTime":"2026-01-31T10:00:00Z","complianceStatus":"` + status + `"}]`
	quoted, _ := json.Marshal(content)
	return `{"TenantId":"` + tenantID + `","UploadTime":"2026-01-31T10:00:01Z","Content":` + string(quoted) + `}`
}

// A Mac is reported in the demo world: accepted at once, settled half a minute
// later.
func Example_partner() {
	now := time.Date(2026, 1, 31, 10, 0, 1, 0, time.UTC)
	sim := azuresim.New(&azuresim.Options{
		Clock:   func() time.Time { return now },
		Partner: azuresim.PartnerOptions{ProcessingDelay: 30 * time.Second},
	})
	world, err := sim.Load(azuresim.DemoWorld())
	if err != nil {
		fmt.Println(err)
		return
	}
	tenant, app := world.Tenants[0], world.Applications[0]
	mac, user := tenant.Devices[4].DeviceID, tenant.Users[0].ID
	client := sim.Client()
	token, err := getToken(client, "https://login.microsoftonline.com", tenant.ID, app.ClientID, "demo-secret", "https://api.manage.microsoft.com//.default")
	if err != nil {
		fmt.Println(err)
		return
	}
	// A client finds this address through Graph.
	devices := sim.Endpoints(tenant.ID)[1].URI
	address := devices + "/DataUploadMessages(guid'007c8232-9489-4074-9b35-345b16f0a72d')?api-version=1.2"
	fmt.Println(say(client, token, http.MethodPut, address, message(tenant.ID, mac, user, "compliant")))
	fmt.Println(say(client, token, http.MethodGet, address, ""))
	now = now.Add(30 * time.Second)
	fmt.Println(say(client, token, http.MethodGet, address, ""))

	shown, _ := sim.Device(tenant.ID, mac)
	kept, _ := sim.PartnerStanding(tenant.ID, mac)
	fmt.Println(shown.DisplayName, *shown.IsCompliant, kept.Report.LastUpdate.Format(time.TimeOnly), kept.ShownAt.Format(time.TimeOnly))
	// Output:
	// 200 {"ErrorCode":"202","ErrorDetail":null} <nil>
	// 200 {"Status":"Pending","ErrorCode":null,"ErrorDetail":null} <nil>
	// 200 {"Status":"Completed","ErrorCode":null,"ErrorDetail":null} <nil>
	// Ada's Mac true 10:00:00 10:00:31
}

// A tenant is set up: consent, registration, provisioning.
func ExampleSimulator_RegisterPartner() {
	sim := azuresim.New(nil)
	tenant := sim.AddTenant(azuresim.Tenant{})
	app := sim.AddApplication(azuresim.Application{Roles: []string{"update_device_attributes", "manage_partner_compliance_policy"}})
	sim.Consent(tenant.ID, app.ClientID)
	sim.RegisterPartner(tenant.ID, app.ClientID, azuresim.PartnerIOS) // and not for macOS

	client := sim.Client()
	token, err := getToken(client, "https://login.microsoftonline.com", tenant.ID, app.ClientID, app.Secrets[0].Value, "https://api.manage.microsoft.com//.default")
	if err != nil {
		fmt.Println(err)
		return
	}
	service := sim.Endpoints(tenant.ID)[0].URI
	answer, err := say(client, token, http.MethodPut, service+"/PartnerTenants(guid'"+tenant.ID+"')?api-version=1.6",
		`{"Provisioned":1,"PartnerEnrollmentUrl":"https://mdm.example/enroll","PartnerRemediationUrl":"https://mdm.example/help"}`)
	fmt.Println(strings.Contains(answer, `"Provisioned":1`), err)
	for _, platform := range []string{"iOS", "macOS"} {
		answer, err := say(client, token, http.MethodPost, service+"/PartnerCompliancePolicies?api-version=1.6",
			`{"DisplayName":"Phones","Description":"","Platform":"`+platform+`","PartnerManagedCompliance":true}`)
		fmt.Println(platform, answer[:3], err)
	}
	partner := sim.CompliancePartners(tenant.ID)[0]
	fmt.Println(partner.PartnerState, "iOS:", partner.IOSOnboarded, "macOS:", partner.MacOSOnboarded)
	// Output:
	// true <nil>
	// iOS 201 <nil>
	// macOS 204 <nil>
	// enabled iOS: true macOS: false
}

// The administrator cancels; the next one consents.
func ExampleSimulator_SetAdministrator() {
	sim := azuresim.New(nil)
	tenant := sim.AddTenant(azuresim.Tenant{ID: "5a1f0000-0000-4000-8000-000000000009"})
	app := sim.AddApplication(azuresim.Application{})
	client := sim.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	page := "https://login.microsoftonline.com/" + tenant.ID + "/adminconsent?" +
		url.Values{"client_id": {app.ClientID}, "state": {"once"}, "redirect_uri": {"https://mdm.example/back"}}.Encode()
	for _, refuses := range []bool{true, false} {
		sim.SetAdministrator(tenant.ID, azuresim.Administrator{Refuses: refuses})
		resp, err := client.Get(page)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(resp.Header.Get("Location"), resp.Body.Close())
	}
	// Output:
	// https://mdm.example/back?error=permission_denied&error_description=The+admin+canceled+the+request&state=once&tenant=5a1f0000-0000-4000-8000-000000000009 <nil>
	// https://mdm.example/back?admin_consent=True&state=once&tenant=5a1f0000-0000-4000-8000-000000000009 <nil>
}

// The first message about a device fails, after it was accepted.
func ExampleSimulator_Decide() {
	sim := azuresim.New(nil)
	world, err := sim.Load(azuresim.DemoWorld())
	if err != nil {
		fmt.Println(err)
		return
	}
	tenant, app := world.Tenants[0], world.Applications[0]
	mac, user := tenant.Devices[4].DeviceID, tenant.Users[0].ID
	sim.Decide(azuresim.MessageOutcome{
		Match:  func(m azuresim.PartnerMessage) bool { return m.Reports[0].DeviceID == mac },
		Failed: true, ErrorCode: "5002", ErrorDetail: "The user has no licence.", Times: 1,
	})
	token, err := getToken(sim.Client(), "https://login.microsoftonline.com", tenant.ID, app.ClientID, "demo-secret", "https://api.manage.microsoft.com//.default")
	if err != nil {
		fmt.Println(err)
		return
	}
	address := sim.Endpoints(tenant.ID)[1].URI + "/DataUploadMessages(guid'007c8232-9489-4074-9b35-345b16f0a72d')?api-version=1.2"
	fmt.Println(say(sim.Client(), token, http.MethodPut, address, message(tenant.ID, mac, user, "notCompliant")))
	fmt.Println(say(sim.Client(), token, http.MethodGet, address, ""))
	_, kept := sim.PartnerStanding(tenant.ID, mac)
	fmt.Println("a standing was kept:", kept)
	// Output:
	// 200 {"ErrorCode":"202","ErrorDetail":null} <nil>
	// 200 {"Status":"Failed","ErrorCode":"5002","ErrorDetail":"The user has no licence."} <nil>
	// a standing was kept: false
}

// A 200 that carries a failure.
func ExamplePartnerFault() {
	sim := azuresim.New(nil)
	world, err := sim.Load(azuresim.DemoWorld())
	if err != nil {
		fmt.Println(err)
		return
	}
	tenant, app := world.Tenants[1], world.Applications[0]
	sim.Inject(azuresim.Fault{Match: azuresim.ForPartnerTenants(), Partner: &azuresim.PartnerFault{HTTPStatusCode: 403, ErrorDetail: "The tenant is not licensed."}})
	token, err := getToken(sim.Client(), "https://login.microsoftonline.com", tenant.ID, app.ClientID, "demo-secret", "https://api.manage.microsoft.com//.default")
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := say(sim.Client(), token, http.MethodPut, sim.Endpoints(tenant.ID)[0].URI+"/PartnerTenants(guid'"+tenant.ID+"')?api-version=1.6",
		`{"Provisioned":1,"PartnerEnrollmentUrl":"https://mdm.example/enroll","PartnerRemediationUrl":"https://mdm.example/help"}`)
	_, provisioned := sim.PartnerTenant(tenant.ID, app.ClientID)
	fmt.Println(answer, err, provisioned)
	// Output:
	// 200 {"Key":"00000000-0000-0000-0000-000000000000","ContextId":"5a1f0000-0000-4000-8000-001000000001","Provisioned":0,"HttpStatusCode":403,"ErrorDetail":"The tenant is not licensed."} <nil> false
}

// The addresses that a tenant publishes are any text; where a client went that
// believed one is known.
func ExampleSimulator_SetEndpoints() {
	sim := azuresim.New(nil)
	tenant := sim.AddTenant(azuresim.Tenant{})
	sim.SetEndpoints(tenant.ID, azuresim.Endpoint{ProviderName: "PartnerDeviceDataSyncService", URI: "https://manage.microsoft.com.evil.example/D"})

	_, err := say(sim.Client(), "a token", http.MethodPut, sim.Endpoints(tenant.ID)[0].URI+"/DataUploadMessages", "")
	fmt.Println(err != nil, len(sim.Strays()), sim.Strays()[0].Host)
	// Output: true 1 manage.microsoft.com.evil.example
}
