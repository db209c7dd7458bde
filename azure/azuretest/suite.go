package azuretest

import (
	"fmt"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/mdmkit/devicestatus/azure"
)

// TestReporter holds a reporter against the contract of azure.Reporter, one
// subtest a rule.
func TestReporter(t *testing.T, h Harness) {
	if h.NewReporter == nil || h.NewReport == nil {
		t.Fatal("azuretest: Harness.NewReporter and Harness.NewReport are needed")
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
// the trial; it does not touch *testing.T, so that a reporter can be watched
// breaking it.
type rule struct {
	name  string
	why   string
	check func(x *trial)
}

// rules answers all of them, in the order in which they build on each other.
func rules() []rule {
	return slices.Concat(reportRules, receiptRules, invalidRules, removalRules, errorRules, contextRules,
		inventoryRules, batchRules, checkRules, verifyRules)
}

// verdict is what became of one rule.
type verdict struct {
	wrong   []string
	missing string // the part for want of which the rule was not, or not wholly, looked at
}

// judge runs one rule in a world of its own.
func judge(t *testing.T, h Harness, r rule) (v verdict) {
	x := &trial{t: t, Harness: h}
	defer func() {
		// A harness that calls t.FailNow comes by here too, and goes on.
		if p := recover(); p != nil {
			if _, ended := p.(ended); !ended {
				x.wrong("panic: %v\n%s", p, debug.Stack())
			}
		}
		v = x.verdict
	}()
	x.reporter = h.NewReporter(t)
	r.check(x)
	return v
}

// ended is the value of the panic by which a check ends early.
type ended struct{}

// need ends the check where the reporter does not implement an interface.
func need[I any](x *trial, name string) I {
	i, ok := x.reporter.(I)
	if !ok {
		x.skip(fmt.Sprintf("azure.%s (by %T)", name, x.reporter))
	}
	return i
}

// batcher, checker and deleter name the interfaces once.
func batcher(x *trial) azure.BatchReporter { return need[azure.BatchReporter](x, "BatchReporter") }
func checker(x *trial) azure.Checker       { return need[azure.Checker](x, "Checker") }
func deleter(x *trial) azure.Deleter       { return need[azure.Deleter](x, "Deleter") }
