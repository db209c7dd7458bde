package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// tables are the tables by their names, as Markdown.
func (r *results) tables() map[string]string {
	return map[string]string{
		"machine":   r.machineText(),
		"observe":   r.observeTable(),
		"drain":     r.drainTable(),
		"claim":     r.claimTable(),
		"ceiling":   r.ceilingTable(),
		"memory":    r.memoryTable(),
		"targets":   r.targetTable(),
		"limits":    limitsTable(),
		"simulated": r.simulatedTable(),
	}
}

func (r *results) machineText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v; %d rounds of each.\n", r.Machine, r.Rounds)
	said := map[string]bool{}
	var loads []float64
	for _, c := range r.sorted() {
		if c.Load > 0 {
			loads = append(loads, c.Load)
		}
		if c.Database != "" && !said[c.Database] {
			said[c.Database] = true
			fmt.Fprintf(&b, "%s.\n", c.Database)
		}
	}
	if len(loads) > 0 {
		fmt.Fprintf(&b, "The machine's load at the end of each cell: %v.\n", figureOf(loads))
	}
	return b.String()
}

// where says how the devices of a call lie to each other.
func (m *measurement) where() string {
	if m.Anywhere {
		return "anywhere"
	}
	return "neighbors"
}

func (r *results) observeTable() string {
	var b strings.Builder
	b.WriteString("| store | devices | observations | callers | a second | CPU, µs each | of the server |\n|---|---|---|---|---|---|---|\n")
	for _, c := range r.sorted() {
		for _, m := range c.Measurements {
			if m.What != whatNew && m.What != whatUnchanged && m.What != whatChanged {
				continue
			}
			what := m.What
			if m.Anywhere {
				what += ", anywhere"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %d | %v | %v | %s |\n", c.Store, grouped(c.Devices), what, m.AtOnce, m.figure(perSecond), m.figure(client), c.serverText(m))
		}
	}
	return b.String()
}

// serverText is the server's processor time, where there is a server.
func (c *cell) serverText(m *measurement) string {
	f := m.figure(serverOf)
	if c.Store != onPostgres || f.Median == 0 {
		return "-"
	}
	return f.String()
}

func (r *results) drainTable() string {
	var b strings.Builder
	b.WriteString("| store | devices | workers | which | devices a second | CPU, µs each | of the server |\n|---|---|---|---|---|---|---|\n")
	for _, c := range r.sorted() {
		for _, m := range c.Measurements {
			if m.What == whatDrain {
				fmt.Fprintf(&b, "| %s | %s | %d | %s | %v | %v | %s |\n", c.Store, grouped(c.Devices), m.AtOnce, m.where(), m.figure(perSecond), m.figure(client), c.serverText(m))
			}
		}
	}
	return b.String()
}

func (r *results) claimTable() string {
	var b strings.Builder
	b.WriteString("| store | devices | a claim of 20, ms | CPU, µs | of the server |\n|---|---|---|---|---|\n")
	for _, c := range r.sorted() {
		if m := c.find(whatClaim, 1, false); m != nil {
			fmt.Fprintf(&b, "| %s | %s | %v | %v | %s |\n", c.Store, grouped(c.Devices), m.figure(millis), m.figure(client), c.serverText(m))
		}
	}
	return b.String()
}

// ceilingTable holds what the store does against what the server takes for the
// rows alone.
func (r *results) ceilingTable() string {
	var b strings.Builder
	b.WriteString("| devices | on PostgreSQL | at once | devices a second | CPU, µs each | of the server |\n|---|---|---|---|---|---|\n")
	for _, c := range r.sorted() {
		if c.Store != onPostgres {
			continue
		}
		for _, what := range []string{whatChanged, whatUpdate, whatKeyAlone, whatCopy} {
			for _, m := range c.Measurements {
				if m.What == what && !m.Anywhere {
					fmt.Fprintf(&b, "| %s | %s | %d | %v | %v | %s |\n", grouped(c.Devices), m.What, m.AtOnce, m.figure(perSecond), m.figure(client), c.serverText(m))
				}
			}
		}
	}
	return b.String()
}

func (r *results) memoryTable() string {
	var b strings.Builder
	b.WriteString("| store | devices | heap kept | heap at most | process at most | a worker: heap at most | process | on disk, full | at the end | bytes a device |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range r.sorted() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", c.Store, grouped(c.Devices),
			megabytes(c.Memory.HeapKept), megabytes(c.Memory.HeapPeak), megabytes(c.Memory.RSSPeak),
			megabytes(c.Worker.HeapPeak), megabytes(c.Worker.RSSPeak),
			megabytes(uint64(c.FilledBytes)), megabytes(uint64(c.UsedBytes)), c.each())
	}
	return b.String()
}

func (c *cell) each() string {
	if c.FilledBytes == 0 {
		return "-"
	}
	return grouped(int(c.FilledBytes) / c.Devices)
}

// megabytes answers "-" for nothing.
func megabytes(n uint64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// tableNames are in the order in which they are printed.
var tableNames = []string{"machine", "targets", "observe", "drain", "claim", "ceiling", "memory", "limits", "simulated"}

func (r *results) print(w io.Writer) error {
	tables := r.tables()
	for _, name := range tableNames {
		if _, err := fmt.Fprintf(w, "\n## %s\n\n%s", name, tables[name]); err != nil {
			return err
		}
	}
	return nil
}

// document rewrites the tables of performance.md in a folder, and the plots
// beside it.
func (r *results) document(folder string) error {
	path := filepath.Join(folder, "performance.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page := string(text)
	tables := r.tables()
	for _, name := range tableNames {
		if page, err = replaced(page, name, tables[name]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		return err
	}
	return r.draw(folder)
}

// replaced puts a table between its two marks.
func replaced(page, name, table string) (string, error) {
	begin, end := "<!-- begin "+name+" -->", "<!-- end "+name+" -->"
	before, rest, ok := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("%s and %s are not there", begin, end)
	}
	return before + begin + "\n" + table + end + after, nil
}
