package reporting

import (
	"context"
	"time"
)

// update runs a transaction, and learns from it by how much the store's clock,
// which rules, is off this process's.
func (e *Engine) update(ctx context.Context, fn func(tx Tx) error) error {
	return e.store.Update(ctx, func(tx Tx) error {
		e.ahead.Store(int64(time.Until(tx.Now())))
		return fn(tx)
	})
}

// until answers how long it is until a time of the store's clock.
func (e *Engine) until(t time.Time) time.Duration { return t.Sub(e.now()) }

// now is the store's time, as far as the last transaction told it.
func (e *Engine) now() time.Time { return time.Now().Add(time.Duration(e.ahead.Load())) }
