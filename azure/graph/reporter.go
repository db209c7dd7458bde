package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/prepare"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/compliance"
)

// Channel is this channel's name in receipts.
const Channel = "graph"

// moduleVersion goes into the User-Agent, as the Azure SDK's clients do it.
const moduleVersion = "v0.1.0"

// mostAnswer bounds an answer, in bytes. A device with all its properties is a
// few kilobytes, a full batch of them less than a hundred.
const mostAnswer = 4 << 20

// Reporter reports Windows devices to Microsoft Graph. Make one with New and
// keep it: it holds tokens and connections. Safe for concurrent use.
type Reporter struct {
	cred     azcore.TokenCredential
	scope    string
	tenants  *wire.Tenants
	base     *url.URL // https://graph.microsoft.com/v1.0
	retry    policy.RetryOptions
	final    policy.RetryOptions // retry, with 404 as an answer
	keep     bool
	inFlight int
	spare    chan *room
}

var (
	_ azure.BatchReporter    = (*Reporter)(nil)
	_ azure.Deleter          = (*Reporter)(nil)
	_ azure.InventoryCarrier = (*Reporter)(nil)
	_ azure.Verifier         = (*Reporter)(nil)
	_ azure.Preflighter      = (*Reporter)(nil)
)

// New answers a Reporter that takes its tokens from cred, which is asked with
// the tenant of each report in TokenRequestOptions.TenantID. Of azidentity's
// credentials, one made with AdditionallyAllowedTenants serves other tenants
// than its own; the msal package's serve all. o may be nil.
func New(cred azcore.TokenCredential, o *Options) (*Reporter, error) {
	if cred == nil {
		return nil, errors.New("graph: no credential")
	}
	var own Options
	if o != nil {
		own = *o
	}
	if own.BatchesInFlight == 0 {
		own.BatchesInFlight = defaultBatchesInFlight
	}
	if own.MaxTenants == 0 {
		own.MaxTenants = defaultMaxTenants
	}
	switch {
	case own.BatchesInFlight < 0:
		return nil, fmt.Errorf("graph: BatchesInFlight %d is negative", own.BatchesInFlight)
	case own.MaxTenants < 0:
		return nil, fmt.Errorf("graph: MaxTenants %d is negative", own.MaxTenants)
	case own.APIVersion != "":
		return nil, fmt.Errorf("graph: APIVersion %q: the version of Microsoft Graph cannot be chosen", own.APIVersion)
	}
	root, audience, err := wire.Graph(own.Cloud, own.InsecureAllowCredentialWithHTTP)
	if err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	base, err := url.Parse(root + "/v1.0")
	if err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	own.Transport = wire.NewTransport(own.Transport, mostAnswer)
	own.Retry.StatusCodes = retryCodes(own.Retry.StatusCodes)
	if own.Retry.RetryDelay < 0 {
		// No delay. The SDK's retry policy takes its own zero for an overflow
		// and waits MaxRetryDelay.
		own.Retry.RetryDelay = time.Nanosecond
	}
	final := own.Retry
	final.StatusCodes = slices.DeleteFunc(slices.Clone(own.Retry.StatusCodes), func(code int) bool { return code == http.StatusNotFound })
	scope := audience + "/.default"
	return &Reporter{
		cred: cred, scope: scope,
		tenants: wire.NewTenants(cred, wire.Options{
			Module: "devicestatus-graph", Version: moduleVersion, Namespace: "Microsoft.Graph",
			Scope: scope, Client: own.ClientOptions, MostTenants: own.MaxTenants, MostAnswer: mostAnswer,
		}),
		base:  base,
		retry: own.Retry, final: final,
		keep: own.KeepObjects, inFlight: own.BatchesInFlight, spare: make(chan *room, spareRooms),
	}, nil
}

// Report sends one report: see the package comment for what is sent, and
// [azure.Reporter] for the contract.
func (r *Reporter) Report(ctx context.Context, report azure.Report) (azure.Receipt, error) {
	j := job{}
	if err := j.accept(report, r.keep); err != nil {
		return azure.Receipt{}, err
	}
	return r.settle(ctx, &j)
}

// DeleteObject takes the second step of a removal alone: see [azure.Deleter].
// Options.KeepObjects does not concern it. A device that is shown as compliant
// is refused with [azure.ErrConflict]: it was reported again since, or the
// first step is so recent that reads do not show it yet.
func (r *Reporter) DeleteObject(ctx context.Context, report azure.Report) (azure.Receipt, error) {
	j := job{phase: phaseRead}
	if err := j.accept(report, false); err != nil {
		return azure.Receipt{}, err
	}
	if j.report.State != compliance.StateRemoved {
		return azure.Receipt{}, &azure.Error{
			Op: j.doing(), Kind: azure.ErrInvalid, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent,
			Err: fmt.Errorf("the State is %v: only a removed device's object is deleted", j.report.State),
		}
	}
	return r.settle(ctx, &j)
}

// CarriedInventory implements [azure.InventoryCarrier]: the device name and
// the version, on Windows.
func (r *Reporter) CarriedInventory(p azure.Platform, i azure.Inventory) azure.Inventory {
	if p != azure.PlatformWindows {
		return azure.Inventory{}
	}
	i.Ownership = azure.OwnershipUnspecified
	return prepare.Inventory(i)
}

// settle sends one job's requests, one after the other, until it is done.
func (r *Reporter) settle(ctx context.Context, j *job) (azure.Receipt, error) {
	for !j.done {
		var body []byte
		if j.phase == phaseWrite {
			body = j.appendBody(make([]byte, 0, likelyBody(j)))
		}
		answer, tries, failure := r.tenants.Send(ctx, wire.Request{
			Op: j.doing(), Tenant: j.report.TenantID, Method: j.method(), Body: body,
			At:              wire.Under(r.base, string(j.appendPath(make([]byte, 0, 128)))),
			ClientRequestID: j.clientRequestID(), Priority: priority(j.report.Trigger), Retry: r.retrying(j.final()),
		})
		j.attempts += tries
		if failure != nil {
			j.broken(failure)
			break
		}
		j.answered(answer, time.Now())
	}
	return j.result()
}

// retrying answers how to retry a request to which a 404 is an answer, or
// replication to wait for.
func (r *Reporter) retrying(final bool) *policy.RetryOptions {
	if !final || r.final.MaxRetries < 0 {
		return nil // the pipeline's own
	}
	return &r.final
}

// priority is how dear a report is to Microsoft's load shedding: the weekly
// report may be dropped first. What says nothing is normal.
func priority(t azure.Trigger) string {
	if t == azure.TriggerRefresh {
		return "low"
	}
	return ""
}
