// Package azuretest is the contract of azure.Reporter as a test suite. Whoever
// writes a Reporter (a channel, a router, a wrapper that counts, a relay to a
// service of one's own) runs it in a test:
//
//	func TestReporter(t *testing.T) {
//		azuretest.TestReporter(t, azuretest.Harness{NewReporter: ..., NewReport: ...})
//	}
//
// [TestReporter] runs one subtest a rule. A failure names what the reporter
// did and the reason of the rule. Rules of an optional interface
// (BatchReporter, Checker, Deleter, InventoryCarrier, Verifier) run where the
// reporter implements it, and rules that need a part which the [Harness] lacks
// are skipped with that part's name, so that -v shows what was not looked at.
//
// The suite needs no data on disk and imports nothing but this module and the
// standard library. Only the rules about a call that hangs let real time pass,
// and of that only 50 milliseconds each.
package azuretest
