//go:build race

package simtest

// The race detector makes a world ten times as slow. What it looks for does
// not depend on the seed; the gate runs the two hundred without it.
const (
	DefaultSeeds, DefaultTwice = 12, 2
	Raced                      = true
)
