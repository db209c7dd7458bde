package msgraph_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	khttp "github.com/microsoft/kiota-http-go"
	msgraphsdk "github.com/microsoftgraph/msgraph-sdk-go"
	core "github.com/microsoftgraph/msgraph-sdk-go-core"
	graphauth "github.com/microsoftgraph/msgraph-sdk-go-core/authentication"
	"github.com/microsoftgraph/msgraph-sdk-go/devices"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// setup answers the SDK's client with its default middleware, over the
// simulator's transport.
func setup(t *testing.T, sim *azuresim.Simulator) (*msgraphsdk.GraphServiceClient, *msgraphsdk.GraphRequestAdapter, azuresim.Tenant) {
	t.Helper()
	tenant := sim.AddTenant(azuresim.Tenant{})
	app := sim.AddApplication(azuresim.Application{Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true})
	sim.Consent(tenant.ID, app.ClientID)
	credential, err := azidentity.NewClientSecretCredential(tenant.ID, app.ClientID, app.Secrets[0].Value,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: azcore.ClientOptions{Transport: sim.Client()}})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := graphauth.NewAzureIdentityAuthenticationProviderWithScopes(credential, []string{"https://graph.microsoft.com/.default"})
	if err != nil {
		t.Fatal(err)
	}
	options := msgraphsdk.GetDefaultClientOptions()
	middleware := core.GetDefaultMiddlewaresWithOptions(&options)
	client := &http.Client{Transport: khttp.NewCustomTransportWithParentTransport(sim.Transport(), middleware...)}
	adapter, err := msgraphsdk.NewGraphRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(auth, nil, nil, client)
	if err != nil {
		t.Fatal(err)
	}
	return msgraphsdk.NewGraphServiceClient(adapter), adapter, tenant
}

func standing(managed, compliant bool) models.Deviceable {
	d := models.NewDevice()
	d.SetIsManaged(&managed)
	d.SetIsCompliant(&compliant)
	return d
}

func TestPatchGetDelete(t *testing.T) {
	sim := azuresim.New(nil)
	client, _, tenant := setup(t, sim)
	device := sim.AddDevice(tenant.ID, azuresim.Device{DisplayName: "PC"})
	byDeviceID := client.DevicesWithDeviceId(&device.DeviceID)

	if _, err := byDeviceID.Patch(t.Context(), standing(true, false), nil); err != nil {
		t.Fatalf("PATCH by deviceId: %v", err)
	}
	now, _ := sim.Device(tenant.ID, device.DeviceID)
	if now.IsManaged == nil || !*now.IsManaged || now.IsCompliant == nil || *now.IsCompliant {
		t.Errorf("the device: %+v", now)
	}
	if _, err := client.Devices().ByDeviceId(device.ObjectID).Patch(t.Context(), standing(true, true), nil); err != nil {
		t.Fatalf("PATCH by object id: %v", err)
	}
	got, err := byDeviceID.Get(t.Context(), nil)
	if err != nil {
		t.Fatalf("GET: %v", err)
	}
	if *got.GetDisplayName() != "PC" || !*got.GetIsCompliant() || *got.GetId() != device.ObjectID {
		t.Errorf("GET answered %q %t", *got.GetDisplayName(), *got.GetIsCompliant())
	}
	filter := "deviceId eq '" + device.DeviceID + "'"
	list, err := client.Devices().Get(t.Context(), &devices.DevicesRequestBuilderGetRequestConfiguration{
		QueryParameters: &devices.DevicesRequestBuilderGetQueryParameters{Filter: &filter, Select: []string{"id", "deviceId"}},
	})
	if err != nil || len(list.GetValue()) != 1 {
		t.Errorf("list: %v", err)
	}
	if err := byDeviceID.Delete(t.Context(), nil); err != nil {
		t.Fatalf("DELETE: %v", err)
	}
	_, err = byDeviceID.Get(t.Context(), nil)
	failed, ok := errors.AsType[*odataerrors.ODataError](err)
	if !ok || failed.ResponseStatusCode != 404 || *failed.GetErrorEscaped().GetCode() != "Request_ResourceNotFound" {
		t.Errorf("GET after DELETE: %v", err)
	}
}

func TestPages(t *testing.T) {
	sim := azuresim.New(nil)
	client, adapter, tenant := setup(t, sim)
	for range 250 {
		sim.AddDevice(tenant.ID, azuresim.Device{})
	}
	first, err := client.Devices().Get(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := core.NewPageIterator[models.Deviceable](first, adapter, models.CreateDeviceCollectionResponseFromDiscriminatorValue)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := pages.Iterate(t.Context(), func(models.Deviceable) bool { n++; return true }); err != nil || n != 250 {
		t.Errorf("%d devices, %v", n, err)
	}
}

func TestBatchHelper(t *testing.T) {
	sim := azuresim.New(nil)
	client, adapter, tenant := setup(t, sim)
	windows := sim.AddDevice(tenant.ID, azuresim.Device{DisplayName: "PC"})
	mac := sim.AddDevice(tenant.ID, azuresim.Device{OperatingSystem: "MacMDM"})
	gone := sim.AddDevice(tenant.ID, azuresim.Device{})

	batch := core.NewBatchRequest(adapter)
	ids := map[string]string{}
	for name, id := range map[string]string{"windows": windows.DeviceID, "mac": mac.DeviceID} {
		request, err := client.DevicesWithDeviceId(&id).ToPatchRequestInformation(t.Context(), standing(true, true), nil)
		if err != nil {
			t.Fatal(err)
		}
		item, err := batch.AddBatchRequestStep(*request)
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = *item.GetId()
	}
	read, err := client.DevicesWithDeviceId(&mac.DeviceID).ToGetRequestInformation(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	item, err := batch.AddBatchRequestStep(*read)
	if err != nil {
		t.Fatal(err)
	}
	ids["read"] = *item.GetId()
	remove, err := client.DevicesWithDeviceId(&gone.DeviceID).ToDeleteRequestInformation(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if item, err = batch.AddBatchRequestStep(*remove); err != nil {
		t.Fatal(err)
	}
	ids["delete"] = *item.GetId()

	response, err := batch.Send(t.Context(), adapter)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int32{"windows": 204, "mac": 400, "read": 200, "delete": 204}
	for name, id := range ids {
		answer := response.GetResponseById(id)
		if answer == nil || *answer.GetStatus() != want[name] {
			t.Errorf("%s: %v, want %d", name, answer, want[name])
		}
	}
	got, err := core.GetBatchResponseById[models.Deviceable](response, ids["read"], models.CreateDeviceFromDiscriminatorValue)
	if err != nil || *got.GetOperatingSystem() != "MacMDM" {
		t.Errorf("the read item: %v", err)
	}
	// Without an error factory of the caller's the helper says the status only;
	// the body is there all the same.
	if _, err = core.GetBatchResponseById[models.Deviceable](response, ids["mac"], models.CreateDeviceFromDiscriminatorValue); err == nil {
		t.Error("the refused item is no error")
	}
	body, err := json.Marshal(response.GetResponseById(ids["mac"]).GetBody())
	if err != nil || !strings.Contains(string(body), "windows devices") {
		t.Errorf("the refused item: %s, %v", body, err)
	}
}
