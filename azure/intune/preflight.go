package intune

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// staleHeartbeat is how old a partner's last heartbeat may be. Microsoft
// documents no bound at which it calls a partner unresponsive; a day is a
// guess.
const staleHeartbeat = 24 * time.Hour

// The checks of Preflight.
const (
	checkGraphToken   = "token for Microsoft Graph"
	checkServiceToken = "token for the partner services"
	checkDiscovery    = "addresses of the services"
	checkUsers        = "look up users"
	checkReport       = "report devices"
	checkPolicies     = "manage policies"
	checkPartner      = "partner in the tenant"
)

// Preflight implements [azure.Preflighter]: both tokens, the credential's end,
// the clock, the addresses, the permissions, the partner's state and last
// heartbeat, and for each platform that it is onboarded, has a policy and is
// assigned to a group. The proof of a permission is a harmless call: a message
// or a user made up for the occasion. Platforms of other channels are passed
// over; a tenant with Windows devices only needs none of it.
func (r *Reporter) Preflight(ctx context.Context, tenantID string, platforms ...azure.Platform) []azure.Finding {
	platforms = slices.DeleteFunc(slices.Clone(platforms), func(p azure.Platform) bool { return r.o.PolicyTexts[p] == "" })
	if len(platforms) == 0 {
		return nil
	}
	f := &preflight{Preflight: wire.Preflight{Channel: Channel}, r: r, ctx: ctx, tenantID: guid.Canonical(tenantID)}
	if !guid.Valid(tenantID) {
		f.Add("tenant", azure.CheckFailed, "the tenant's id is not a GUID", "give the tenant's directory id")
		return f.Findings
	}
	graph := f.Token(ctx, r.cred, checkGraphToken, r.graphScope, f.tenantID)
	service := f.Token(ctx, r.cred, checkServiceToken, r.scope, f.tenantID)
	f.Expiry(r.cred)
	if !graph {
		for _, check := range []string{"clock", checkUsers, checkDiscovery, checkReport, checkPolicies, checkPartner} {
			f.Skip(check, checkGraphToken)
		}
		return f.Findings
	}
	f.users()
	f.services(service, platforms)
	f.partner(platforms)
	return f.Findings
}

// preflight is one run of Preflight.
type preflight struct {
	wire.Preflight
	r        *Reporter
	ctx      context.Context
	tenantID string
}

const opPreflight = "intune: preflight"

// users asks for a user that does not exist.
func (f *preflight) users() {
	answer, _, failure := f.r.graphTenants.Send(f.ctx, wire.Request{
		Op: opPreflight, Tenant: f.tenantID, Method: http.MethodGet,
		URL: f.r.graph + "/users/" + guid.New() + "?$select=id", ClientRequestID: guid.New(),
	})
	switch {
	case failure != nil:
		f.Skip("clock", checkUsers)
		f.Fail(checkUsers, "see whether this machine reaches Microsoft Graph", failure)
		return
	case answer.StatusCode == http.StatusNotFound:
		f.Clock(answer)
		f.Add(checkUsers, azure.CheckPassed, "permitted: a user that does not exist was answered 404", "")
	default:
		f.Clock(answer)
		f.Fail(checkUsers, "consent to User.Read.All for the application, or report with object ids only", wire.Failure(opPreflight, answer))
	}
}

// services asks the partner services, of addresses found anew.
func (f *preflight) services(token bool, platforms []azure.Platform) {
	f.r.addresses.Drop(f.tenantID)
	at, failure := f.r.discover(f.ctx, opPreflight, f.tenantID)
	if failure != nil {
		f.Fail(checkDiscovery, "consent to Application.Read.All for the application; see that the tenant has Intune", failure)
		f.Skip(checkReport, checkDiscovery)
		f.Skip(checkPolicies, checkDiscovery)
		return
	}
	if at.device == "" || at.tenant == "" {
		missing := deviceService
		if at.device != "" {
			missing = tenantService
		}
		f.Add(checkDiscovery, azure.CheckFailed, "the tenant publishes no "+missing, "see that the tenant has Intune and the partner is added")
	} else {
		f.Add(checkDiscovery, azure.CheckPassed, "both services are published", "")
	}
	if !token {
		f.Skip(checkReport, checkServiceToken)
		f.Skip(checkPolicies, checkServiceToken)
		return
	}
	f.report(at.device)
	f.policies(at.tenant, platforms)
}

// report asks for a message that does not exist.
func (f *preflight) report(device string) {
	if device == "" {
		f.Skip(checkReport, checkDiscovery)
		return
	}
	answer, _, failure := f.r.tenants.Send(f.ctx, wire.Request{
		Op: opPreflight, Tenant: f.tenantID, Method: http.MethodGet, URL: messageURL(device, guid.New()), ClientRequestID: guid.New(),
	})
	switch {
	case failure != nil:
		f.Fail(checkReport, "see whether this machine reaches the partner services", failure)
	case answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusOK:
		f.Add(checkReport, azure.CheckPassed, fmt.Sprintf("permitted: a message that does not exist was answered %d", answer.StatusCode), "")
	default:
		f.Fail(checkReport, "consent to update_device_attributes of the Intune API for the application", wire.Failure(opPreflight, answer))
	}
}

// policies looks for a policy of each platform.
func (f *preflight) policies(tenant string, platforms []azure.Platform) {
	if tenant == "" {
		f.Skip(checkPolicies, checkDiscovery)
		return
	}
	var missing []string
	for _, p := range platforms {
		found, failure := f.r.findPolicy(f.ctx, opPreflight, f.tenantID, tenant+policiesPath, f.r.o.PolicyTexts[p])
		if failure != nil {
			f.Fail(checkPolicies, "consent to manage_partner_compliance_policy of the Intune API for the application", failure)
			return
		}
		if found == nil {
			missing = append(missing, p.String())
		}
	}
	if len(missing) > 0 {
		f.Add(checkPolicies, azure.CheckFailed, "no policy for "+strings.Join(missing, ", "), "make it with EnsurePolicy and assign it to a group")
		return
	}
	f.Add(checkPolicies, azure.CheckPassed, "every platform in use has one", "")
}

// partner reads what the tenant says of its compliance partners.
func (f *preflight) partner(platforms []azure.Platform) {
	var read struct {
		Value []partner `json:"value"`
	}
	if failure := f.r.read(f.ctx, opPreflight, f.tenantID, f.r.graph+"/deviceManagement/complianceManagementPartners", &read); failure != nil {
		f.Fail(checkPartner, "consent to DeviceManagementServiceConfig.Read.All for the application", failure)
		return
	}
	if f.r.o.PartnerID != "" {
		read.Value = slices.DeleteFunc(read.Value, func(p partner) bool { return !strings.EqualFold(p.ID, f.r.o.PartnerID) })
	}
	if len(read.Value) == 0 {
		f.Add(checkPartner, azure.CheckFailed, "the tenant has no such compliance partner", "the tenant's administrator adds the partner in the Intune admin center")
		return
	}
	for _, p := range read.Value {
		name := checkPartner
		if len(read.Value) > 1 {
			name += " " + wire.Identifier(p.ID)
		}
		f.health(name, p)
		for _, platform := range platforms {
			f.platform(name, p, platform)
		}
	}
}

// partner is a compliance partner as Microsoft Graph shows it.
type partner struct {
	ID                 string    `json:"id"`
	State              string    `json:"partnerState"`
	Heartbeat          time.Time `json:"lastHeartbeatDateTime"`
	MacOS              bool      `json:"macOsOnboarded"`
	Android            bool      `json:"androidOnboarded"`
	IOS                bool      `json:"iosOnboarded"`
	MacOSAssignments   []any     `json:"macOsEnrollmentAssignments"`
	AndroidAssignments []any     `json:"androidEnrollmentAssignments"`
	IOSAssignments     []any     `json:"iosEnrollmentAssignments"`
}

func (f *preflight) health(name string, p partner) {
	saw := "state " + wire.Identifier(p.State)
	if p.Heartbeat.IsZero() {
		saw += ", no heartbeat"
	} else {
		saw += ", last heartbeat " + p.Heartbeat.UTC().Format(time.RFC3339)
	}
	switch {
	case p.State != "enabled":
		f.Add(name, azure.CheckFailed, saw, "the tenant's administrator looks at the partner in the Intune admin center; provision the tenant again")
	case p.Heartbeat.IsZero() || time.Since(p.Heartbeat) > staleHeartbeat:
		f.Add(name, azure.CheckFailed, saw, "report a device: each message counts as a sign of life")
	default:
		f.Add(name, azure.CheckPassed, saw, "")
	}
}

func (f *preflight) platform(name string, p partner, platform azure.Platform) {
	onboarded, assignments := p.IOS, p.IOSAssignments
	switch platform {
	case azure.PlatformMacOS:
		onboarded, assignments = p.MacOS, p.MacOSAssignments
	case azure.PlatformAndroid:
		onboarded, assignments = p.Android, p.AndroidAssignments
	}
	check := name + ", " + platform.String()
	switch {
	case !onboarded:
		f.Add(check, azure.CheckFailed, "not onboarded", "the tenant's administrator selects the platform for the partner in the Intune admin center")
	case len(assignments) == 0:
		f.Add(check, azure.CheckFailed, "onboarded, assigned to nobody", "assign the partner to a group of users")
	default:
		f.Add(check, azure.CheckPassed, fmt.Sprintf("onboarded, %d assignments", len(assignments)), "")
	}
}
