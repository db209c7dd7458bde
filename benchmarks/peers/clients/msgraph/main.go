// This client reports by the generated Microsoft Graph SDK for Go, as its
// documentation shows it.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	khttp "github.com/microsoft/kiota-http-go"
	msgraphsdk "github.com/microsoftgraph/msgraph-sdk-go"
	core "github.com/microsoftgraph/msgraph-sdk-go-core"
	graphauth "github.com/microsoftgraph/msgraph-sdk-go-core/authentication"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"

	"github.com/mdmkit/devicestatus/benchmarks/peers/client"
	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

func main() { client.Main(dial) }

type sender struct {
	client *msgraphsdk.GraphServiceClient
	atOnce int
	typed  bool
}

var (
	scopes = []string{"https://graph.microsoft.com/.default"}
	hosts  = []string{"127.0.0.1"} // to which the SDK sends tokens
)

// dial makes the client as NewGraphServiceClientWithCredentials does, step by
// step: the address has to be there before the client is, or its batches name
// Microsoft's.
func dial(job talk.Job) (client.Sender, error) {
	auth, err := graphauth.NewAzureIdentityAuthenticationProviderWithScopesAndValidHosts(client.StaticToken{}, scopes, hosts)
	if err != nil {
		return nil, err
	}
	var adapter *msgraphsdk.GraphRequestAdapter
	if job.Uncompressed {
		adapter, err = uncompressed(auth)
	} else {
		adapter, err = msgraphsdk.NewGraphRequestAdapter(auth)
	}
	if err != nil {
		return nil, err
	}
	adapter.SetBaseUrl(job.URL + "/v1.0")
	return sender{msgraphsdk.NewGraphServiceClient(adapter), job.AtOnce, job.Typed}, nil
}

// uncompressed answers an adapter with the SDK's default middleware, but that
// requests are not compressed. No option of the client's does that: the
// middleware has to be put together again.
func uncompressed(auth *graphauth.AzureIdentityAuthenticationProvider) (*msgraphsdk.GraphRequestAdapter, error) {
	middleware, err := khttp.GetDefaultMiddlewaresWithOptions(khttp.NewCompressionOptionsReference(false))
	if err != nil {
		return nil, err
	}
	options := msgraphsdk.GetDefaultClientOptions()
	middleware = append([]khttp.Middleware{
		core.NewGraphTelemetryHandler(&options), khttp.NewUrlReplaceHandler(true, core.ReplacementPairs),
	}, middleware...)
	return msgraphsdk.NewGraphRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		auth, nil, nil, khttp.GetDefaultClient(middleware...))
}

func standing(d talk.Device) models.Deviceable {
	device := models.NewDevice()
	device.SetIsManaged(new(true))
	device.SetIsCompliant(&d.Compliant)
	return device
}

func (s sender) One(ctx context.Context, d talk.Device) error {
	_, err := s.client.DevicesWithDeviceId(&d.ID).Patch(ctx, standing(d), nil)
	return named(err)
}

func (s sender) Many(ctx context.Context, ds []talk.Device, errs []error) {
	client.Twenties(s.atOnce, ds, errs, func(ds []talk.Device, errs []error) {
		if err := s.twenty(ctx, ds, errs); err != nil {
			for i := range errs {
				errs[i] = named(err)
			}
		}
	})
}

func (s sender) twenty(ctx context.Context, ds []talk.Device, errs []error) error {
	batch := core.NewBatchRequest(s.client.GetAdapter())
	items := make([]core.BatchItem, len(ds))
	for i, d := range ds {
		request, err := s.client.DevicesWithDeviceId(&d.ID).ToPatchRequestInformation(ctx, standing(d), nil)
		if err != nil {
			return err
		}
		if items[i], err = batch.AddBatchRequestStep(*request); err != nil {
			return err
		}
	}
	answer, err := batch.Send(ctx, s.client.GetAdapter())
	if err != nil {
		return err
	}
	for i, item := range items {
		if s.typed {
			_, errs[i] = core.GetBatchResponseById[models.Deviceable](answer, *item.GetId(), models.CreateDeviceFromDiscriminatorValue)
			continue
		}
		got := answer.GetResponseById(*item.GetId())
		if got == nil || got.GetStatus() == nil {
			errs[i] = errors.New("no answer for this device")
		} else if code := *got.GetStatus(); code != http.StatusNoContent {
			errs[i] = fmt.Errorf("item status %d", code)
		}
	}
	return nil
}

// named tells an error by its status, since the SDK's texts differ from call
// to call.
func named(err error) error {
	if failed, ok := errors.AsType[*odataerrors.ODataError](err); ok {
		return fmt.Errorf("status %d", failed.ResponseStatusCode)
	}
	if failed, ok := errors.AsType[*abstractions.ApiError](err); ok {
		return fmt.Errorf("status %d", failed.ResponseStatusCode)
	}
	for _, known := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			return known
		}
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}
