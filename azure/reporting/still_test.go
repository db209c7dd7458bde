package reporting_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
)

// still is the store of a process that is stopped for a while when it has
// written a row of a kind.
type still struct {
	reporting.Store
	after atomic.Int64 // the kind; 0: it is not stopped any more
	long  time.Duration
}

func (s *still) Update(ctx context.Context, fn func(tx reporting.Tx) error) error {
	wrote := false
	err := s.Store.Update(ctx, func(tx reporting.Tx) error {
		return fn(writes{tx, func(k reporting.Kind) { wrote = wrote || int64(k) == s.after.Load() }})
	})
	if wrote {
		s.after.Store(0)
		time.Sleep(s.long)
	}
	return err
}

type writes struct {
	reporting.Tx
	tell func(reporting.Kind)
}

func (w writes) Put(rows ...reporting.Row) error {
	for _, r := range rows {
		w.tell(r.Kind)
	}
	return w.Tx.Put(rows...)
}

// A process that was stopped when it had tokens, and not yet what to send, sends
// nothing by what it knew before: the tenant may be off.
func TestProcessThatStoodStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const kindPace = 4
		s := &still{Store: memstore.New(nil), long: 10 * time.Minute}
		h := newTrialOn(t, s, &reporting.Options{CallsInFlight: 1})
		h.see(pc(in(nonCompliant)))
		s.after.Store(kindPace)
		defer h.run()()
		time.Sleep(time.Minute)
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOff))
		time.Sleep(time.Hour)
		if s.after.Load() != 0 {
			t.Fatal("the process was not stopped")
		}
		if calls := h.azure.all(); len(calls) > 0 {
			t.Errorf("calls for a tenant that is off: %v", calls)
		}
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOn))
		time.Sleep(time.Minute)
		if got := h.azure.state(deviceID); got != nonCompliant {
			t.Errorf("Azure holds %v, want non-compliant", got)
		}
	})
}
