package storetest

import (
	"context"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
)

// copied is a store with the rows of another.
func copied(old *bent, keep func(*reporting.Row) bool) *bent {
	fresh := newBent(memstore.New(&memstore.Options{Clock: old.clock.Now}), old.clock)
	_ = old.Store.Update(context.Background(), func(tx reporting.Tx) error {
		rows, err := old.rows(tx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			for range r.Version {
				if kept := r; keep(&kept) {
					if err := fresh.Update(context.Background(), func(tx reporting.Tx) error { return put(tx, kept) }); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	return fresh
}

// wakingItsOwn makes a handle deaf to others.
func wakingItsOwn(b *bent) {
	rung := make(chan struct{}, 1)
	b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
		err := b.Store.Update(ctx, fn)
		select {
		case rung <- struct{}{}:
		default:
		}
		return err
	}
	b.wait = func(ctx context.Context) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		select {
		case <-rung:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var wrongEnds = []wrongStore{
	{
		name: "ignores contexts",
		want: []string{"Context/Ended", "Context/EndsWhileWaiting"},
		bend: func(b *bent) {
			b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
				return b.Store.Update(context.WithoutCancel(ctx), fn)
			}
			b.claim = func(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
				return b.Store.Claim(context.WithoutCancel(ctx), c)
			}
			b.scan = func(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
				return b.Store.Scan(context.WithoutCancel(ctx), kind, tenant, after, limit)
			}
		},
		hangs: true,
	},
	{
		name: "does not stop waiting",
		want: []string{"Context/EndsWhileWaiting"},
		bend: func(b *bent) {
			b.queues = func(ctx context.Context, after string, limit int) ([]string, error) {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				return b.Store.Queues(context.WithoutCancel(ctx), after, limit)
			}
		},
		hangs: true,
	},
	{
		name: "says nil of an Update that was canceled",
		want: []string{"Context/EndsDuringUpdate"},
		bend: func(b *bent) {
			b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
				if err := ctx.Err(); err != nil {
					return err
				}
				err := b.Store.Update(ctx, fn)
				if ctx.Err() == context.Canceled && err == context.Canceled {
					return nil
				}
				return err
			}
		},
	},
	{
		name: "keeps nothing",
		want: []string{"Reopen/Keeps"},
		bend: func(*bent) {},
		reopen: func(old *bent) reporting.Store {
			return copied(old, func(*reporting.Row) bool { return false })
		},
	},
	{
		name: "keeps, and keeps the contract",
		bend: func(*bent) {},
		reopen: func(old *bent) reporting.Store {
			return copied(old, func(*reporting.Row) bool { return true })
		},
	},
	{
		name: "keeps no lease",
		want: []string{"Reopen/Keeps"},
		bend: func(*bent) {},
		reopen: func(old *bent) reporting.Store {
			return copied(old, func(r *reporting.Row) bool {
				r.LeaseUntil = time.Time{}
				return true
			})
		},
	},
	{
		name:  "never wakes",
		want:  []string{"Waker/Wakes", "Waker/WakesAmongHandles"},
		bend:  func(b *bent) { b.wait = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() } },
		hangs: true,
	},
	{
		name: "forgets who was not waiting",
		want: []string{"Waker/Wakes", "Waker/WakesAmongHandles"},
		bend: func(b *bent) {
			b.wait = func(ctx context.Context) error {
				ended, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Millisecond, cancel)
				_ = b.Store.Wait(ended)
				return b.Store.Wait(ctx)
			}
		},
		hangs: true,
	},
	{
		name: "wakes its own",
		want: []string{"Waker/WakesAmongHandles"},
		bend: wakingItsOwn,
		second: func(first *bent) reporting.Store {
			second := newBent(first.Store, first.clock)
			wakingItsOwn(second)
			return second
		},
		hangs: true,
	},
	{
		name: "waits for ever",
		want: []string{"Waker/ContextEnds"},
		bend: func(b *bent) {
			b.wait = func(ctx context.Context) error {
				if _, ok := ctx.Deadline(); ok {
					if err := b.Store.Wait(ctx); err == nil {
						return nil
					}
					return context.DeadlineExceeded
				}
				return nil
			}
		},
		hangs: true,
	},
}
