package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// plots are the pictures by the names of their files.
func (r *results) plots() map[string]*chart {
	all := map[string]*chart{}
	for _, p := range []struct{ file, what, title string }{
		{"observe-unchanged", whatUnchanged, "Observations that change nothing"},
		{"observe-changed", whatChanged, "Observations that change a device"},
		{"drain", whatDrain, "Devices reported, to a reporter that costs nothing"},
	} {
		all["engine-"+p.file+"-devices.svg"] = r.overDevices(p.what, p.title)
		all["engine-"+p.file+"-workers.svg"] = r.overWorkers(p.what, p.title)
	}
	return all
}

// sorted answers the cells by store and size.
func (r *results) sorted() []*cell {
	order := []string{inMemory, onSQLite, onPostgres}
	return slices.SortedFunc(slices.Values(r.Cells), func(a, b *cell) int {
		return cmp.Or(slices.Index(order, a.Store)-slices.Index(order, b.Store), a.Devices-b.Devices)
	})
}

// overDevices is the best number of callers or workers at each size.
func (r *results) overDevices(what, title string) *chart {
	c := &chart{Title: title, X: "devices in the store", Y: "devices per second (with the best number at once)"}
	for _, cell := range r.sorted() {
		best := cell.best(what)
		if best == nil {
			continue
		}
		if c.tick(cell.Devices) < 0 {
			c.Ticks = append(c.Ticks, cell.Devices)
		}
		c.add(cell.Store, point{cell.Devices, best.figure(perSecond)})
	}
	slices.Sort(c.Ticks)
	return c
}

// overWorkers is each number of callers or workers at the size that all stores
// have and that is nearest to 100,000.
func (r *results) overWorkers(what, title string) *chart {
	size := 100_000
	if len(r.Cells) > 0 && !slices.ContainsFunc(r.Cells, func(c *cell) bool { return c.Devices == size }) {
		size = r.Cells[0].Devices
	}
	who := "callers at once"
	if what == whatDrain {
		who = "workers at once"
	}
	c := &chart{Title: fmt.Sprintf("%s: %s in the store", title, grouped(size)), X: who, Y: "devices per second"}
	for _, cell := range r.sorted() {
		if cell.Devices != size {
			continue
		}
		for _, m := range cell.Measurements {
			if m.What != what || m.Anywhere {
				continue
			}
			if c.tick(m.AtOnce) < 0 {
				c.Ticks = append(c.Ticks, m.AtOnce)
			}
			c.add(cell.Store, point{m.AtOnce, m.figure(perSecond)})
		}
	}
	slices.Sort(c.Ticks)
	for _, s := range c.Series {
		slices.SortFunc(s.Points, func(a, b point) int { return a.X - b.X })
	}
	return c
}

func (c *chart) add(name string, p point) {
	at := slices.IndexFunc(c.Series, func(s series) bool { return s.Name == name })
	if at < 0 {
		at = len(c.Series)
		c.Series = append(c.Series, series{Name: name})
	}
	c.Series[at].Points = append(c.Series[at].Points, p)
}

// best answers the fastest measurement of neighbors; nil: there is none.
func (c *cell) best(what string) (best *measurement) {
	for _, m := range c.Measurements {
		if m.What == what && !m.Anywhere && (best == nil || m.figure(perSecond).Median > best.figure(perSecond).Median) {
			best = m
		}
	}
	return best
}

// draw writes the plots into a folder.
func (r *results) draw(folder string) error {
	for name, c := range r.plots() {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(c.svg()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
