package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// chart is lines over a logarithmic axis of whole numbers. It is written as an
// SVG that needs nothing else and can be read on a light and a dark page.
type chart struct {
	Title  string
	X, Y   string // what the axes are, with the unit
	Ticks  []int  // of X, in order: where there are points
	Series []series
}

type series struct {
	Name   string
	Points []point
}

// point is a median, and the least and the most of the rounds.
type point struct {
	X int
	Y figure
}

// The place of the plot within the picture.
const (
	width, height             = 760, 420
	left, right, above, below = 84, 196, 52, 64
)

// colors can be told apart by most who see colors differently, and each line
// has its name beside it.
var colors = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9"}

func (c *chart) svg() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s" font-family="system-ui, sans-serif" font-size="13">
<style>
.page { fill: #ffffff } .text { fill: #24292f } .grid { stroke: #d0d7de } .axis { stroke: #57606a }
@media (prefers-color-scheme: dark) { .page { fill: #0d1117 } .text { fill: #e6edf3 } .grid { stroke: #30363d } .axis { stroke: #8b949e } }
</style>
<rect class="page" width="%d" height="%d"/>
<text class="text" x="%d" y="28" font-size="16" font-weight="600">%s</text>
`, width, height, width, height, escaped(c.Title), width, height, left, escaped(c.Title))
	top := c.top()
	for _, v := range steps(top) {
		y := c.y(v, top)
		fmt.Fprintf(&b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text class="text" x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y, width-right, y, left-8, y+4, grouped(int(v)))
	}
	for i, n := range c.Ticks {
		x := c.x(i)
		fmt.Fprintf(&b, `<line class="axis" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text class="text" x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			x, height-below, x, height-below+5, x, height-below+20, grouped(n))
	}
	fmt.Fprintf(&b, `<line class="axis" x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", left, height-below, width-right, height-below)
	fmt.Fprintf(&b, `<text class="text" x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (left+width-right)/2, height-16, escaped(c.X))
	fmt.Fprintf(&b, `<text class="text" transform="translate(18 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (above+height-below)/2, escaped(c.Y))
	c.lines(&b, top)
	b.WriteString("</svg>\n")
	return b.String()
}

func (c *chart) lines(b *strings.Builder, top float64) {
	var names []label
	for i, s := range c.Series {
		color := colors[i%len(colors)]
		var path []string
		for _, p := range s.Points {
			at := c.tick(p.X)
			if at < 0 || !finite(p.Y) {
				continue
			}
			x, y := c.x(at), c.y(p.Y.Median, top)
			path = append(path, fmt.Sprintf("%.1f,%.1f", x, y))
			fmt.Fprintf(b, `<line stroke="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/><circle fill="%s" cx="%.1f" cy="%.1f" r="3.5"><title>%s: %s</title></circle>`+"\n",
				color, x, c.y(p.Y.Least, top), x, c.y(p.Y.Most, top), color, x, y, escaped(s.Name), p.Y)
		}
		if len(path) == 0 {
			continue
		}
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`+"\n", color, strings.Join(path, " "))
		_, y, _ := strings.Cut(path[len(path)-1], ",")
		names = append(names, label{s.Name, color, number(y)})
	}
	apart(names)
	for _, n := range names {
		fmt.Fprintf(b, `<text fill="%s" x="%d" y="%.1f">%s</text>`+"\n", n.color, width-right+10, n.y+4, escaped(n.name))
	}
}

func number(text string) (v float64) {
	_, _ = fmt.Sscan(text, &v)
	return v
}

// tick answers which of the ticks n is; -1: none.
func (c *chart) tick(n int) int {
	for i, t := range c.Ticks {
		if t == n {
			return i
		}
	}
	return -1
}

// x answers where a tick is. Ticks are powers, so that they are as far from each
// other on a logarithmic axis.
func (c *chart) x(tick int) float64 {
	if len(c.Ticks) < 2 {
		return (left + width - right) / 2
	}
	low, high := math.Log(float64(c.Ticks[0])), math.Log(float64(c.Ticks[len(c.Ticks)-1]))
	if high <= low {
		return (left + width - right) / 2
	}
	part := (math.Log(float64(c.Ticks[tick])) - low) / (high - low)
	return left + 16 + part*(width-left-right-32)
}

func (c *chart) y(v, top float64) float64 {
	return height - below - min(max(v/top, 0), 1)*(height-above-below)
}

// top answers a round number above all points.
func (c *chart) top() float64 {
	var most float64
	for _, s := range c.Series {
		for _, p := range s.Points {
			if finite(p.Y) {
				most = max(most, p.Y.Most)
			}
		}
	}
	if most <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, n := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8, 10} {
		if n*power >= most {
			return n * power
		}
	}
	return 10 * power
}

func finite(f figure) bool {
	sum := f.Median + f.Least + f.Most
	return !math.IsNaN(sum) && !math.IsInf(sum, 0)
}

// steps answers where the lines of the grid are.
func steps(top float64) (all []float64) {
	const many = 5
	for i := range many + 1 {
		all = append(all, top*float64(i)/many)
	}
	return all
}

// label is a line's name beside its end.
type label struct {
	name, color string
	y           float64
}

// apart moves names down that would stand on each other, the upper ones first.
func apart(names []label) {
	const room = 16
	for range names {
		for i := range names {
			for j := range names {
				upper, lower := &names[i], &names[j]
				if i != j && upper.y <= lower.y && lower.y-upper.y < room && (upper.y < lower.y || i < j) {
					lower.y = upper.y + room
				}
			}
		}
	}
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // never fails into memory
	return b.String()
}
