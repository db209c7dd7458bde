package storetest

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

var wrongRows = []wrongStore{
	{
		name: "answers more of what is missing",
		want: []string{"Get/Missing"},
		bend: reading(func(r *reporting.Row) {
			if r.Version == 0 {
				r.Label = "none"
			}
		}),
	},
	{
		name: "answers in the order of keys",
		want: []string{"Get/Many", "Get/Order", "Key/Distinct", "Put/EveryField", "Time/Zero"},
		bend: transactions(func(t *bentTx) {
			t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
				rows, err := t.Tx.Get(keys...)
				slices.SortStableFunc(rows, func(a, b reporting.Row) int {
					return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.ID, b.ID))
				})
				return rows, err
			}
		}),
	},
	{
		name: "answers a key once",
		want: []string{"Get/Order"},
		bend: transactions(func(t *bentTx) {
			t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
				seen := map[reporting.Key]bool{}
				return t.Tx.Get(slices.DeleteFunc(slices.Clone(keys), func(k reporting.Key) bool {
					defer func() { seen[k] = true }()
					return seen[k]
				})...)
			}
		}),
	},
	{name: "forgets Since", want: []string{"Claim/Leases", "Put/EveryField", "Reopen/Keeps", "Tally/Counts", "Tally/Follows", "Tally/Old", "Time/Microseconds", "Time/Zero"}, bend: writing(func(r *reporting.Row) { r.Since = time.Time{} })},
	{name: "has signed bytes", want: []string{"Put/EveryField"}, bend: answering(func(r *reporting.Row) { r.Urgency = min(r.Urgency, 127) })},
	{name: "keeps text", want: []string{"Put/EveryField", "Reopen/Keeps"}, bend: writing(func(r *reporting.Row) { r.Data = bytes.ToValidUTF8(r.Data, []byte("?")) })},
	{
		name:  "writes only what has changed its Data",
		want:  []string{"Lease/PutEndsIt", "Lease/PutMovesWork", "NextDue/Earliest", "NextDue/Leases", "Put/NeedsGet", "Tally/Follows", "Time/Microseconds", "Update/FailsWithItsTx", "Waker/Wakes", "Waker/WakesAmongHandles"},
		hangs: true,
		bend: transactions(func(t *bentTx) {
			t.put = func(rows ...reporting.Row) error {
				return t.Tx.Put(slices.DeleteFunc(slices.Clone(rows), func(r reporting.Row) bool {
					was, err := t.Tx.Get(r.Key)
					return err == nil && was[0].Version > 0 && bytes.Equal(was[0].Data, r.Data)
				})...)
			}
		}),
	},
	{
		name: "has one version",
		want: []string{"Claim/Leases", "Lease/Lapses", "Put/VersionGrows", "Tx/SeesItsOwn"},
		bend: answering(func(r *reporting.Row) { r.Version = min(r.Version, 1) }),
	},
	{
		name: "folds case",
		want: []string{"Key/ByteOrder", "Key/Distinct", "Key/Limits"},
		bend: transactions(func(t *bentTx) {
			fold := func(k reporting.Key) reporting.Key { k.ID = strings.ToLower(k.ID); return k }
			t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
				folded := make([]reporting.Key, len(keys))
				for i, k := range keys {
					folded[i] = fold(k)
				}
				rows, err := t.Tx.Get(folded...)
				for i := range rows {
					rows[i].Key = keys[i]
				}
				return rows, err
			}
			t.put = func(rows ...reporting.Row) error {
				rows = slices.Clone(rows)
				for i := range rows {
					rows[i].Key = fold(rows[i].Key)
				}
				return t.Tx.Put(rows...)
			}
		}),
	},
	{
		name: "joins tenant and id",
		want: []string{"Get/Many", "Key/ByteOrder", "Key/Distinct", "Key/Limits"},
		bend: transactions(func(t *bentTx) {
			join := func(k reporting.Key) reporting.Key {
				if k.Kind != 1 {
					return k
				}
				return reporting.Key{Kind: k.Kind, ID: k.Tenant + k.ID}
			}
			t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
				joined := make([]reporting.Key, len(keys))
				for i, k := range keys {
					joined[i] = join(k)
				}
				rows, err := t.Tx.Get(joined...)
				for i := range rows {
					rows[i].Key = keys[i]
				}
				return rows, err
			}
			t.put = func(rows ...reporting.Row) error {
				rows = slices.Clone(rows)
				for i := range rows {
					rows[i].Key = join(rows[i].Key)
				}
				return t.Tx.Put(rows...)
			}
		}),
	},
	{
		name: "orders as a language does",
		want: []string{"Key/ByteOrder"},
		bend: func(b *bent) {
			b.scan = func(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
				rows, err := b.Store.Scan(ctx, kind, tenant, reporting.Key{}, 1000)
				order := func(a, b reporting.Key) int {
					return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(strings.ToLower(a.ID), strings.ToLower(b.ID)), strings.Compare(a.ID, b.ID))
				}
				slices.SortFunc(rows, func(a, b reporting.Row) int { return order(a.Key, b.Key) })
				if after != (reporting.Key{}) {
					rows = slices.DeleteFunc(rows, func(r reporting.Row) bool {
						return order(r.Key, reporting.Key{Tenant: cmp.Or(tenant, after.Tenant), ID: after.ID}) <= 0
					})
				}
				return rows[:min(len(rows), limit)], err
			}
		},
	},
	{
		name: "cuts keys",
		want: []string{"Key/Limits"},
		bend: transactions(func(t *bentTx) {
			cut := func(k reporting.Key) reporting.Key {
				k.Tenant, k.ID = k.Tenant[:min(200, len(k.Tenant))], k.ID[:min(200, len(k.ID))]
				return k
			}
			t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
				keys = slices.Clone(keys)
				for i := range keys {
					keys[i] = cut(keys[i])
				}
				return t.Tx.Get(keys...)
			}
			t.put = func(rows ...reporting.Row) error {
				rows = slices.Clone(rows)
				for i := range rows {
					rows[i].Key = cut(rows[i].Key)
				}
				return t.Tx.Put(rows...)
			}
		}),
	},
	{
		name: "cuts labels",
		want: []string{"Row/Limits"},
		bend: writing(func(r *reporting.Row) { r.Label = r.Label[:min(100, len(r.Label))] }),
	},
	{name: "drops NUL from queues", want: []string{"Row/Limits"}, bend: writing(func(r *reporting.Row) { r.Queue = strings.ReplaceAll(r.Queue, "\x00", "") })},
	{
		name: "has a clock of each moment",
		want: []string{"Time/Now"},
		bend: func(b *bent) { transactions(func(t *bentTx) { t.now = b.clockNow })(b) },
	},
	{
		name: "has nanoseconds",
		want: []string{"Claim/Leases", "Lease/PutKeepsIt", "NextDue/Earliest", "NextDue/Leases", "NextDue/Passes", "Put/EveryField", "Queues/Boundary", "Reopen/Keeps", "Tally/Counts", "Tally/Follows", "Time/Now"},
		bend: func(b *bent) {
			transactions(func(t *bentTx) {
				now := t.Tx.Now().Add(7)
				t.now = func() time.Time { return now }
			})(b)
		},
	},
	{
		name: "has a clock that stands still",
		want: []string{"Time/Passes"},
		bend: func(b *bent) {
			began := b.clockNow()
			transactions(func(t *bentTx) { t.now = func() time.Time { return began } })(b)
		},
	},
	{
		name: "answers in local time",
		want: []string{"Claim/Leases", "Put/EveryField", "Reopen/Keeps", "Time/Microseconds", "Time/Zero"},
		bend: answering(func(r *reporting.Row) { r.Since = r.Since.In(time.FixedZone("CET", 3600)) }),
	},
	{
		name: "keeps milliseconds",
		want: []string{"Lease/PutEndsIt", "Lease/PutKeepsIt", "Put/EveryField", "Reopen/Keeps", "Time/Microseconds"},
		bend: writing(func(r *reporting.Row) { r.ClaimedAt = r.ClaimedAt.Truncate(time.Millisecond) }),
	},
	{
		name: "begins in 1970",
		want: []string{"Key/Distinct", "Key/Limits", "Put/EveryField", "Put/NeedsGet", "Reopen/Keeps", "Scan/AllTenants", "Scan/OneTenant", "Sharing/Get", "Sharing/Put", "Sharing/Scan", "Time/Zero", "Tx/Delete", "Tx/EndsWithFn", "Tx/SeesItsOwn", "Update/FailsWithItsTx", "Update/RollsBackOnError", "Update/RollsBackOnPanic"},
		bend: answering(func(r *reporting.Row) {
			if r.Version > 0 && r.Since.IsZero() {
				r.Since = time.Unix(0, 0).UTC()
			}
		}),
	},
	{
		name: "takes 1970 for none",
		want: []string{"Time/Zero"},
		bend: answering(func(r *reporting.Row) {
			if r.Since.Equal(time.Unix(0, 0)) {
				r.Since = time.Time{}
			}
		}),
	},
	{name: "keeps the caller's Data", want: []string{"Sharing/Put"}, bend: sharing(true, false, false, false)},
	{name: "answers Get from its own memory", want: []string{"Sharing/Get"}, bend: sharing(false, true, false, false)},
	{name: "answers Scan from its own memory", want: []string{"Sharing/Scan"}, bend: sharing(false, false, true, false)},
	{name: "answers Claim from its own memory", want: []string{"Sharing/Claim"}, bend: sharing(false, false, false, true)},
	{name: "answers in one block", want: []string{"Sharing/Claim", "Sharing/Get"}, bend: func(b *bent) {
		block := func(rows []reporting.Row) {
			var all []byte
			for _, r := range rows {
				all = append(all, r.Data...)
			}
			at := 0
			for i := range rows {
				rows[i].Data, at = all[at:at+len(rows[i].Data)], at+len(rows[i].Data)
			}
		}
		transactions(func(t *bentTx) {
			t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
				rows, err := t.Tx.Get(keys...)
				block(rows)
				return rows, err
			}
		})(b)
		b.scan = func(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
			rows, err := b.Store.Scan(ctx, kind, tenant, after, limit)
			block(rows)
			return rows, err
		}
		b.claim = func(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
			rows, err := b.Store.Claim(ctx, c)
			block(rows)
			return rows, err
		}
	}},
}

// sharing keeps the Data beside the store: what the caller gave, or what it was
// answered.
func sharing(put, get, scan, claim bool) func(*bent) {
	return func(b *bent) {
		var mu sync.Mutex
		type held struct {
			version int64
			data    []byte
		}
		own := map[reporting.Key]held{}
		keep := func(rows []reporting.Row) {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range rows {
				own[r.Key] = held{r.Version, r.Data}
			}
		}
		// seen replaces Data by what is held of it.
		seen := func(rows []reporting.Row, shared bool) {
			mu.Lock()
			defer mu.Unlock()
			for i, r := range rows {
				h, ok := own[r.Key]
				if !ok || h.version != r.Version {
					continue
				}
				rows[i].Data = h.data
				if !shared {
					rows[i].Data = bytes.Clone(h.data)
				}
			}
		}
		b.update = func(ctx context.Context, fn func(reporting.Tx) error) error {
			var given []reporting.Row
			err := b.Store.Update(ctx, func(tx reporting.Tx) error {
				t := &bentTx{Tx: tx}
				t.get = func(keys ...reporting.Key) ([]reporting.Row, error) {
					rows, err := tx.Get(keys...)
					seen(rows, get)
					if get {
						keep(rows)
					}
					return rows, err
				}
				t.put = func(rows ...reporting.Row) error {
					if err := tx.Put(rows...); err != nil || !put {
						return err
					}
					stored, err := tx.Get(keysOf(rows)...)
					for i := range stored {
						stored[i].Data = rows[i].Data
					}
					given = append(given, stored...)
					return err
				}
				return fn(t)
			})
			if err == nil {
				keep(given)
			}
			return err
		}
		b.scan = func(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
			rows, err := b.Store.Scan(ctx, kind, tenant, after, limit)
			seen(rows, scan)
			if scan {
				keep(rows)
			}
			return rows, err
		}
		b.claim = func(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
			rows, err := b.Store.Claim(ctx, c)
			if claim {
				keep(rows)
			}
			return rows, err
		}
	}
}
