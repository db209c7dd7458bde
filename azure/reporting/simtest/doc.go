// Package simtest simulates a reporting engine's world.
package simtest
