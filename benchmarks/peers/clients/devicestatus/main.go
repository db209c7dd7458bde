// This client reports by this library.
package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/benchmarks/peers/client"
	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

func main() { client.Main(dial) }

type sender struct{ reporter *graph.Reporter }

// dial changes of the defaults only what leads to the loopback server, and how
// many calls are under way at once.
func dial(job talk.Job) (client.Sender, error) {
	r, err := graph.New(client.StaticToken{}, &graph.Options{
		BatchesInFlight: job.AtOnce,
		ClientOptions: azcore.ClientOptions{
			InsecureAllowCredentialWithHTTP: true,
			Cloud: cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				graph.ServiceName: {Endpoint: job.URL, Audience: "https://graph.microsoft.com"},
			}},
		},
	})
	return sender{r}, err
}

func report(d talk.Device) azure.Report {
	state := compliance.StateNonCompliant
	if d.Compliant {
		state = compliance.StateCompliant
	}
	return azure.Report{
		TenantID: "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11", DeviceID: d.ID,
		Platform: azure.PlatformWindows, State: state, Trigger: azure.TriggerChange,
	}
}

func (s sender) One(ctx context.Context, d talk.Device) error {
	return settled(s.reporter.Report(ctx, report(d)))
}

// perCall is how many reports one ReportBatch is given: what an engine would
// claim at once.
const perCall = 1000

func (s sender) Many(ctx context.Context, ds []talk.Device, errs []error) {
	reports := make([]azure.Report, 0, min(perCall, len(ds)))
	at := 0
	for part := range slices.Chunk(ds, perCall) {
		reports = reports[:0]
		for _, d := range part {
			reports = append(reports, report(d))
		}
		for _, result := range s.reporter.ReportBatch(ctx, reports) {
			errs[at] = settled(result.Receipt, result.Err)
			at++
		}
	}
}

// settled checks a receipt and names an error by its kind.
func settled(receipt azure.Receipt, err error) error {
	if e, ok := errors.AsType[*azure.Error](err); ok {
		text := string(e.Kind)
		if e.StatusCode != 0 {
			text = fmt.Sprintf("%s (%d)", text, e.StatusCode)
		}
		if e.Kind == azure.ErrThrottled {
			return client.Throttled{Text: text, Wait: e.RetryAfter}
		}
		return errors.New(text)
	}
	if err == nil && (receipt.State != status.Successful || receipt.AcceptedAt.IsZero()) {
		return errors.New("the receipt is not one of success")
	}
	return err
}
