// Reports one device by this library, with azidentity.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
)

func main() {
	cred, err := azidentity.NewClientSecretCredential(os.Getenv("TENANT"), os.Getenv("CLIENT"), os.Getenv("SECRET"), nil)
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
