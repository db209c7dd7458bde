package storetest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// asking answers Queues from a look at all rows.
func asking(due func(r reporting.Row, now time.Time) bool) func(*bent) {
	return func(b *bent) {
		b.queues = func(ctx context.Context, after string, limit int) (queues []string, err error) {
			err = b.Store.Update(ctx, func(tx reporting.Tx) error {
				rows, err := b.rows(tx)
				found := map[string]bool{}
				for _, r := range rows {
					if r.Queue > after && due(r, tx.Now()) {
						found[r.Queue] = true
					}
				}
				queues = slices.Sorted(maps.Keys(found))
				queues = queues[:min(limit, len(queues))]
				return err
			})
			return queues, err
		}
	}
}

// next answers NextDue from a look at all rows: the earliest time that is kept.
func next(of func(r reporting.Row, now time.Time) (time.Time, bool)) func(*bent) {
	return func(b *bent) {
		b.nextDue = func(ctx context.Context) (next time.Time, err error) {
			err = b.Store.Update(ctx, func(tx reporting.Tx) error {
				rows, err := b.rows(tx)
				for _, r := range rows {
					if t, ok := of(r, tx.Now()); ok && r.Queue != "" && (next.IsZero() || t.Before(next)) {
						next = t
					}
				}
				return err
			})
			return next, err
		}
	}
}

func scanning(scan func(b *bent, ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error)) func(*bent) {
	return func(b *bent) {
		b.scan = func(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
			return scan(b, ctx, kind, tenant, after, limit)
		}
	}
}

// tallying bends what Tally answers.
func tallying(change func(b *bent, tallies []reporting.Tally) []reporting.Tally) func(*bent) {
	return func(b *bent) {
		b.tally = func(ctx context.Context, kind reporting.Kind, tenant string, before time.Time) ([]reporting.Tally, error) {
			tallies, err := b.Store.Tally(ctx, kind, tenant, before)
			return change(b, tallies), err
		}
	}
}

var wrongQuestions = []wrongStore{
	{name: "asks, and keeps the contract", bend: asking(func(r reporting.Row, now time.Time) bool {
		return !r.Due.After(now) && !r.LeaseUntil.After(now)
	})},
	{name: "names queues without work", want: []string{"Lease/ClockGoesBack", "Queues/Boundary", "Queues/OnlyDue", "Reopen/Keeps"}, bend: asking(func(r reporting.Row, now time.Time) bool { return !r.LeaseUntil.After(now) })},
	{name: "names queues under lease", want: []string{"Lease/ClockGoesBack", "Queues/Boundary", "Queues/Follows", "Queues/OnlyDue", "Reopen/Keeps"}, bend: asking(func(r reporting.Row, now time.Time) bool { return !r.Due.After(now) })},
	{name: "names no queue after a lease", want: []string{"Queues/Boundary", "Queues/Follows", "Queues/OnlyDue"}, bend: asking(func(r reporting.Row, now time.Time) bool {
		return !r.Due.After(now) && r.LeaseUntil.IsZero()
	})},
	{name: "names queues a microsecond late", want: []string{"Queues/Boundary"}, bend: asking(func(r reporting.Row, now time.Time) bool {
		return r.Due.Before(now) && !r.LeaseUntil.After(now)
	})},
	{name: "names queues when a lease is about to end", want: []string{"Queues/Boundary"}, bend: asking(func(r reporting.Row, now time.Time) bool {
		return !r.Due.After(now) && !r.LeaseUntil.After(now.Add(time.Microsecond))
	})},
	{name: "waits for now", want: []string{"Queues/Boundary"}, bend: next(func(r reporting.Row, now time.Time) (time.Time, bool) {
		t := r.Due
		if r.LeaseUntil.After(t) {
			t = r.LeaseUntil
		}
		return t, !t.Before(now)
	})},
	{
		name: "names queues again",
		want: []string{"Queues/Pages"},
		bend: func(b *bent) {
			b.queues = func(ctx context.Context, after string, limit int) ([]string, error) {
				queues, err := b.Store.Queues(ctx, strings.TrimSuffix(after, "h")+"\x00", limit)
				if strings.HasSuffix(after, "h") {
					queues, err = b.Store.Queues(ctx, after[:len(after)-1], limit)
				}
				return queues, err
			}
		},
	},
	{
		name: "names all queues at once",
		want: []string{"Queues/Pages"},
		bend: func(b *bent) {
			b.queues = func(ctx context.Context, after string, _ int) ([]string, error) {
				return b.Store.Queues(ctx, after, 1000)
			}
		},
	},
	{name: "waits for the end, and keeps the contract", bend: next(func(r reporting.Row, now time.Time) (time.Time, bool) {
		t := r.Due
		if r.LeaseUntil.After(t) {
			t = r.LeaseUntil
		}
		return t, t.After(now)
	})},
	{name: "does not wait for leases", want: []string{"NextDue/Leases", "Queues/Boundary"}, bend: next(func(r reporting.Row, now time.Time) (time.Time, bool) { return r.Due, r.Due.After(now) })},
	{name: "waits for what has passed", want: []string{"NextDue/Earliest", "NextDue/Leases", "NextDue/Passes", "Queues/Boundary"}, bend: next(func(r reporting.Row, now time.Time) (time.Time, bool) {
		t := r.Due
		if r.LeaseUntil.After(t) {
			t = r.LeaseUntil
		}
		return t, !t.IsZero()
	})},
	{
		name: "waits for one queue",
		want: []string{"NextDue/Earliest", "Queues/Boundary"},
		bend: next(func(r reporting.Row, now time.Time) (time.Time, bool) {
			t := r.Due
			if r.LeaseUntil.After(t) {
				t = r.LeaseUntil
			}
			return t, t.After(now) && r.Queue == "q"
		}),
	},
	{
		name: "scans by prefix",
		want: []string{"Scan/OneTenant"},
		bend: scanning(func(b *bent, ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
			if tenant != "a" {
				return b.Store.Scan(ctx, kind, tenant, after, limit)
			}
			if after != (reporting.Key{}) && after.Tenant == "" {
				after.Tenant = tenant
			} else if after == (reporting.Key{}) {
				after = reporting.Key{Kind: kind, Tenant: tenant}
			}
			rows, err := b.Store.Scan(ctx, kind, "", after, limit)
			return slices.DeleteFunc(rows, func(r reporting.Row) bool { return !strings.HasPrefix(r.Tenant, tenant) }), err
		}),
	},
	{
		name: "scans all tenants by id",
		want: []string{"Scan/AllTenants"},
		bend: scanning(func(b *bent, ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
			rows, err := b.Store.Scan(ctx, kind, tenant, reporting.Key{}, 1000)
			if after != (reporting.Key{}) {
				rows = slices.DeleteFunc(rows, func(r reporting.Row) bool { return r.ID <= after.ID })
			}
			return rows[:min(len(rows), limit)], err
		}),
	},
	{
		name: "scans after what exists",
		want: []string{"Scan/After"},
		bend: scanning(func(b *bent, ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
			rows, err := b.Store.Scan(ctx, kind, tenant, reporting.Key{}, 1000)
			if after != (reporting.Key{}) {
				at := slices.IndexFunc(rows, func(r reporting.Row) bool { return r.Key == after })
				rows = rows[at+1:]
			}
			return rows[:min(len(rows), limit)], err
		}),
	},
	{
		name: "scans without leases",
		want: []string{"Scan/AsStored"},
		bend: scanning(func(b *bent, ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
			rows, err := b.Store.Scan(ctx, kind, tenant, after, limit)
			for i := range rows {
				rows[i].LeaseUntil = time.Time{}
			}
			return rows, err
		}),
	},
	{
		name: "scans more than asked",
		want: []string{"Key/ByteOrder", "Scan/AllTenants", "Scan/OneTenant"},
		bend: scanning(func(b *bent, ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
			return b.Store.Scan(ctx, kind, tenant, after, limit+1)
		}),
	},
	{
		name: "tallies without urgency",
		want: []string{"Tally/Counts"},
		bend: tallying(func(_ *bent, tallies []reporting.Tally) []reporting.Tally {
			var folded []reporting.Tally
			for _, t := range tallies {
				last := len(folded) - 1
				if last >= 0 && folded[last].Tenant == t.Tenant && folded[last].Label == t.Label {
					folded[last].Count += t.Count
					continue
				}
				folded = append(folded, t)
			}
			return folded
		}),
	},
	{
		name: "counts as old what is of the time",
		want: []string{"Tally/Old"},
		bend: func(b *bent) {
			b.tally = func(ctx context.Context, kind reporting.Kind, tenant string, before time.Time) ([]reporting.Tally, error) {
				return b.Store.Tally(ctx, kind, tenant, before.Add(time.Microsecond))
			}
		},
	},
	{
		name: "counts as old what has no Since",
		want: []string{"Tally/Old"},
		bend: func(b *bent) {
			b.tally = func(ctx context.Context, kind reporting.Kind, tenant string, before time.Time) ([]reporting.Tally, error) {
				tallies, err := b.Store.Tally(ctx, kind, tenant, before)
				for i := range tallies {
					if !before.IsZero() && tallies[i].Label == "sent" && tallies[i].Count == 3 {
						tallies[i].Old++
					}
				}
				return tallies, err
			}
		},
	},
	{
		name: "takes no Since for the earliest",
		want: []string{"Tally/Counts", "Tally/Follows"},
		bend: func(b *bent) {
			b.tally = func(ctx context.Context, kind reporting.Kind, tenant string, before time.Time) (tallies []reporting.Tally, err error) {
				tallies, err = b.Store.Tally(ctx, kind, tenant, before)
				if err != nil {
					return nil, err
				}
				rows, err := b.Store.Scan(ctx, kind, tenant, reporting.Key{}, 1000)
				for i, t := range tallies {
					for _, r := range rows {
						if r.Tenant == t.Tenant && r.Label == t.Label && r.Urgency == t.Urgency && r.Since.IsZero() {
							tallies[i].Since = time.Time{}
						}
					}
				}
				return tallies, err
			}
		},
	},
	{
		name: "tallies the due of what has no queue",
		want: []string{"Tally/Counts", "Tally/Follows"},
		bend: func(b *bent) {
			b.tally = func(ctx context.Context, kind reporting.Kind, tenant string, before time.Time) (tallies []reporting.Tally, err error) {
				tallies, err = b.Store.Tally(ctx, kind, tenant, before)
				if err != nil {
					return nil, err
				}
				rows, err := b.Store.Scan(ctx, kind, tenant, reporting.Key{}, 1000)
				for i, t := range tallies {
					for _, r := range rows {
						if r.Tenant == t.Tenant && r.Label == t.Label && r.Urgency == t.Urgency && r.Queue == "" && r.Due.Before(t.Due) {
							tallies[i].Due = r.Due
						}
					}
				}
				return tallies, err
			}
		},
	},
	{
		name: "tallies the earliest of all times",
		want: []string{"Tally/Follows"},
		bend: func(b *bent) {
			type group struct {
				tenant, label string
				urgency       uint8
			}
			earliest := map[group]time.Time{}
			tallying(func(_ *bent, tallies []reporting.Tally) []reporting.Tally {
				for i, t := range tallies {
					g := group{t.Tenant, t.Label, t.Urgency}
					if was, ok := earliest[g]; ok && was.Before(t.Since) {
						tallies[i].Since = was
					} else {
						earliest[g] = t.Since
					}
				}
				return tallies
			})(b)
		},
	},
	{
		name: "tallies what is gone",
		want: []string{"Tally/Follows"},
		bend: func(b *bent) {
			known := map[string]reporting.Tally{}
			tallying(func(_ *bent, tallies []reporting.Tally) []reporting.Tally {
				there := map[string]bool{}
				for _, t := range tallies {
					known[t.Tenant+"/"+t.Label] = reporting.Tally{Tenant: t.Tenant, Label: t.Label, Urgency: t.Urgency}
					there[t.Tenant+"/"+t.Label] = true
				}
				for name, t := range known {
					if !there[name] && len(tallies) > 0 && tallies[0].Tenant == t.Tenant && len(there) == 1 {
						tallies = append(tallies, t)
					}
				}
				return tallies
			})(b)
		},
	},
}
