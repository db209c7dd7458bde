package storetest

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

var claimRules = []rule{
	{
		"Claim/OnlyDue",
		"Claim takes rows of its queue that are due, and no others: what is not due was put off with a reason",
		func(x *trial) {
			now := x.now()
			leased := work("leased", "q", 0, now.Add(-time.Hour))
			leased.LeaseUntil = now.Add(time.Hour)
			lapsed := work("lapsed", "q", 0, now.Add(-time.Minute))
			lapsed.LeaseUntil = now.Add(-time.Second)
			x.put(
				work("past", "q", 0, now.Add(-time.Hour)), work("now", "q", 0, now), work("always", "q", 0, time.Time{}),
				work("future", "q", 0, now.Add(time.Hour)), leased, lapsed,
				work("other", "q2", 0, now), work("idle", "", 0, now), work("case", "Q", 0, now),
				reporting.Row{Key: reporting.Key{Kind: 3, Tenant: "fabrikam", ID: "kind"}, Queue: "q", Due: now.Add(-30 * time.Minute)},
			)
			x.takes("of queue q", all("q"), "always", "past", "kind", "lapsed", "now")
			x.takes("of a queue without rows", all("none"))
			x.takes("of no queue", all(""))
		},
	},
	{
		"Claim/Boundary",
		"a row is due at Due, to the microsecond, and a lease has ended at LeaseUntil: an engine that waited for NextDue must find it",
		func(x *trial) {
			if x.Advance == nil {
				x.skip("Harness.Advance")
			}
			now := x.now()
			ended, alive := work("ended", "q", 0, now), work("alive", "q", 0, now)
			ended.LeaseUntil, alive.LeaseUntil = now, now.Add(time.Microsecond)
			x.put(work("due", "q", 0, now), work("next", "q", 0, now.Add(time.Microsecond)), ended, alive)
			x.takes("at the moment", all("q"), "due", "ended")
			x.Advance(x.t, time.Microsecond)
			x.takes("a microsecond later", all("q"), "alive", "next")
		},
	},
	{
		"Claim/Leases",
		"a claimed row is answered as it is from then on: leased until now + Lease, claimed now, Claims and Version grown, all else untouched",
		func(x *trial) {
			now := x.now()
			row := work("a", "q", 3, now.Add(-time.Minute))
			row.Label, row.Since, row.Claims, row.ClaimedAt = "label", now.Add(-time.Hour), 4, now.Add(-2*time.Hour)
			row.LeaseUntil = now.Add(-time.Second)
			x.put(row)
			was := x.get(row.Key)[0]
			before := x.now()
			rows := x.claim(all("q"))
			after := x.now()
			if len(rows) != 1 {
				x.stop("Claim answers %d rows, want 1", len(rows))
			}
			got := rows[0]
			if got.ClaimedAt.Before(before) || got.ClaimedAt.After(after) {
				x.wrong("ClaimedAt is %s, want the store's time, from %s to %s", when(got.ClaimedAt), when(before), when(after))
			}
			if got.LeaseUntil.Sub(got.ClaimedAt) != time.Hour {
				x.wrong("LeaseUntil is %v after ClaimedAt, want an hour", got.LeaseUntil.Sub(got.ClaimedAt))
			}
			x.proper("ClaimedAt", got.ClaimedAt)
			x.proper("LeaseUntil", got.LeaseUntil)
			if got.Version <= was.Version {
				x.wrong("Version went from %d to %d", was.Version, got.Version)
			}
			row.ClaimedAt, row.LeaseUntil, row.Claims = got.ClaimedAt, got.LeaseUntil, 5
			x.is("the claimed row", got, row)
			if there := x.get(row.Key)[0]; !same(there, got) {
				x.wrong("Claim answers\n\tVersion %d %s\nand the row is\n\tVersion %d %s", got.Version, show(got), there.Version, show(there))
			}
		},
	},
	{
		"Claim/Order",
		"rows are taken by urgency, then due, then key, and answered in that order: a lock-out goes before a refresh, and equals first come first served",
		func(x *trial) {
			x.order()
			x.takes("by urgency", all("q"), "u0", "u1old", "k1", "k2", "k3", "k4", "u1new", "u9")
		},
	},
	{
		"Claim/OldestFirst",
		"with OldestFirst rows are taken by due and key alone: so that nothing starves behind what is more urgent",
		func(x *trial) {
			x.order()
			c := all("q")
			c.OldestFirst, c.Limit = true, 4
			x.takes("the oldest", c, "u9", "u1old", "k1", "k2")
			c.Most = 1
			x.takes("the next of urgency 1 at most", c, "k3", "k4", "u1new", "u0")
		},
	},
	{
		"Claim/Most",
		"Most is the highest urgency taken, itself included: the burst that is kept for urgent work is not spent on routine",
		func(x *trial) {
			now := x.now()
			for _, u := range []uint8{0, 1, 2, 254, 255} {
				x.put(work(strconv.Itoa(int(u)), "q", u, now.Add(-time.Minute)))
			}
			c := all("q")
			for _, tc := range []struct {
				most uint8
				want []string
			}{{0, []string{"0"}}, {2, []string{"1", "2"}}, {253, nil}, {255, []string{"254", "255"}}} {
				c.Most = tc.most
				x.takes("of urgency "+strconv.Itoa(int(tc.most))+" at most", c, tc.want...)
			}
		},
	},
	{
		"Claim/Limit",
		"at most Limit rows are taken, and the rest stays for the next",
		func(x *trial) {
			now := x.now()
			var rows []reporting.Row
			for i, id := range ids("r", 25) {
				rows = append(rows, work(id, "q", uint8(i%3), now.Add(-time.Minute)))
			}
			x.put(rows...)
			c := all("q")
			c.Limit = 0
			x.takes("with Limit 0", c)
			seen := map[string]bool{}
			for _, want := range []int{7, 7, 7, 4, 0} {
				c.Limit = 7
				got := x.claim(c)
				if len(got) != want {
					x.wrong("with Limit 7 of 25, in their turn, %d rows were claimed, want %d", len(got), want)
				}
				for _, r := range got {
					if seen[r.ID] {
						x.wrong("%s was claimed twice", r.ID)
					}
					seen[r.ID] = true
				}
			}
		},
	},
	{
		"Claim/Many",
		"a claim of hundreds of rows is cut to what a driver carries, and answered in order all the same",
		func(x *trial) {
			now := x.now()
			var rows []reporting.Row
			all1200 := ids("r", 1200)
			for _, id := range all1200 {
				rows = append(rows, work(id, "q", 0, now.Add(-time.Minute)))
			}
			x.put(rows...)
			c := all("q")
			c.Limit = 2000
			if got := idsOf(x.claim(c)); !slices.Equal(got, sorted(all1200)) {
				x.wrong("claimed %d rows of 1,200, or not in order", len(got))
			}
		},
	},
	{
		"Claim/NotTwice",
		"no row is under two leases, however many claim at once: two sends of one device could arrive in the wrong order",
		func(x *trial) { x.claimants(x.store) },
	},
	{
		"Claim/NotTwiceAmongHandles",
		"no row is under two leases, also where several processes claim: each would send for the device",
		func(x *trial) { x.claimants(x.store, x.second()) },
	},
	{
		"Claim/LosesNoPut",
		"a Claim beside an Update of the same row loses neither: the claim is counted, and the observation stands",
		func(x *trial) {
			const rows, rounds = 5, 30
			var keys []reporting.Key
			for _, id := range ids("r", rows) {
				keys = append(keys, device(id))
				r := work(id, "q", 0, time.Time{})
				r.Data = []byte("0")
				x.put(r)
			}
			var claims [rows]atomic.Int64
			var done atomic.Bool
			x.together(3, func(i int) {
				if i == 0 {
					defer done.Store(true)
					for range rounds {
						if err := x.store.Update(x.ctx(), func(tx reporting.Tx) error { return increment(tx, keys...) }); err != nil {
							x.wrong("Update: %v", err)
							return
						}
					}
					return
				}
				for !done.Load() {
					// A lease without length leaves the row to the next at once.
					got, err := x.store.Claim(x.ctx(), reporting.Claim{Queue: "q", Limit: 2, Most: 255})
					if err != nil {
						x.wrong("Claim: %v", err)
						return
					}
					for _, r := range got {
						n, _ := strconv.Atoi(strings.TrimPrefix(r.ID, "r"))
						claims[n].Add(1)
					}
				}
			})
			for i, r := range x.get(keys...) {
				if string(r.Data) != strconv.Itoa(rounds) {
					x.wrong("%s counts %q, want %d", r.ID, r.Data, rounds)
				}
				if int64(r.Claims) != claims[i].Load() {
					x.wrong("%s was answered by %d Claims, and counts %d", r.ID, claims[i].Load(), r.Claims)
				}
			}
		},
	},
}

// order puts rows whose order by urgency and by due differ.
func (x *trial) order() {
	now := x.now()
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }
	other := work("k3", "q", 1, at(-5))
	other.Kind = 3
	first := work("k4", "q", 1, at(-5))
	first.Kind, first.Tenant = 3, "fabrikam"
	x.put(work("u9", "q", 9, at(-60)), work("u1new", "q", 1, at(-1)), work("k2", "q", 1, at(-5)), work("k1", "q", 1, at(-5)),
		other, first, work("u1old", "q", 1, at(-30)), work("u0", "q", 0, now))
}

// claimants lets goroutines claim what there is.
func (x *trial) claimants(handles ...reporting.Store) {
	const workers, rows = 6, 120
	now := x.now()
	var all []reporting.Row
	for i, id := range ids("r", rows) {
		all = append(all, work(id, "q", uint8(i%3), now.Add(-time.Minute)))
	}
	x.put(all...)
	var mu sync.Mutex
	seen := map[string]int{}
	x.together(workers, func(i int) {
		for empty := 0; empty < 3; {
			got, err := handles[i%len(handles)].Claim(x.ctx(), reporting.Claim{Queue: "q", Limit: 7, Lease: time.Hour, Most: 255, OldestFirst: i%3 == 0})
			if err != nil {
				x.wrong("one of %d concurrent Claims: %v", workers, err)
				return
			}
			if len(got) == 0 {
				empty++ // others may hold rows that they do not take
			}
			mu.Lock()
			for _, r := range got {
				seen[r.ID]++
			}
			mu.Unlock()
		}
	})
	for _, r := range x.claim(reporting.Claim{Queue: "q", Limit: rows, Lease: time.Hour, Most: 255}) {
		seen[r.ID]++
	}
	for _, r := range all {
		if seen[r.ID] != 1 {
			x.wrong("%d Claims answered %s, want 1", seen[r.ID], r.ID)
		}
	}
}
