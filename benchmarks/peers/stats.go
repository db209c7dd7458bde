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

// short writes a number with three digits, or all that are whole.
func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
