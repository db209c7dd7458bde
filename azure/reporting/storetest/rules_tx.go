package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

var txRules = []rule{
	{
		"Get/Missing",
		"a key without a row is answered by a Row with that key, Version 0 and nothing else: the engine tells a new device by it",
		func(x *trial) {
			x.put(plain("there", "1"))
			for _, r := range x.get(device("a"), device("z")) {
				if r.Version != 0 || show(r) != show(reporting.Row{Key: r.Key}) {
					x.wrong("a missing key is answered by Version %d, %s", r.Version, show(r))
				}
			}
			if rows := x.get(); len(rows) != 0 {
				x.wrong("Get of no key answers %d rows", len(rows))
			}
		},
	},
	{
		"Get/Order",
		"rows[i] answers keys[i], whatever their order, missing ones and repetitions among them: else a device gets another's record",
		func(x *trial) {
			x.put(plain("b", "b"), plain("d", "d"), plain("a", "a"))
			keys := []reporting.Key{device("d"), device("nil"), device("a"), device("b"), device("a"), device("none"), {Kind: 3, Tenant: "contoso", ID: "a"}}
			for i, r := range x.get(keys...) {
				if r.Key != keys[i] {
					x.wrong("answer %d is of %v, want %v", i, r.Key, keys[i])
				} else if there := r.Kind == 2 && len(r.ID) == 1; there != (r.Version > 0) || there && string(r.Data) != r.ID {
					x.wrong("answer %d, of %v, has Version %d and data %q", i, r.Key, r.Version, r.Data)
				}
			}
		},
	},
	{
		"Get/Many",
		"one call takes thousands of keys, of several kinds and tenants: a store cuts them to what its driver can carry",
		func(x *trial) {
			var rows []reporting.Row
			for i := range 3000 {
				k := reporting.Key{Kind: reporting.Kind(1 + i%3), Tenant: fmt.Sprintf("tenant%d", i%5), ID: fmt.Sprintf("%05d", 7919*i%3000)}
				rows = append(rows, reporting.Row{Key: k, Data: []byte(k.ID), Label: "many"})
			}
			x.put(rows[:1500]...)
			for i, r := range x.get(keysOf(rows)...) {
				if r.Key != rows[i].Key || (r.Version > 0) != (i < 1500) || i < 1500 && string(r.Data) != r.ID {
					x.stop("answer %d is of %v with Version %d and data %q, want %v", i, r.Key, r.Version, r.Data, rows[i].Key)
				}
			}
			x.update(func(tx reporting.Tx) error {
				if _, err := tx.Get(keysOf(rows)...); err != nil {
					return err
				}
				if err := tx.Put(rows[1000:]...); err != nil {
					return err
				}
				return tx.Delete(keysOf(rows[:1000])...)
			})
			for i, r := range x.get(keysOf(rows)...) {
				if (r.Version > 0) != (i >= 1000) {
					x.stop("after 1,000 deletions and 2,000 Puts, row %d of 3,000 has Version %d", i, r.Version)
				}
			}
		},
	},
	{
		"Put/EveryField",
		"Put writes every field as it is given: what the engine does not find again it has forgotten",
		func(x *trial) {
			t := x.now().Add(time.Hour)
			every := make([]byte, 1<<16)
			for i := range every {
				every[i] = byte(i)
			}
			rows := []reporting.Row{
				{
					Key: device("full"), Data: every, Queue: "contoso/graph", Urgency: 255, Due: t, LeaseUntil: t.Add(time.Minute),
					ClaimedAt: t.Add(-time.Minute), Claims: 1 << 30, Label: "in progress", Since: t.Add(-time.Hour),
				},
				{Key: device("empty")},
				{Key: device("quoted"), Data: []byte(`{"a":"b\\"}`), Queue: `q'"\,{}%_`, Urgency: 1, Label: "a'b\"c\\d,{}%_\n\t"},
				{Key: device("unicode"), Data: []byte("日本"), Queue: "日本", Label: "grün \u00a0 🦊"},
			}
			x.put(rows...)
			x.stands("rows that were put", rows...)
			for i := range rows {
				rows[i].Data = []byte("2")
			}
			rows[0], rows[1].Queue, rows[1].Urgency, rows[1].Claims, rows[1].Label = reporting.Row{Key: rows[0].Key}, "q", 3, 4, "l"
			x.put(rows...)
			x.stands("rows that were put over others", rows...)
		},
	},
	{
		"Put/NeedsGet",
		"Put and Delete of a key that this transaction did not get are errors, and change nothing: such a row is not locked, and may be overtaken",
		func(x *trial) {
			x.put(plain("a", "old"), plain("b", "old"))
			if err := x.store.Update(x.ctx(), func(tx reporting.Tx) error { return tx.Put(plain("a", "new")) }); err == nil {
				x.wrong("Put of a row that was not got: no error")
			}
			if err := x.store.Update(x.ctx(), func(tx reporting.Tx) error { return tx.Put(plain("n", "new")) }); err == nil {
				x.wrong("Put of a new key that was not got: no error")
			}
			err := x.store.Update(x.ctx(), func(tx reporting.Tx) error {
				if _, err := tx.Get(device("a")); err != nil {
					return err
				}
				return tx.Put(plain("a", "new"), plain("b", "new"))
			})
			if err == nil {
				x.wrong("Put of two rows of which one was not got: no error")
			}
			if err := x.store.Update(x.ctx(), func(tx reporting.Tx) error { return tx.Delete(device("a")) }); err == nil {
				x.wrong("Delete of a key that was not got: no error")
			}
			x.stands("after Put without Get", plain("a", "old"), plain("b", "old"))
			x.absent("after Put without Get", device("n"))
		},
	},
	{
		"Put/VersionGrows",
		"Version grows with every Put, whatever was given: a caller that kept it learns by it that the row has changed",
		func(x *trial) {
			last := int64(0)
			for i, given := range []int64{0, 7, -3, 1 << 40, 0} {
				r := plain("a", fmt.Sprint(i))
				r.Version = given
				x.put(r)
				got := x.get(device("a"))[0].Version
				if got <= last || given > last+1 && got == given {
					x.wrong("Put %d, given Version %d, went from Version %d to %d", i+1, given, last, got)
				}
				last = got
			}
			if again := x.get(device("a"))[0].Version; again != last {
				x.wrong("Version went from %d to %d without a Put", last, again)
			}
		},
	},
	{
		"Tx/SeesItsOwn",
		"Get answers what the same transaction has put and deleted, and of two Puts of a row the later counts",
		func(x *trial) {
			x.put(plain("a", "old"), plain("b", "old"))
			x.update(func(tx reporting.Tx) error {
				keys := []reporting.Key{device("a"), device("b"), device("n")}
				first, err := tx.Get(keys...)
				if err != nil {
					return err
				}
				if err := tx.Put(plain("a", "1"), plain("n", "1"), plain("a", "2")); err != nil {
					return err
				}
				if err := tx.Delete(device("b")); err != nil {
					return err
				}
				rows, err := tx.Get(keys...)
				if err != nil {
					return err
				}
				x.is("put in this transaction", rows[0], plain("a", "2"))
				x.is("new in this transaction", rows[2], plain("n", "1"))
				if rows[0].Version <= first[0].Version {
					x.wrong("the row's Version is %d after Put, and was %d before", rows[0].Version, first[0].Version)
				}
				if rows[1].Version != 0 || len(rows[1].Data) != 0 {
					x.wrong("deleted in this transaction, still answered with Version %d, %s", rows[1].Version, show(rows[1]))
				}
				return tx.Put(plain("b", "again"))
			})
			x.stands("after the transaction", plain("a", "2"), plain("b", "again"), plain("n", "1"))
		},
	},
	{
		"Tx/Delete",
		"Delete takes rows away for good; a key without a row is no error, and may be put again",
		func(x *trial) {
			x.put(plain("a", "1"), plain("b", "1"))
			x.update(func(tx reporting.Tx) error {
				if _, err := tx.Get(device("a"), device("n")); err != nil {
					return err
				}
				return tx.Delete(device("a"), device("n"))
			})
			x.absent("after Delete", device("a"), device("n"))
			x.stands("a row that was not deleted", plain("b", "1"))
			x.put(plain("a", "2"))
			x.stands("a row that was put after its deletion", plain("a", "2"))
		},
	},
	{
		"Tx/EndsWithFn",
		"a transaction that outlived its fn does nothing: its locks are gone",
		func(x *trial) {
			x.put(plain("a", "old"))
			var kept reporting.Tx
			x.update(func(tx reporting.Tx) error {
				kept = tx
				_, err := tx.Get(device("a"))
				return err
			})
			calls := map[string]func() error{
				"Get":    func() error { _, err := kept.Get(device("a")); return err },
				"Put":    func() error { return kept.Put(plain("a", "late")) },
				"Delete": func() error { return kept.Delete(device("a")) },
			}
			for _, name := range []string{"Put", "Delete", "Get"} {
				if err := calls[name](); err == nil {
					x.wrong("%s after the end of fn: no error", name)
				}
			}
			x.stands("after late calls", plain("a", "old"))
		},
	},
}

// ids answers n ids that begin alike.
func ids(prefix string, n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%s%03d", prefix, i))
	}
	return all
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }
