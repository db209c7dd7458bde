//go:build race

package simtest_test

// The race detector makes a world ten times as slow. What it looks for does
// not depend on the seed; the gate runs the two hundred without it.
const defaultSeeds, defaultTwice = 12, 2
