package intune

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// Policy is a compliance policy of the partner's in a tenant, one for each
// platform text that Microsoft knows.
type Policy struct {
	ID          string // GUID
	DisplayName string
	Description string
	Platform    string // Microsoft's text: see Options.PolicyTexts
}

// policiesPath is where policies are listed and made.
const policiesPath = "/PartnerCompliancePolicies?api-version=1.6"

// EnsurePolicy answers the tenant's policy for a platform, and makes it with
// that name and description where there is none. A policy that exists is left
// as it is. Two calls at once make one policy.
func (r *Reporter) EnsurePolicy(ctx context.Context, tenantID string, p azure.Platform, name, description string) (Policy, error) {
	const op = "intune: policy"
	text := r.o.PolicyTexts[p]
	if text == "" {
		return Policy{}, invalid(op, fmt.Errorf("platform %v has no policies", p))
	}
	if name == "" {
		return Policy{}, invalid(op, errors.New("a policy needs a name"))
	}
	at, failure := r.tenantService(ctx, op, tenantID)
	if failure != nil {
		return Policy{}, failure
	}
	tenantID = guid.Canonical(tenantID)
	at += policiesPath

	found, failure := r.findPolicy(ctx, op, tenantID, at, text)
	if failure != nil {
		return Policy{}, failure
	}
	if found != nil {
		return *found, nil
	}
	answer, failure := r.manage(ctx, op, tenantID, http.MethodPost, at, map[string]any{
		"DisplayName": name, "Description": description, "Platform": text, "PartnerManagedCompliance": true,
	})
	if failure != nil && failure.StatusCode == http.StatusConflict {
		// Made by another between the question and the request.
		found, failure = r.findPolicy(ctx, op, tenantID, at, text)
		if failure == nil && found == nil {
			failure = unreadable(op, answer)
			failure.Err = errors.New("the policy exists, as Microsoft says, and is not shown")
		}
		if failure == nil {
			return *found, nil
		}
	}
	if failure != nil {
		return Policy{}, failure
	}
	var made policy
	if err := json.Unmarshal(answer.Body, &made); err != nil && answer.StatusCode != http.StatusNoContent {
		return Policy{}, unreadable(op, answer)
	}
	if !guid.Valid(made.ID) {
		// A 204 with an all-zero id, or with nothing.
		e := notProvisioned(op, "the tenant has not registered this partner for "+text+": its administrator has to select the platform in the Intune admin center")
		e.StatusCode, e.Outcome = answer.StatusCode, azure.OutcomeRefused
		return Policy{}, e
	}
	return made.public(), nil
}

// policy is a policy on the wire.
type policy struct {
	ID          string `json:"Id"`
	DisplayName string
	Description string
	Platform    string
}

func (p policy) public() Policy {
	return Policy{ID: guid.Canonical(p.ID), DisplayName: p.DisplayName, Description: p.Description, Platform: p.Platform}
}

// findPolicy answers the tenant's policy for a platform, nil where there is
// none.
func (r *Reporter) findPolicy(ctx context.Context, op, tenantID, at, platform string) (*Policy, *azure.Error) {
	answer, failure := r.manage(ctx, op, tenantID, http.MethodGet, at, nil)
	if failure != nil {
		return nil, failure
	}
	if answer.StatusCode == http.StatusNoContent {
		return nil, nil
	}
	var read struct {
		Value []policy `json:"value"`
	}
	if err := json.Unmarshal(answer.Body, &read); err != nil {
		return nil, unreadable(op, answer)
	}
	for _, p := range read.Value {
		if strings.EqualFold(p.Platform, platform) && guid.Valid(p.ID) {
			return new(p.public()), nil
		}
	}
	return nil, nil
}

// AssignPolicy assigns a policy to one group of users, whose object id is a
// GUID. It must be a real group: the built-in All users does not work. Doing
// it again changes nothing.
func (r *Reporter) AssignPolicy(ctx context.Context, tenantID, policyID, groupID string) error {
	const op = "intune: assign"
	switch {
	case !guid.Valid(policyID):
		return invalid(op, fmt.Errorf("policy %s is not a GUID", shown(policyID)))
	case !guid.Valid(groupID):
		return invalid(op, fmt.Errorf("group %s is not a GUID", shown(groupID)))
	}
	at, failure := r.tenantService(ctx, op, tenantID)
	if failure != nil {
		return failure
	}
	policyID, groupID = guid.Canonical(policyID), guid.Canonical(groupID)
	answer, failure := r.manage(ctx, op, guid.Canonical(tenantID), http.MethodPost,
		at+"/PartnerCompliancePolicies(guid'"+policyID+"')/Assign?api-version=1.6", map[string]any{"assignments": []string{groupID}})
	if failure != nil {
		return failure
	}
	if answer.StatusCode == http.StatusNoContent {
		e := notProvisioned(op, "the tenant has not registered this partner, or not for the policy's platform: its administrator has to add it in the Intune admin center")
		e.StatusCode, e.Outcome = answer.StatusCode, azure.OutcomeRefused
		return e
	}
	if !assigned(answer, groupID) {
		e := unreadable(op, answer)
		e.Err = errors.New("the answer does not show the group among the policy's assignments")
		return e
	}
	return nil
}

// assigned reports whether the answer repeats the group. Its value is JSON
// written as a string.
func assigned(answer wire.Answer, groupID string) bool {
	var read struct {
		Value string `json:"value"`
	}
	var inner struct {
		Assignments []string `json:"assignments"`
	}
	if json.Unmarshal(answer.Body, &read) != nil || json.Unmarshal([]byte(read.Value), &inner) != nil {
		return false
	}
	for _, id := range inner.Assignments {
		if strings.EqualFold(id, groupID) {
			return true
		}
	}
	return false
}
