package main

import (
	"fmt"
	"slices"
)

// figure is what the rounds showed of one thing.
type figure struct{ Median, Least, Most float64 }

func figureOf(values []float64) figure {
	if len(values) == 0 {
		return figure{}
	}
	s := slices.Sorted(slices.Values(values))
	middle := s[len(s)/2]
	if len(s)%2 == 0 {
		middle = (s[len(s)/2-1] + middle) / 2
	}
	return figure{middle, s[0], s[len(s)-1]}
}

func (f figure) String() string {
	return fmt.Sprintf("%s (%s to %s)", short(f.Median), short(f.Least), short(f.Most))
}

// short writes a number with three digits, or all that are whole, these in
// groups.
func short(v float64) string {
	switch {
	case v >= 100:
		return grouped(int(v + 0.5))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// grouped writes a whole number as 1,000,000.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
