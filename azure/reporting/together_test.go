package reporting_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
)

// Run may be called twice, also of engines that share a store: they share the
// work, and no device is reported twice for one change.
func TestTwoRuns(t *testing.T) {
	for _, tc := range []struct {
		name    string
		engines int
		runs    int
	}{{"one engine, twice", 1, 2}, {"two engines", 2, 1}, {"three engines, twice", 3, 2}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				h.azure.play(func(_ context.Context, r azure.Report) (azure.Receipt, error) {
					time.Sleep(100 * time.Millisecond)
					return h.azure.accept(r)
				})
				for i := range tc.engines {
					e := h.engine
					if i > 0 {
						e = engineOn(t, h.store, h.azure, nil)
					}
					for range tc.runs {
						defer run(t, e)()
					}
				}
				for _, s := range []compliance.State{compliant, nonCompliant, compliant} {
					h.see(pcs(300, in(s))...)
					time.Sleep(10 * time.Minute)
					for i, o := range pcs(300, nil) {
						if got := h.azure.state(o.AzureDeviceID); got != s {
							t.Fatalf("Azure holds device %d as %v, want %v", i, got, s)
						}
					}
				}
				if n := len(h.azure.all("report")); n != 900 {
					t.Errorf("%d reports, want one for each of 900 changes", n)
				}
			})
		})
	}
}

// Run ends with its context, waits for calls under way and records what came of
// them, and may be called again. What was observed while nothing ran is sent.
func TestRunEndsAndBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		stuck(h, 40*time.Second)
		h.see(pc(nil))
		stop := h.run()
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took != 39*time.Second {
			t.Errorf("Run ended after %v, want when the call did", took)
		}
		if d := h.device("pc-1"); d.ReportTime.IsZero() {
			t.Errorf("what the call came to is not known: %s", line(d.Device))
		}
		h.see(pc(in(nonCompliant)))
		time.Sleep(time.Hour)
		if n := len(h.azure.all()); n != 1 {
			t.Errorf("%d calls while nothing ran", n)
		}
		defer h.run()()
		time.Sleep(time.Second)
		if got := h.azure.state(deviceID); got != nonCompliant {
			t.Errorf("Azure holds %v", got)
		}
	})
}

// A call that does not end by its deadline does not hold Run up for longer than
// the deadline, where the reporter observes it.
func TestRunEndsByTheDeadlineOfItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{CallTimeout: 20 * time.Second, Lease: time.Minute})
		givenUp(h, time.Hour)
		h.see(pc(nil))
		stop := h.run()
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took != 19*time.Second {
			t.Errorf("Run ended after %v, want at the deadline", took)
		}
	})
}

// A context that has ended already starts nothing.
func TestRunWithAContextThatEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		h.see(pc(nil))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, h.engine.Run(ctx))
		if n := len(h.azure.all()); n != 0 {
			t.Errorf("%d calls", n)
		}
	})
}

// A mode that is set in one process holds in another within a minute or so, in
// which nobody wakes the other.
func TestModeOfAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, nil)
		quiet := engineOn(t, unwaked{h.store}, h.azure, nil)
		defer run(t, quiet)()
		h.see(pc(nil))
		time.Sleep(10 * time.Second)
		if got := h.azure.state(deviceID); got != compliant {
			t.Fatalf("Azure holds %v: another process's observation is not found within Poll", got)
		}
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOff))
		h.see(pc(in(nonCompliant)))
		time.Sleep(time.Minute)
		if n := len(h.azure.all()); n != 1 {
			t.Errorf("%d calls for a tenant that is off", n)
		}
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOn))
		time.Sleep(70 * time.Second)
		if got := h.azure.state(deviceID); got != nonCompliant {
			t.Errorf("on again for more than a minute: Azure holds %v", got)
		}
	})
}

// unwaked is a store that cannot tell when another process made a row due.
type unwaked struct{ reporting.Store }
