package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

var errDeadlock = errors.New("deadlock detected")

// looselyUpdating replaces Update by one without locks.
func looselyUpdating(conflict func(read int64, keys int) error) func(*bent) {
	return func(b *bent) {
		b.update = func(ctx context.Context, fn func(reporting.Tx) error) error { return looseUpdate(b, ctx, fn, conflict) }
	}
}

// autocommit writes each Put by itself, and takes everything back if fn fails.
// Transactions take turns.
func autocommit(b *bent) {
	turn := make(chan struct{}, 1)
	b.update = func(ctx context.Context, fn func(reporting.Tx) error) (err error) {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-turn }()
		var undo []reporting.Row
		now := b.clockNow()
		got := map[reporting.Key]bool{}
		over := false
		step := func(keys []reporting.Key, do func(tx reporting.Tx) error) error {
			if over {
				return errAgain
			}
			for _, k := range keys {
				if !got[k] {
					err = errors.New("not got")
					return err
				}
			}
			return b.Store.Update(context.WithoutCancel(ctx), func(tx reporting.Tx) error {
				rows, err := tx.Get(keys...)
				if err != nil {
					return err
				}
				undo = append(undo, rows...)
				return do(tx)
			})
		}
		back := func() {
			for i := len(undo) - 1; i >= 0; i-- {
				_ = b.Store.Update(context.Background(), func(tx reporting.Tx) error {
					if _, err := tx.Get(undo[i].Key); err != nil {
						return err
					}
					if undo[i].Version == 0 {
						return tx.Delete(undo[i].Key)
					}
					return tx.Put(undo[i])
				})
			}
		}
		defer func() {
			over = true
			if p := recover(); p != nil {
				back()
				panic(p)
			}
		}()
		t := &bentTx{Tx: nothing{}, now: func() time.Time { return now }}
		t.get = func(keys ...reporting.Key) (rows []reporting.Row, err error) {
			if over {
				return nil, errAgain
			}
			for _, k := range keys {
				got[k] = true
			}
			err = b.Store.Update(context.WithoutCancel(ctx), func(tx reporting.Tx) error {
				rows, err = tx.Get(keys...)
				return err
			})
			return rows, err
		}
		t.put = func(rows ...reporting.Row) error {
			return step(keysOf(rows), func(tx reporting.Tx) error { return tx.Put(rows...) })
		}
		t.del = func(keys ...reporting.Key) error {
			return step(keys, func(tx reporting.Tx) error { return tx.Delete(keys...) })
		}
		failed := fn(t)
		if failed == nil {
			failed = err
		}
		if failed == nil {
			failed = ctx.Err()
		}
		if failed != nil {
			back()
		}
		return failed
	}
}

var wrongTransactions = []wrongStore{
	{name: "keeps the contract", bend: func(*bent) {}},
	{name: "keeps the contract, naively", bend: claiming(naive{})},
	{name: "writes each Put by itself", want: []string{"Claim/LosesNoPut", "Update/RollsBackOnError", "Update/SeenAsAWhole"}, bend: autocommit},
	{
		name: "commits on error",
		want: []string{"Update/RollsBackOnError"},
		bend: func(b *bent) {
			b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
				var failed error
				if err := b.Store.Update(ctx, func(tx reporting.Tx) error { failed = fn(tx); return nil }); err != nil {
					return err
				}
				return failed
			}
		},
	},
	{
		name: "wraps the error of fn",
		want: []string{"Update/RollsBackOnError"},
		bend: func(b *bent) {
			b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
				if err := b.Store.Update(ctx, fn); err != nil {
					return fmt.Errorf("bent: %w", err)
				}
				return nil
			}
		},
	},
	{
		name: "takes a panic for success",
		want: []string{"Update/RollsBackOnPanic"},
		bend: func(b *bent) {
			b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
				return b.Store.Update(ctx, func(tx reporting.Tx) error {
					defer func() { _ = recover() }()
					return fn(tx)
				})
			}
		},
	},
	{
		name:  "keeps its lock on panic",
		want:  []string{"Context/EndsWhileWaiting", "Update/RollsBackOnPanic"},
		hangs: true,
		bend: func(b *bent) {
			var mu sync.Mutex
			b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
				mu.Lock()
				err := b.Store.Update(ctx, fn)
				mu.Unlock()
				return err
			}
		},
	},
	{
		name: "forgives a failed Put",
		want: []string{"Update/FailsWithItsTx"},
		bend: transactions(func(t *bentTx) {
			got := map[reporting.Key]bool{}
			t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
				for _, k := range keys {
					got[k] = true
				}
				return t.Tx.Get(keys...)
			}
			t.put = func(rows ...reporting.Row) error {
				for _, r := range rows {
					if !got[r.Key] {
						return errors.New("not got")
					}
				}
				return t.Tx.Put(rows...)
			}
		}),
	},
	{name: "overwrites what it has not seen", want: []string{"Claim/LosesNoPut", "Update/Isolated", "Update/IsolatedAmongHandles", "Update/NoDeadlock"}, may: []string{"Context/EndsWhileWaiting"}, bend: looselyUpdating(func(int64, int) error { return nil })},
	{
		name:  "locks only what exists",
		want:  []string{"Claim/LosesNoPut"},
		may:   []string{"Context/EndsWhileWaiting", "Update/Isolated", "Update/IsolatedAmongHandles"},
		hangs: true,
		bend: looselyUpdating(func(read int64, _ int) error {
			if read == 0 {
				return nil
			}
			return errAgain
		}),
	},
	{
		name: "gives up at a deadlock",
		want: []string{"Claim/LosesNoPut", "Update/NoDeadlock"},
		may:  []string{"Context/EndsWhileWaiting"},
		bend: looselyUpdating(func(_ int64, keys int) error {
			if keys > 1 {
				return errDeadlock
			}
			return errAgain
		}),
	},
	{
		name: "locks within the process only",
		want: []string{"Claim/LosesNoPut", "Update/IsolatedAmongHandles"},
		bend: takingTurns,
		second: func(first *bent) reporting.Store {
			second := &bent{Store: first.Store, clock: first.clock, known: first.known}
			takingTurns(second)
			return second
		},
	},
	{
		name: "runs fn twice",
		want: []string{"Claim/LosesNoPut", "Sharing/Put", "Update/Isolated", "Update/IsolatedAmongHandles", "Update/NoDeadlock"},
		bend: func(b *bent) {
			b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
				return b.Store.Update(ctx, func(tx reporting.Tx) error {
					if err := fn(tx); err != nil {
						return err
					}
					return fn(tx) // and keeps what the first run put
				})
			}
		},
	},
	{
		name: "leaves placeholders",
		want: []string{"Context/EndsWhileWaiting", "Reopen/Keeps", "Tx/Delete", "Update/NothingToDo"},
		bend: func(b *bent) {
			b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
				return b.Store.Update(ctx, func(tx reporting.Tx) error {
					locked := map[reporting.Key]bool{}
					t := &bentTx{Tx: tx}
					t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
						rows, err := tx.Get(keys...)
						for _, r := range rows {
							if r.Version == 0 {
								locked[r.Key] = true
							}
						}
						return rows, err
					}
					if err := fn(t); err != nil {
						return err
					}
					for k := range locked {
						if rows, err := tx.Get(k); err != nil {
							return err
						} else if rows[0].Version == 0 {
							if err := tx.Put(rows...); err != nil {
								return err
							}
						}
					}
					return nil
				})
			}
		},
	},
	{
		name: "goes on after fn",
		want: []string{"Tx/EndsWithFn"},
		bend: func(b *bent) {
			b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
				over := false
				return b.Store.Update(ctx, func(tx reporting.Tx) error {
					defer func() { over = true }()
					t := &bentTx{Tx: tx}
					t.put = func(rows ...reporting.Row) error {
						if !over {
							return tx.Put(rows...)
						}
						return b.Store.Update(ctx, func(tx reporting.Tx) error { return put(tx, rows...) })
					}
					return fn(t)
				})
			}
		},
	},
	{
		name: "reads what was before",
		want: []string{"Tx/SeesItsOwn"},
		bend: transactions(func(t *bentTx) {
			first := map[reporting.Key]reporting.Row{}
			t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
				rows, err := t.Tx.Get(keys...)
				for i, r := range rows {
					if was, ok := first[r.Key]; ok {
						was.Data = append([]byte(nil), was.Data...)
						rows[i] = was
						continue
					}
					kept := r
					kept.Data = append([]byte(nil), r.Data...)
					first[r.Key] = kept
				}
				return rows, err
			}
		}),
	},
	{
		name: "deletes nothing",
		want: []string{"Get/Many", "Lease/DeletedIsGone", "Put/NeedsGet", "Scan/After", "Tally/Follows", "Tx/Delete", "Tx/EndsWithFn", "Tx/SeesItsOwn"},
		bend: transactions(func(t *bentTx) { t.del = func(...reporting.Key) error { return nil } }),
	},
	{
		name: "deletes only what is there",
		want: []string{"Context/EndsDuringUpdate", "Put/NeedsGet", "Tx/Delete"},
		bend: transactions(func(t *bentTx) {
			t.del = func(keys ...reporting.Key) error {
				rows, err := t.Tx.Get(keys...)
				for _, r := range rows {
					if r.Version == 0 {
						return errors.New("no such row")
					}
				}
				if err != nil {
					return err
				}
				return t.Tx.Delete(keys...)
			}
		}),
	},
	{
		name: "puts without Get",
		want: []string{"Put/NeedsGet", "Update/FailsWithItsTx"},
		bend: transactions(func(t *bentTx) { t.put = func(rows ...reporting.Row) error { return put(t.Tx, rows...) } }),
	},
	{
		name: "deletes without Get",
		want: []string{"Put/NeedsGet"},
		bend: transactions(func(t *bentTx) {
			t.del = func(keys ...reporting.Key) error {
				if _, err := t.Tx.Get(keys...); err != nil {
					return err
				}
				return t.Tx.Delete(keys...)
			}
		}),
	},
	{
		name: "takes a thousand keys",
		want: []string{"Get/Many"},
		bend: transactions(func(t *bentTx) {
			t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
				if len(keys) > 1250 {
					return nil, errors.New("too many SQL variables")
				}
				return t.Tx.Get(keys...)
			}
		}),
	},
}

// takingTurns makes the Updates of one handle take turns, and leaves those of
// others alone.
func takingTurns(b *bent) {
	turn := make(chan struct{}, 1)
	b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-turn }()
		return looseUpdate(b, ctx, fn, func(int64, int) error { return nil })
	}
}
