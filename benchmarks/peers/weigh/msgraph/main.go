// Reports one device by msgraph-sdk-go, with azidentity.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	msgraphsdk "github.com/microsoftgraph/msgraph-sdk-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

func main() {
	cred, err := azidentity.NewClientSecretCredential(os.Getenv("TENANT"), os.Getenv("CLIENT"), os.Getenv("SECRET"), nil)
	if err != nil {
		panic(err)
	}
	client, err := msgraphsdk.NewGraphServiceClientWithCredentials(cred, []string{"https://graph.microsoft.com/.default"})
	if err != nil {
		panic(err)
	}
	device := models.NewDevice()
	device.SetIsManaged(new(true))
	device.SetIsCompliant(new(true))
	fmt.Println(client.DevicesWithDeviceId(new(os.Getenv("DEVICE"))).Patch(context.Background(), device, nil))
}
