package reporting

import (
	"context"
	"slices"
	"strings"
	"time"
)

// update runs a transaction, and learns from it by how much the store's clock,
// which rules, is off this process's. What it makes due that takes access away
// this process need not look for.
func (e *Engine) update(ctx context.Context, fn func(tx Tx) error) error {
	var w watching
	err := e.store.Update(ctx, func(tx Tx) error {
		e.ahead.Store(int64(time.Until(tx.Now())))
		w = watching{Tx: tx} // fn may run again
		return fn(&w)
	})
	if err == nil && len(w.pressing) > 0 {
		e.press(w.pressing)
	}
	return err
}

// watching is a transaction that notes the queues in which something is due that
// takes access away.
type watching struct {
	Tx
	pressing []string
}

func (w *watching) Put(rows ...Row) error {
	now := w.Now()
	for i := range rows {
		r := &rows[i]
		if r.Kind != kindTarget || r.Urgency != urgencyRestrict || r.Queue == "" || r.Due.After(now) || r.LeaseUntil.After(now) {
			continue
		}
		if _, letter, _ := strings.Cut(r.Queue, "/"); reports(letter) && !slices.Contains(w.pressing, r.Queue) {
			w.pressing = append(w.pressing, r.Queue)
		}
	}
	return w.Tx.Put(rows...)
}

// until answers how long it is until a time of the store's clock.
func (e *Engine) until(t time.Time) time.Duration { return t.Sub(e.now()) }

// now is the store's time, as far as the last transaction told it.
func (e *Engine) now() time.Time { return time.Now().Add(time.Duration(e.ahead.Load())) }
