package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// patience is the deadline of a call that cannot come to its end before.
const patience = 20 * time.Millisecond

// calls are all methods, on row a of queue q.
func calls(s reporting.Store, ctx context.Context) map[string]func() error {
	return map[string]func() error{
		"Update": func() error {
			return s.Update(ctx, func(tx reporting.Tx) error { return put(tx, work("a", "q", 0, time.Time{}), plain("b", "b")) })
		},
		"Claim":   func() error { _, err := s.Claim(ctx, all("q")); return err },
		"Queues":  func() error { _, err := s.Queues(ctx, "", 10); return err },
		"NextDue": func() error { _, err := s.NextDue(ctx); return err },
		"Scan":    func() error { _, err := s.Scan(ctx, 2, "", reporting.Key{}, 10); return err },
		"Tally":   func() error { _, err := s.Tally(ctx, 2, "", time.Time{}); return err },
	}
}

// undone holds the row of calls against what it was.
func (x *trial) undone(what string) {
	r := x.get(device("a"))[0]
	if r.Version == 0 || string(r.Data) != "old" || r.Claims != 0 {
		x.wrong("%s: the row is %s", what, show(r))
	}
	x.absent(what, device("b"))
}

func old() reporting.Row {
	r := work("a", "q", 0, time.Time{})
	r.Data = []byte("old")
	return r
}

var contextRules = []rule{
	{
		"Context/Ended",
		"a context that has ended makes every method fail with its error, and nothing happens: the caller has given up",
		func(x *trial) {
			x.put(old())
			canceled, cancel := context.WithCancel(x.ctx())
			cancel()
			passed, cancel := context.WithDeadline(x.ctx(), time.Unix(0, 0))
			defer cancel()
			for want, ctx := range map[error]context.Context{context.Canceled: canceled, context.DeadlineExceeded: passed} {
				for name, call := range calls(x.store, ctx) {
					if err := call(); !errors.Is(err, want) {
						x.wrong("%s with a context that has ended: %v, want %v", name, err, want)
					}
				}
			}
			x.undone("after calls with a context that has ended")
		},
	},
	{
		"Context/EndsDuringUpdate",
		"a context that ends while fn runs leaves all of the Update or nothing, and nil is said only of all",
		func(x *trial) {
			for _, late := range []bool{false, true} {
				x.put(old())
				ctx, cancel := context.WithCancel(x.ctx())
				var err error
				x.returns("an Update whose context ends", func() {
					err = x.store.Update(ctx, func(tx reporting.Tx) error {
						if !late {
							cancel()
						}
						err := put(tx, work("a", "q", 0, time.Time{}), plain("b", "b"))
						cancel()
						return err
					})
				})
				rows := x.get(device("a"), device("b"))
				first, second := string(rows[0].Data) == "a", rows[1].Version > 0
				if first != second || err == nil && !first {
					x.wrong("Update returned %v; of the two rows that it put, the first is there: %t, the second: %t", err, first, second)
				}
				if err != nil && !errors.Is(err, context.Canceled) {
					x.wrong("an Update whose context was canceled returns %v", err)
				}
				x.update(func(tx reporting.Tx) error {
					if _, err := tx.Get(device("b")); err != nil {
						return err
					}
					return tx.Delete(device("b"))
				})
			}
		},
	},
	{
		"Context/EndsWhileWaiting",
		"a call that waits for another's transaction returns when its context ends: one caller that hangs must not hang all",
		func(x *trial) {
			x.put(old())
			x.returns("an Update during which others wait", func() {
				err := x.store.Update(x.ctx(), func(tx reporting.Tx) error {
					if _, err := tx.Get(device("a"), device("b")); err != nil {
						return err
					}
					for _, name := range []string{"Update", "Claim", "Queues", "NextDue", "Scan", "Tally"} {
						ctx, cancel := context.WithTimeout(x.ctx(), patience)
						defer cancel()
						call := calls(x.store, ctx)[name]
						done := make(chan error, 1)
						go func() { done <- guarded(call) }()
						select {
						case err := <-done:
							if err != nil && !errors.Is(err, context.DeadlineExceeded) {
								x.wrong("%s beside a transaction that takes long: %v", name, err)
							} else if err == nil && name == "Update" {
								x.wrong("Update of a row that another transaction has locked did not wait")
							}
						case <-time.After(x.limit() / 5):
							x.wrong("%s waits for another's transaction although its context has ended", name)
							return nil
						}
					}
					return nil
				})
				if err != nil {
					x.wrong("the Update for which others waited: %v", err)
				}
			})
			r := x.get(device("a"), device("b"))
			if string(r[0].Data) != "old" || r[1].Version != 0 {
				x.wrong("after an Update that gave up waiting its rows are %s and %s", show(r[0]), show(r[1]))
			}
		},
	},
}
