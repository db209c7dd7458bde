package storetest

import (
	"runtime/debug"
	"slices"
	"testing"
)

// TestStore holds a store against the contract of reporting.Store, one subtest
// a rule.
func TestStore(t *testing.T, h Harness) {
	if h.Open == nil {
		t.Fatal("storetest: Harness.Open is needed")
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			v := judge(t, h, r)
			for _, wrong := range v.wrong {
				t.Errorf("%s\nthe rule: %s", wrong, r.why)
			}
			if v.missing != "" && len(v.wrong) == 0 {
				t.Skipf("not looked at: %s is missing", v.missing)
			}
		})
	}
}

// rule is one sentence of the contract. Its check says what is wrong through
// the trial; it does not touch *testing.T, so that a store can be watched
// breaking it.
type rule struct {
	name  string
	why   string
	check func(x *trial)
}

// rules answers all of them, in the order in which they build on each other.
func rules() []rule {
	return slices.Concat(txRules, updateRules, keyRules, timeRules, sharingRules, claimRules, leaseRules,
		queueRules, scanRules, tallyRules, contextRules, reopenRules, wakerRules)
}

// verdict is what became of one rule.
type verdict struct {
	wrong   []string
	missing string // the part for want of which the rule was not looked at
}

// judge runs one rule on a store of its own.
func judge(t *testing.T, h Harness, r rule) (v verdict) {
	x := &trial{Harness: h, t: t}
	defer func() {
		// A harness that calls t.FailNow comes by here too, and goes on.
		if p := recover(); p != nil {
			if _, ended := p.(ended); !ended {
				x.wrong("panic: %v\n%s", p, debug.Stack())
			}
		}
		v = x.verdict
	}()
	x.store = h.Open(t)
	r.check(x)
	return v
}

// ended is the value of the panic by which a check ends early.
type ended struct{}
