package reporting

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
)

// record writes the outcomes of errands of one tenant in one transaction, with
// what they say of the tenant and of its pace.
func (e *Engine) record(ctx context.Context, tenantID, letter string, errands, idleRows []*errand, k *rules) error {
	verdict := judge(errands)
	return e.store.Update(ctx, func(tx Tx) error {
		if verdict.tenant() {
			if err := e.recordTenant(tx, tenantID, verdict); err != nil {
				return err
			}
		}
		keys := make([]Key, 0, len(errands)+len(idleRows))
		for _, n := range slices.Concat(errands, idleRows) {
			keys = append(keys, n.row.Key)
		}
		rows, err := tx.Get(keys...)
		if err != nil {
			return err
		}
		for i := range rows {
			row := &rows[i]
			if row.Version == 0 {
				continue
			}
			var t target
			if err := decodeJSON(*row, &t); err != nil {
				return err
			}
			n := slices.Concat(errands, idleRows)[i]
			// Claims and ClaimedAt together name one claim.
			lost := !row.ClaimedAt.Equal(n.row.ClaimedAt) || row.Claims != n.row.Claims
			if i < len(errands) {
				t.settle(n, tx.Now(), &e.o, lost)
			}
			if !lost {
				row.LeaseUntil, row.ClaimedAt, row.Claims = time.Time{}, time.Time{}, 0
			}
			t.plan(row, tx.Now(), k)
			if err := tx.Put(*row); err != nil {
				return err
			}
		}
		if verdict.wait > 0 {
			return closeBudget(tx, tenantID, letter, verdict.wait)
		}
		return nil
	})
}

// verdict is what one call says beyond its devices.
type verdict struct {
	success bool
	fault   *azure.Error  // of the tenant
	wait    time.Duration // Microsoft asks the queue to slow down
}

func judge(errands []*errand) verdict {
	var v verdict
	for _, n := range errands {
		e, failed := errors.AsType[*azure.Error](n.err)
		switch {
		case !failed:
			v.success = v.success || n.err == nil
		case e.Kind == azure.ErrThrottled:
			v.wait = max(v.wait, e.RetryAfter, time.Second)
		case e.Scope == azure.ScopeService && e.Kind != azure.ErrCanceled:
			v.wait = max(v.wait, e.RetryAfter, 5*time.Second)
		case e.Scope == azure.ScopeTenant && e.Kind != azure.ErrCanceled:
			v.fault = e
		}
	}
	return v
}

func (v verdict) tenant() bool { return v.success || v.fault != nil }

// recordTenant parks a tenant, or lets it go on. A refusal that may be one
// device's (403) parks it only where no other device went through in the same
// call.
func (e *Engine) recordTenant(tx Tx, tenantID string, v verdict) error {
	rows, err := tx.Get(Key{Kind: kindTenant, Tenant: tenantID})
	if err != nil || rows[0].Version == 0 {
		return err
	}
	var t tenantDocument
	if err := decodeJSON(rows[0], &t); err != nil {
		return err
	}
	now := tx.Now()
	if v.success {
		// Written at most once a minute: it is for people to look at.
		if t.Parked == nil && now.Sub(t.LastSuccess) < time.Minute {
			return nil
		}
		t.Parked, t.LastSuccess = nil, now
	} else {
		p := parking{Err: *v.fault, Since: now, Tries: 1}
		p.Err.Err = nil
		if t.Parked != nil {
			p.Since, p.Tries = t.Parked.Since, t.Parked.Tries+1
		}
		p.Probe = now.Add(max(v.fault.RetryAfter, backOff(p.Tries, 30*time.Second, 30*time.Minute)))
		t.Parked = &p
	}
	rows[0].Data = encodeJSON(&t)
	return tx.Put(rows[0])
}

// budget is the pace of one tenant and channel, shared by all engines: a token
// bucket that Microsoft can close for a while.
type budget struct {
	Tokens float64   `json:"tokens"`
	At     time.Time `json:"at"`
	Closed time.Time `json:"closed,omitzero"`
	Tries  int       `json:"tries,omitempty"` // how often it was closed in a row
}

type grant struct {
	n          int
	urgentOnly bool
}

// spend takes up to want tokens. Half of a burst is kept for urgent work: below
// it, what is taken is for that alone.
func (e *Engine) spend(ctx context.Context, tenantID, letter string, want int) (g grant, wait time.Duration, err error) {
	key := Key{kindBudget, tenantID, letter}
	err = e.store.Update(ctx, func(tx Tx) error {
		g, wait = grant{}, 0
		rows, err := tx.Get(key)
		if err != nil {
			return err
		}
		now := tx.Now()
		b := budget{Tokens: float64(e.o.Burst), At: now}
		if err := decodeJSON(rows[0], &b); err != nil {
			return err
		}
		if b.Closed.After(now) {
			wait = b.Closed.Sub(now)
			return nil
		}
		if now.After(b.At) {
			b.Tokens = min(float64(e.o.Burst), b.Tokens+now.Sub(b.At).Seconds()*e.o.WritesPerSecond)
			b.At = now
		}
		if b.Tokens < 1 {
			wait = max(time.Millisecond, time.Duration((1-b.Tokens)/e.o.WritesPerSecond*float64(time.Second)))
			return nil
		}
		reserve := float64(e.o.Burst) / 2
		g.n = min(want, int(b.Tokens))
		if free := int(b.Tokens - reserve); free >= 1 {
			g.n = min(g.n, free)
		} else {
			g.urgentOnly = true
		}
		b.Tokens -= float64(g.n)
		rows[0].Data = encodeJSON(&b)
		return tx.Put(rows[0])
	})
	return g, wait, err
}

// refund gives back tokens that were not used. What cannot be given back is
// lost for a moment, and never too much.
func (e *Engine) refund(ctx context.Context, tenantID, letter string, n int) {
	key := Key{kindBudget, tenantID, letter}
	err := e.store.Update(context.WithoutCancel(ctx), func(tx Tx) error {
		rows, err := tx.Get(key)
		if err != nil || rows[0].Version == 0 {
			return err
		}
		var b budget
		if err := decodeJSON(rows[0], &b); err != nil {
			return err
		}
		b.Tokens = min(float64(e.o.Burst), b.Tokens+float64(n))
		rows[0].Data = encodeJSON(&b)
		return tx.Put(rows[0])
	})
	if err != nil {
		e.log.Warn("tokens were not given back", "tenant", tenantID, "error", err)
	}
}

// closeBudget closes a queue for as long as Microsoft asked.
func closeBudget(tx Tx, tenantID, letter string, wait time.Duration) error {
	rows, err := tx.Get(Key{kindBudget, tenantID, letter})
	if err != nil {
		return err
	}
	b := budget{At: tx.Now()}
	if err := decodeJSON(rows[0], &b); err != nil {
		return err
	}
	later(&b.Closed, tx.Now().Add(wait))
	rows[0].Data = encodeJSON(&b)
	return tx.Put(rows[0])
}
