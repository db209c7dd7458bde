package storetest

import (
	"slices"
	"time"
)

// queues answers all queues, in pages.
func (x *trial) queues(page int) []string {
	var all []string
	after := ""
	for range 1000 {
		queues, err := x.store.Queues(x.ctx(), after, page)
		if err != nil {
			x.stop("Queues: %v", err)
		}
		if len(queues) > page {
			x.wrong("Queues answers %d names, want %d at most", len(queues), page)
		}
		all = append(all, queues...)
		if len(queues) < page || page == 0 {
			return all
		}
		after = queues[len(queues)-1]
	}
	x.stop("Queues goes on and on: %q", all[:min(20, len(all))])
	return nil
}

func (x *trial) queuesAre(what string, want ...string) {
	if got := x.queues(10); !slices.Equal(got, want) {
		x.wrong("%s: Queues answers %q, want %q", what, got, want)
	}
}

// nextIs holds NextDue against a time.
func (x *trial) nextIs(what string, want time.Time) {
	got, err := x.store.NextDue(x.ctx())
	if err != nil || !got.Equal(want) {
		x.wrong("%s: NextDue answers %s, %v, want %s", what, when(got), err, when(want))
	}
}

var queueRules = []rule{
	{
		"Queues/OnlyDue",
		"Queues names the queues with a row due and not under a live lease, each once: an engine turns to the others for nothing",
		func(x *trial) {
			now := x.now()
			leased := work("leased", "leased", 0, now.Add(-time.Hour))
			leased.LeaseUntil = now.Add(time.Hour)
			half := work("half1", "half", 0, now.Add(-time.Hour))
			half.LeaseUntil = now.Add(time.Hour)
			lapsed := work("lapsed", "lapsed", 0, now.Add(-time.Hour))
			lapsed.LeaseUntil = now.Add(-time.Second)
			x.put(work("d1", "due", 3, now.Add(-time.Second)), work("d2", "due", 3, now.Add(-time.Minute)), work("d3", "due", 9, now.Add(-time.Minute)),
				work("f1", "future", 0, now.Add(time.Hour)), work("z", "zero", 255, time.Time{}), work("none", "", 0, now),
				work("m1", "mixed", 0, now.Add(time.Hour)), work("m2", "mixed", 200, now.Add(-time.Second)),
				leased, lapsed, half, work("half2", "half", 0, now.Add(-time.Minute)))
			x.queuesAre("queues of all sorts", "due", "half", "lapsed", "mixed", "zero")
		},
	},
	{
		"Queues/Follows",
		"a queue is named until its rows are claimed, and again when the lease ends",
		func(x *trial) {
			x.queuesAre("an empty store")
			x.put(work("a", "q", 0, time.Time{}), work("b", "q", 0, time.Time{}))
			c := all("q")
			c.Limit, c.Lease = 1, brief
			x.takes("one of two", c, "a")
			x.queuesAre("one of two claimed", "q")
			x.takes("the other", all("q"), "b")
			x.pass(brief)
			x.queuesAre("after the first lease", "q")
			x.takes("again", all("q"), "a")
			x.queuesAre("all claimed")
		},
	},
	{
		"Queues/Pages",
		"Queues go by name, byte by byte, from the first after the given one, whether that exists or not",
		func(x *trial) {
			names := []string{"A", "B", "Z", "a", "a ", "a/graph", "a/intune", "aa", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "ß", "é", "日"}
			for i, name := range names {
				x.put(work(ids("r", 30)[len(names)-i], name, uint8(i%4), time.Time{}))
			}
			for _, page := range []int{1, 4, 7, 21, 50} {
				if got := x.queues(page); !slices.Equal(got, names) {
					x.wrong("in pages of %d: %q, want %q", page, got, names)
				}
			}
			for after, want := range map[string][]string{"a/h": {"a/intune", "aa"}, "Y": {"Z", "a"}, "日": nil} {
				if got, err := x.store.Queues(x.ctx(), after, 2); err != nil || !slices.Equal(got, want) {
					x.wrong("after %q: %q, %v, want %q", after, got, err, want)
				}
			}
			if got, err := x.store.Queues(x.ctx(), "", 0); err != nil || len(got) != 0 {
				x.wrong("at most none: %q, %v", got, err)
			}
		},
	},
	{
		"Queues/Boundary",
		"Queues and NextDue have the boundaries of Claim, to the microsecond: an engine that is told of a row that it cannot claim, or sleeps beside one that it can, does not come to rest",
		func(x *trial) {
			if x.Advance == nil {
				x.skip("Harness.Advance")
			}
			now := x.now()
			ended, alive := work("ended", "ended", 0, now.Add(-time.Hour)), work("alive", "alive", 1, now.Add(-time.Hour))
			ended.LeaseUntil, alive.LeaseUntil = now, now.Add(time.Microsecond)
			late := work("late", "late", 2, now.Add(2*time.Microsecond))
			late.LeaseUntil = now.Add(time.Microsecond)
			x.put(work("due", "due", 3, now), ended, alive, late)
			x.queuesAre("at the moment", "due", "ended")
			x.nextIs("at the moment", now.Add(time.Microsecond))
			x.Advance(x.t, time.Microsecond)
			x.queuesAre("a microsecond later", "alive", "due", "ended")
			x.nextIs("a microsecond later", now.Add(2*time.Microsecond))
			x.Advance(x.t, time.Microsecond)
			x.queuesAre("two microseconds later", "alive", "due", "ended", "late")
			x.nextIs("two microseconds later", time.Time{})
		},
	},
	{
		"NextDue/Earliest",
		"NextDue is the earliest time after now at which a row becomes claimable, whichever its queue: until then an engine sleeps",
		func(x *trial) {
			x.nextIs("an empty store", time.Time{})
			now := x.now()
			x.put(work("past", "q", 0, now.Add(-time.Hour)), work("zero", "q", 0, time.Time{}), work("none", "", 0, now.Add(time.Minute)))
			x.nextIs("nothing that is yet to become due", time.Time{})
			x.put(work("far", "q", 0, now.Add(3*time.Hour)))
			x.nextIs("one", now.Add(3*time.Hour))
			x.put(work("near", "q2", 200, now.Add(2*time.Hour)))
			x.nextIs("two", now.Add(2*time.Hour))
			x.put(work("near", "", 200, now.Add(2*time.Hour)))
			x.nextIs("one that left its queue", now.Add(3*time.Hour))
		},
	},
	{
		"NextDue/Leases",
		"the end of a lease counts: the row of a caller that died is taken up when it ends, and not at the next poll",
		func(x *trial) {
			now := x.now()
			x.put(work("a", "q", 0, now.Add(-time.Hour)), work("b", "q", 0, now.Add(3*time.Hour)))
			rows := x.takes("what is due", all("q"), "a")
			if len(rows) != 1 {
				return
			}
			x.nextIs("a row under a lease", rows[0].LeaseUntil)
			settled := rows[0]
			settled.LeaseUntil = time.Time{}
			x.put(settled)
			x.nextIs("a row whose lease was ended", now.Add(3*time.Hour))
		},
	},
	{
		"NextDue/Passes",
		"a time that has passed is not answered any more: an engine would not come to sleep",
		func(x *trial) {
			now := x.now()
			x.put(work("a", "q", 0, now.Add(brief)), work("b", "q", 0, now.Add(time.Hour)))
			x.pass(2 * brief)
			x.nextIs("after the first has become due", now.Add(time.Hour))
		},
	},
}
