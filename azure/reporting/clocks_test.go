package reporting_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/status"
)

// skewed is a clock that is off by something that may change.
type skewed struct{ by atomic.Int64 }

func (s *skewed) now() time.Time { return time.Now().Add(time.Duration(s.by.Load())) }

// A store whose clock is ahead of the process's, or behind it, changes nothing
// of when things happen, and Run asks it no more often.
func TestClockOfTheStore(t *testing.T) {
	for _, by := range []time.Duration{0, time.Hour, -time.Hour, 24 * time.Hour, -24 * time.Hour} {
		for _, wakes := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v, wakes %v", by, wakes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var clock skewed
					clock.by.Store(int64(by))
					var store reporting.Store = memstore.New(&memstore.Options{Clock: clock.now})
					if !wakes {
						store = unwaked{store}
					}
					counting := &faulty{Store: store}
					h := newTrialOn(t, counting, &reporting.Options{RefreshSpread: -1, Poll: time.Minute})
					see := func(change func(o *reporting.Observation)) {
						h.see(pc(func(o *reporting.Observation) {
							o.SeenAt = clock.now()
							if change != nil {
								change(o)
							}
						}))
					}
					defer h.run()()
					see(nil)
					time.Sleep(time.Second)
					if got := h.azure.state(deviceID); got != compliant {
						t.Errorf("a second after it was observed Azure holds %v", got)
					}
					// A quiet day.
					counting.mu.Lock()
					counting.calls = map[string]int{}
					counting.mu.Unlock()
					time.Sleep(24 * time.Hour)
					counting.mu.Lock()
					calls := maps.Clone(counting.calls)
					counting.mu.Unlock()
					most := int(24*time.Hour/time.Minute) + 100
					for method, n := range calls {
						if n > most {
							t.Errorf("%d calls of %s on a quiet day, want at most one every Poll", n, method)
						}
					}
					// The refresh, to the second; a retry; the second step of a removal.
					time.Sleep(6*24*time.Hour - 10*time.Second)
					if n := len(h.azure.all()); n != 1 {
						t.Errorf("%d calls before the week's end", n)
					}
					time.Sleep(10 * time.Second)
					if n := len(h.azure.all()); n != 2 {
						t.Errorf("%d calls at the week's end, want the refresh", n)
					}
					h.azure.refuse(azure.Error{Kind: azure.ErrDeviceNotFound, Scope: azure.ScopeDevice, Outcome: azure.OutcomeRefused})
					see(in(nonCompliant))
					time.Sleep(29 * time.Second)
					if n := len(h.azure.all()); n != 3 {
						t.Errorf("%d calls before the retry, want 3", n)
					}
					h.azure.play(nil)
					time.Sleep(3 * time.Second)
					if got := h.azure.state(deviceID); got != nonCompliant {
						t.Errorf("after the retry Azure holds %v", got)
					}
					see(in(removed))
					time.Sleep(71*time.Hour + 59*time.Minute)
					if n := len(h.azure.all("delete")); n != 0 {
						t.Error("the object was deleted too early")
					}
					time.Sleep(2 * time.Minute)
					if n := len(h.azure.all("delete")); n != 1 {
						t.Error("the object was not deleted in time")
					}
					d := h.device("pc-1")
					if diff := d.ReportTime.Sub(clock.now()); diff > 0 || diff < -80*time.Hour {
						t.Errorf("report time %v, by the store's clock it is %v", d.ReportTime, clock.now())
					}
				})
			})
		}
	}
}

// An engine that begins beside a store whose clock is behind, with nothing due
// yet, learns of the difference, and does not look again and again until then.
func TestBeginsBesideAClockThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock skewed
		counting := &faulty{Store: memstore.New(&memstore.Options{Clock: clock.now})}
		h := newTrialOn(t, counting, nil)
		stop := h.run()
		h.see(pc(nil))
		time.Sleep(6 * 24 * time.Hour)
		stop()
		clock.by.Store(int64(-2 * 24 * time.Hour))
		engine := engineOn(t, counting, h.azure, &reporting.Options{Poll: time.Minute})
		counting.mu.Lock()
		counting.calls = map[string]int{}
		counting.mu.Unlock()
		defer run(t, engine)()
		time.Sleep(2 * 24 * time.Hour)
		counting.mu.Lock()
		defer counting.mu.Unlock()
		if n, most := counting.calls["NextDue"], 2*24*60+100; n > most {
			t.Errorf("it looked %d times, want at most %d: once every Poll", n, most)
		}
	})
}

// A parked tenant is tried by the store's clock too.
func TestParkedUnderASkewedClock(t *testing.T) {
	for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var clock skewed
				clock.by.Store(int64(by))
				h := newTrialOn(t, memstore.New(&memstore.Options{Clock: clock.now}), nil)
				h.azure.refuse(noToken)
				h.see(pcs(20, func(o *reporting.Observation) { o.SeenAt = clock.now() })...)
				defer h.run()()
				time.Sleep(16 * time.Minute)
				if n := len(h.azure.all()); n < 5 || n > 30 {
					t.Errorf("%d calls in 16 minutes", n)
				}
				h.azure.play(nil)
				time.Sleep(20 * time.Minute)
				if v := h.tenant(); v.Unsent != 0 {
					t.Errorf("%d unsent", v.Unsent)
				}
			})
		})
	}
}

// The store's clock jumps by hours or days, ahead or back, while work is under
// way and waits: everything is sent, nothing storms.
func TestClockThatJumps(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour, 26 * time.Hour, -26 * time.Hour, 60 * 24 * time.Hour, -60 * 24 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var clock skewed
				counting := &faulty{Store: memstore.New(&memstore.Options{Clock: clock.now})}
				h := newTrialOn(t, counting, nil)
				defer h.run()()
				seen := func(o *reporting.Observation) { o.SeenAt = clock.now() }
				h.see(pcs(20, seen)...)
				h.see(pc(seen))
				time.Sleep(time.Minute)
				h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					if r.DeviceID == deviceID {
						time.Sleep(20 * time.Second)
					}
					return h.azure.accept(r)
				})
				h.see(pc(func(o *reporting.Observation) { o.State, o.SeenAt = nonCompliant, clock.now() }))
				time.Sleep(2 * time.Second)
				clock.by.Store(int64(by)) // while the call is under way
				time.Sleep(5 * time.Minute)
				if got := h.azure.state(deviceID); got != nonCompliant {
					t.Errorf("Azure holds %v", got)
				}
				// Another change, by a host whose clock jumped too. What was seen
				// under the wrong clock does not make it stale.
				h.azure.play(nil)
				h.see(append(pcs(20, seen), pc(seen))...)
				time.Sleep(20 * time.Minute)
				if got := h.azure.state(deviceID); got != compliant {
					t.Errorf("after another change Azure holds %v", got)
				}
				counting.mu.Lock()
				counting.calls = map[string]int{}
				counting.mu.Unlock()
				reports := len(h.azure.all())
				time.Sleep(24 * time.Hour)
				counting.mu.Lock()
				for method, n := range counting.calls {
					if n > 40_000 {
						t.Errorf("%d calls of %s in a day", n, method)
					}
				}
				counting.mu.Unlock()
				if n := len(h.azure.all()) - reports; n > 42 {
					t.Errorf("%d reports of 21 devices in a day in which nothing changed", n)
				}
				// Within a week everything is fresh again.
				began := time.Now()
				time.Sleep(8 * 24 * time.Hour)
				fresh := map[string]bool{}
				for _, c := range h.azure.all("report") {
					if c.at.After(began) {
						fresh[c.report.DeviceID] = true
					}
				}
				if len(fresh) != 21 {
					t.Errorf("%d of 21 devices were refreshed within 8 days", len(fresh))
				}
			})
		})
	}
}

// A message that was accepted under a clock that was set back since is not in
// progress until that time comes again.
func TestMessageFromBeforeTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock skewed
		h := newTrialOn(t, memstore.New(&memstore.Options{Clock: clock.now}), &reporting.Options{MessageTimeout: 2 * time.Hour})
		defer h.run()()
		h.azure.later.Store(true)
		h.azure.answerChecks(inProgress)
		clock.by.Store(int64(60 * 24 * time.Hour))
		see := func() { h.see(phone(func(o *reporting.Observation) { o.SeenAt = clock.now() })) }
		see()
		time.Sleep(10 * time.Second)
		clock.by.Store(0)
		for range 8 { // it checks in, by which what was planned is planned anew
			time.Sleep(time.Hour)
			see()
		}
		if n := len(h.azure.all("report")); n < 3 {
			t.Errorf("%d messages in 8 hours, want a new one about every 2", n)
		}
	})
}

// SeenAt more than five minutes ahead of the store's clock is refused by name,
// and the device is not frozen: "stays compliant by a future date".
func TestFutureDates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock skewed
		clock.by.Store(int64(-time.Hour))
		h := newTrialOn(t, memstore.New(&memstore.Options{Clock: clock.now}), nil)
		defer h.run()()
		seen, err := h.engine.Observe(t.Context(), pc(nil), pc(func(o *reporting.Observation) {
			o.SeenAt = clock.now().Add(5 * time.Minute)
		}))
		require.NoError(t, err)
		if seen.Changed != 1 || len(seen.Refused) != 1 || seen.Refused[0].Index != 0 {
			t.Fatalf("got %+v, want the first refused", seen)
		}
		if text := seen.Refused[0].Err.Error(); text != "SeenAt 2000-01-01T00:00:00Z is 1h0m0s ahead of the store's clock" {
			t.Errorf("refused with %q", text)
		}
		time.Sleep(6 * time.Minute)
		h.see(pc(func(o *reporting.Observation) { o.State, o.SeenAt = nonCompliant, clock.now() }))
		time.Sleep(time.Minute)
		if got := h.azure.state(deviceID); got != nonCompliant {
			t.Errorf("Azure holds %v", got)
		}
	})
}

// The store stays away for a while and comes back: Run goes on, and asks no
// more often than every Poll meanwhile.
func TestStoreThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faulty{Store: newStore()}
		var log logged
		h := newTrialOn(t, store, &reporting.Options{Logger: log.logger()})
		h.see(pc(nil))
		store.mu.Lock()
		store.fail = func(string, int) (bool, bool) { return true, false }
		store.calls = map[string]int{}
		store.mu.Unlock()
		defer h.run()()
		time.Sleep(time.Hour)
		store.mu.Lock()
		calls := store.n
		store.fail = nil
		store.mu.Unlock()
		if calls > 4000 {
			t.Errorf("%d calls in an hour to a store that is away", calls)
		}
		time.Sleep(10 * time.Second)
		if d := h.device("pc-1"); d.ComplianceStatus != status.Successful {
			t.Errorf("shown %s", line(d.Device))
		}
		if log.String() == "" {
			t.Error("nothing was logged")
		}
	})
}

// Observations of many goroutines beside Run end on the newest of each device.
func TestObserveConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{FlapDelay: -1})
		defer h.run()()
		began := time.Now()
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				for i := range 50 {
					// Each worker has its own share of the times, in a mixed order.
					at := (i*17%50)*8 + worker
					o := pcs(3, func(o *reporting.Observation) { o.SeenAt = began.Add(time.Duration(at) * time.Millisecond) })
					for j := range o {
						if at%2 == 1 { // of what is compliant, what changes nothing is written hourly
							o[j].State = nonCompliant
						}
					}
					if _, err := h.engine.Observe(t.Context(), o...); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		time.Sleep(time.Minute)
		for _, o := range pcs(3, nil) {
			if got := h.azure.state(o.AzureDeviceID); got != nonCompliant { // at 399
				t.Errorf("Azure holds %s as %v, want what was seen last", o.DeviceID, got)
			}
		}
	})
}

// The store's clock is set back while a device waits to be sent once more: it
// is sent once more, and not for ever.
func TestClockThatJumpsWhileADeviceLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock skewed
		h := newTrialOn(t, memstore.New(&memstore.Options{Clock: clock.now}), nil)
		givenUp(h, 68*time.Second)
		defer h.run()()
		h.see(pc(nil))
		time.Sleep(time.Second)
		h.see(pc(in(nonCompliant)))
		time.Sleep(70 * time.Second)
		clock.by.Store(int64(-30 * 24 * time.Hour))
		time.Sleep(time.Minute)
		// It checks in again, by which what was planned is planned anew.
		h.see(pc(func(o *reporting.Observation) { o.State, o.SeenAt = nonCompliant, clock.now() }))
		time.Sleep(time.Hour)
		if got := h.azure.state(deviceID); got != nonCompliant {
			t.Errorf("Azure holds %v", got)
		}
		if n := len(h.azure.all()); n > 5 {
			t.Errorf("%d calls", n)
		}
		// Nothing that a host sees is refused for what was seen before.
		h.see(pc(func(o *reporting.Observation) { o.SeenAt = clock.now() }))
		time.Sleep(10 * time.Minute)
		if got := h.azure.state(deviceID); got != compliant {
			t.Errorf("after another change Azure holds %v", got)
		}
	})
}
