package reporting

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

const (
	azureID1 = "007c8232-9489-4074-9b35-345b16f0a72d"
	userID1  = "11111111-2222-4333-8444-555555555555"
	userID2  = "11111111-2222-4333-8444-666666666666"

	none         = compliance.StateUnspecified
	compliant    = compliance.StateCompliant
	nonCompliant = compliance.StateNonCompliant
	removed      = compliance.StateRemoved
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testRules() *rules {
	return &rules{
		refresh: 7 * 24 * time.Hour, flap: 5 * time.Minute, deleteAfter: 72 * time.Hour,
		carried: func(_ azure.Platform, i azure.Inventory) azure.Inventory {
			i.Ownership = azure.OwnershipUnspecified
			return i
		},
	}
}

// told is a target of one record whose standing Microsoft accepted an hour ago.
func told(id string, code status.ClientCode, state, held compliance.State) *target {
	r := record{Host: "host-1", Platform: azure.PlatformIOS, Code: code, UserID: userID1, State: state, SeenAt: noon}
	t := &target{AzureID: id, Records: []record{r}}
	if held != none {
		t.Accepted = &accepted{
			State: held, At: noon.Add(-time.Hour), UserID: userID1, Platform: r.Platform, Enrolment: r.enrolment(),
		}
	}
	return t
}

// The table of what is sent, row by row: what decide answers for each client
// code, id, state and what was reported before.
func TestDecide(t *testing.T) {
	const (
		success   = status.CodeSuccess
		cancelled = status.CodeUserCancelled        // one of those under which compliant is sent
		signedOut = status.CodeAccountLoggedOut     // one of those under which it waits
		unknown   = status.ClientCode("Newer_Code") // and another
	)
	type want struct {
		act     act
		state   compliance.State
		urgency uint8
		trigger azure.Trigger
		blank   status.BlankReason
		wait    time.Duration // from noon to due; only where there is an act
	}
	const week = 7*24*time.Hour - time.Hour // since the standing was accepted an hour ago
	restrict := func(s compliance.State) want {
		return want{act: actReport, state: s, urgency: urgencyRestrict, trigger: azure.TriggerChange}
	}
	allow := want{act: actReport, state: compliant, urgency: urgencyCompliant, trigger: azure.TriggerChange}
	weekly := func(s compliance.State) want {
		return want{act: actReport, state: s, urgency: urgencyRefresh, trigger: azure.TriggerRefresh, wait: week}
	}
	nothing := func(s compliance.State, why status.BlankReason) want {
		return want{state: s, trigger: azure.TriggerChange, blank: why}
	}
	for _, tc := range []struct {
		row  string
		t    *target
		want want
	}{
		{"removed, never known", told("", success, removed, none), nothing(removed, status.BlankNothingToRemove)},
		{"not evaluated", told(azureID1, success, none, none), nothing(none, status.BlankNotEvaluated)},
		{"no code, no id", told("", "", compliant, none), nothing(compliant, status.BlankNoResult)},
		{"a client error, no id", told("", cancelled, nonCompliant, none), nothing(nonCompliant, status.BlankClientError)},
		{"another client error, no id", told("", signedOut, compliant, none), nothing(compliant, status.BlankClientError)},
		{"success without an id", told("", success, compliant, none), nothing(compliant, status.BlankNoID)},
		{"removed, never reported", told(azureID1, signedOut, removed, none), restrict(removed)},
		{"removed, was compliant", told(azureID1, cancelled, removed, compliant), restrict(removed)},
		{"removed, was non-compliant", told(azureID1, "", removed, nonCompliant), restrict(removed)},
		{"removed, is removed", told(azureID1, success, removed, removed), want{state: removed, trigger: azure.TriggerChange}},
		{"non-compliant, never reported", told(azureID1, unknown, nonCompliant, none), restrict(nonCompliant)},
		{"non-compliant, was compliant", told(azureID1, signedOut, nonCompliant, compliant), restrict(nonCompliant)},
		{"compliant, never reported", told(azureID1, success, compliant, none), allow},
		{"compliant, was non-compliant", told(azureID1, cancelled, compliant, nonCompliant), allow},
		{"a claim of compliance under a code that holds it", told(azureID1, signedOut, compliant, none), nothing(compliant, status.BlankWaitsForSignIn)},
		{"the same after non-compliant", told(azureID1, unknown, compliant, nonCompliant), nothing(compliant, status.BlankWaitsForSignIn)},
		{"the same without a code", told(azureID1, "", compliant, nonCompliant), nothing(compliant, status.BlankNoResult)},
		{"compliant stands under such a code, and is not refreshed", told(azureID1, signedOut, compliant, compliant), nothing(compliant, 0)},
		{"nothing changed", told(azureID1, success, compliant, compliant), weekly(compliant)},
		{"nothing changed, non-compliant under any code", told(azureID1, unknown, nonCompliant, nonCompliant), weekly(nonCompliant)},
	} {
		t.Run(tc.row, func(t *testing.T) {
			d := tc.t.decide(noon, testRules())
			got := want{act: d.act, state: d.state, urgency: d.urgency, trigger: d.trigger, blank: d.blank}
			if d.act != actNothing {
				got.wait = d.due.Sub(noon)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("decide (-want +got)\n%s", diff)
			}
		})
	}
}

// What a Windows device has in place of a code is its id.
func TestDecideWindowsWithoutACode(t *testing.T) {
	pc := told(azureID1, "", compliant, none)
	pc.Records[0].Platform = azure.PlatformWindows
	if d := pc.decide(noon, testRules()); d.act != actReport || d.state != compliant {
		t.Errorf("got %+v, want compliant reported", d)
	}
}

func TestDecideNewEnrolmentAfterARemoval(t *testing.T) {
	again := told(azureID1, status.CodeSuccess, compliant, removed)
	again.Accepted.Enrolment = "host-1\x00old"
	if d := again.decide(noon, testRules()); d.act != actReport || d.state != compliant {
		t.Errorf("got %+v, want compliant reported", d)
	}
}

func TestDecideInventoryAndUser(t *testing.T) {
	named := told(azureID1, status.CodeSuccess, compliant, compliant)
	named.Records[0].Inventory.DeviceName = "new name"
	if d := named.decide(noon, testRules()); d.act != actReport || d.trigger != azure.TriggerInventory || d.urgency != urgencyInventory {
		t.Errorf("another name: got %+v", d)
	}
	owned := told(azureID1, status.CodeSuccess, compliant, compliant)
	owned.Records[0].Inventory.Ownership = azure.OwnershipCompany
	if d := owned.decide(noon, testRules()); d.trigger != azure.TriggerRefresh {
		t.Errorf("what the channel does not carry: got %+v, want the weekly report alone", d)
	}
}

func TestDecideFlap(t *testing.T) {
	flaps := told(azureID1, status.CodeSuccess, compliant, nonCompliant)
	flaps.CompliantAt = noon.Add(-time.Minute)
	if d := flaps.decide(noon, testRules()); !d.due.Equal(noon.Add(4 * time.Minute)) {
		t.Errorf("compliant a minute after compliant is due at %v, want five minutes after it", d.due)
	}
	flaps.Records[0].State, flaps.Accepted.State = nonCompliant, compliant
	if d := flaps.decide(noon, testRules()); !d.due.Equal(noon) {
		t.Errorf("non-compliant is due at %v, want at once", d.due)
	}
}

func TestDecideHoldsAndFailures(t *testing.T) {
	held := told(azureID1, status.CodeSuccess, removed, compliant)
	held.Held = removed
	if d := held.decide(noon, testRules()); d.act != actNothing || d.blank != status.BlankHeld {
		t.Errorf("held by the guard: got %+v", d)
	}
	held.Sync = askedMany
	if d := held.decide(noon, testRules()); d.act != actNothing {
		t.Errorf("held, and synced with many: got %+v", d)
	}
	held.Sync = askedOne
	if d := held.decide(noon, testRules()); d.act != actReport {
		t.Errorf("held, and synced by itself: got %+v", d)
	}
	held.Sync, held.Held = askedNot, none
	if d := held.decide(noon, testRules()); d.act != actReport {
		t.Errorf("approved: got %+v", d)
	}
	held.Held, held.Records[0].State = removed, nonCompliant
	if d := held.decide(noon, testRules()); d.act != actReport || d.state != nonCompliant {
		t.Errorf("another standing than the one that is held: got %+v", d)
	}
	later := told(azureID1, status.CodeSuccess, nonCompliant, compliant)
	later.Failure = &failure{At: noon, Retry: noon.Add(time.Minute)}
	if d := later.decide(noon, testRules()); !d.due.Equal(noon.Add(time.Minute)) {
		t.Errorf("after a failure that passes: due %v", d.due)
	}
	refused := told(azureID1, status.CodeSuccess, nonCompliant, compliant)
	refused.Failure = &failure{At: noon}
	if d := refused.decide(noon, testRules()); !d.due.Equal(noon.Add(7 * 24 * time.Hour)) {
		t.Errorf("after a refusal: due %v, want with the weekly report", d.due)
	}
	refused.Sync = askedMany
	refused.forgive(true, noon)
	if d := refused.decide(noon, testRules()); !d.due.Equal(noon) {
		t.Errorf("after a refusal and a sync: due %v, want at once", d.due)
	}
}

// A fleet that was enrolled in one hour does not come back in one hour.
func TestRefreshIsSpread(t *testing.T) {
	k := testRules()
	k.spread = 24 * time.Hour
	hours := map[int]int{}
	for i := range 2400 {
		one := told(azureID1[:32]+string([]byte{'0' + byte(i/1000), '0' + byte(i/100%10), '0' + byte(i/10%10), '0' + byte(i%10)}), status.CodeSuccess, compliant, compliant)
		d := one.decide(noon, k)
		if again := one.decide(noon.Add(time.Hour), k); !again.due.Equal(d.due) {
			t.Fatalf("the time of one device's refresh moved from %v to %v", d.due, again.due)
		}
		early := noon.Add(-time.Hour).Add(k.refresh).Sub(d.due)
		if early < 0 || early >= k.spread {
			t.Fatalf("refreshed %v early, want less than %v", early, k.spread)
		}
		if !stored(d.due).Equal(d.due) {
			t.Fatalf("due at %v, which a store does not keep: its row would be claimed before that", d.due)
		}
		hours[int(early.Hours())]++
	}
	for h := range 24 {
		if hours[h] < 50 || hours[h] > 150 {
			t.Errorf("%d of 2400 devices in hour %d, want about 100", hours[h], h)
		}
	}
}
