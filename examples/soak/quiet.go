package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

// watch looks at the store from outside, as another process of the host's
// does: by an engine that does not run.
type watch struct {
	store  *sqlstore.Store
	db     *sql.DB
	engine *reporting.Engine
}

func newWatch(ctx context.Context, d database, m microsoftAddress, s settings) (*watch, error) {
	reporter, err := m.connect("watch")
	if err != nil {
		return nil, err
	}
	w := &watch{}
	if w.store, w.db, err = d.open(ctx); err != nil {
		return nil, err
	}
	if w.engine, err = reporting.New(w.store, reporter, engineOptions(s.call, s.quotas)); err != nil {
		return nil, errors.Join(err, w.db.Close())
	}
	return w, nil
}

// sooner is what is due sooner than this is not a weekly report.
const sooner = 5 * 24 * time.Hour

// busy answers what is still to be done; empty: nothing but weekly reports.
func (w *watch) busy(ctx context.Context) (string, error) {
	c, err := w.engine.Counters(ctx)
	if err != nil {
		return "", err
	}
	for what, n := range c.Queued {
		if n > 0 {
			return fmt.Sprintf("%d queued: %s%s", n, what, failing(c)), nil
		}
	}
	if !c.OldestUnsent.IsZero() || !c.OldestUnconfirmed.IsZero() {
		return "something is not sent, or in progress", nil
	}
	// Counters do not know of leases, nor of what is sent once more.
	queues, err := w.store.Queues(ctx, "", 1)
	if err != nil {
		return "", err
	}
	if len(queues) > 0 {
		return "a queue is due", nil
	}
	next, err := w.store.NextDue(ctx)
	if err != nil {
		return "", err
	}
	if !next.IsZero() && time.Until(next) < sooner {
		return fmt.Sprintf("a device is due in %s%s", time.Until(next).Round(time.Second), failing(c)), nil
	}
	return "", nil
}

// failing says what devices wait for after a failure.
func failing(c reporting.Counters) string {
	text := ""
	for _, kind := range slices.Sorted(maps.Keys(c.Failing)) {
		text += fmt.Sprintf(", %d: %s", c.Failing[kind], kind)
	}
	return text
}

// settle waits until all is acknowledged and nothing is to be done any more. It
// answers what it waited for at last.
func (w *watch) settle(ctx context.Context, h *host) (last string, err error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		h.change(func(world *world) {
			for _, m := range world.machines {
				world.rejoin(m)
			}
		})
		what := fmt.Sprintf("%d changes are not acknowledged", h.waiting())
		if h.waiting() == 0 {
			// A database that is locked for a moment is looked at again.
			if what, err = w.busy(ctx); err != nil {
				what = err.Error()
			}
		}
		if what == "" {
			return last, nil
		}
		last = what
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last, fmt.Errorf("it did not settle: %s (%w)", what, context.Cause(ctx))
		}
	}
}
