package azuretest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
)

// wrongReporter breaks the contract.
type wrongReporter struct {
	name  string
	bend  func(*bent)
	world world
	want  []string // the rules that it breaks, all of them
}

func wrongReporters() []wrongReporter {
	return slices.Concat(wrongReports, wrongErrors, wrongBatches, wrongAnswers)
}

// Each wrong reporter breaks its rules and no others.
func TestWrongReporters(t *testing.T) {
	for _, w := range wrongReporters() {
		t.Run(w.name, func(t *testing.T) {
			w.world.wrap = func(f *fake.Reporter) azure.Reporter {
				b := &bent{Reporter: f}
				w.bend(b)
				return b
			}
			var got []string
			said := map[string][]string{}
			for _, r := range rules() {
				if w.world.only != "" && w.world.only != r.name {
					continue
				}
				if v := judge(t, w.world.harness(), r); v.wrong != nil {
					got = append(got, r.name)
					said[r.name] = v.wrong
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(slices.Sorted(slices.Values(w.want)), got); diff != "" {
				t.Errorf("broken rules (-want +got):\n%s", diff)
				for name, wrong := range said {
					t.Logf("%s:\n\t%s", name, strings.Join(wrong, "\n\t"))
				}
			}
		})
	}
}

// A rule that nobody has seen fail proves nothing.
func TestEveryRuleIsBroken(t *testing.T) {
	broken, names := map[string]bool{}, map[string]bool{}
	for _, w := range wrongReporters() {
		for _, name := range w.want {
			broken[name] = true
		}
	}
	for _, r := range rules() {
		if !broken[r.name] {
			t.Errorf("no reporter breaks %s", r.name)
		}
		if names[r.name] || r.why == "" {
			t.Errorf("rule %s has its name twice, or no reason", r.name)
		}
		names[r.name] = true
	}
}
