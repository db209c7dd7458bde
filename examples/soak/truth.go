package main

import (
	"slices"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// standing is what Microsoft holds of an Azure id.
type standing string

const (
	nothing      standing = "nothing"
	compliant    standing = "compliant"
	nonCompliant standing = "non-compliant"
	closed       standing = "not managed, not compliant"
)

// owner is the record whose standing counts for an Azure id: that of the newest
// enrolment among those that have it now. nil: none has.
func (a *azureID) owner() *record {
	var owner *record
	for _, r := range a.claims {
		if r.truth.AzureDeviceID == a.id && (owner == nil || r.truth.EnrolledAt.After(owner.truth.EnrolledAt)) {
			owner = r
		}
	}
	return owner
}

// inherited reports whether a record of a newer enrolment had the id before
// its owner. Whether the owner's standing counts again depends on how the other
// left: what was removed stays so.
func (a *azureID) inherited() bool {
	r := a.owner()
	return r != nil && slices.ContainsFunc(a.observed(), func(c *change) bool {
		return c.record != r && c.observation.EnrolledAt.After(r.truth.EnrolledAt)
	})
}

// allowed answers the standings of which Microsoft has to hold one. More than
// one is allowed only where it depends on what was sent in time.
func (a *azureID) allowed() []standing {
	all := a.ownersStanding()
	if a.inherited() {
		all = append(all, closed, nothing) // nothing: the other left before anything was sent
		if a.owner().truth.State == compliance.StateUnspecified {
			all = append(all, nonCompliant, compliant) // the earlier standing stays
		}
	}
	return all
}

func (a *azureID) ownersStanding() []standing {
	r := a.owner()
	if r == nil {
		// Closed, unless Microsoft was never told anything on it.
		if a.told() {
			return []standing{closed, nothing}
		}
		return []standing{nothing}
	}
	switch r.truth.State {
	case compliance.StateRemoved:
		return []standing{closed}
	case compliance.StateNonCompliant:
		return []standing{nonCompliant}
	case compliance.StateCompliant:
		if !waits(r.truth.ClientCode, a.machine.platform) {
			return []standing{compliant}
		}
		// What Microsoft holds stays: compliant if that was sent in time.
		all := []standing{nothing, nonCompliant, closed}
		if a.vouched() {
			all = append(all, compliant)
		}
		return all
	}
	return []standing{nothing} // not evaluated
}

// waits reports whether a new claim of compliance waits under a client code.
func waits(code status.ClientCode, p azure.Platform) bool {
	if p == azure.PlatformWindows {
		return false // which has no code
	}
	switch code {
	case status.CodeSuccess, status.CodeUserCancelled, status.CodeInteractionRequired, status.CodeServerDeclinedScopes,
		status.CodeServerProtectionPoliciesRequired, status.CodeInternalError:
		return false
	}
	return true
}

// observed are the observations of every record that was on the id.
func (a *azureID) observed() []*change {
	var all []*change
	for _, r := range a.claims {
		for _, c := range r.changes {
			if c.observation.AzureDeviceID == a.id && !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

// told reports whether there ever was something to tell Microsoft on the id.
func (a *azureID) told() bool {
	return slices.ContainsFunc(a.observed(), func(c *change) bool { return c.observation.State != compliance.StateUnspecified })
}

// vouched reports whether the id ever could be reported as compliant.
func (a *azureID) vouched() bool {
	return slices.ContainsFunc(a.observed(), func(c *change) bool {
		return c.observation.State == compliance.StateCompliant && !waits(c.observation.ClientCode, a.machine.platform)
	})
}

// view is what an administrator has to see of a record, as far as it does not
// depend on what was sent in time.
type view struct {
	State status.ReportState
	Blank status.BlankReason // of the report time
	Code  status.ClientCode
}

// views answers what may be seen, where holds is what Microsoft has.
func (r *record) views(a *azureID, holds standing) []view {
	v := r.view(a, holds)
	if v.State == status.Successful && r.truth.State == compliance.StateCompliant && waits(v.Code, r.machine.platform) {
		// Where whoever sent its claim was killed before the answer, nobody
		// knows that Microsoft took it.
		return []view{v, {State: status.Failed, Blank: status.BlankWaitsForSignIn, Code: v.Code}}
	}
	return []view{v}
}

func (r *record) view(a *azureID, holds standing) view {
	v := view{Code: r.truth.ClientCode}
	if a != nil && r.machine.platform == azure.PlatformWindows {
		v.Code = status.CodeSuccess
	}
	o := r.truth
	switch {
	case a == nil && r.removed():
		v.Blank = status.BlankNothingToRemove
	case a != nil && a.owner() != r && r.removed():
		v.Blank = status.BlankNothingToRemove
	case a != nil && a.owner() != r:
		v.Blank = status.BlankSuperseded
	case o.State == compliance.StateUnspecified:
		v.State, v.Blank = status.InProgress, status.BlankNotEvaluated
	case a == nil && o.ClientCode == "":
		v.State, v.Blank = status.InProgress, status.BlankNoResult
	case a == nil && o.ClientCode == status.CodeSuccess:
		v.State, v.Blank = status.Failed, status.BlankNoID
	case a == nil:
		v.State, v.Blank = status.Failed, status.BlankClientError
	case o.State == compliance.StateCompliant && holds != compliant:
		v.State, v.Blank = status.Failed, status.BlankWaitsForSignIn
	default:
		v.State = status.Successful
	}
	return v
}
