package main

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/examples/internal/channels"
	"github.com/mdmkit/devicestatus/examples/internal/environ"
)

// connection is a reporter with what it has cost so far.
type connection struct {
	reporter      *azure.Router
	tokens, calls counter // requests to Entra, and to Microsoft Graph and the partner services
	close         func()
}

// counter counts requests, retries included. It is a policy of the Azure SDK.
type counter struct{ n atomic.Int64 }

// Do implements policy.Policy.
func (c *counter) Do(req *policy.Request) (*http.Response, error) {
	c.n.Add(1)
	return req.Next()
}

// connect makes the credential, and the reporter that takes its tokens from
// it. One of each serves any number of tenants. The partner services' addresses
// are found through Microsoft Graph; of those that are not Microsoft's own only
// trusted ones are given a token.
func connect(clientID string, proof msal.Proof, where azcore.ClientOptions, knownAuthority bool, trusted ...string) (*connection, error) {
	c := &connection{close: func() {}}

	tokens := where
	tokens.PerRetryPolicies = []policy.Policy{&c.tokens}
	proofs := func(context.Context) ([]msal.Proof, error) { return []msal.Proof{proof}, nil }
	credential, err := msal.NewRotatingCredential(clientID, proofs, &msal.Options{
		ClientOptions: tokens, DisableInstanceDiscovery: !knownAuthority,
	})
	if err != nil {
		return nil, err
	}

	calls := where
	calls.PerRetryPolicies = []policy.Policy{&c.calls}
	calls.Retry.MaxRetries = -1 // the engine does the waiting
	reports, err := channels.Connect(credential, calls, trusted...)
	if err != nil {
		return nil, err
	}
	c.reporter = reports.Router
	return c, nil
}

// connectMicrosoft reaches the real Microsoft, through transport unless it is
// nil.
func connectMicrosoft(o environ.Config, transport policy.Transporter) (*connection, error) {
	return connect(o.ClientID, o.Proof, azcore.ClientOptions{
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: o.Authority}, Transport: transport,
	}, true)
}

// connectSimulator starts a simulator on loopback that knows the fleet.
func connectSimulator(devices []device) (*connection, error) {
	sim := azuresim.New(nil)
	world, err := sim.Load(simulatedWorld(devices))
	if err != nil {
		return nil, err
	}
	listener, err := sim.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	app, address, client := world.Applications[0], listener.URL(), listener.Client()
	c, err := connect(app.ClientID, msal.Secret(app.Secrets[0].Value), azcore.ClientOptions{
		Cloud: cloud.Configuration{
			ActiveDirectoryAuthorityHost: address,
			Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				graph.ServiceName:  {Endpoint: address},
				intune.ServiceName: {Audience: "https://api.manage.microsoft.com/", Endpoint: "https://manage.microsoft.com"},
			},
		},
		Transport: client,
	}, false, strings.TrimPrefix(address, "https://"))
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	c.close = func() {
		client.CloseIdleConnections()
		_ = listener.Close() // nobody else listens
	}
	return c, nil
}

// simulatedWorld has the fleet's tenants, their registered devices and the
// users of those, and an application that each tenant has consented to: an
// approved MDM application and a compliance partner that is set up.
func simulatedWorld(devices []device) azuresim.World {
	const clientID = "5d1c1d2e-7c40-4c1e-9d5b-0a6f3b7c2d11"
	app := azuresim.WorldApplication{
		ClientID: clientID, Name: "quickstart", ApprovedMDM: true,
		Roles: []string{"Device.ReadWrite.All", "Application.Read.All", "User.Read.All", "update_device_attributes"},
	}
	var world azuresim.World
	place := map[string]int{} // of a tenant in world
	there := map[string]bool{}
	once := func(kind, tenantID, id string) bool {
		key := kind + tenantID + id
		first := id != "" && !there[key]
		there[key] = true
		return first
	}
	for _, d := range devices {
		at, known := place[d.tenantID]
		if !known {
			at = len(world.Tenants)
			place[d.tenantID] = at
			world.Tenants = append(world.Tenants, azuresim.WorldTenant{Tenant: azuresim.Tenant{ID: d.tenantID, Partners: []azuresim.CompliancePartner{{
				DisplayName: "quickstart", ClientID: clientID, Provisioned: true,
				IOSOnboarded: true, AndroidOnboarded: true, MacOSOnboarded: true,
			}}}})
			app.Consents = append(app.Consents, azuresim.WorldConsent{TenantID: d.tenantID})
		}
		tenant := &world.Tenants[at]
		if once("device", d.tenantID, d.azureID) {
			tenant.Devices = append(tenant.Devices, azuresim.Device{DeviceID: d.azureID, OperatingSystem: systems[d.platform]})
		}
		switch {
		case once("user", d.tenantID, d.userID):
			tenant.Users = append(tenant.Users, azuresim.User{ID: d.userID, UserPrincipalName: d.userID + "@users.example"})
		case d.userID == "" && once("name", d.tenantID, strings.ToLower(d.upn)):
			tenant.Users = append(tenant.Users, azuresim.User{UserPrincipalName: d.upn})
		}
	}
	world.Applications = []azuresim.WorldApplication{app}
	return world
}

// systems are the operating systems of the simulated devices.
var systems = map[azure.Platform]string{
	azure.PlatformWindows: "Windows", azure.PlatformIOS: "iOS", azure.PlatformIPadOS: "iPadOS",
	azure.PlatformAndroid: "Android", azure.PlatformMacOS: "macOS",
}
