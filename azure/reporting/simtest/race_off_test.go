//go:build !race

package simtest

const (
	DefaultSeeds, DefaultTwice = 200, 20
	Raced                      = false
)
