package azuresim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// getToken is what an OAuth library does.
func getToken(client *http.Client, authority, tenantID, clientID, secret, scope string) (string, error) {
	resp, err := client.PostForm(authority+"/"+tenantID+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret}, "scope": {scope},
	})
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", err
	}
	if answer.Token == "" {
		return "", fmt.Errorf("%d %s", resp.StatusCode, answer.Error)
	}
	return answer.Token, nil
}

// report is what an MDM does: one PATCH.
func report(client *http.Client, graph, token, deviceID string) (*http.Response, error) {
	req, err := http.NewRequest(http.MethodPatch, graph+"/v1.0/devices(deviceId='"+deviceID+"')",
		strings.NewReader(`{"isManaged":true,"isCompliant":false}`))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	return resp, resp.Body.Close()
}

// A tenant, an application with a secret and a permission, and a Windows
// device, in five lines; then one report over production addresses.
func Example() {
	sim := azuresim.New(nil)
	tenant := sim.AddTenant(azuresim.Tenant{})
	app := sim.AddApplication(azuresim.Application{Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true})
	sim.Consent(tenant.ID, app.ClientID)
	device := sim.AddDevice(tenant.ID, azuresim.Device{OperatingSystem: "Windows"})

	client := sim.Client() // answers Microsoft's host names in process
	token, err := getToken(client, "https://login.microsoftonline.com", tenant.ID, app.ClientID, app.Secrets[0].Value,
		"https://graph.microsoft.com/.default")
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := report(client, "https://graph.microsoft.com", token, device.DeviceID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Status)

	now, _ := sim.Device(tenant.ID, device.DeviceID)
	fmt.Println("managed:", *now.IsManaged, "compliant:", *now.IsCompliant)
	fmt.Println("writes:", sim.WriteCount(tenant.ID, device.DeviceID))
	// Output:
	// 204 No Content
	// managed: true compliant: false
	// writes: 1
}

// The write is applied, its answer is lost; the next one is throttled.
func ExampleSimulator_Inject() {
	sim := azuresim.New(nil)
	tenant := sim.AddTenant(azuresim.Tenant{})
	app := sim.AddApplication(azuresim.Application{Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true})
	sim.Consent(tenant.ID, app.ClientID)
	device := sim.AddDevice(tenant.ID, azuresim.Device{})

	sim.Inject(azuresim.Fault{Match: azuresim.ForDevice(device.DeviceID), Times: 1, Reset: azuresim.ResetAfter})
	sim.Inject(azuresim.Fault{
		Match: azuresim.ForDevice(device.DeviceID), Times: 1,
		Status: 429, Code: "TooManyRequests", RetryAfter: "2.128",
	})

	token, err := getToken(sim.Client(), "https://login.microsoftonline.com", tenant.ID, app.ClientID, app.Secrets[0].Value,
		"https://graph.microsoft.com/.default")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = report(sim.Client(), "https://graph.microsoft.com", token, device.DeviceID)
	fmt.Println("lost:", err != nil, "writes:", sim.WriteCount(tenant.ID, device.DeviceID))
	resp, err := report(sim.Client(), "https://graph.microsoft.com", token, device.DeviceID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.StatusCode, resp.Header.Get("Retry-After"), "writes:", sim.WriteCount(tenant.ID, device.DeviceID))
	// Output:
	// lost: true writes: 1
	// 429 2.128 writes: 1
}

// Over TLS on loopback one address is the authority and Graph.
func ExampleSimulator_Listen() {
	sim := azuresim.New(nil)
	if _, err := sim.Load(azuresim.DemoWorld()); err != nil {
		fmt.Println(err)
		return
	}
	listener, err := sim.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()

	client := listener.Client() // or one of your own that trusts listener.CertPool()
	defer client.CloseIdleConnections()
	token, err := getToken(client, listener.URL(), "contoso.example", "5a1f0000-0000-4000-8000-0000000000a1", "demo-secret",
		listener.URL()+"/.default")
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := report(client, listener.URL(), token, "5a1f0000-0000-4000-8000-0000000000d1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.StatusCode)
	// Output: 204
}

// Two writes in ten seconds, and a date instead of seconds.
func ExampleThrottle() {
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	sim := azuresim.New(&azuresim.Options{
		Clock: func() time.Time { return noon },
		Throttle: azuresim.Throttle{
			TenantAppWrites: azuresim.Limit{Units: 2, Per: 10 * time.Second},
			RetryAfter:      azuresim.RetryAfterDate(http.TimeFormat),
		},
	})
	if _, err := sim.Load(azuresim.DemoWorld()); err != nil {
		fmt.Println(err)
		return
	}
	client := sim.Client()
	token, err := getToken(client, "https://login.microsoftonline.com", "contoso.example", "5a1f0000-0000-4000-8000-0000000000a1", "demo-secret",
		"https://graph.microsoft.com/.default")
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		resp, err := report(client, "https://graph.microsoft.com", token, "5a1f0000-0000-4000-8000-0000000000d1")
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(resp.StatusCode, resp.Header["Retry-After"])
	}
	// Output:
	// 204 []
	// 204 []
	// 429 [Sat, 31 Jan 2026 12:00:05 GMT]
}

// A simulator is filled from JSON, as the program in cmd/azuresim does.
func ExampleReadWorld() {
	world, err := azuresim.ReadWorld(strings.NewReader(`{
	  "tenants": [{"domain": "fabrikam.example", "cloud": "usgov", "devices": [{"displayName": "PC-1"}]}],
	  "applications": [{"name": "my MDM", "secrets": [{"value": "s3cret"}], "roles": ["Device.ReadWrite.All"], "approvedMdm": true}]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	loaded, err := azuresim.New(nil).Load(world)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(loaded.Tenants[0].Domain, loaded.Tenants[0].Devices[0].OperatingSystem, loaded.Applications[0].Secrets)
	// Output: fabrikam.example Windows [[secret]]
}
