package reporting_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// answers are what a report may come to while it is in flight.
var answers = map[string]func(h *trial, ctx context.Context, r azure.Report) (azure.Receipt, error){
	"accepted": func(h *trial, _ context.Context, r azure.Report) (azure.Receipt, error) {
		time.Sleep(20 * time.Second)
		return h.azure.accept(r)
	},
	"answered after the lease": func(h *trial, _ context.Context, r azure.Report) (azure.Receipt, error) {
		time.Sleep(3 * time.Minute)
		return h.azure.accept(r)
	},
	"answer lost": func(h *trial, _ context.Context, r azure.Report) (azure.Receipt, error) {
		time.Sleep(20 * time.Second)
		h.azure.arrive(r)
		return azure.Receipt{}, new(noAnswer)
	},
	"given up, arrives later": func(h *trial, ctx context.Context, r azure.Report) (azure.Receipt, error) {
		time.AfterFunc(100*time.Second, func() { h.azure.arrive(r) })
		<-ctx.Done()
		return azure.Receipt{}, &azure.Error{Kind: azure.ErrCanceled, Scope: azure.ScopeDevice, Outcome: azure.OutcomeUnknown, Err: ctx.Err()}
	},
	"failed behind the scenes": func(h *trial, _ context.Context, r azure.Report) (azure.Receipt, error) {
		h.azure.arrive(r)
		return azure.Receipt{}, &azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeService, Outcome: azure.OutcomeUnknown, StatusCode: 500}
	},
}

// A device moves to another Azure id while its first report, or a later one, is
// in flight: the old id ends closed, the new one with the device's standing.
func TestMovesWhileAReportIsInFlight(t *testing.T) {
	for name, answer := range answers {
		for _, first := range []bool{true, false} {
			for _, make := range []func(func(*reporting.Observation)) reporting.Observation{pc, phone} {
				platform := make(nil).Platform
				t.Run(fmt.Sprintf("%s, first report %v, %v", name, first, platform), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						h := newTrial(t, nil)
						defer h.run()()
						if !first {
							h.see(make(in(nonCompliant)))
							time.Sleep(10 * time.Minute)
						}
						once := func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
							h.azure.play(nil)
							return answer(h, ctx, r)
						}
						h.azure.play(once)
						h.see(make(nil))
						time.Sleep(2 * time.Second)
						h.see(make(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
						time.Sleep(20 * time.Minute)
						if got := h.azure.state(deviceID); got != removed {
							t.Errorf("Azure holds the old id as %v, want it closed", got)
						}
						if got := h.azure.state(deviceID2); got != compliant {
							t.Errorf("Azure holds the new id as %v, want compliant", got)
						}
						for _, c := range h.azure.all("delete") {
							t.Errorf("%s was deleted", short(c.report.DeviceID))
						}
					})
				})
			}
		}
	}
}

// A refusal on the old id does not hold up the new one, and closing it is
// tried on where that may help.
func TestRefusalOnTheOldID(t *testing.T) {
	for _, tc := range []struct {
		err   azure.Error
		calls [2]int // at least, at most, within three weeks
	}{
		{azure.Error{Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused}, [2]int{18, 18}},
		{azure.Error{Kind: azure.ErrDeviceNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused, StatusCode: 404}, [2]int{5, 8}},
		{azure.Error{Kind: azure.ErrUnavailable, Scope: azure.ScopeDevice, Outcome: azure.OutcomeUnknown}, [2]int{20, 2500}},
	} {
		t.Run(string(tc.err.Kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, &reporting.Options{Poll: time.Hour})
				defer h.run()()
				h.see(phone(nil))
				time.Sleep(time.Minute)
				h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					if r.DeviceID == deviceID {
						return azure.Receipt{}, new(tc.err)
					}
					return h.azure.accept(r)
				})
				h.see(phone(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
				time.Sleep(4 * time.Second) // a service that fails has all of the tenant wait, for a second or so
				if got := h.azure.state(deviceID2); got != compliant {
					t.Errorf("4 seconds later Azure holds the new id as %v", got)
				}
				if got, want := line(h.device("phone-1").Device), "id2 · Successful · Success · time -> compliant"; got != want {
					t.Errorf("shown %s, want %s", got, want)
				}
				time.Sleep(21 * 24 * time.Hour)
				n := 0
				for _, c := range h.azure.all("report") {
					if c.report.DeviceID == deviceID && c.report.State == removed {
						n++
					}
				}
				if n < tc.calls[0] || n > tc.calls[1] {
					t.Errorf("the old id was closed %d times, want between %d and %d", n, tc.calls[0], tc.calls[1])
				}
			})
		})
	}
}

// A device that comes back to an id that it had left is reported there anew.
func TestComesBackToItsOldID(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second, time.Hour} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				h.see(phone(nil))
				time.Sleep(10 * time.Minute)
				h.see(phone(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
				time.Sleep(after + time.Millisecond)
				h.see(phone(nil))
				time.Sleep(20 * time.Minute)
				for id, want := range map[string]compliance.State{deviceID: compliant, deviceID2: removed} {
					if got := h.azure.state(id); got != want && (id == deviceID || got != compliance.StateUnspecified) {
						t.Errorf("Azure holds %s as %v, want %v", short(id), got, want)
					}
				}
				if got, want := line(h.device("phone-1").Device), "id · Successful · Success · time -> compliant"; got != want {
					t.Errorf("shown %s, want %s", got, want)
				}
			})
		})
	}
}

// Two records claim one id and nothing tells which is right: the stricter
// standing is sent, nothing is deleted, both show it, until one is removed.
func TestTwoRecordsClaimOneID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		other := func(change func(o *reporting.Observation)) reporting.Observation {
			return pc(func(o *reporting.Observation) {
				o.DeviceID = "pc-2"
				if change != nil {
					change(o)
				}
			})
		}
		h.see(pc(nil))
		time.Sleep(time.Minute)
		h.see(other(in(nonCompliant)))
		time.Sleep(time.Minute)
		for _, id := range []string{"pc-1", "pc-2"} {
			if got, want := line(h.device(id).Device), "id · Successful · Success · time conflict -> non-compliant"; got != want {
				t.Errorf("%s: %s, want %s", id, got, want)
			}
		}
		h.see(pc(in(nonCompliant)))
		time.Sleep(time.Minute)
		h.see(other(nil))
		time.Sleep(10 * time.Minute)
		if got := h.azure.state(deviceID); got != nonCompliant {
			t.Errorf("the second turned compliant, the first did not: Azure holds %v, want the stricter", got)
		}
		// The removal of one only releases its claim.
		h.lines()
		h.see(pc(in(removed)))
		time.Sleep(80 * time.Hour)
		if diff := cmp.Diff([]string{"compliant to id, change"}, h.lines()); diff != "" {
			t.Errorf("after one was removed: sent (-want +got)\n%s", diff)
		}
		if got, want := line(h.device("pc-2").Device), "id · Successful · Success · time -> compliant"; got != want {
			t.Errorf("the one that is left: %s, want %s", got, want)
		}
		h.device("pc-1")
		h.see(other(in(removed)))
		time.Sleep(80 * time.Hour)
		if diff := cmp.Diff([]string{"removed to id, change", "delete id"}, h.lines()); diff != "" {
			t.Errorf("after the other was removed: sent (-want +got)\n%s", diff)
		}
	})
}

// Two records of one time, both removed: the claim of the first is released,
// the second is the device.
func TestNoDeletionWhileAnotherClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(pc(nil))
		time.Sleep(time.Minute)
		h.see(pc(in(removed)))
		time.Sleep(24 * time.Hour)
		// Another record comes for the id before the second step.
		h.see(pc(func(o *reporting.Observation) { o.DeviceID = "pc-2" }))
		time.Sleep(100 * time.Hour)
		if n := len(h.azure.all("delete")); n != 0 {
			t.Errorf("the object was deleted although pc-2 has the id")
		}
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("Azure holds %v, want pc-2's standing", got)
		}
	})
}

// Re-enrolment brings a new host id with the same Azure id. The newest
// enrolment owns it; the older record's late removal sends nothing.
func TestNewestEnrolmentOwnsTheIDInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		began := time.Now()
		h.see(pc(func(o *reporting.Observation) { o.EnrolledAt = began.Add(-time.Hour) }))
		time.Sleep(10 * time.Minute)
		h.see(pc(func(o *reporting.Observation) { o.DeviceID, o.EnrolledAt, o.State = "pc-2", began, nonCompliant }))
		time.Sleep(10 * time.Minute)
		h.see(pc(func(o *reporting.Observation) { o.DeviceID, o.EnrolledAt = "pc-2", began }))
		time.Sleep(10 * time.Minute)
		h.lines()
		h.see(pc(in(removed)))
		time.Sleep(100 * time.Hour)
		if diff := cmp.Diff([]string(nil), h.lines()); diff != "" {
			t.Errorf("the older record's removal: sent (-want +got)\n%s", diff)
		}
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("Azure holds %v, want compliant", got)
		}
		h.device("pc-1")
		if d := h.device("pc-2"); d.Conflict || d.ComplianceStatus != status.Successful {
			t.Errorf("the newer record: %s", line(d.Device))
		}
	})
}

// Another user object on a phone: the old pair is closed, and compliance waits
// for a new Success. A renamed sign-in name is no other user.
func TestAnotherUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(phone(func(o *reporting.Observation) { o.UserPrincipalName = "old@example.com" }))
		time.Sleep(10 * time.Minute)
		h.see(phone(func(o *reporting.Observation) { o.UserPrincipalName, o.ClientCode = "new@example.com", "" }))
		time.Sleep(10 * time.Minute)
		if diff := cmp.Diff([]string{"compliant to id, change", "compliant to id, inventory"}, h.lines()); diff != "" {
			t.Errorf("a renamed user: sent (-want +got)\n%s", diff)
		}
		h.see(phone(func(o *reporting.Observation) { o.UserID, o.ClientCode = userB, "" }))
		time.Sleep(10 * time.Minute)
		calls := h.azure.all("report")
		if diff := cmp.Diff([]string{"removed to id, change"}, h.lines()); diff != "" || calls[len(calls)-1].report.UserID != userA {
			t.Errorf("another user: sent for %s (-want +got)\n%s", calls[len(calls)-1].report.UserID, diff)
		}
		if d := h.device("phone-1"); d.Blank.ReportTime != status.BlankWaitsForSignIn {
			t.Errorf("another user, before its Success: %s", line(d.Device))
		}
		h.see(phone(func(o *reporting.Observation) { o.UserID = userB }))
		time.Sleep(10 * time.Minute)
		calls = h.azure.all("report")
		if diff := cmp.Diff([]string{"compliant to id, change"}, h.lines()); diff != "" || calls[len(calls)-1].report.UserID != userB {
			t.Errorf("after it: sent for %s (-want +got)\n%s", calls[len(calls)-1].report.UserID, diff)
		}
	})
}
