package main

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/examples/internal/environ"
)

// connection is a reporter with what it has cost so far.
type connection struct {
	reporter      azure.Reporter
	tokens, calls counter // requests to Entra and to Microsoft Graph
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
// it. One of each serves any number of tenants.
func connect(clientID string, proof msal.Proof, where azcore.ClientOptions, knownAuthority bool) (*connection, error) {
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
	c.reporter, err = graph.New(credential, &graph.Options{ClientOptions: calls})
	return c, err
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
			Services:                     map[cloud.ServiceName]cloud.ServiceConfiguration{graph.ServiceName: {Endpoint: address}},
		},
		Transport: client,
	}, false)
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

// simulatedWorld has the fleet's tenants, their registered Windows devices,
// and an approved MDM application that each tenant has consented to.
func simulatedWorld(devices []device) azuresim.World {
	app := azuresim.WorldApplication{Name: "quickstart", Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true}
	var world azuresim.World
	place := map[string]int{} // of a tenant in world
	there := map[string]bool{}
	for _, d := range devices {
		at, known := place[d.tenantID]
		if !known {
			at = len(world.Tenants)
			place[d.tenantID] = at
			world.Tenants = append(world.Tenants, azuresim.WorldTenant{Tenant: azuresim.Tenant{ID: d.tenantID}})
			app.Consents = append(app.Consents, azuresim.WorldConsent{TenantID: d.tenantID})
		}
		if key := d.tenantID + d.azureID; hasChannel(d.platform) && d.azureID != "" && !there[key] {
			there[key] = true
			world.Tenants[at].Devices = append(world.Tenants[at].Devices, azuresim.Device{DeviceID: d.azureID, OperatingSystem: "Windows"})
		}
	}
	world.Applications = []azuresim.WorldApplication{app}
	return world
}
