package main

import (
	"fmt"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// failures are codes under which a device keeps what it has. Under the first
// ones a new claim of compliance waits.
var failures = []status.ClientCode{
	status.CodeAccountLoggedOut, status.CodeWorkplaceJoinRequired, "Newer_Than_The_Server",
	status.CodeUserCancelled, status.CodeInteractionRequired, status.CodeServerDeclinedScopes, status.CodeInternalError,
}

// happen lets something happen to a device, and answers the change; nil:
// nothing did.
func (w *world) happen() *change {
	m := pick(w, w.machines...)
	r := m.newest()
	if len(m.records) > 1 && w.chance(0.2) {
		if old := pick(w, m.records[:len(m.records)-1]...); !old.removed() {
			return w.retire(old)
		}
	}
	if c := w.rejoin(m); c != nil {
		return c
	}
	switch {
	case r.removed():
		return w.afterRemoval(r)
	case r.truth.AzureDeviceID == "":
		return w.beforeID(r)
	}
	phone := m.platform != azure.PlatformWindows
	switch dice := w.rng.Float64(); {
	case dice < 0.40:
		return w.turn(r)
	case dice < 0.52:
		r.truth.Inventory.OSVersion = fmt.Sprintf("1.%d", len(w.changes)+1)
		return w.tell(r, "is updated")
	case dice < 0.66 && phone:
		return w.signIn(r)
	case dice < 0.74:
		return w.retire(r)
	case dice < 0.80:
		w.learnID(r, "")
		return w.tell(r, "has another Azure id")
	case dice < 0.86:
		return w.enrolAnew(r)
	case dice < 0.90 && phone && len(w.users[m.tenant]) > 1:
		return w.changeUser(r)
	case r.waiting == 0:
		return w.tell(r, "checks in") // and nothing changed
	}
	return nil
}

// turn makes a compliant device non-compliant and the other way round.
func (w *world) turn(r *record) *change {
	switch r.truth.State {
	case compliance.StateCompliant:
		r.truth.State = compliance.StateNonCompliant
	default:
		r.truth.State = compliance.StateCompliant
	}
	return w.tell(r, "turns "+r.truth.State.String())
}

func (w *world) retire(r *record) *change {
	r.truth.State = compliance.StateRemoved
	return w.tell(r, "is retired")
}

// signIn is MSAL on the device: signed out, or in again.
func (w *world) signIn(r *record) *change {
	if r.truth.ClientCode != status.CodeSuccess && w.chance(0.6) {
		r.truth.ClientCode = status.CodeSuccess
		return w.tell(r, "is signed in")
	}
	if r.waiting > 0 {
		// The Success before has to arrive: without it a new enrolment, or
		// another user, would not be vouched for.
		return nil
	}
	r.truth.ClientCode = pick(w, failures...)
	return w.tell(r, "has "+string(r.truth.ClientCode))
}

func (w *world) changeUser(r *record) *change {
	for before := r.truth.UserID; r.truth.UserID == before; {
		r.truth.UserID = pick(w, w.users[r.truth.TenantID]...)
	}
	r.truth.ClientCode = status.CodeSuccess
	return w.tell(r, "has another user")
}

// beforeID is a device that Azure does not know yet.
func (w *world) beforeID(r *record) *change {
	if w.chance(0.5) {
		w.learnID(r, "")
		return w.tell(r, "learns its Azure id")
	}
	if w.chance(0.2) {
		return w.retire(r)
	}
	return w.turn(r)
}

// afterRemoval is a device that was retired.
func (w *world) afterRemoval(r *record) *change {
	switch dice := w.rng.Float64(); {
	case dice < 0.5:
		return w.enrolAnew(r)
	case dice < 0.7:
		// It checks in as if nothing had happened. The removal stands.
		r.truth.State = compliance.StateCompliant
		c := w.tell(r, "checks in after its removal")
		r.truth.State = compliance.StateRemoved
		return c
	}
	return nil
}

// enrolAnew enrols the device of a record once more: under the same device id
// or another, with the same Azure id or another.
func (w *world) enrolAnew(r *record) *change {
	id := r.truth.AzureDeviceID
	if id == "" || w.deleted(r) || w.chance(0.3) {
		id = ""
	}
	what := "is enrolled anew"
	// Three records of one id would need another kind of truth.
	if w.chance(0.4) && (id == "" || len(w.byID[id].claims) < 2) {
		m := r.machine
		next := w.newRecord(m)
		next.truth.UserID, next.truth.Inventory = r.truth.UserID, r.truth.Inventory
		r, what = next, "is enrolled anew, as another record"
	} else {
		w.enrolment(r)
	}
	if id == r.truth.AzureDeviceID && id != "" {
		r.truth.ClientCode = r.success()
	} else {
		w.learnID(r, id)
	}
	r.truth.State = w.state()
	return w.tell(r, what)
}

// success is the code of a device whose id is known.
func (r *record) success() status.ClientCode {
	if r.machine.platform == azure.PlatformWindows {
		return ""
	}
	return status.CodeSuccess
}

// rejoin registers a device again whose directory object was deleted while it
// was enrolled anew: it cannot sign in any more. nil: it can.
func (w *world) rejoin(m *machine) *change {
	r := m.newest()
	if r.removed() || r.truth.AzureDeviceID == "" || !w.deleted(r) {
		return nil
	}
	w.learnID(r, "")
	return w.tell(r, "joins again, its object was deleted")
}

// calm brings the world to an end: most of those that are signed out sign in.
func (w *world) calm() {
	for _, m := range w.machines {
		if r := m.newest(); !r.removed() && r.truth.AzureDeviceID != "" && r.truth.ClientCode != r.success() && w.chance(0.7) {
			r.truth.ClientCode = status.CodeSuccess
			w.tell(r, "is signed in")
		}
	}
}
