package intune

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/prepare"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// Channel is this channel's name in receipts.
const Channel = "intune"

// moduleVersion goes into the User-Agent, as the Azure SDK's clients do it.
const moduleVersion = "v0.1.0"

// mostAnswer bounds an answer, in bytes.
const mostAnswer = 4 << 20

// Reporter reports phones, tablets and Macs. Make one with New and keep it: it
// holds tokens, addresses and connections. Safe for concurrent use.
type Reporter struct {
	o            Options
	cred         azcore.TokenCredential
	graphScope   string
	scope        string
	graph        string // https://graph.microsoft.com/v1.0
	service      service
	graphTenants *wire.Tenants // with tokens for Microsoft Graph
	tenants      *wire.Tenants // with tokens for the partner services
	addresses    *wire.Cache[services]
	discoveries  wire.Flights[services]
	users        *wire.Cache[string]
	lookups      wire.Flights[string]
}

var (
	_ azure.BatchReporter    = (*Reporter)(nil)
	_ azure.Checker          = (*Reporter)(nil)
	_ azure.InventoryCarrier = (*Reporter)(nil)
	_ azure.Preflighter      = (*Reporter)(nil)
	_ azure.Deprovisioner    = (*Reporter)(nil)
)

// New answers a Reporter that takes its tokens from cred, which is asked with
// the tenant of each report in TokenRequestOptions.TenantID and with two
// scopes: that of Microsoft Graph and that of the partner services. o may be
// nil.
func New(cred azcore.TokenCredential, o *Options) (*Reporter, error) {
	if cred == nil {
		return nil, errors.New("intune: no credential")
	}
	own, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("intune: %w", err)
	}
	root, audience, err := wire.Graph(own.Cloud, own.InsecureAllowCredentialWithHTTP)
	if err != nil {
		return nil, fmt.Errorf("intune: %w", err)
	}
	where, err := serviceOf(own.Cloud)
	if err != nil {
		return nil, fmt.Errorf("intune: %w", err)
	}
	own.Transport = wire.NewTransport(own.Transport, mostAnswer)
	pipelines := wire.Options{
		Module: "devicestatus-intune", Version: moduleVersion, Namespace: "Microsoft.Intune", Client: own.ClientOptions,
		MostTenants: own.MaxTenants, MostAnswer: mostAnswer,
	}
	graph, partner := pipelines, pipelines
	graph.Scope = audience + "/.default"
	partner.Scope = where.audience + "/.default" // two slashes: the audience ends in one
	return &Reporter{
		cred: cred, graphScope: graph.Scope, scope: partner.Scope,
		o: own, graph: root + "/v1.0", service: where,
		graphTenants: wire.NewTenants(cred, graph),
		tenants:      wire.NewTenants(cred, partner),
		addresses:    wire.NewCache[services](own.MaxTenants, own.DiscoveryLifetime),
		users:        wire.NewCache[string](own.MaxUsers, own.UserLifetime),
	}, nil
}

// Report sends one message: see the package comment for what is sent, and
// [azure.Reporter] for the contract. The Receipt is in progress; Check tells
// how it ends.
func (r *Reporter) Report(ctx context.Context, report azure.Report) (azure.Receipt, error) {
	const op = "intune: report"
	m := parcel{at: []int{0}, reports: make([]*azure.Report, 1), notes: make([][]string, 1)}
	prepared, notes, err := accept(op, report)
	if err != nil {
		return azure.Receipt{}, err
	}
	m.reports[0], m.notes[0] = &prepared, notes
	if failure := r.send(ctx, op, &m); failure != nil {
		return azure.Receipt{}, failure
	}
	return m.receipt(0), nil
}

// CarriedInventory implements [azure.InventoryCarrier]: the device name and
// the version, on every platform but Windows.
func (r *Reporter) CarriedInventory(p azure.Platform, i azure.Inventory) azure.Inventory {
	if p == azure.PlatformWindows || p == azure.PlatformUnspecified {
		return azure.Inventory{}
	}
	i.Ownership = azure.OwnershipUnspecified
	return prepare.Inventory(i)
}

// accept takes a report in hand, or answers why it cannot be sent.
func accept(op string, report azure.Report) (azure.Report, []string, error) {
	if report.Platform == azure.PlatformWindows {
		return azure.Report{}, nil, &azure.Error{
			Op: op, Kind: azure.ErrUnsupported, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent,
			Err: errors.New("windows devices are reported through Microsoft Graph (the graph channel), not through the Intune partner compliance services"),
		}
	}
	return prepare.Report(report)
}

// parcel is one message and the reports that it carries.
type parcel struct {
	at       []int // their places among the results
	reports  []*azure.Report
	notes    [][]string
	accepted time.Time
	attempts int
}

// id is the message's: that of its first report.
func (m *parcel) id() string { return m.reports[0].ID }

func (m *parcel) receipt(i int) azure.Receipt {
	receipt := azure.Receipt{
		Channel: Channel, TenantID: m.reports[i].TenantID, DeviceID: m.reports[i].DeviceID, MessageID: m.id(),
		State: status.InProgress, AcceptedAt: m.accepted.UTC().Round(0), Attempts: m.attempts, Notes: m.notes[i],
	}
	if m.reports[i].State == compliance.StateRemoved {
		receipt.Removal = azure.RemovalMarked
	}
	return receipt
}

// names are what must not be in a detail of Microsoft's.
func (m *parcel) names() []string {
	var names []string
	for _, r := range m.reports {
		names = append(names, r.UserPrincipalName, r.Inventory.DeviceName)
	}
	return names
}

// send sends a message whose reports' users are known or found.
func (r *Reporter) send(ctx context.Context, op string, m *parcel) *azure.Error {
	users := make([]string, len(m.reports))
	for i, report := range m.reports {
		id, failure := r.user(ctx, op, report)
		if failure != nil {
			return failure
		}
		users[i] = id
	}
	tenantID := m.reports[0].TenantID
	at, failure := r.discover(ctx, op, tenantID)
	if failure != nil {
		return failure
	}
	if at.device == "" {
		return r.unpublished(op, tenantID, deviceService, at)
	}
	body, err := compose(m.reports, users, r.o.OSTexts, time.Now())
	if err != nil {
		return &azure.Error{Op: op, Kind: azure.ErrInvalid, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent, Err: err}
	}
	answer, tries, failure := r.tenants.Send(ctx, wire.Request{
		Op: op, Tenant: tenantID, Method: http.MethodPut, URL: messageURL(at.device, m.id()), Body: body, ClientRequestID: m.id(),
	})
	m.attempts += tries
	r.doubt(ctx, tenantID, tries, answer.StatusCode)
	if failure != nil {
		return failure
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return elsewhere(wire.Failure(op, answer, m.names()...))
	}
	var v verdict
	if err := json.Unmarshal(answer.Body, &v); err != nil || v.ErrorCode == "" {
		e := wire.Failure(op, answer, m.names()...)
		e.Err = errors.New("the answer holds no verdict on the message")
		return e
	}
	if v.ErrorCode != acceptedCode {
		return v.refusal(op, answer, m.names()...)
	}
	m.accepted = time.Now()
	return nil
}

// elsewhere corrects what a status means that did not come from Microsoft
// Graph: a 404 is about the address or the message, not about the device.
func elsewhere(e *azure.Error) *azure.Error {
	if e.Kind == azure.ErrDeviceNotFound {
		e.Kind, e.Scope, e.Outcome = azure.ErrUnexpected, azure.ScopeTenant, azure.OutcomeUnknown
	}
	return e
}

// doubt forgets a tenant's addresses when one of them did not serve: gone,
// moved, broken, or without an answer. tries is how many requests it got; a
// tenant without a token asked nothing of it.
func (r *Reporter) doubt(ctx context.Context, tenantID string, tries, statusCode int) {
	switch {
	case ctx.Err() != nil, tries == 0:
		return
	case statusCode < 200, statusCode >= 300 && statusCode <= 399, statusCode >= 500,
		statusCode == http.StatusNotFound, statusCode == http.StatusGone, statusCode == http.StatusMisdirectedRequest:
		r.addresses.Drop(tenantID)
	}
}

// messageURL answers the address of a message.
func messageURL(device, id string) string {
	return device + "/DataUploadMessages(guid'" + id + "')?api-version=1.2"
}
