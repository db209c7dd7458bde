package storetest

import (
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// spoil overwrites the memory of rows.
func spoil(rows []reporting.Row) {
	for _, r := range rows {
		for i := range r.Data {
			r.Data[i] = 'x'
		}
		_ = append(r.Data, "spoilt"...)
	}
}

var sharingRules = []rule{
	{
		"Sharing/Put",
		"Put keeps no reference to Data: the engine encodes the next record into the same buffer",
		func(x *trial) {
			rows := []reporting.Row{plain("a", "good"), plain("b", "good")}
			x.update(func(tx reporting.Tx) error {
				if err := put(tx, rows...); err != nil {
					return err
				}
				spoil(rows[:1])
				return nil
			})
			spoil(rows[1:])
			x.stands("after the caller wrote to its own memory", plain("a", "good"), plain("b", "good"))
		},
	},
	{
		"Sharing/Get",
		"the Data that Get answers is the caller's, each row's its own",
		func(x *trial) {
			want := []reporting.Row{plain("a", "good"), plain("b", "good"), plain("c", "good")}
			x.put(want...)
			x.update(func(tx reporting.Tx) error {
				rows, err := tx.Get(keysOf(want)...)
				if err != nil {
					return err
				}
				spoil(rows[:1])
				x.is("the neighbour of a row to whose Data was appended", rows[1], want[1])
				spoil(rows)
				again, err := tx.Get(keysOf(want)...)
				if err != nil {
					return err
				}
				for i := range again {
					x.is("got again", again[i], want[i])
				}
				if err := tx.Put(want[2]); err != nil {
					return err
				}
				own, err := tx.Get(want[2].Key)
				if err != nil {
					return err
				}
				spoil(own)
				return nil
			})
			spoil(x.get(keysOf(want)...))
			x.stands("after the caller wrote to what Get answered", want...)
		},
	},
	{
		"Sharing/Scan",
		"the Data that Scan answers is the caller's",
		func(x *trial) {
			want := []reporting.Row{plain("a", "good"), plain("b", "good")}
			x.put(want...)
			rows, err := x.store.Scan(x.ctx(), 2, "contoso", reporting.Key{}, 10)
			if err != nil || len(rows) != 2 {
				x.stop("Scan answers %d rows, %v", len(rows), err)
			}
			spoil(rows[:1])
			x.is("the neighbour of a row to whose Data was appended", rows[1], want[1])
			spoil(rows)
			x.stands("after the caller wrote to what Scan answered", want...)
		},
	},
	{
		"Sharing/Claim",
		"the Data that Claim answers is the caller's",
		func(x *trial) {
			x.put(work("a", "q", 0, time.Time{}), work("b", "q", 0, time.Time{}))
			rows := x.claim(all("q"))
			if len(rows) != 2 {
				x.stop("Claim answers %d rows of 2 that are due", len(rows))
			}
			spoil(rows[:1])
			if string(rows[1].Data) != "b" {
				x.wrong("the neighbour of a row to whose Data was appended is %q", rows[1].Data)
			}
			spoil(rows)
			for _, r := range x.get(device("a"), device("b")) {
				if string(r.Data) != r.ID {
					x.wrong("after the caller wrote to what Claim answered, Data is %q", r.Data)
				}
			}
		},
	},
}
