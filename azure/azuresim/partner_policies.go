package azuresim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// PartnerPolicy is a compliance policy that a partner made in a tenant.
type PartnerPolicy struct {
	ID                       string
	DisplayName              string
	Description              string
	Platform                 string // as the partner wrote it
	PartnerPolicyID          string
	PartnerManagedCompliance bool
	Groups                   []string // the groups that it is assigned to

	platform PartnerPlatform
}

// The groups that every tenant with Intune has and no directory holds: partner
// policies cannot be assigned to them.
const (
	builtInAllUsers   = "acacacac-9df4-4c7d-9d50-4ef0226f57a9"
	builtInAllDevices = "adadadad-808e-44e2-905a-0b7873a8a531"
)

// PartnerPolicies answers the policies that a partner made in a tenant, oldest
// first.
func (s *Simulator) PartnerPolicies(tenantID, clientID string) []PartnerPolicy {
	t := s.tenantByID(tenantID)
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	l := t.partner.links[strings.ToLower(clientID)]
	if l == nil {
		return nil
	}
	all := slices.Clone(l.policies)
	for i := range all {
		all[i].Groups = slices.Clone(all[i].Groups)
	}
	return all
}

func (p PartnerPolicy) document() map[string]any {
	return map[string]any{
		"Id": p.ID, "DisplayName": p.DisplayName, "Description": p.Description, "Platform": p.Platform,
		"PartnerPolicyId": p.PartnerPolicyID, "PartnerManagedCompliance": p.PartnerManagedCompliance,
	}
}

// createPolicy answers POST PartnerCompliancePolicies.
func (x *exchange) createPolicy(partnerRoute) answer {
	body, refused := x.partnerBody()
	if refused != nil {
		return *refused
	}
	policy := PartnerPolicy{
		DisplayName: body.full("DisplayName"), Description: body.text("Description"),
		Platform: body.full("Platform"), PartnerManagedCompliance: body.flag("PartnerManagedCompliance"),
	}
	var known bool
	if policy.platform, known = x.sim.options.Partner.policyPlatform(policy.Platform); !known {
		body.blame("Platform", "is no platform that is known; letter case counts")
	}
	if err := body.done(); err != nil {
		return x.graphError(http.StatusBadRequest, "BadRequest", err.Error())
	}
	policy.ID, policy.PartnerPolicyID = x.sim.random.guid(), x.sim.random.guid()
	t, clientID := x.caller.tenant, x.caller.claims.AppID
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.partner.provisioned(clientID) || !t.partner.registered(clientID, policy.platform) {
		return x.unregistered()
	}
	l := t.partner.links[clientID]
	if slices.ContainsFunc(l.policies, func(p PartnerPolicy) bool { return p.platform == policy.platform }) {
		return x.graphError(http.StatusConflict, "Conflict", "There is a policy for this platform already.")
	}
	l.policies = append(l.policies, policy)
	return x.partnerJSON(http.StatusCreated, policy.document())
}

// unregistered answers a success with an id of zeros: the tenant does not know
// this partner for this platform.
func (x *exchange) unregistered() answer {
	a := x.partnerJSON(x.sim.options.Partner.UnregisteredStatus, map[string]any{
		"Id": zeroGUID, "DisplayName": nil, "Description": nil, "Platform": nil,
		"PartnerPolicyId": zeroGUID, "PartnerManagedCompliance": false,
	})
	a.header.Set("OData-EntityId", resourcePolicies+"(guid'"+zeroGUID+"')")
	return a
}

// listPolicies answers GET PartnerCompliancePolicies: those of the caller.
func (x *exchange) listPolicies(partnerRoute) answer {
	value := []any{}
	for _, p := range x.sim.PartnerPolicies(x.caller.tenant.info.ID, x.caller.claims.AppID) {
		value = append(value, p.document())
	}
	return x.partnerJSON(http.StatusOK, map[string]any{"value": value})
}

// assignPolicy answers POST PartnerCompliancePolicies(guid'…')/Assign.
func (x *exchange) assignPolicy(route partnerRoute) answer {
	body, refused := x.partnerBody()
	if refused != nil {
		return *refused
	}
	groups := body.texts("assignments")
	if err := body.done(); err != nil {
		return x.graphError(http.StatusBadRequest, "BadRequest", err.Error())
	}
	if route.key == zeroGUID {
		return x.unregistered()
	}
	t, clientID := x.caller.tenant, x.caller.claims.AppID
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.partner.links[clientID]
	i := -1
	if l != nil {
		i = slices.IndexFunc(l.policies, func(p PartnerPolicy) bool { return p.ID == route.key })
	}
	if i < 0 {
		return x.graphError(http.StatusNotFound, "NotFound", "There is no such policy.")
	}
	assigned := make([]string, 0, len(groups))
	for _, id := range groups {
		id = strings.ToLower(id)
		if id == builtInAllUsers || id == builtInAllDevices {
			return x.graphError(http.StatusBadRequest, "BadRequest", "A built-in group cannot be assigned to.")
		}
		if _, found := t.groups[id]; !found {
			return x.graphError(http.StatusBadRequest, "BadRequest", "There is no such group.")
		}
		assigned = append(assigned, id)
	}
	l.policies[i].Groups = assigned
	inner, err := json.Marshal(map[string][]string{"assignments": assigned})
	if err != nil {
		panic("azuresim: " + err.Error()) // texts always marshal
	}
	return x.partnerJSON(http.StatusOK, map[string]string{"value": string(inner)})
}
