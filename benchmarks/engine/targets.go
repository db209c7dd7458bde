package main

import (
	"fmt"
	"slices"
	"strings"
)

// target is what was to be reached, and what was.
type target struct {
	what    string
	got     float64
	least   float64 // zero: there is none
	most    float64
	present bool
}

func (t target) met() bool { return t.got >= t.least && (t.most == 0 || t.got <= t.most) }

// targets answers what the cells show of them, each at the size where the store
// is the slowest: the worst counts.
func (r *results) targets() []target {
	worst := func(what, store, kind string, atOnce int, least float64) target {
		t := target{what: what, least: least}
		for _, c := range r.Cells {
			if c.Store != store {
				continue
			}
			m := c.best(kind)
			if atOnce > 0 {
				m = c.find(kind, atOnce, false)
			}
			if m == nil {
				continue
			}
			if got := m.figure(perSecond).Median; !t.present || got < t.got {
				t.got, t.present = got, true
			}
		}
		return t
	}
	all := []target{
		worst("memstore: unchanged observations a second", inMemory, whatUnchanged, 0, 1_000_000),
		worst("SQLite: unchanged observations a second", onSQLite, whatUnchanged, 0, 100_000),
		worst("SQLite: changed observations a second", onSQLite, whatChanged, 0, 20_000),
		worst("PostgreSQL: changed observations a second", onPostgres, whatChanged, 0, 60_000),
		worst("PostgreSQL: devices a second drained by 4 workers", onPostgres, whatDrain, 4, 20_000),
	}
	for _, store := range []string{onSQLite, onPostgres} {
		small, large := r.at(store, 10_000), r.at(store, 1_000_000)
		if small == nil || large == nil || small.find(whatClaim, 1, false) == nil || large.find(whatClaim, 1, false) == nil {
			continue
		}
		one, other := small.find(whatClaim, 1, false), large.find(whatClaim, 1, false)
		worked := func(m *measurement) float64 { return m.figure(client).Median + m.figure(serverOf).Median }
		all = append(all, target{
			what: store + ": a claim at 1,000,000 devices, times one at 10,000, by the clock", most: 1.5, present: true,
			got: other.figure(millis).Median / one.figure(millis).Median,
		}, target{
			what: store + ": the same by the processor", most: 1.5, present: true, got: worked(other) / worked(one),
		})
	}
	if small, large := r.at(onSQLite, 10_000), r.at(onSQLite, 1_000_000); small != nil && large != nil {
		all = append(all, target{
			what: "SQLite: heap at most at 1,000,000 devices, times that at 10,000", most: 1.5, present: true,
			got: float64(large.Memory.HeapPeak) / float64(small.Memory.HeapPeak),
		})
	}
	return slices.DeleteFunc(all, func(t target) bool { return !t.present })
}

func (r *results) at(store string, devices int) *cell {
	for _, c := range r.Cells {
		if c.Store == store && c.Devices == devices {
			return c
		}
	}
	return nil
}

func (r *results) targetTable() string {
	var b strings.Builder
	b.WriteString("| what, at the size where it is worst | to reach | reached | |\n|---|---|---|---|\n")
	for _, t := range r.targets() {
		wanted := "at least " + short(t.least)
		if t.most > 0 {
			wanted = "at most " + short(t.most)
		}
		missed := ""
		if !t.met() {
			missed = "**missed**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.what, wanted, short(t.got), missed)
	}
	return b.String()
}
