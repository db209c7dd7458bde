package main

import (
	"fmt"
	"slices"
	"strings"
)

// target is a ratio that this library is to reach.
type target struct {
	What    string
	AtLeast bool // else at most
	Bound   float64
	Ratio   figure // ours to theirs, round by round
	Met     bool   // by the median
}

func (t *target) judge() {
	t.Met = t.AtLeast && t.Ratio.Median >= t.Bound || !t.AtLeast && t.Ratio.Median <= t.Bound
}

// aim is a target over the measurements of one way.
type aim struct {
	what    string
	than    contender
	batch   bool
	of      func(round) float64
	atLeast bool
	bound   float64
}

var aims = []aim{
	{"devices/s", sdk, false, perSecond, true, 3},
	{"devices/s", sdk, true, perSecond, true, 4},
	{"CPU", sdk, false, cpuMicros, false, 1. / 6},
	{"CPU", sdk, true, cpuMicros, false, 1. / 6},
	{"allocations", sdk, false, allocs, false, 1. / 3},
	{"allocations", sdk, true, allocs, false, 1. / 20},
	{"devices/s", uncompressed, false, perSecond, true, 1},
	{"devices/s", uncompressed, true, perSecond, true, 1},
	{"CPU", uncompressed, false, cpuMicros, false, 1},
	{"CPU", uncompressed, true, cpuMicros, false, 1},
	{"allocations", uncompressed, false, allocs, false, 1},
	{"allocations", uncompressed, true, allocs, false, 1},
	{"CPU", byHand, false, cpuMicros, false, 1.3},
	{"CPU", byHand, true, cpuMicros, false, 1},
}

func targets(cells []cell, weights []weight) []target {
	var all []target
	for _, a := range aims {
		for _, w := range ways {
			if w.Batch != a.batch {
				continue
			}
			mine, theirs := cellOf(cells, ours, w), cellOf(cells, a.than, w)
			if mine == nil || theirs == nil {
				continue
			}
			var ratios []float64
			for i := range mine.Rounds {
				ratios = append(ratios, a.of(mine.Rounds[i])/a.of(theirs.Rounds[i]))
			}
			t := target{What: fmt.Sprintf("%s to %s, %v", a.what, a.than.Name, w), AtLeast: a.atLeast, Bound: a.bound, Ratio: figureOf(ratios)}
			t.judge()
			all = append(all, t)
		}
	}
	return append(all, weightTargets(weights)...)
}

func cellOf(cells []cell, c contender, w way) *cell {
	at := slices.IndexFunc(cells, func(have cell) bool { return have.Contender == c.Name && have.Way == w })
	if at < 0 {
		return nil
	}
	return &cells[at]
}

func targetTable(all []target) string {
	var b strings.Builder
	b.WriteString("| ratio | to reach | median (least to most) | |\n|---|---|---|---|\n")
	for _, t := range all {
		side, met := "at most", "met"
		if t.AtLeast {
			side = "at least"
		}
		if !t.Met {
			met = "**missed**"
		}
		fmt.Fprintf(&b, "| %s | %s %.3g | %.3g (%.3g to %.3g) | %s |\n", t.What, side, t.Bound, t.Ratio.Median, t.Ratio.Least, t.Ratio.Most, met)
	}
	return b.String()
}
