package credentials_test

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
)

const (
	contoso  = "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11"
	fabrikam = "3f0d6f7e-52c1-4b8e-8c55-6f1f0f4f2b22"
	clientID = "5b7d0c1e-9d8f-4c7a-b1a4-2f6f3a9f8e33"
	deviceID = "007c8232-9489-4074-9b35-345b16f0a72d"
	secret   = "the secret's value"
)

// app.pfx is made by "openssl pkcs12 -export -legacy" and known to nobody but
// the simulator.
//
//go:embed testdata/app.pfx
var pfx []byte

const password = "example"

// simulated answers options that lead to a simulator instead of the network.
// It knows two tenants with a device each, and one application that both have
// consented to.
func simulated() azcore.ClientOptions {
	sim := azuresim.New(nil)
	certs, _, err := azidentity.ParseCertificates(pfx, []byte(password))
	if err != nil {
		panic(err)
	}
	sim.AddApplication(azuresim.Application{
		ClientID: clientID, Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true,
		Secrets: []azuresim.Secret{{Value: secret}}, Certificates: certs,
	})
	for _, tenant := range []string{contoso, fabrikam} {
		sim.AddTenant(azuresim.Tenant{ID: tenant})
		sim.Consent(tenant, clientID)
		sim.AddDevice(tenant, azuresim.Device{DeviceID: deviceID})
	}
	return azcore.ClientOptions{Transport: sim.Client()}
}

// report reports one device of each tenant with a credential, whichever it is.
func report(credential azcore.TokenCredential, options azcore.ClientOptions, tenants ...string) {
	reporter, err := graph.New(credential, &graph.Options{ClientOptions: options})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, tenant := range tenants {
		receipt, err := reporter.Report(context.Background(), azure.Report{
			TenantID: tenant, DeviceID: deviceID, Platform: azure.PlatformWindows, State: compliance.StateNonCompliant,
		})
		if failure, ok := errors.AsType[*azure.Error](err); ok {
			fmt.Printf("%v: %v\n", failure.Kind, failure.Outcome)
			continue
		}
		fmt.Println(receipt.State)
	}
}
