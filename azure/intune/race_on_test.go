//go:build race

package intune_test

const raceEnabled = true
