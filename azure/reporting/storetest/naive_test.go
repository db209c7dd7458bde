package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// naive is a Claim that looks at every row. Its zero value keeps the contract;
// each field bends it.
type naive struct {
	due    func(r reporting.Row, c reporting.Claim, now time.Time) bool
	before func(a, b reporting.Row, c reporting.Claim) int
	limit  func(c reporting.Claim) int
	lease  func(r *reporting.Row, c reporting.Claim, now time.Time)
}

func isDue(r reporting.Row, c reporting.Claim, now time.Time) bool {
	return c.Queue != "" && r.Queue == c.Queue && r.Urgency <= c.Most && !r.Due.After(now) && !r.LeaseUntil.After(now)
}

func goesBefore(a, b reporting.Row, c reporting.Claim) int {
	urgency := cmp.Compare(a.Urgency, b.Urgency)
	if c.OldestFirst {
		urgency = 0
	}
	return cmp.Or(urgency, a.Due.Compare(b.Due), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.ID, b.ID))
}

func leases(r *reporting.Row, c reporting.Claim, now time.Time) {
	r.LeaseUntil, r.ClaimedAt = now.Add(c.Lease), now
	r.Claims++
}

func (n naive) take(b *bent, tx reporting.Tx, c reporting.Claim) ([]reporting.Row, error) {
	all, err := b.rows(tx)
	if err != nil {
		return nil, err
	}
	now := tx.Now()
	all = slices.DeleteFunc(all, func(r reporting.Row) bool {
		if n.due != nil {
			return !n.due(r, c, now)
		}
		return !isDue(r, c, now)
	})
	slices.SortFunc(all, func(x, y reporting.Row) int {
		if n.before != nil {
			return n.before(x, y, c)
		}
		return goesBefore(x, y, c)
	})
	limit := c.Limit
	if n.limit != nil {
		limit = n.limit(c)
	}
	all = all[:min(len(all), limit)]
	for i := range all {
		if n.lease != nil {
			n.lease(&all[i], c, now)
		} else {
			leases(&all[i], c, now)
		}
	}
	return all, tx.Put(all...)
}

func (n naive) claim(b *bent) func(context.Context, reporting.Claim) ([]reporting.Row, error) {
	return func(ctx context.Context, c reporting.Claim) (rows []reporting.Row, err error) {
		err = b.Store.Update(ctx, func(tx reporting.Tx) error {
			if rows, err = n.take(b, tx, c); err != nil {
				return err
			}
			rows, err = tx.Get(keysOf(rows)...)
			return err
		})
		return rows, err
	}
}

// unlocked is the same without a lock between looking and taking.
func (n naive) unlocked(b *bent) func(context.Context, reporting.Claim) ([]reporting.Row, error) {
	return func(ctx context.Context, c reporting.Claim) (rows []reporting.Row, err error) {
		err = looseUpdate(b, ctx, func(tx reporting.Tx) error {
			rows, err = n.take(b, tx, c)
			return err
		}, func(int64, int) error { return nil })
		for i := range rows {
			rows[i].Version++
		}
		return rows, err
	}
}

func claiming(n naive) func(*bent) {
	return func(b *bent) { b.claim = n.claim(b) }
}
