package reporting_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// The newest record of an id is removed, enrols anew and then has another id:
// the older record, which was never cleaned up, does not take the id over.
func TestOlderRecordDoesNotTakeOverWhatWasRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		began := time.Now()
		as := func(device, enrolment string, enrolled time.Duration, change func(o *reporting.Observation)) reporting.Observation {
			return pc(func(o *reporting.Observation) {
				o.DeviceID, o.EnrollmentID, o.EnrolledAt = device, enrolment, began.Add(enrolled)
				if change != nil {
					change(o)
				}
			})
		}
		h.see(as("old", "e0", 0, nil))
		h.see(as("new", "e1", time.Second, nil))
		time.Sleep(time.Minute)
		h.see(as("new", "e1", time.Second, in(removed)))
		time.Sleep(time.Minute)
		h.lines()
		h.see(as("new", "e2", time.Minute, func(o *reporting.Observation) { o.AzureDeviceID = "" }))
		time.Sleep(time.Minute)
		h.see(as("new", "e2", time.Minute, func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
		time.Sleep(20 * 24 * time.Hour)
		if got := h.azure.state(deviceID); got != removed {
			t.Errorf("Azure holds %v of the id of which the newest enrolment was removed, after %q", got, h.lines())
		}
		if got := h.azure.state(deviceID2); got != compliant {
			t.Errorf("Azure holds %v of the new id", got)
		}
		if got, want := line(h.device("old").Device), "id · none[superseded] · Success · [superseded]"; got != want {
			t.Errorf("old: %s, want %s", got, want)
		}
	})
}

// The newest record of an id is removed and goes elsewhere, and an older one
// enrols anew, in between: the id is closed all the same.
func TestOlderEnrolmentDoesNotKeepAnIDOpen(t *testing.T) {
	for _, ends := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			h := newTrial(t, nil)
			began := time.Now().Add(-time.Minute)
			see := func(device, id string, enrolled time.Duration, s compliance.State) {
				h.see(pc(func(o *reporting.Observation) {
					o.DeviceID, o.AzureDeviceID, o.State = device, id, s
					o.EnrolledAt = began.Add(enrolled)
					o.EnrollmentID = o.EnrolledAt.String()
				}))
				time.Sleep(time.Millisecond)
			}
			stop := h.run()
			see("old", deviceID, 0, compliant)
			time.Sleep(time.Minute)
			stop() // nothing is sent for a while
			see("new", deviceID, 20*time.Second, removed)
			see("new", deviceID2, 30*time.Second, compliant)
			see("old", deviceID, 10*time.Second, compliant)
			if ends {
				see("old", deviceID, 10*time.Second, removed)
			}
			defer h.run()()
			time.Sleep(time.Hour)
			if got := h.azure.state(deviceID); got != removed {
				t.Errorf("older one removed %v: Azure holds %v, after %q", ends, got, h.lines())
			}
		})
	}
}

// Another record claimed the id after a removal and released it: the object is
// not deleted on the account of the first, whether or not times tell which is
// newer. The second's own removal deletes it.
func TestNoDeletionForWhatAnotherClaimedSince(t *testing.T) {
	for _, released := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			h := newTrial(t, nil)
			defer h.run()()
			began := time.Now()
			twin := func(change func(o *reporting.Observation)) reporting.Observation {
				return pc(func(o *reporting.Observation) { o.DeviceID = "twin"; change(o) })
			}
			if released { // by a live record of which nothing tells that it is older than the twin
				h.see(pc(func(o *reporting.Observation) { o.DeviceID, o.EnrollmentID, o.EnrolledAt = "old", "e0", began }))
			}
			first := func(o *reporting.Observation) { o.EnrollmentID, o.EnrolledAt = "e1", began.Add(time.Second) }
			h.see(pc(first))
			time.Sleep(time.Minute)
			h.see(pc(func(o *reporting.Observation) { first(o); o.State = removed }))
			time.Sleep(time.Minute)
			h.see(twin(in(nonCompliant)))
			time.Sleep(time.Minute)
			h.see(twin(in(removed)))
			if released {
				time.Sleep(time.Hour)
				h.see(pc(func(o *reporting.Observation) {
					o.DeviceID, o.EnrollmentID, o.EnrolledAt, o.State = "old", "e0", began, removed
				}))
			}
			time.Sleep(30 * 24 * time.Hour)
			if got := h.azure.state(deviceID); released && got != removed {
				t.Errorf("Azure holds %v", got)
			}
			if deleted := len(h.azure.all("delete")); deleted > 0 == released {
				t.Errorf("released %v: %d deletions", released, deleted)
			}
		})
	}
}

// A claim of compliance without an answer is made again, but not after the
// device was non-compliant: then it is a new one, which waits for a sign-in.
func TestClaimFromBeforeNonComplianceIsNotMadeAgain(t *testing.T) {
	for _, between := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := newTrial(t, nil)
			defer h.run()()
			h.azure.refuse(noAnswer)
			h.see(pc(nil))
			time.Sleep(time.Minute)
			if between {
				h.see(pc(in(nonCompliant)))
				time.Sleep(time.Minute)
			}
			h.see(pc(func(o *reporting.Observation) { o.ClientCode = status.CodeAccountLoggedOut }))
			before := len(h.azure.all("report"))
			h.azure.play(nil)
			time.Sleep(time.Hour)
			claimed := slices.ContainsFunc(h.azure.all("report")[before:], func(s sent) bool { return s.report.State == compliant })
			if claimed == between {
				t.Errorf("non-compliant in between %v: compliant was sent: %v", between, claimed)
			}
			if got := h.device("pc-1").Blank.ReportTime; between && got != status.BlankWaitsForSignIn {
				t.Errorf("the report time is blank because of %v", got)
			}
		})
	}
}

// A message takes the place of one of whose verdict nothing is known, and fails:
// what is shown as reported is what was confirmed before both.
func TestMessageFailsThatTookTheNextToLastsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.azure.later.Store(true)
		h.see(phone(in(nonCompliant)))
		time.Sleep(time.Minute) // confirmed
		hang := func(_ context.Context, r azure.Receipt) (azure.Receipt, error) { return r, nil }
		fail := func(_ context.Context, r azure.Receipt) (azure.Receipt, error) {
			r.State = status.Failed
			r.Failure = &azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
			return r, nil
		}
		h.azure.mu.Lock()
		h.azure.check = hang
		h.azure.mu.Unlock()
		h.see(phone(nil))
		time.Sleep(time.Second)
		h.see(phone(in(nonCompliant)))
		time.Sleep(time.Second)
		h.azure.mu.Lock()
		h.azure.check = fail
		h.azure.mu.Unlock()
		h.see(phone(in(nonCompliant)))
		time.Sleep(time.Minute)
		d := h.device("phone-1")
		if d.LastReported.State != nonCompliant || d.Confirmed.Sub(d.LastReported.Time) != 0 || time.Since(d.LastReported.Time) < time.Minute {
			t.Errorf("shown as reported: %+v", d.LastReported)
		}
		if d.ComplianceStatus != status.Failed {
			t.Errorf("%s", line(d.Device))
		}
		if err := h.engine.Forget(t.Context(), account, tenantID, "phone-1", false); err == nil {
			t.Error("it was forgotten, though Azure may hold compliant by the message of which nothing is known")
		}
	})
}

// The closing of an earlier user's pair comes after the report of the new one:
// that is sent once more, since Azure may keep one standing for both.
func TestClosingThatComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(phone(nil))
		time.Sleep(time.Minute)
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			if r.UserID == userA {
				return azure.Receipt{}, &azure.Error{Kind: azure.ErrUserNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
			}
			return h.azure.accept(r)
		})
		h.see(phone(func(o *reporting.Observation) { o.UserID = userB }))
		time.Sleep(time.Minute)
		h.azure.play(nil)
		time.Sleep(time.Hour)
		var users []string
		for _, c := range h.azure.all("report") {
			users = append(users, map[string]string{userA: "A ", userB: "B "}[c.report.UserID]+c.report.State.String())
		}
		if got, want := users[len(users)-2:], []string{"A removed", "B compliant"}; !slices.Equal(got, want) || !slices.Contains(users[:len(users)-2], "B compliant") {
			t.Errorf("sent: %q", users)
		}
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("Azure holds %v", got)
		}
	})
}

// A device that is forgotten and observed again goes on above the numbers that
// its events had, so that none is overwritten before it was fetched.
func TestEventsAfterForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{Events: true})
		h.see(pc(nil))
		time.Sleep(time.Second)
		h.see(pc(in(nonCompliant)))
		require.NoError(t, h.engine.Forget(t.Context(), account, tenantID, "pc-1", true))
		time.Sleep(time.Second)
		h.see(pc(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
		var ids []string
		var last int64
		for _, e := range fetched(t, h.engine) {
			if e.Sequence <= last {
				t.Errorf("number %d after %d", e.Sequence, last)
			}
			last = e.Sequence
			ids = append(ids, short(e.Device.AzureDeviceID))
		}
		if diff := cmp.Diff([]string{"id", "id2"}, slices.Compact(ids)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// What befell the tenant before does not count against a pair that is to be
// closed: a message that fails after hours without a token is sent again.
func TestClosingAfterHoursWithoutAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(phone(nil))
		time.Sleep(time.Minute)
		h.azure.refuse(noToken)
		h.see(phone(func(o *reporting.Observation) { o.UserID = userB }))
		time.Sleep(12 * time.Hour)
		var when atomic.Pointer[time.Time] // it was refused
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			if r.UserID == userA && when.Load() == nil {
				when.Store(new(time.Now()))
				return azure.Receipt{}, &azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}
			}
			return h.azure.accept(r)
		})
		time.Sleep(2 * time.Hour)
		var last sent
		for _, s := range h.azure.all("report") {
			if s.report.UserID == userA {
				last = s
			}
		}
		if at := when.Load(); at == nil || !last.at.After(*at) || last.report.State != removed {
			t.Errorf("refused at %v, sent last at %v", at, last.at)
		}
	})
}

// A record of which nothing tells when it was enrolled is removed beside one
// that another enrolment superseded: it is the device's removal. The object is
// left alone, since the superseded record may be of a later enrolment than it.
func TestRemovalBesideASupersededRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		began := time.Now()
		as := func(device string, s compliance.State, enrolled time.Duration, id string) {
			h.see(pc(func(o *reporting.Observation) {
				o.DeviceID, o.State, o.AzureDeviceID = device, s, id
				if enrolled > 0 {
					o.EnrolledAt = began.Add(enrolled)
					o.EnrollmentID = o.EnrolledAt.String()
				}
			}))
			time.Sleep(time.Minute)
		}
		as("old", nonCompliant, 1*time.Millisecond, deviceID)
		as("new", removed, 2*time.Millisecond, deviceID)
		as("twin", compliant, 0, deviceID)
		as("new", compliant, 3*time.Millisecond, deviceID2)
		if got := h.azure.state(deviceID); got != compliant {
			t.Fatalf("Azure holds %v", got)
		}
		as("twin", removed, 0, deviceID)
		if got := h.azure.state(deviceID); got != removed {
			t.Errorf("Azure holds %v after the removal, sent: %q", got, h.lines())
		}
		as("old", removed, 1*time.Millisecond, deviceID)
		time.Sleep(20 * 24 * time.Hour)
		if n := len(h.azure.all("delete")); n != 0 {
			t.Errorf("%d deletions", n)
		}
	})
}

// The message of a claim comes to nothing that was under way when the device
// enrolled anew. It is not made again for the new enrolment, whose user has signed
// out since.
func TestClaimOfAnEarlierEnrolmentThatWasUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.azure.later.Store(true)
		h.azure.answerChecks(func(r azure.Receipt) (azure.Receipt, error) {
			r.State, r.Failure = status.Failed, &azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeUnknown}
			return r, nil
		})
		stuck(h, 20*time.Second)
		began := time.Now()
		see := func(enrolment string, code status.ClientCode) {
			h.see(phone(func(o *reporting.Observation) {
				o.EnrollmentID, o.EnrolledAt, o.ClientCode = enrolment, began, code
				if enrolment != "e1" {
					o.EnrolledAt = began.Add(time.Second)
				}
			}))
			time.Sleep(5 * time.Second)
		}
		see("e1", status.CodeSuccess)
		see("e2", status.CodeSuccess)
		see("e2", status.CodeAccountLoggedOut)
		time.Sleep(time.Hour)
		if got := h.lines(); len(got) != 1 {
			t.Errorf("sent %q, want the claim of the first enrolment alone", got)
		}
		if d := h.device("phone-1"); d.Blank.ReportTime != status.BlankWaitsForSignIn {
			t.Errorf("shown %s", line(d.Device))
		}
	})
}
