// Reports one device by this library, with MSAL.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/compliance"
)

func main() {
	cred, err := msal.NewClientSecretCredential(os.Getenv("CLIENT"), os.Getenv("SECRET"), nil)
	if err != nil {
		panic(err)
	}
	reporter, err := graph.New(cred, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(reporter.Report(context.Background(), azure.Report{
		TenantID: os.Getenv("TENANT"), DeviceID: os.Getenv("DEVICE"), Platform: azure.PlatformWindows, State: compliance.StateCompliant,
	}))
}
