package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
)

// wrongStore breaks the contract.
type wrongStore struct {
	name   string
	bend   func(*bent)
	second func(first *bent) reporting.Store // nil: the first itself
	reopen func(old *bent) reporting.Store   // nil: the old one
	hangs  bool
	want   []string // the rules that it breaks, all of them
	may    []string // those that it breaks if goroutines meet
}

func wrongStores() []wrongStore {
	return slices.Concat(wrongTransactions, wrongRows, wrongClaims, wrongQuestions, wrongEnds)
}

func (w wrongStore) harness() Harness {
	h := inMemory(func(s *memstore.Store, clock *dial) reporting.Store {
		b := newBent(s, clock)
		w.bend(b)
		return b
	})
	if w.second != nil {
		h.Second = func(_ *testing.T, first reporting.Store) reporting.Store { return w.second(first.(*bent)) }
	}
	if w.reopen != nil {
		h.Reopen = func(_ *testing.T, old reporting.Store) reporting.Store { return w.reopen(old.(*bent)) }
	}
	if w.hangs {
		h.beyond = 500 * time.Millisecond
	}
	return h
}

// Each wrong store breaks its rules and no others.
func TestWrongStores(t *testing.T) {
	for _, w := range wrongStores() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			said := map[string][]string{}
			for _, r := range rules() {
				if v := judge(t, w.harness(), r); v.wrong != nil && !slices.Contains(w.may, r.name) {
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
	for _, w := range wrongStores() {
		for _, name := range w.want {
			broken[name] = true
		}
	}
	for _, r := range rules() {
		if !broken[r.name] {
			t.Errorf("no store breaks %s", r.name)
		}
		if names[r.name] || r.why == "" {
			t.Errorf("rule %s has its name twice, or no reason", r.name)
		}
		names[r.name] = true
	}
}
