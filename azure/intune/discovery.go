package intune

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// intuneApplication is the application id of Intune in every tenant, whose
// service principal publishes the addresses of its services.
const intuneApplication = "0000000a-0000-0000-c000-000000000000"

// The names under which the addresses are published.
const (
	deviceService = "PartnerDeviceDataSyncService"
	tenantService = "PartnerTenantDataSyncService"
)

// mostPages bounds how far a list of addresses is followed.
const mostPages = 10

// services are the addresses of one tenant; "" where it has none. refused: one
// that is published is not used.
type services struct {
	device, tenant string
	refused        bool
}

// discover answers the tenant's addresses, from memory while they are fresh.
func (r *Reporter) discover(ctx context.Context, op, tenantID string) (services, *azure.Error) {
	if found, _, fresh := r.addresses.Get(tenantID); fresh {
		return found, nil
	}
	found, err := r.discoveries.Do(ctx, tenantID, func() (services, error) {
		// Another may have put it there between the look above and now.
		if found, _, fresh := r.addresses.Get(tenantID); fresh {
			return found, nil
		}
		found, failure := r.lookUp(ctx, op, tenantID)
		if failure != nil {
			return services{}, failure
		}
		r.addresses.Put(tenantID, found)
		return found, nil
	})
	return found, asFailure(op, err)
}

// asFailure answers an error of a shared piece of work as this caller's own.
func asFailure(op string, err error) *azure.Error {
	if err == nil {
		return nil
	}
	if shared, ok := errors.AsType[*azure.Error](err); ok {
		own := *shared
		own.Op = op
		return &own
	}
	return &azure.Error{Op: op, Kind: azure.ErrCanceled, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent, Err: err}
}

// lookUp asks Microsoft Graph for Intune's service principal, and that for its
// addresses. It answers at least one usable address.
func (r *Reporter) lookUp(ctx context.Context, op, tenantID string) (services, *azure.Error) {
	var principals struct {
		Value []struct {
			ID string `json:"id"`
		} `json:"value"`
	}
	at := r.graph + "/servicePrincipals?$filter=" + url.QueryEscape("appId eq '"+intuneApplication+"'") + "&$select=id"
	if failure := r.read(ctx, op, tenantID, strings.ReplaceAll(at, "+", "%20"), &principals); failure != nil {
		return services{}, failure
	}
	if len(principals.Value) == 0 || !guid.Valid(principals.Value[0].ID) {
		return services{}, notProvisioned(op, "the tenant has no Intune: Microsoft Graph shows no service principal of it")
	}

	var found services
	at = r.graph + "/servicePrincipals/" + guid.Canonical(principals.Value[0].ID) + "/endpoints"
	for page := 0; at != "" && page < mostPages; page++ {
		var endpoints struct {
			Value []struct {
				ProviderName string `json:"providerName"`
				URI          string `json:"uri"`
			} `json:"value"`
			Next string `json:"@odata.nextLink"`
		}
		if failure := r.read(ctx, op, tenantID, at, &endpoints); failure != nil {
			return services{}, failure
		}
		for _, e := range endpoints.Value {
			into := &found.device
			switch e.ProviderName {
			case deviceService:
			case tenantService:
				into = &found.tenant
			default:
				continue
			}
			usable, err := address(e.URI, r.service.domain, r.o.TrustedHosts)
			if err != nil {
				found.refused = true
				continue
			}
			*into = usable
		}
		at = endpoints.Next
		if at != "" && !strings.HasPrefix(at, r.graph+"/") {
			at = "" // a next page elsewhere is not Microsoft Graph's
		}
	}
	if found.device == "" && found.tenant == "" {
		return services{}, r.unpublished(op, tenantID, "the partner compliance services", found)
	}
	return found, nil
}

// read reads JSON from Microsoft Graph.
func (r *Reporter) read(ctx context.Context, op, tenantID, at string, into any) *azure.Error {
	answer, _, failure := r.graphTenants.Send(ctx, wire.Request{
		Op: op, Tenant: tenantID, Method: http.MethodGet, URL: at, ClientRequestID: guid.New(),
	})
	if failure != nil {
		failure.Outcome = azure.OutcomeNotSent // of the report, which is what was asked for
		return failure
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return tenantWide(asking(wire.Failure(op, answer)))
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		e := tenantWide(asking(wire.Failure(op, answer)))
		e.Err = errors.New("the answer of Microsoft Graph is not what was asked for")
		return e
	}
	return nil
}

// asking turns the failure of a question that a report needs into that of the
// report: it was not sent, and what was not found is not its device.
func asking(e *azure.Error) *azure.Error {
	e.Outcome = azure.OutcomeNotSent
	if e.Kind == azure.ErrDeviceNotFound || e.Kind == azure.ErrRejected {
		e.Kind, e.Scope = azure.ErrUnexpected, azure.ScopeTenant
	}
	return e
}

func notProvisioned(op, why string) *azure.Error {
	return &azure.Error{Op: op, Kind: azure.ErrNotProvisioned, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent, Err: errors.New(why)}
}

// unpublished is the failure of a tenant that lacks an address. It is asked
// again next time: whoever adds the partner should not wait a day.
func (r *Reporter) unpublished(op, tenantID, name string, found services) *azure.Error {
	r.addresses.Drop(tenantID)
	if found.refused {
		return &azure.Error{Op: op, Kind: azure.ErrUnexpected, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent, Err: errAddress}
	}
	return notProvisioned(op, "the tenant publishes no address of "+name)
}

// shown answers what an error may show of a value that should have been an
// identifier or an address: of what may be a user principal name the length.
func shown(s string) string {
	const most = 80
	if strings.Contains(s, "@") {
		return fmt.Sprintf("of %d bytes", len(s))
	}
	return fmt.Sprintf("%.*q", most, s)
}
