package reporting_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/status"
)

// A clock is set back, so that LastUpdateTime goes by what was sent before. A
// process dies with a report, and a question about an earlier user's pair is asked
// before the next one: that is newer all the same.
func TestUpdatedAtGrowsPastALostReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock skewed
		h := newTrialOn(t, memstore.New(&memstore.Options{Clock: clock.now}), nil)
		h.azure.later.Store(true)
		h.azure.check = func(_ context.Context, r azure.Receipt) (azure.Receipt, error) {
			if r.Removal == azure.RemovalUnspecified {
				r.State = status.Successful
			}
			return r, nil // a closing stays in progress
		}
		version := uint64(0)
		see := func(user string, change func(o *reporting.Observation)) {
			h.see(phone(func(o *reporting.Observation) {
				version++
				change(o)
				o.UserID, o.SeenAt, o.Version = user, clock.now(), version
			}))
		}
		stop := h.run()
		see(userA, in(nonCompliant))
		time.Sleep(time.Minute)
		clock.by.Store(int64(-2 * time.Hour))
		see(userB, in(nonCompliant))
		time.Sleep(20 * time.Minute)
		stop()
		dying := &crash{Store: h.store}
		dying.armed.Store(true)
		see(userB, in(compliant))
		stop = run(t, engineOn(t, dying, h.azure, nil))
		time.Sleep(time.Second)
		stop()
		time.Sleep(20 * time.Minute) // the question is overdue
		see(userB, in(nonCompliant))
		defer h.run()()
		time.Sleep(time.Minute)
		var last sent
		for _, c := range h.azure.all("report") {
			if !c.report.UpdatedAt.After(last.report.UpdatedAt) {
				t.Errorf("%v at %v, after %v at %v", c.report.State, c.report.UpdatedAt, last.report.State, last.report.UpdatedAt)
			}
			last = c
		}
		if n := len(h.azure.all("report")); n != 5 || last.report.State != nonCompliant {
			t.Errorf("%d reports, the last of %v", n, last.report.State)
		}
	})
}
