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

// Provisioning are the two pages that Microsoft sends users of a tenant to.
// Both are https addresses of the vendor's.
type Provisioning struct {
	EnrollmentURL  string // where a device is enrolled
	RemediationURL string // where a user learns why a device is not compliant
}

// Provision tells Microsoft that this partner serves the tenant. The tenant's
// administrator has consented and added the partner before. Doing it again
// changes nothing but the pages. Errors are of type *azure.Error; that of a
// tenant whose administrator has not done his part is
// [azure.ErrNotProvisioned].
func (r *Reporter) Provision(ctx context.Context, tenantID string, p Provisioning) error {
	const op = "intune: provision"
	var faults []string
	for _, page := range [...][2]string{{"EnrollmentURL", p.EnrollmentURL}, {"RemediationURL", p.RemediationURL}} {
		if u, err := url.Parse(page[1]); err != nil || u.Scheme != "https" || u.Host == "" {
			faults = append(faults, fmt.Sprintf("%s %s is not an https address", page[0], shown(page[1])))
		}
	}
	if faults != nil {
		return invalid(op, errors.New(strings.Join(faults, "; ")))
	}
	return r.setProvisioned(ctx, op, tenantID, map[string]any{
		"Provisioned": 1, "PartnerEnrollmentUrl": p.EnrollmentURL, "PartnerRemediationUrl": p.RemediationURL,
	})
}

// Deprovision tells Microsoft that this partner no longer serves the tenant.
// Report its devices as removed first: afterwards nothing can be reported.
func (r *Reporter) Deprovision(ctx context.Context, tenantID string) error {
	return r.setProvisioned(ctx, "intune: deprovision", tenantID, map[string]any{"Provisioned": 2})
}

func (r *Reporter) setProvisioned(ctx context.Context, op, tenantID string, body map[string]any) error {
	at, failure := r.tenantService(ctx, op, tenantID)
	if failure != nil {
		return failure
	}
	tenantID = guid.Canonical(tenantID)
	answer, failure := r.manage(ctx, op, tenantID, http.MethodPut, at+"/PartnerTenants(guid'"+tenantID+"')?api-version=1.6", body)
	if failure != nil {
		return failure
	}
	var read struct {
		Provisioned    *int
		HTTPStatusCode *int `json:"HttpStatusCode"`
		ErrorDetail    looseDetail
	}
	if err := json.Unmarshal(answer.Body, &read); err != nil || read.Provisioned == nil {
		return unreadable(op, answer)
	}
	// A 200 can carry a failure: nothing was done, whatever the status says.
	if *read.Provisioned != body["Provisioned"] || read.ErrorDetail != "" || read.HTTPStatusCode != nil && *read.HTTPStatusCode != http.StatusOK {
		e := wire.Failure(op, answer)
		e.Kind, e.Scope, e.Outcome = azure.ErrNotProvisioned, azure.ScopeTenant, azure.OutcomeRefused
		e.Detail = wire.Detail(string(read.ErrorDetail))
		e.Err = errors.New("the partner was not taken for this tenant: its administrator has to add the partner in the Intune admin center first")
		if read.HTTPStatusCode != nil {
			e.StatusCode = *read.HTTPStatusCode
			if e.StatusCode == http.StatusTooManyRequests || e.StatusCode >= 500 {
				// Not the administrator's to mend.
				e.Kind, e.Scope, e.Outcome = wire.Meaning(e.StatusCode)
				e.Err = errors.New("a failure inside an answer of 200: try again later")
			}
		}
		return e
	}
	return nil
}

// tenantService answers the address at which a tenant is managed.
func (r *Reporter) tenantService(ctx context.Context, op, tenantID string) (string, *azure.Error) {
	if !guid.Valid(tenantID) {
		return "", invalid(op, fmt.Errorf("tenant %s is not a GUID", shown(tenantID)))
	}
	at, failure := r.discover(ctx, op, guid.Canonical(tenantID))
	if failure != nil {
		return "", failure
	}
	if at.tenant == "" {
		return "", r.unpublished(op, guid.Canonical(tenantID), tenantService, at)
	}
	return at.tenant, nil
}

// manage sends a request to the tenant service. The answer is a success.
func (r *Reporter) manage(ctx context.Context, op, tenantID, method, at string, body any) (wire.Answer, *azure.Error) {
	q := wire.Request{Op: op, Tenant: tenantID, Method: method, URL: at, ClientRequestID: guid.New()}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return wire.Answer{}, invalid(op, err)
		}
		q.Body = text
	}
	answer, tries, failure := r.tenants.Send(ctx, q)
	r.doubt(ctx, tenantID, tries, answer.StatusCode)
	if failure != nil {
		return wire.Answer{}, tenantWide(failure)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return answer, tenantWide(elsewhere(wire.Failure(op, answer)))
	}
	return answer, nil
}

// tenantWide corrects the scope of a failure where no device is concerned.
func tenantWide(e *azure.Error) *azure.Error {
	if e.Scope == azure.ScopeDevice {
		e.Scope = azure.ScopeTenant
	}
	return e
}

func invalid(op string, err error) *azure.Error {
	return &azure.Error{Op: op, Kind: azure.ErrInvalid, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent, Err: err}
}

func unreadable(op string, answer wire.Answer) *azure.Error {
	e := tenantWide(wire.Failure(op, answer))
	e.Kind, e.Outcome = azure.ErrUnexpected, azure.OutcomeUnknown
	e.Err = errors.New("the answer is not what the service is known to answer")
	return e
}
