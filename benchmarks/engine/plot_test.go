package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// texts reads an SVG to its end and answers what it says.
func texts(t *testing.T, svg string) []string {
	t.Helper()
	var all []string
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			all = append(all, strings.TrimSpace(string(text)))
		}
	}
}

func someCells() *results {
	r := &results{Rounds: 2}
	for _, store := range []string{onPostgres, inMemory, onSQLite} {
		for i, size := range []int{1_000_000, 10_000, 100_000} {
			c := &cell{Store: store, Devices: size, Tenants: 10}
			for n := 1; n <= 4; n *= 2 {
				for _, what := range []string{whatUnchanged, whatChanged, whatDrain} {
					c.add(what, n, false, round{PerSecond: float64(1000 * n), Client: 2})
					c.add(what, n, false, round{PerSecond: float64(3000 * n), Client: 4})
				}
			}
			c.add(whatClaim, 1, false, round{Millis: 1 + float64(i)})
			r.Cells = append(r.Cells, c)
		}
	}
	return r
}

func TestPlots(t *testing.T) {
	for name, c := range someCells().plots() {
		svg := c.svg()
		said := strings.Join(texts(t, svg), "|")
		for _, want := range []string{c.Title, c.X, c.Y, inMemory, onSQLite, onPostgres, "second"} {
			if !strings.Contains(said, want) {
				t.Errorf("%s does not say %q: %s", name, want, said)
			}
		}
		for _, wrong := range []string{"NaN", "Inf", "%!"} {
			if strings.Contains(svg, wrong) {
				t.Errorf("%s has %s in it", name, wrong)
			}
		}
		if !strings.Contains(svg, "prefers-color-scheme: dark") {
			t.Errorf("%s has no colors for a dark page", name)
		}
		if n := strings.Count(svg, "<polyline"); n != 3 {
			t.Errorf("%s has %d lines, want one a store", name, n)
		}
	}
}

// What cannot be drawn is left out, and nothing breaks the picture.
func TestChartOfOddValues(t *testing.T) {
	for name, c := range map[string]*chart{
		"nothing":     {Title: "a"},
		"no points":   {Title: "a", Series: []series{{Name: "b"}}},
		"zero":        {Title: "a", Ticks: []int{1}, Series: []series{{Name: "b", Points: []point{{1, figure{}}}}}},
		"not numbers": {Title: "a", Ticks: []int{1, 2}, Series: []series{{Name: "b", Points: []point{{1, figure{math.NaN(), 1, 2}}, {2, figure{1, 0, math.Inf(1)}}}}}},
		"no tick":     {Title: "a", Ticks: []int{1, 2}, Series: []series{{Name: "b", Points: []point{{3, figure{1, 1, 1}}}}}},
		"markup":      {Title: `<&">`, X: "<", Y: "&", Ticks: []int{1, 10}, Series: []series{{Name: "<b>", Points: []point{{1, figure{1, 1, 1}}, {10, figure{2, 2, 2}}}}}},
	} {
		svg := c.svg()
		texts(t, svg)
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: %s", name, svg)
		}
	}
}

func TestPlaceOfPoints(t *testing.T) {
	c := &chart{Ticks: []int{10_000, 100_000, 1_000_000}}
	if x := []float64{c.x(0), c.x(1), c.x(2)}; math.Abs(x[1]-(x[0]+x[2])/2) > 0.01 || x[0] < left || x[2] > width-right {
		t.Errorf("ticks at %v", x)
	}
	if low, high := c.y(0, 10), c.y(10, 10); low != height-below || high != above {
		t.Errorf("zero at %v, the top at %v", low, high)
	}
	names := []label{{"a", "", 100}, {"b", "", 100}, {"c", "", 104}, {"d", "", 300}}
	apart(names)
	for i := range names {
		for j := range i {
			if math.Abs(names[i].y-names[j].y) < 15 {
				t.Errorf("names stand on each other: %v", names)
			}
		}
	}
}

func TestTop(t *testing.T) {
	for most, want := range map[float64]float64{0: 1, 7: 8, 99: 100, 101: 150, 54_012: 60_000, 1_093_599: 1_500_000, 0.02: 0.02} {
		c := &chart{Series: []series{{Points: []point{{1, figure{most, most, most}}}}}}
		if got := c.top(); math.Abs(got-want) > want/1000 {
			t.Errorf("above %v: %v, want %v", most, got, want)
		}
	}
}

// The tables of a page are put in again, and the rest of it stays.
func TestDocument(t *testing.T) {
	dir := t.TempDir()
	var page strings.Builder
	for _, name := range tableNames {
		page.WriteString("before " + name + "\n<!-- begin " + name + " -->\nold\n<!-- end " + name + " -->\nafter\n")
	}
	path := filepath.Join(dir, "performance.md")
	require.NoError(t, os.WriteFile(path, []byte(page.String()), 0o644))
	r := someCells()
	require.NoError(t, r.document(dir))
	first, err := os.ReadFile(path)
	require.NoError(t, err)
	if strings.Contains(string(first), "old") || !strings.Contains(string(first), "| PostgreSQL | 1,000,000 | changed | 4 | 8,000 (4,000 to 12,000) | 3.00 (2.00 to 4.00) | - |") {
		t.Errorf("the page is\n%s", first)
	}
	require.NoError(t, r.document(dir))
	second, err := os.ReadFile(path)
	require.NoError(t, err)
	if diff := cmp.Diff(string(first), string(second)); diff != "" {
		t.Errorf("written again it differs (-first +second):\n%s", diff)
	}
	plots, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	require.NoError(t, err)
	if len(plots) != 6 {
		t.Errorf("plots: %v", plots)
	}
	require.NoError(t, os.WriteFile(path, []byte("no marks"), 0o644))
	require.Error(t, r.document(dir))
}
