package reporting

import (
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

const azureID2 = "aaaaaaaa-9489-4074-9b35-345b16f0a72d"

// world is the targets of one tenant, as a store would hold them.
type world struct {
	t        *testing.T
	targets  map[string]*target
	pointers map[string]*pointer
	now      time.Time
}

func newWorld(t *testing.T) *world {
	return &world{t: t, targets: map[string]*target{}, pointers: map[string]*pointer{}, now: noon}
}

// see applies an observation of host-1 (unless it names another) on an iPhone,
// a minute after the last.
func (w *world) see(change func(o *Observation)) effect {
	w.t.Helper()
	w.now = w.now.Add(time.Minute)
	o := Observation{
		Account: "account", TenantID: azureID1, DeviceID: "host-1", Platform: azure.PlatformIOS, SeenAt: w.now,
	}
	change(&o)
	o.canonical(w.now)
	p := w.pointers[o.DeviceID]
	if p == nil {
		p = &pointer{}
		w.pointers[o.DeviceID] = p
	}
	to := home(&o, p)
	if w.targets[to] == nil {
		w.targets[to] = &target{AzureID: o.AzureDeviceID}
	}
	did := apply(&o, w.now, w.targets[p.target], w.targets[to], false).effect
	if did == effectChanged {
		for id, t := range w.targets {
			if t.find(o.DeviceID) != nil {
				p.target = id
			}
		}
	}
	return did
}

func (w *world) decide(id string) decision {
	w.t.Helper()
	t := w.targets[id]
	if t == nil {
		w.t.Fatalf("nothing is known of %s", id)
	}
	return t.decide(w.now, testRules())
}

// accept plays Microsoft, which takes what is due for an id.
func (w *world) accept(id string) {
	w.t.Helper()
	d := w.decide(id)
	if d.act != actReport {
		w.t.Fatalf("nothing to report for %s: %+v", id, d)
	}
	t := w.targets[id]
	r, _ := t.owner()
	t.Accepted = &accepted{State: d.state, At: w.now, UserID: r.UserID, UPN: r.UPN, Platform: r.Platform, Enrolment: r.enrolment()}
}

func registered(state compliance.State) func(*Observation) {
	return func(o *Observation) {
		o.AzureDeviceID, o.ClientCode, o.UserID, o.State = azureID1, status.CodeSuccess, userID1, state
	}
}

func TestBlankIsUnchanged(t *testing.T) {
	w := newWorld(t)
	w.see(registered(compliant))
	w.accept(azureID1)
	if did := w.see(func(*Observation) {}); did != effectNone {
		t.Errorf("an observation that says nothing: effect %d, want none", did)
	}
	w.see(func(o *Observation) { o.State = nonCompliant })
	if d := w.decide(azureID1); d.act != actReport || d.state != nonCompliant {
		t.Errorf("got %+v, want non-compliant reported on the id that is known", d)
	}
}

func TestOrderOfObservations(t *testing.T) {
	w := newWorld(t)
	w.see(registered(nonCompliant))
	if did := w.see(func(o *Observation) { o.State, o.SeenAt = compliant, noon }); did != effectStale {
		t.Errorf("a late one: effect %d, want stale", did)
	}
	seen := w.now.Add(-time.Minute)
	w.see(func(o *Observation) { o.State, o.SeenAt = compliant, seen })
	if d := w.decide(azureID1); d.state != nonCompliant {
		t.Errorf("on a tie the stricter wins: got %v", d.state)
	}
	w = newWorld(t)
	w.see(func(o *Observation) { registered(nonCompliant)(o); o.Version = 7 })
	if did := w.see(func(o *Observation) { o.State, o.Version = compliant, 6 }); did != effectStale {
		t.Errorf("an older version seen later: effect %d, want stale", did)
	}
}

func TestRemovalIsFinalForAnEnrolment(t *testing.T) {
	w := newWorld(t)
	enrolled := func(n time.Duration, id string) func(*Observation) {
		return func(o *Observation) {
			registered(compliant)(o)
			o.EnrollmentID, o.EnrolledAt = id, noon.Add(n*time.Second)
		}
	}
	w.see(enrolled(1, "first"))
	w.accept(azureID1)
	w.see(func(o *Observation) { enrolled(1, "first")(o); o.State = removed })
	w.accept(azureID1)
	w.see(enrolled(1, "first"))
	if d := w.decide(azureID1); d.act == actReport || d.state != removed {
		t.Errorf("a check-in of the removed enrolment: got %+v, want nothing", d)
	}
	w.see(enrolled(2, "second"))
	if d := w.decide(azureID1); d.act != actReport || d.state != compliant {
		t.Errorf("a newer enrolment: got %+v, want compliant reported", d)
	}
	if did := w.see(func(o *Observation) { enrolled(1, "first")(o); o.State = removed }); did != effectStale {
		t.Errorf("the older enrolment's late removal: effect %d, want stale", did)
	}
}

func TestNewEnrolmentWaitsForItsOwnSuccess(t *testing.T) {
	w := newWorld(t)
	w.see(func(o *Observation) { registered(nonCompliant)(o); o.EnrollmentID, o.EnrolledAt = "first", noon })
	w.accept(azureID1)
	w.see(func(o *Observation) {
		o.EnrollmentID, o.EnrolledAt, o.State = "second", noon.Add(time.Second), compliant
	})
	if d := w.decide(azureID1); d.act == actReport {
		t.Errorf("compliant on the id of the enrolment before: got %+v, want it to wait", d)
	}
	w.see(func(o *Observation) {
		o.EnrollmentID, o.EnrolledAt, o.ClientCode = "second", noon.Add(time.Second), status.CodeSuccess
	})
	if d := w.decide(azureID1); d.act == actReport {
		t.Errorf("Success without an id of this enrolment: got %+v, want it to wait", d)
	}
	w.see(func(o *Observation) {
		o.EnrollmentID, o.EnrolledAt, o.AzureDeviceID = "second", noon.Add(time.Second), azureID1
	})
	if d := w.decide(azureID1); d.act != actReport || d.state != compliant {
		t.Errorf("after its own Success: got %+v", d)
	}
}

// Re-enrolment brings a new host id with the same Azure id.
func TestNewestEnrolmentOwnsTheID(t *testing.T) {
	w := newWorld(t)
	w.see(func(o *Observation) { registered(compliant)(o); o.EnrolledAt = noon })
	w.accept(azureID1)
	w.see(func(o *Observation) {
		registered(nonCompliant)(o)
		o.DeviceID, o.EnrolledAt = "host-2", noon.Add(time.Second)
	})
	if d := w.decide(azureID1); d.state != nonCompliant || d.conflict {
		t.Errorf("got %+v, want the newer record's standing", d)
	}
	w.accept(azureID1)
	w.see(func(o *Observation) { o.State = removed })
	if d := w.decide(azureID1); d.state != nonCompliant || d.act == actReport && d.trigger == azure.TriggerChange {
		t.Errorf("the older record's removal: got %+v, want nothing sent", d)
	}
	w.see(func(o *Observation) { o.DeviceID, o.State = "host-2", removed })
	if d := w.decide(azureID1); d.act != actReport || d.state != removed {
		t.Errorf("the owner's removal: got %+v, want it sent", d)
	}
}

func TestConflictSendsTheStricter(t *testing.T) {
	w := newWorld(t)
	w.see(registered(compliant))
	w.see(func(o *Observation) { registered(nonCompliant)(o); o.DeviceID = "host-2" })
	if d := w.decide(azureID1); d.state != nonCompliant || !d.conflict {
		t.Errorf("got %+v, want non-compliant and a conflict", d)
	}
	w.see(func(o *Observation) { o.DeviceID, o.State = "host-2", removed })
	if d := w.decide(azureID1); d.state != compliant || d.conflict {
		t.Errorf("after one is removed: got %+v, want the other's standing", d)
	}
}

func TestAnotherAzureID(t *testing.T) {
	w := newWorld(t)
	w.see(registered(compliant))
	w.accept(azureID1)
	w.see(func(o *Observation) { o.AzureDeviceID, o.ClientCode = azureID2, status.CodeSuccess })
	if d := w.decide(azureID1); d.act != actClose {
		t.Errorf("the old id: got %+v, want it closed", d)
	}
	if d := w.decide(azureID2); d.act != actReport || d.state != compliant {
		t.Errorf("the new id: got %+v, want compliant reported", d)
	}

	w = newWorld(t)
	w.see(registered(compliant))
	w.accept(azureID1)
	w.see(func(o *Observation) { registered(compliant)(o); o.DeviceID = "host-2" })
	w.see(func(o *Observation) { o.AzureDeviceID, o.ClientCode = azureID2, status.CodeSuccess })
	if d := w.decide(azureID1); d.act == actClose {
		t.Errorf("an id that another record claims: got %+v, want it left alone", d)
	}
}

func TestAnotherUser(t *testing.T) {
	w := newWorld(t)
	w.see(registered(compliant))
	w.accept(azureID1)
	w.see(func(o *Observation) { o.UserID = userID2 })
	if d := w.decide(azureID1); d.act != actClose {
		t.Errorf("got %+v, want the earlier user's pair closed", d)
	}
	closing := w.targets[azureID1].Closing[0]
	w.targets[azureID1].closed(&errand{decision: decision{closing: &closing}}, w.now)
	if d := w.decide(azureID1); d.act == actReport || d.blank != status.BlankWaitsForSignIn {
		t.Errorf("got %+v, want compliant to wait for a new Success", d)
	}
	w.see(func(o *Observation) { o.ClientCode = status.CodeSuccess })
	if d := w.decide(azureID1); d.act != actReport || d.state != compliant {
		t.Errorf("after it: got %+v", d)
	}

	w = newWorld(t)
	w.see(func(o *Observation) { registered(compliant)(o); o.UserPrincipalName = "old@example.com" })
	w.accept(azureID1)
	w.see(func(o *Observation) { o.UserPrincipalName = "new@example.com" })
	if d := w.decide(azureID1); d.act != actReport || d.trigger != azure.TriggerInventory {
		t.Errorf("a renamed user: got %+v, want an inventory report", d)
	}
}

func TestCheckRefusesByName(t *testing.T) {
	good := Observation{Account: "a", TenantID: azureID1, DeviceID: "d", Platform: azure.PlatformIOS, SeenAt: noon}
	if err := good.check(noon); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*Observation){
		"Account":       func(o *Observation) { o.Account = "" },
		"TenantID":      func(o *Observation) { o.TenantID = "contoso.com" },
		"DeviceID":      func(o *Observation) { o.DeviceID = "a\x00b" },
		"AzureDeviceID": func(o *Observation) { o.AzureDeviceID = "x" },
		"UserID":        func(o *Observation) { o.UserID = "x" },
		"Platform":      func(o *Observation) { o.Platform = 99 },
		"State":         func(o *Observation) { o.State = 99 },
		"SeenAt":        func(o *Observation) { o.SeenAt = noon.Add(6 * time.Minute) },
		"EnrolledAt":    func(o *Observation) { o.EnrolledAt = noon.Add(time.Hour) },
	} {
		bad := good
		spoil(&bad)
		if err := bad.check(noon); err == nil || !containsWord(err.Error(), field) {
			t.Errorf("%s: got %v, want an error that names it", field, err)
		}
	}
}

func containsWord(s, word string) bool {
	return len(s) >= len(word) && s[:len(word)] == word
}

// A claim that was released does not come back when the owner leaves.
func TestReleasedClaimStaysReleased(t *testing.T) {
	w := newWorld(t)
	w.see(func(o *Observation) { registered(compliant)(o); o.EnrolledAt = noon })
	w.see(func(o *Observation) {
		registered(compliant)(o)
		o.DeviceID, o.EnrolledAt = "host-2", noon.Add(time.Second)
	})
	w.accept(azureID1)
	w.see(func(o *Observation) { o.State = removed })
	w.see(func(o *Observation) {
		o.DeviceID, o.AzureDeviceID, o.ClientCode = "host-2", azureID2, status.CodeSuccess
	})
	if d := w.decide(azureID1); d.act != actClose {
		t.Errorf("the id that both have left: got %+v, want it closed", d)
	}
}

// A PC that enrols again is vouched for by an id that comes with the new
// enrolment, not by the one that is known from before.
func TestNewEnrolmentOfAPCWaitsForItsID(t *testing.T) {
	w := newWorld(t)
	pc := func(enrolment string, at time.Duration, id string, state compliance.State) func(*Observation) {
		return func(o *Observation) {
			o.Platform, o.EnrollmentID, o.EnrolledAt = azure.PlatformWindows, enrolment, noon.Add(at)
			o.AzureDeviceID, o.State = id, state
		}
	}
	w.see(pc("first", 0, azureID1, nonCompliant))
	w.accept(azureID1)
	w.see(pc("second", time.Second, "", compliant))
	if d := w.decide(azureID1); d.act == actReport {
		t.Errorf("without an id: got %+v, want compliant to wait", d)
	}
	w.see(pc("second", time.Second, azureID1, compliant))
	if d := w.decide(azureID1); d.act != actReport || d.state != compliant {
		t.Errorf("with it: got %+v", d)
	}
}
