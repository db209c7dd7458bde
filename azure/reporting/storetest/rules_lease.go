package storetest

import (
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

var leaseRules = []rule{
	{
		"Lease/Lapses",
		"a lease that has ended lets the row be claimed again, in its old place, and Claims counts it: a caller that died costs a delay, and no device",
		func(x *trial) {
			now := x.now()
			x.put(work("a", "q", 0, now.Add(-time.Hour)), work("b", "q", 0, now.Add(-time.Minute)), work("c", "q", 0, now.Add(-time.Second)))
			c := all("q")
			c.Lease, c.Limit = brief, 2
			first := x.takes("first", c, "a", "b")
			x.pass(brief)
			c.Lease, c.Limit = time.Hour, 1
			again := x.takes("after the lease", c, "a")
			if len(first) == 0 || len(again) == 0 {
				return
			}
			if again[0].Claims != 2 || again[0].Version <= first[0].Version || !again[0].ClaimedAt.After(first[0].ClaimedAt) {
				x.wrong("claimed again after Claims %d, Version %d at %s, the row has Claims %d, Version %d at %s",
					first[0].Claims, first[0].Version, when(first[0].ClaimedAt), again[0].Claims, again[0].Version, when(again[0].ClaimedAt))
			}
			x.takes("the rest", all("q"), "b", "c")
		},
	},
	{
		"Lease/PutKeepsIt",
		"Put of a claimed row keeps the lease and the claim as put: an observation during a send must not let another engine send too",
		func(x *trial) {
			x.put(work("a", "q", 0, time.Time{}))
			rows := x.claim(all("q"))
			if len(rows) != 1 {
				x.stop("Claim answers %d rows, want 1", len(rows))
			}
			row := rows[0]
			row.Data, row.Due, row.Urgency = []byte("changed"), x.now().Add(-time.Minute), 1
			x.put(row)
			x.stands("a claimed row that was put", row)
			x.takes("a row under a lease", all("q"))
		},
	},
	{
		"Lease/PutEndsIt",
		"Put with another LeaseUntil ends the lease, and writes ClaimedAt and Claims as given: so the outcome of a send is settled",
		func(x *trial) {
			x.put(work("a", "q", 0, time.Time{}), work("b", "q", 0, time.Time{}))
			rows := x.claim(all("q"))
			if len(rows) != 2 {
				x.stop("Claim answers %d rows, want 2", len(rows))
			}
			settled, longer := rows[0], rows[1]
			settled.LeaseUntil, settled.ClaimedAt, settled.Claims = time.Time{}, time.Time{}, 0
			longer.LeaseUntil, longer.Claims = longer.LeaseUntil.Add(time.Hour), 7
			x.put(settled, longer)
			x.stands("claimed rows that were put", settled, longer)
			again := x.takes("after a Put that ends the lease", all("q"), "a")
			if len(again) == 1 && again[0].Claims != 1 {
				x.wrong("claimed once since it was settled, the row has Claims %d", again[0].Claims)
			}
		},
	},
	{
		"Lease/PutMovesWork",
		"what is due, and in which place, follows every Put: a row that left the queue is not claimed, one that came back is",
		func(x *trial) {
			now := x.now()
			x.put(work("a", "q", 2, now.Add(-time.Minute)), work("b", "q", 2, now.Add(-time.Minute)), work("c", "q", 2, now.Add(-time.Minute)),
				work("d", "q", 2, now.Add(-time.Minute)), work("e", "q", 2, now.Add(-time.Minute)), work("f", "", 2, now.Add(-time.Minute)))
			x.put(work("a", "", 2, now.Add(-time.Minute)), work("b", "p", 2, now.Add(-time.Minute)), work("c", "q", 2, now.Add(time.Hour)),
				work("d", "q", 1, now.Add(-time.Second)), work("f", "q", 3, now.Add(-time.Hour)))
			x.takes("of the other queue", all("p"), "b")
			x.takes("of the queue", all("q"), "d", "e", "f")
		},
	},
	{
		"Lease/DeletedIsGone",
		"a row that was deleted is not claimed, under a lease or not",
		func(x *trial) {
			x.put(work("a", "q", 0, time.Time{}), work("b", "q", 0, time.Time{}))
			c := all("q")
			c.Limit, c.Lease = 1, brief
			x.claim(c)
			x.update(func(tx reporting.Tx) error {
				if _, err := tx.Get(device("a"), device("b")); err != nil {
					return err
				}
				return tx.Delete(device("a"), device("b"))
			})
			x.pass(brief)
			x.takes("after the deletion", all("q"))
			x.put(work("a", "q", 0, time.Time{}))
			if again := x.takes("put again", all("q"), "a"); len(again) == 1 && again[0].Claims != 1 {
				x.wrong("deleted and put again, the row has Claims %d at its first Claim", again[0].Claims)
			}
		},
	},
	{
		"Lease/ClockGoesBack",
		"a clock that goes back shortens no lease, and makes nothing due early",
		func(x *trial) {
			if x.Advance == nil {
				x.skip("Harness.Advance")
			}
			now := x.now()
			x.put(work("a", "q", 0, now), work("b", "q", 0, now.Add(-2*time.Hour)), work("c", "q", 0, now.Add(time.Minute)))
			c := all("q")
			c.Lease, c.Limit = time.Minute, 1
			x.takes("before", c, "b")
			x.Advance(x.t, 2*time.Minute)
			x.takes("after the lease", reporting.Claim{Queue: "q", Limit: 1, Lease: time.Minute, Most: 255}, "b")
			x.Advance(x.t, -time.Hour)
			x.takes("with the clock an hour back", all("q"))
			if queues, err := x.store.Queues(x.ctx(), "", 10); err != nil || len(queues) != 0 {
				x.wrong("with the clock an hour back Queues answers %q, %v", queues, err)
			}
			x.Advance(x.t, time.Hour+2*time.Minute)
			x.takes("with the clock put right", all("q"), "b", "a", "c")
		},
	},
}
