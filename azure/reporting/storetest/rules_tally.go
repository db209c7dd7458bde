package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// tallied holds Tally against lines of tenant, label, urgency, count, and the
// minutes before now of Since and Due, "-" where zero.
func (x *trial) tallied(what string, now time.Time, tenant string, want ...string) {
	tallies, err := x.store.Tally(x.ctx(), 2, tenant, time.Time{})
	if err != nil {
		x.stop("Tally: %v", err)
	}
	slices.SortFunc(tallies, func(a, b reporting.Tally) int {
		return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.Label, b.Label), cmp.Compare(a.Urgency, b.Urgency))
	})
	ago := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return fmt.Sprint(now.Sub(t).Minutes())
	}
	var got []string
	for _, t := range tallies {
		got = append(got, fmt.Sprintf("%s %s %d: %d since %s due %s", t.Tenant, t.Label, t.Urgency, t.Count, ago(t.Since), ago(t.Due)))
	}
	if !slices.Equal(got, want) {
		x.wrong("%s: Tally answers\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// labelled is a row to be counted.
func labelled(tenant, id, label string, urgency uint8, since time.Time, queue string, due time.Time) reporting.Row {
	return reporting.Row{Key: reporting.Key{Kind: 2, Tenant: tenant, ID: id}, Label: label, Urgency: urgency, Since: since, Queue: queue, Due: due}
}

var tallyRules = []rule{
	{
		"Tally/Old",
		"Tally counts the rows whose Since is before the given time, not those at it and not those without one: the number of devices that are overdue is no more than that",
		func(x *trial) {
			now := x.now()
			at := func(ago time.Duration) time.Time { return now.Add(-ago) }
			x.put(
				labelled("a", "1", "sent", 1, at(time.Minute), "q", now), labelled("a", "2", "sent", 1, at(time.Minute+time.Microsecond), "", now),
				labelled("a", "3", "sent", 1, time.Time{}, "q", now), labelled("a", "4", "held", 1, at(time.Hour), "", now),
				labelled("b", "1", "sent", 1, at(2*time.Hour), "", now),
			)
			for _, tc := range []struct {
				tenant string
				before time.Time
				want   string
			}{
				{"", time.Time{}, "a/held:0 a/sent:0 b/sent:0"},
				{"", at(time.Minute), "a/held:1 a/sent:1 b/sent:1"},
				{"a", at(time.Minute), "a/held:1 a/sent:1"},
				{"", now, "a/held:1 a/sent:2 b/sent:1"},
				{"", at(time.Hour), "a/held:0 a/sent:0 b/sent:1"},
			} {
				tallies, err := x.store.Tally(x.ctx(), 2, tc.tenant, tc.before)
				if err != nil {
					x.stop("Tally: %v", err)
				}
				var got []string
				for _, t := range tallies {
					got = append(got, fmt.Sprintf("%s/%s:%d", t.Tenant, t.Label, t.Old))
				}
				slices.Sort(got)
				if strings.Join(got, " ") != tc.want {
					x.wrong("before %s: Tally answers %q, want %q", when(tc.before), got, tc.want)
				}
			}
		},
	},
	{
		"Tally/Counts",
		"Tally counts the rows of a kind by tenant, label and urgency, with the earliest Since and the earliest Due of those with a Queue: what a metrics page shows and an alert rests on",
		func(x *trial) {
			now := x.now()
			at := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
			var none time.Time
			other := labelled("a", "1", "sent", 1, at(99), "q", at(99))
			other.Kind = 3
			x.tallied("an empty store", now, "")
			x.put(
				labelled("a", "1", "sent", 1, at(5), "q", at(3)), labelled("a", "2", "sent", 1, at(7), "q", at(1)),
				labelled("a", "3", "sent", 1, none, "", at(50)), labelled("a", "4", "sent", 2, none, "", at(50)),
				labelled("a", "5", "Sent", 1, at(1), "q", at(-10)), labelled("a", "6", "", 0, none, "q", none),
				labelled("b", "1", "sent", 1, at(20), "", none), labelled("b", "2", "sent", 255, none, "q", at(4)), other,
			)
			a := []string{"a  0: 1 since - due -", "a Sent 1: 1 since 1 due -10", "a sent 1: 3 since 7 due 3", "a sent 2: 1 since - due -"}
			b := []string{"b sent 1: 1 since 20 due -", "b sent 255: 1 since - due 4"}
			x.tallied("all tenants", now, "", slices.Concat(a, b)...)
			x.tallied("tenant a", now, "a", a...)
			x.tallied("tenant b", now, "b", b...)
			x.tallied("an unknown tenant", now, "c")
		},
	},
	{
		"Tally/Follows",
		"Tally follows every Put and Delete, in its count and in its earliest times, and says nothing of what has no row",
		func(x *trial) {
			now := x.now()
			at := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
			x.put(labelled("a", "1", "sent", 1, at(9), "q", at(9)), labelled("a", "2", "sent", 1, at(5), "q", at(5)), labelled("a", "3", "sent", 1, at(7), "q", at(7)))
			x.put(labelled("a", "1", "failed", 1, at(2), "q", at(2)))
			x.tallied("a label changed", now, "", "a failed 1: 1 since 2 due 2", "a sent 1: 2 since 7 due 7")
			x.put(labelled("a", "3", "sent", 1, at(1), "q", at(1)))
			x.tallied("times changed", now, "", "a failed 1: 1 since 2 due 2", "a sent 1: 2 since 5 due 5")
			x.put(labelled("a", "3", "sent", 1, time.Time{}, "", at(8)))
			x.tallied("a row left its queue", now, "", "a failed 1: 1 since 2 due 2", "a sent 1: 2 since 5 due 5")
			x.update(func(tx reporting.Tx) error {
				keys := []reporting.Key{{Kind: 2, Tenant: "a", ID: "1"}, {Kind: 2, Tenant: "a", ID: "2"}}
				if _, err := tx.Get(keys...); err != nil {
					return err
				}
				return tx.Delete(keys...)
			})
			x.tallied("rows deleted", now, "", "a sent 1: 1 since - due -")
		},
	},
}
