package storetest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

var wrongClaims = []wrongStore{
	{name: "claims what is not due", want: []string{"Claim/Boundary", "Claim/OnlyDue", "Lease/ClockGoesBack", "Lease/PutMovesWork", "NextDue/Leases"}, bend: claiming(naive{due: func(r reporting.Row, c reporting.Claim, now time.Time) bool {
		r.Due = time.Time{}
		return isDue(r, c, now)
	}})},
	{name: "claims of any queue", want: []string{"Claim/OnlyDue", "Lease/PutMovesWork"}, bend: claiming(naive{due: func(r reporting.Row, c reporting.Claim, now time.Time) bool {
		c.Queue = r.Queue
		return isDue(r, c, now)
	}})},
	{name: "folds queues", want: []string{"Claim/OnlyDue"}, bend: claiming(naive{due: func(r reporting.Row, c reporting.Claim, now time.Time) bool {
		r.Queue = strings.ToLower(r.Queue)
		return isDue(r, c, now)
	}})},
	{name: "claims what has no queue", want: []string{"Claim/OnlyDue"}, bend: claiming(naive{due: func(r reporting.Row, c reporting.Claim, now time.Time) bool {
		return r.Queue == c.Queue && !r.Due.After(now) && !r.LeaseUntil.After(now) && r.Urgency <= c.Most
	}})},
	{name: "ignores leases", want: []string{"Claim/Boundary", "Claim/Limit", "Claim/Most", "Claim/NotTwice", "Claim/NotTwiceAmongHandles", "Claim/OldestFirst", "Claim/OnlyDue", "Lease/ClockGoesBack", "Lease/Lapses", "Lease/PutEndsIt", "Lease/PutKeepsIt", "Queues/Follows", "Reopen/Keeps"}, hangs: true, bend: claiming(naive{due: func(r reporting.Row, c reporting.Claim, now time.Time) bool {
		r.LeaseUntil = time.Time{}
		return isDue(r, c, now)
	}})},
	{name: "comes a microsecond late", want: []string{"Claim/Boundary", "Claim/OldestFirst", "Claim/OnlyDue", "Claim/Order"}, bend: claiming(naive{due: func(r reporting.Row, c reporting.Claim, now time.Time) bool {
		return isDue(r, c, now) && r.Due.Before(now)
	}})},
	{name: "ends leases late", want: []string{"Claim/Boundary", "Lease/Lapses", "Queues/Follows"}, bend: claiming(naive{due: func(r reporting.Row, c reporting.Claim, now time.Time) bool {
		return isDue(r, c, now) && !r.LeaseUntil.Equal(now)
	}})},
	{name: "does not count claims", want: []string{"Claim/Leases", "Claim/LosesNoPut", "Lease/DeletedIsGone", "Lease/Lapses", "Lease/PutEndsIt"}, bend: claiming(naive{lease: func(r *reporting.Row, c reporting.Claim, now time.Time) {
		r.LeaseUntil, r.ClaimedAt = now.Add(c.Lease), now
	}})},
	{name: "does not say when it claimed", want: []string{"Claim/Leases", "Lease/Lapses"}, bend: claiming(naive{lease: func(r *reporting.Row, c reporting.Claim, now time.Time) {
		r.LeaseUntil = now.Add(c.Lease)
		r.Claims++
	}})},
	{name: "leases from Due on", want: []string{"Claim/Leases", "Lease/ClockGoesBack", "Lease/Lapses", "Lease/PutEndsIt", "Lease/PutKeepsIt", "NextDue/Leases", "Queues/Follows"}, bend: claiming(naive{lease: func(r *reporting.Row, c reporting.Claim, now time.Time) {
		leases(r, c, now)
		r.LeaseUntil = r.Due.Add(c.Lease)
	}})},
	{
		name: "answers what was before the claim",
		want: []string{"Claim/Leases"},
		bend: func(b *bent) {
			b.claim = func(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
				rows, err := b.Store.Claim(ctx, c)
				for i := range rows {
					rows[i].Version--
				}
				return rows, err
			}
		},
	},
	{name: "claims by due alone", want: []string{"Claim/Order", "Lease/PutMovesWork"}, bend: claiming(naive{before: func(a, b reporting.Row, c reporting.Claim) int {
		c.OldestFirst = true
		return goesBefore(a, b, c)
	}})},
	{name: "has no order among equals", want: []string{"Claim/Boundary", "Claim/Many", "Claim/OldestFirst", "Claim/Order", "Lease/PutEndsIt", "Queues/Follows", "Sharing/Claim"}, bend: claiming(naive{before: func(a, b reporting.Row, c reporting.Claim) int {
		if a.Urgency == b.Urgency && a.Due.Equal(b.Due) {
			return strings.Compare(b.ID, a.ID)
		}
		return goesBefore(a, b, c)
	}})},
	{
		name: "answers in the order of keys what it claimed",
		want: []string{"Claim/OldestFirst", "Claim/OnlyDue", "Claim/Order", "Lease/ClockGoesBack"},
		bend: func(b *bent) {
			b.claim = func(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
				rows, err := b.Store.Claim(ctx, c)
				slices.SortFunc(rows, func(a, b reporting.Row) int { return strings.Compare(a.ID, b.ID) })
				return rows, err
			}
		},
	},
	{name: "does not know OldestFirst", want: []string{"Claim/OldestFirst"}, bend: claiming(naive{before: func(a, b reporting.Row, c reporting.Claim) int {
		c.OldestFirst = false
		return goesBefore(a, b, c)
	}})},
	{name: "does not know Most", want: []string{"Claim/Most", "Reopen/Keeps"}, bend: claiming(naive{due: func(r reporting.Row, c reporting.Claim, now time.Time) bool {
		c.Most = 255
		return isDue(r, c, now)
	}})},
	{name: "takes less than Most", want: []string{"Claim/Most", "Claim/OldestFirst", "Reopen/Keeps"}, bend: claiming(naive{due: func(r reporting.Row, c reporting.Claim, now time.Time) bool {
		return isDue(r, c, now) && (r.Urgency < c.Most || c.Most == 255)
	}})},
	{name: "does not know Limit", want: []string{"Claim/Limit", "Claim/OldestFirst", "Lease/ClockGoesBack", "Lease/Lapses", "Queues/Follows"}, bend: claiming(naive{limit: func(reporting.Claim) int { return 1 << 20 }})},
	{name: "takes no Limit for no limit", want: []string{"Claim/Limit"}, bend: claiming(naive{limit: func(c reporting.Claim) int {
		if c.Limit == 0 {
			return 1 << 20
		}
		return c.Limit
	}})},
	{name: "claims a thousand", want: []string{"Claim/Many"}, bend: claiming(naive{limit: func(c reporting.Claim) int { return min(1000, c.Limit) }})},
	{name: "claims without a lock", want: []string{"Claim/LosesNoPut", "Claim/NotTwice", "Claim/NotTwiceAmongHandles"}, bend: func(b *bent) { b.claim = naive{}.unlocked(b) }},
	{
		name: "claims with a lock of its own",
		want: []string{"Claim/LosesNoPut", "Claim/NotTwiceAmongHandles"},
		bend: claimingInTurns,
		second: func(first *bent) reporting.Store {
			second := &bent{Store: first.Store, clock: first.clock, known: first.known}
			claimingInTurns(second)
			return second
		},
	},
	{name: "leases for ever", want: []string{"Claim/Leases", "Lease/ClockGoesBack", "Lease/Lapses", "Queues/Follows"}, bend: claiming(naive{due: func(r reporting.Row, c reporting.Claim, now time.Time) bool {
		return isDue(r, c, now) && (r.LeaseUntil.IsZero() || r.Claims == 0)
	}})},
	{name: "queues anew after a lease", want: []string{"Lease/ClockGoesBack", "Lease/Lapses"}, bend: claiming(naive{before: func(a, b reporting.Row, c reporting.Claim) int {
		if a.LeaseUntil.After(a.Due) {
			a.Due = a.LeaseUntil
		}
		if b.LeaseUntil.After(b.Due) {
			b.Due = b.LeaseUntil
		}
		return goesBefore(a, b, c)
	}})},
	{name: "ends the lease at every Put", want: []string{"Lease/PutKeepsIt"}, bend: writing(func(r *reporting.Row) {
		if r.Claims > 0 && string(r.Data) == "changed" {
			r.LeaseUntil = time.Time{}
		}
	})},
	{
		name: "keeps the lease at every Put",
		want: []string{"Lease/PutEndsIt", "NextDue/Leases", "Put/EveryField", "Put/NeedsGet", "Update/FailsWithItsTx"},
		bend: transactions(func(t *bentTx) {
			t.put = func(rows ...reporting.Row) error {
				rows = slices.Clone(rows)
				for i := range rows {
					if was, err := t.Tx.Get(rows[i].Key); err == nil && was[0].Claims > 0 {
						rows[i].LeaseUntil = was[0].LeaseUntil
					}
				}
				return t.Tx.Put(rows...)
			}
		}),
	},
	{
		name: "keeps the claims at every Put",
		want: []string{"Lease/PutEndsIt", "Put/EveryField", "Put/NeedsGet", "Update/FailsWithItsTx"},
		bend: transactions(func(t *bentTx) {
			t.put = func(rows ...reporting.Row) error {
				rows = slices.Clone(rows)
				for i := range rows {
					if was, err := t.Tx.Get(rows[i].Key); err == nil && was[0].Claims > 0 {
						rows[i].Claims = was[0].Claims
					}
				}
				return t.Tx.Put(rows...)
			}
		}),
	},
	{
		name: "claims by where the row was first",
		want: []string{"Lease/PutMovesWork"},
		bend: func(b *bent) {
			first := map[reporting.Key]string{}
			transactions(func(t *bentTx) {
				t.put = func(rows ...reporting.Row) error {
					for _, r := range rows {
						if _, ok := first[r.Key]; !ok && r.Queue != "" {
							first[r.Key] = r.Queue
						}
					}
					return t.Tx.Put(rows...)
				}
			})(b)
			b.claim = naive{due: func(r reporting.Row, c reporting.Claim, now time.Time) bool {
				r.Queue = first[r.Key]
				return isDue(r, c, now)
			}}.claim(b)
		},
	},
	{
		name: "marks what was deleted",
		want: []string{"Lease/DeletedIsGone", "Put/NeedsGet"},
		bend: func(b *bent) {
			transactions(func(t *bentTx) {
				t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
					rows, err := t.Tx.Get(keys...)
					for i, r := range rows {
						if r.Label == "deleted" {
							rows[i] = reporting.Row{Key: r.Key}
						}
					}
					return rows, err
				}
				t.del = func(keys ...reporting.Key) error {
					rows, err := t.Tx.Get(keys...)
					for i := range rows {
						rows[i].Label = "deleted"
					}
					if err != nil {
						return err
					}
					return t.Tx.Put(slices.DeleteFunc(rows, func(r reporting.Row) bool { return r.Version == 0 })...)
				}
			})(b)
			b.scan = func(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
				rows, err := b.Store.Scan(ctx, kind, tenant, after, limit)
				return slices.DeleteFunc(rows, func(r reporting.Row) bool { return r.Label == "deleted" }), err
			}
			b.tally = func(ctx context.Context, kind reporting.Kind, tenant string, before time.Time) ([]reporting.Tally, error) {
				tallies, err := b.Store.Tally(ctx, kind, tenant, before)
				return slices.DeleteFunc(tallies, func(t reporting.Tally) bool { return t.Label == "deleted" }), err
			}
		},
	},
	{
		name: "ends leases when the clock goes back",
		want: []string{"Lease/ClockGoesBack"},
		bend: func(b *bent) {
			b.claim = naive{due: func(r reporting.Row, c reporting.Claim, now time.Time) bool {
				if r.ClaimedAt.After(now) {
					r.LeaseUntil = time.Time{}
				}
				return isDue(r, c, now)
			}}.claim(b)
		},
	},
}

// claimingInTurns makes the Claims of one handle take turns.
func claimingInTurns(b *bent) {
	turn := make(chan struct{}, 1)
	claim := naive{}.unlocked(b)
	b.claim = func(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		defer func() { <-turn }()
		return claim(ctx, c)
	}
}
