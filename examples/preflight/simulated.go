package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/examples/internal/channels"
)

// simulate starts a simulator of the demonstration world and answers a tenant
// of it by the first part of its domain.
func simulate(ctx context.Context, name string) (target, error) {
	if name == "" {
		name = "contoso"
	}
	sim := azuresim.New(nil)
	world, err := sim.Load(azuresim.DemoWorld())
	if err != nil {
		return target{}, err
	}
	for _, tenant := range world.Tenants {
		if first, _, _ := strings.Cut(tenant.Domain, "."); first != name {
			continue
		}
		app := world.Applications[0]
		to, err := channels.Simulate(sim, app.ClientID, app.Secrets[0].Value)
		if err != nil {
			return target{}, err
		}
		if name == "contoso" {
			if err := setUp(ctx, to.Intune, tenant); err != nil {
				to.Close()
				return target{}, err
			}
		}
		return target{id: tenant.ID, name: tenant.Domain, simulated: true, router: to.Router, close: to.Close}, nil
	}
	return target{}, fmt.Errorf("-simulate %.20q: there are contoso, fabrikam and tailspin", name)
}

// setUp does for a tenant what a service does once its administrator has
// consented and added the partner.
func setUp(ctx context.Context, partner *intune.Reporter, tenant azuresim.WorldTenant) error {
	err := partner.Provision(ctx, tenant.ID, intune.Provisioning{
		EnrollmentURL: "https://mdm.example/enroll", RemediationURL: "https://mdm.example/why",
	})
	if err != nil {
		return err
	}
	for _, p := range []azure.Platform{azure.PlatformIOS, azure.PlatformAndroid, azure.PlatformMacOS} {
		made, err := partner.EnsurePolicy(ctx, tenant.ID, p, "demo MDM", "Devices that the demo MDM manages")
		if err != nil {
			return err
		}
		if err := partner.AssignPolicy(ctx, tenant.ID, made.ID, tenant.Groups[0].ID); err != nil {
			return err
		}
	}
	return nil
}
