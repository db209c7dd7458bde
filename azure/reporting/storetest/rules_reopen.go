package storetest

import (
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

var reopenRules = []rule{
	{
		"Reopen/Keeps",
		"what Update and Claim have done outlives the process: rows, deletions, and leases that are still live",
		func(x *trial) {
			if x.Reopen == nil {
				x.skip("Harness.Reopen")
			}
			now := x.now()
			full := reporting.Row{
				Key: device("full"), Data: []byte("\x00data\xff"), Queue: "later", Urgency: 9, Due: now.Add(time.Hour), LeaseUntil: now.Add(-time.Hour),
				ClaimedAt: now.Add(-time.Minute), Claims: 3, Label: "label", Since: now.Add(-time.Second),
			}
			x.put(full, plain("gone", ""), work("leased", "q", 0, now.Add(-time.Minute)), work("free", "q", 5, now.Add(-time.Minute)))
			x.update(func(tx reporting.Tx) error {
				if _, err := tx.Get(device("gone")); err != nil {
					return err
				}
				return tx.Delete(device("gone"))
			})
			c := all("q")
			c.Most = 0
			x.takes("before", c, "leased")
			keys := []reporting.Key{device("full"), device("leased"), device("free"), device("gone")}
			before := x.get(keys...)
			x.store = x.Reopen(x.t, x.store)
			for i, r := range x.get(keys...) {
				if !same(r, before[i]) {
					x.wrong("opened again, the row is\n\tVersion %d %s\nand was\n\tVersion %d %s", r.Version, show(r), before[i].Version, show(before[i]))
				}
			}
			x.takes("opened again", all("q"), "free")
			x.queuesAre("opened again")
			x.put(plain("new", "1"))
			x.store = x.Reopen(x.t, x.store)
			x.stands("opened twice", full, plain("new", "1"))
		},
	},
}
