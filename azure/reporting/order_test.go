package reporting_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

// A late observation does not undo a newer one, also where the newer ones
// changed nothing.
func TestLateObservationOfLessStrictness(t *testing.T) {
	for _, strict := range []compliance.State{nonCompliant, removed} {
		for name, again := range map[string][]time.Duration{
			"seen once": nil, "seen again": {20 * time.Minute}, "seen again and again": {time.Minute, 2 * time.Minute, 30 * time.Minute},
		} {
			t.Run(fmt.Sprintf("%v, %s", strict, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newTrial(t, nil)
					defer h.run()()
					began := time.Now()
					h.see(phone(nil))
					time.Sleep(10 * time.Minute)
					h.see(phone(in(strict)))
					last := time.Now()
					for _, after := range again {
						time.Sleep(after)
						last = time.Now()
						h.see(phone(in(strict)))
					}
					time.Sleep(time.Minute)
					for _, at := range []time.Time{began.Add(time.Second), last.Add(-time.Second), last} {
						seen := h.see(phone(func(o *reporting.Observation) { o.SeenAt = at }))
						if seen.Changed != 0 {
							t.Errorf("a late claim of compliance, seen %v before the newest: %+v", last.Sub(at), seen)
						}
					}
					time.Sleep(time.Hour)
					if got := h.azure.state(deviceID); got != strict {
						t.Errorf("Azure holds %v, want %v", got, strict)
					}
				})
			})
		}
	}
}

// The host's own version orders before the time.
func TestVersionOrdersBeforeSeenAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(phone(func(o *reporting.Observation) { o.Version, o.State = 8, nonCompliant }))
		time.Sleep(time.Minute)
		if seen := h.see(phone(func(o *reporting.Observation) { o.Version = 7 })); seen.Stale != 1 {
			t.Errorf("an older version, seen later: %+v, want it stale", seen)
		}
		if seen := h.see(phone(func(o *reporting.Observation) { o.Version, o.SeenAt = 9, o.SeenAt.Add(-time.Hour) })); seen.Changed != 1 {
			t.Errorf("a newer version, seen earlier: %+v, want it taken", seen)
		}
		time.Sleep(time.Minute)
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("Azure holds %v, want that of the newest version", got)
		}
	})
}

// stuck has the next report hang for so long, whatever its context says, and
// then come to be and be answered.
func stuck(h *trial, d time.Duration) {
	h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
		h.azure.play(nil)
		time.Sleep(d)
		return h.azure.accept(r)
	})
}

// givenUp has the next report be given up at its deadline and arrive later.
func givenUp(h *trial, d time.Duration) {
	h.azure.play(func(ctx context.Context, r azure.Report) (azure.Receipt, error) {
		h.azure.play(nil)
		time.AfterFunc(d, func() { h.azure.arrive(r) })
		<-ctx.Done()
		return azure.Receipt{}, &azure.Error{Kind: azure.ErrCanceled, Scope: azure.ScopeDevice, Outcome: azure.OutcomeUnknown, Err: ctx.Err()}
	})
}

// dropped has the connection of the next report drop; the report arrives later.
func dropped(h *trial, d time.Duration) {
	h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
		h.azure.play(nil)
		time.AfterFunc(d, func() { h.azure.arrive(r) })
		return azure.Receipt{}, new(noAnswer)
	})
}

// A report of compliance comes to be after a newer one of non-compliance, on a
// channel that does not order. Azure ends on the newest standing all the same.
func TestOvertakenReports(t *testing.T) {
	for _, tc := range []struct {
		name    string
		spoil   func(h *trial, d time.Duration)
		late    time.Duration
		newer   time.Duration // after which the device turns
		engines int
	}{
		{"a lease that lapses while the call is stuck", stuck, 4 * time.Minute, time.Minute, 1},
		{"the same with two engines", stuck, 4 * time.Minute, time.Minute, 2},
		{"a call that is stuck within its lease", stuck, 90 * time.Second, time.Second, 1},
		{"a call given up at its deadline", givenUp, 2*time.Minute + 30*time.Second, 30 * time.Second, 1},
		{"the same, and the device turns later", givenUp, 2*time.Minute + 30*time.Second, 70 * time.Second, 2},
		{"a connection that dropped", dropped, time.Minute, time.Second, 1},
		{"the same, and the device turns before it is sent again", dropped, time.Minute, 3 * time.Second, 2},
	} {
		for _, newest := range []compliance.State{nonCompliant, removed} {
			t.Run(fmt.Sprintf("%s, %v", tc.name, newest), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newTrial(t, nil)
					tc.spoil(h, tc.late)
					for i := range tc.engines {
						if i == 0 {
							defer h.run()()
						} else {
							defer run(t, engineOn(t, h.store, h.azure, nil))()
						}
					}
					h.see(pc(nil))
					time.Sleep(tc.newer)
					h.see(pc(in(newest)))
					time.Sleep(tc.late)
					time.Sleep(10 * time.Minute)
					if got := h.azure.state(deviceID); got != newest {
						t.Errorf("Azure holds %v, want %v; calls:", got, newest)
						for _, c := range h.azure.all() {
							t.Log(c.at.Format("15:04:05"), c.step, c.report.State)
						}
					}
					if n := len(h.azure.all()); n > 5 {
						t.Errorf("%d calls, want it sent once more and no more", n)
					}
					if d := h.device("pc-1"); d.ComplianceStatus != status.Successful || d.LastReported.State != newest {
						t.Errorf("shown: %s", line(d.Device))
					}
				})
			})
		}
	}
}

// The same where the standing goes back to what was accepted before the late
// report: nothing would be sent if what may still arrive were forgotten.
func TestOvertakenByWhatWasBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		h.see(pc(in(nonCompliant)))
		time.Sleep(time.Minute)
		givenUp(h, 2*time.Minute+30*time.Second)
		h.see(pc(nil))
		time.Sleep(time.Second)
		h.see(pc(in(nonCompliant)))
		time.Sleep(20 * time.Minute)
		if got := h.azure.state(deviceID); got != nonCompliant {
			t.Errorf("Azure holds %v, want non-compliant", got)
		}
	})
}

// Under live leases no two reports of one Azure id are under way at once, with
// two engines on a store whatever happens to the device.
func TestNoTwoReportsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{FlapDelay: -1})
		busy := map[string]bool{}
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			h.azure.mu.Lock()
			if busy[r.DeviceID] {
				t.Errorf("two reports of %s at once", short(r.DeviceID))
			}
			busy[r.DeviceID] = true
			h.azure.mu.Unlock()
			time.Sleep(1500 * time.Millisecond)
			h.azure.mu.Lock()
			busy[r.DeviceID] = false
			h.azure.mu.Unlock()
			return h.azure.accept(r)
		})
		defer h.run()()
		defer run(t, engineOn(t, h.store, h.azure, &reporting.Options{FlapDelay: -1}))()
		for i := range 120 {
			time.Sleep(time.Second)
			h.see(pc(in([]compliance.State{compliant, nonCompliant}[i%2])))
		}
		time.Sleep(10 * time.Second)
		if got := h.azure.state(deviceID); got != nonCompliant {
			t.Errorf("Azure holds %v, want the newest", got)
		}
		if n := len(h.azure.all()); n < 50 || n > 90 {
			t.Errorf("%d calls for 120 changes, want one after the other", n)
		}
	})
}

// LastUpdateTime grows by a second at least from one report of an Azure id to
// the next, through changes within a second, retries and other records.
func TestUpdatedAtGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{FlapDelay: -1})
		defer h.run()()
		for i := range 40 {
			if i%7 == 3 {
				dropped(h, 0)
			}
			h.see(phone(func(o *reporting.Observation) {
				o.State = []compliance.State{compliant, nonCompliant}[i%2]
				o.DeviceID = []string{"phone-1", "phone-2"}[i/20]
				o.EnrolledAt = o.SeenAt
			}))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(10 * time.Minute)
		calls := h.azure.all("report")
		require.Greater(t, len(calls), 5)
		for i := range calls[1:] {
			if d := calls[i+1].report.UpdatedAt.Sub(calls[i].report.UpdatedAt); d < time.Second {
				t.Errorf("report %d comes %v after the one before", i+1, d)
			}
		}
	})
}

// Compliant is sent at most once in five minutes, non-compliant never waits.
func TestFlappingDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		defer h.run()()
		turned := map[time.Time]bool{}
		for i := range 120 {
			s := []compliance.State{compliant, nonCompliant}[i%2]
			if s == nonCompliant {
				turned[time.Now()] = true
			}
			h.see(phone(in(s)))
			time.Sleep(15 * time.Second)
		}
		var last time.Time
		n := 0
		for _, c := range h.azure.all("report") {
			switch c.report.State {
			case compliant:
				if n++; !last.IsZero() && c.at.Sub(last) < 5*time.Minute {
					t.Errorf("compliant again after %v", c.at.Sub(last))
				}
				last = c.at
			case nonCompliant:
				if !turned[c.at] {
					t.Errorf("non-compliant at %v, which is not when the device turned", c.at)
				}
			}
		}
		if n < 3 {
			t.Errorf("compliant was sent %d times in half an hour: it starves", n)
		}
	})
}

// What a report failed with says nothing of a standing that came to be while
// it was under way: that one is sent at once.
func TestFailureOfAnEarlierStanding(t *testing.T) {
	for name, e := range map[string]azure.Error{
		"rejected":  {Kind: azure.ErrRejected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused},
		"not found": {Kind: azure.ErrDeviceNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused},
		"conflict":  {Kind: azure.ErrConflict, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused},
		"no answer": noAnswer,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				h.azure.play(func(context.Context, azure.Report) (azure.Receipt, error) {
					h.azure.play(nil)
					time.Sleep(20 * time.Second)
					return azure.Receipt{}, new(e)
				})
				h.see(phone(nil))
				time.Sleep(10 * time.Second)
				h.see(phone(in(nonCompliant)))
				time.Sleep(11 * time.Second)
				if e.Kind == azure.ErrUnavailable {
					time.Sleep(10 * time.Second) // the service is given a rest
				}
				if got := h.azure.state(deviceID); got != nonCompliant {
					t.Errorf("a second after the failure Azure holds %v", got)
				}
				if got, want := line(h.device("phone-1").Device), "id · Successful · Success · time -> non-compliant"; got != want {
					t.Errorf("shown %s, want %s", got, want)
				}
			})
		})
	}
}

// A device that has something urgent to report again each time it was reported
// lets the others of its urgency go in between.
func TestNobodyWaitsForOneThatAlwaysComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{TenantQuota: reporting.Quota{Writes: 10, Window: 10 * time.Second}, Burst: 1, GuardShare: -1})
		again := func() reporting.Observation {
			return phone(func(o *reporting.Observation) { o.UserID, o.State = guid.New(), nonCompliant })
		}
		h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
			if r.DeviceID == deviceID {
				h.see(again())
			}
			return h.azure.accept(r)
		})
		h.see(again())
		time.Sleep(time.Second)
		for i := range 20 {
			h.see(phone(func(o *reporting.Observation) {
				o.DeviceID, o.State, o.AzureDeviceID = fmt.Sprint("other-", i), nonCompliant, fmt.Sprintf("%08d-9489-4074-9b35-345b16f0a72d", i)
			}))
		}
		defer h.run()()
		time.Sleep(2 * time.Minute) // for some 120 calls
		others := 0
		for _, c := range h.azure.all("report") {
			if c.report.DeviceID != deviceID {
				others++
			}
		}
		if all := len(h.azure.all("report")); others != 20 || all < 60 {
			t.Errorf("of 20 others %d were reported, in %d calls", others, all)
		}
	})
}

// A removal is final however late it comes, also where it was seen before
// anything that is known of the device. Where the host knows enrolments, one
// that names none and was seen before this one began is of another.
func TestRemovalSeenBeforeAllElse(t *testing.T) {
	for name, tc := range map[string]struct {
		enrolled time.Duration // before the check-in; zero: the host does not know
		removed  time.Duration // before the check-in
		want     compliance.State
	}{
		"a host that knows no enrolments":         {0, time.Hour, removed},
		"of this enrolment":                       {2 * time.Hour, time.Hour, removed},
		"seen before this enrolment":              {30 * time.Minute, time.Hour, compliant},
		"as early as this enrolment, to a second": {time.Hour, time.Hour, removed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				defer h.run()()
				now := time.Now()
				h.see(pc(func(o *reporting.Observation) {
					if tc.enrolled > 0 {
						o.EnrollmentID, o.EnrolledAt = "e1", now.Add(-tc.enrolled)
					}
				}))
				time.Sleep(time.Minute)
				h.see(pc(func(o *reporting.Observation) { o.State, o.SeenAt = removed, now.Add(-tc.removed) }))
				time.Sleep(time.Hour)
				if got := h.azure.state(deviceID); got != tc.want {
					t.Errorf("Azure holds %v, want %v", got, tc.want)
				}
			})
		})
	}
}
