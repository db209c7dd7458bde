package storetest

import (
	"maps"
	"slices"
	"strings"
	"sync"
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
	may    []string // those that it breaks if goroutines meet, or get on fast enough
}

func wrongStores() []wrongStore {
	return slices.Concat(wrongTransactions, wrongRows, wrongClaims, wrongQuestions, wrongEnds)
}

// harness is the store as one rule gets it. Where the store hangs, a rule that
// it breaks gives up soon; the others have all the time that a busy machine
// needs.
func (w wrongStore) harness(rule string) Harness {
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
	if w.hangs && slices.Contains(slices.Concat(w.want, w.may), rule) {
		h.beyond = 200 * time.Millisecond
	}
	return h
}

// atOnce is how many rules look at a wrong store at a time: most of what they
// do is to wait.
const atOnce = 8

// judgeAll answers what is wrong with a store, by the rule's name.
func judgeAll(t *testing.T, w wrongStore) map[string][]string {
	var mu sync.Mutex
	said := map[string][]string{}
	var all sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for _, r := range rules() {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			v := judge(t, w.harness(r.name), r)
			mu.Lock()
			defer mu.Unlock()
			if v.wrong != nil {
				said[r.name] = v.wrong
			}
		})
	}
	all.Wait()
	return said
}

// Each wrong store breaks its rules and no others.
func TestWrongStores(t *testing.T) {
	for _, w := range wrongStores() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			said := judgeAll(t, w)
			maps.DeleteFunc(said, func(name string, _ []string) bool { return slices.Contains(w.may, name) })
			got := slices.Sorted(maps.Keys(said))
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
