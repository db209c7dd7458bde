// Package simtest runs reporting engines in simulated worlds, over any
// [reporting.Store], and holds what they do against the rules: for whoever
// changes the engine, and for hosts that have written a store of their own.
//
//	func TestMyStore(t *testing.T) {
//		simtest.Run(t, simtest.Harness{Open: openMyStore})
//	}
//
// # A world
//
// A seed makes a world: some tenants, a dozen devices of all platforms, one to
// three processes that share the store, and two to seven days in a bubble of
// [testing/synctest]. Devices change, check in, late and twice, sign out, change
// their users, enrol anew under the same and under another Azure id, are
// claimed by a second record, are retired and come back. Tenants are switched
// off and on. Hosts hand over what is wrong. Processes die before and after any
// step of the store and of the network; what they had under way at Microsoft
// goes on there. They stand still for longer than their leases, and go on.
// Transactions are rolled back and run again. The store's clock
// jumps. Microsoft throttles by one of several models, at, above and below the
// quota that the engine was told; it fails, answers late or not at all, acts
// without answering and long after it was given up, refuses devices, tenants
// and tokens, and fails messages that it had accepted.
//
// Then the world is left quiet for days and judged.
//
// # What is looked at
//
// Of every call: the tenant is on; it is what the rules want of that Azure id
// at that moment; no other call of the id is under way under a live lease;
// LastUpdateTime grows; the quota and Retry-After are kept; a tenant without a
// token is tried by one device at a time; what is deleted was retired long
// enough ago, and nobody claims it. In worlds where all processes live on: nothing is
// sent without a reason, and what takes access away goes at once.
//
// Of every Observe: what it refuses, and its counts.
//
// At the end: Azure holds what the rules say, of every Azure id and user, and
// its newest message says so too; everything was reported within a week; what
// was to be deleted is gone; the details of every device are valid and are what
// happened. A few named stories, as "stays compliant by sign-out", are told
// besides, with the same eyes on them.
//
// The rules are written out a second time here, from what is promised and not
// from the engine's code, so that one misreading does not pass on both sides.
// Where the promise leaves two answers open, both are taken.
//
// # Replay
//
// A seed always makes the same world, step by step: every step of the store and
// of the network first sleeps to a moment of its own, an odd number of virtual
// nanoseconds drawn from the seed and from what is about to be done, so that one
// goroutine wakes at a time. The trace of all steps has a hash, and some seeds
// are run twice to compare it. A seed that fails prints the steps before its
// first fault; run it alone with Harness.First and a Harness.Log to see all.
//
// In this module:
//
//	go test ./azure/reporting/simtest                                   # 200 seeds
//	go test ./azure/reporting/simtest -run TestSeeds -seeds 10000 -timeout 2h
//	go test ./azure/reporting/simtest -run TestSeeds/seed=17 -first 17 -seeds 1 -steps trace.txt
//
// # Limits
//
// Worlds are small, so that thousands can be run; volume and speed are measured
// elsewhere. The wake-ups of a store that implements [reporting.Waker] are
// hidden, since they come to several goroutines at once. Time inside a
// transaction stands still. Microsoft's side is a model of its documented
// rules, and of guesses where there are none.
package simtest
