package storetest

import (
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

var timeRules = []rule{
	{
		"Time/Now",
		"Now is the same throughout a transaction, in UTC, to the microsecond: rows that are put together carry one time",
		func(x *trial) {
			x.update(func(tx reporting.Tx) error {
				first := tx.Now()
				if _, err := tx.Get(device("a")); err != nil {
					return err
				}
				if err := tx.Put(plain("a", "1")); err != nil {
					return err
				}
				if x.Advance != nil {
					x.Advance(x.t, time.Second)
				}
				if again := tx.Now(); !again.Equal(first) {
					x.wrong("Now goes from %s to %s in one transaction", when(first), when(again))
				}
				x.proper("Now", first)
				return nil
			})
		},
	},
	{
		"Time/Passes",
		"Now is the store's clock: it goes on between transactions",
		func(x *trial) {
			first := x.now()
			x.pass(brief)
			if again := x.now(); again.Sub(first) < brief {
				x.wrong("%v later, Now is %v later", brief, again.Sub(first))
			}
		},
	},
	{
		"Time/Microseconds",
		"times come back in UTC, to the microsecond, whatever zone they were put in: a time that changes on its way makes a row look changed",
		func(x *trial) {
			for _, t := range []time.Time{
				time.Date(2026, 2, 28, 23, 59, 59, 999_999_000, time.UTC),
				time.Date(2026, 3, 29, 2, 30, 0, 123_456_000, time.FixedZone("CEST", 7200)),
				time.Date(1969, 12, 31, 23, 59, 59, 1_000, time.UTC),
				time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
			} {
				r := reporting.Row{Key: device("a"), Queue: "q", Due: t, LeaseUntil: t.Add(time.Microsecond), ClaimedAt: t.Add(2 * time.Microsecond), Since: t.Add(3 * time.Microsecond)}
				x.put(r)
				got := x.get(device("a"))[0]
				for i, field := range []time.Time{got.Due, got.LeaseUntil, got.ClaimedAt, got.Since} {
					want := t.Add(time.Duration(i) * time.Microsecond)
					if !field.Equal(want) {
						x.wrong("time %d came back as %s, want %s", i, when(field), when(want.UTC()))
					}
					x.proper("a time", field)
				}
			}
		},
	},
	{
		"Time/Zero",
		"a zero time stays zero, and the beginning of 1970 stays what it is: zero means none",
		func(x *trial) {
			epoch := time.Unix(0, 0).UTC()
			rows := []reporting.Row{
				{Key: device("zero"), Queue: "q"},
				{Key: device("epoch"), Queue: "q", Due: epoch, LeaseUntil: epoch, ClaimedAt: epoch, Since: epoch},
			}
			x.put(rows...)
			x.stands("zero times and 1970", rows...)
		},
	},
}

// proper holds a time against what every time of the store is.
func (x *trial) proper(what string, t time.Time) {
	if t.Location() != time.UTC {
		x.wrong("%s is in %v, want UTC", what, t.Location())
	}
	if t.Nanosecond()%1000 != 0 {
		x.wrong("%s has nanoseconds: %s", what, when(t))
	}
}
