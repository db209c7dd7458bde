// Package memstore is reporting.Store in memory: the reference for other
// stores, and a store for tests and demonstrations. Nothing outlives the
// process.
//
// All calls take turns. A caller that waits for its turn stops waiting when
// its context ends. Every question is answered from an index, in a time that
// does not grow with the number of rows: see the benchmarks.
package memstore
