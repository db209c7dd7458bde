//go:build !race

package simtest_test

const defaultSeeds, defaultTwice = 200, 20
