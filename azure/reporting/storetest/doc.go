// Package storetest is the contract of reporting.Store as a test suite.
// Whoever writes a Store (for another database, or as a wrapper that counts)
// runs it in a test:
//
//	func TestStore(t *testing.T) {
//		storetest.TestStore(t, storetest.Harness{Open: ...})
//	}
//
// [TestStore] runs one subtest a rule, each on an empty store. A failure says
// what the store did and the reason of the rule. Rules that need a part which
// the [Harness] lacks, or the optional interface reporting.Waker, are skipped
// with that part's name, so that -v shows what was not looked at.
//
// The suite needs no data on disk and imports nothing but this module and the
// standard library. Run it with -race. Where the harness cannot move the
// store's clock, the rules about time let a few milliseconds of real time pass
// each.
package storetest
