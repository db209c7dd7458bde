package compliance_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/mdmkit/devicestatus/compliance"
)

// told is the table of what Azure is told, action by action. The oracle below
// is built on this table and on sets, and knows nothing of ranks or numbers.
var told = map[compliance.Action]compliance.State{
	compliance.ActionBlockEmail:      compliance.StateNonCompliant,
	compliance.ActionBlockAppConnect: compliance.StateNonCompliant,
	compliance.ActionQuarantine:      compliance.StateNonCompliant,
	compliance.ActionSendAlert:       compliance.StateCompliant,
	compliance.ActionRetire:          compliance.StateRemoved,
}

// strictness is the published order, most restrictive first.
var strictness = []compliance.Action{
	compliance.ActionRetire,
	compliance.ActionQuarantine,
	compliance.ActionBlockAppConnect,
	compliance.ActionBlockEmail,
	compliance.ActionSendAlert,
}

// unknowns are values that no policy has: the zero value, the first number
// after the last action, and the largest.
var unknowns = []compliance.Action{compliance.ActionUnspecified, compliance.ActionRetire + 1, 255}

// wantState asks for each outcome in turn whether something calls for it.
func wantState(actions []compliance.Action) compliance.State {
	asked := map[compliance.State]bool{}
	for _, a := range actions {
		state, known := told[a]
		if !known {
			state = compliance.StateNonCompliant
		}
		asked[state] = true
	}
	switch {
	case asked[compliance.StateRemoved]:
		return compliance.StateRemoved
	case asked[compliance.StateNonCompliant]:
		return compliance.StateNonCompliant
	}
	return compliance.StateCompliant
}

// wantMost walks the published order, with the unknown values, largest first,
// after Retire.
func wantMost(actions []compliance.Action) (compliance.Action, bool) {
	given := map[compliance.Action]bool{}
	for _, a := range actions {
		given[a] = true
	}
	if given[compliance.ActionRetire] {
		return compliance.ActionRetire, true
	}
	for v := 255; v >= 0; v-- {
		a := compliance.Action(v)
		if _, known := told[a]; given[a] && !known {
			return a, true
		}
	}
	for _, a := range strictness {
		if given[a] {
			return a, true
		}
	}
	return compliance.ActionUnspecified, false
}

func check(t *testing.T, actions []compliance.Action) {
	t.Helper()
	if got, want := compliance.Resolve(actions...), wantState(actions); got != want {
		t.Errorf("Resolve(%v) = %v, want %v", actions, got, want)
	}
	got, ok := compliance.MostRestrictive(actions...)
	if want, wantOK := wantMost(actions); got != want || ok != wantOK {
		t.Errorf("MostRestrictive(%v) = %v, %v, want %v, %v", actions, got, ok, want, wantOK)
	}
}

// arrange calls visit with every order of every subset of values.
func arrange(values []compliance.Action, visit func([]compliance.Action)) {
	used := make([]bool, len(values))
	var chosen []compliance.Action
	var extend func()
	extend = func() {
		visit(chosen)
		for i, v := range values {
			if used[i] {
				continue
			}
			used[i], chosen = true, append(chosen, v)
			extend()
			used[i], chosen = false, chosen[:len(chosen)-1]
		}
	}
	extend()
}

// Five actions and three unknown values: 109,601 arrangements.
func TestEverySubsetInEveryOrder(t *testing.T) {
	seen := 0
	arrange(append(unknowns[:len(unknowns):len(unknowns)], strictness...), func(actions []compliance.Action) {
		seen++
		check(t, actions)
	})
	if seen != 109_601 {
		t.Errorf("visited %d arrangements, want 109601", seen)
	}
}

// Duplicates: every sequence up to four long, values repeated at will.
func TestEverySequenceWithRepeats(t *testing.T) {
	values := append(unknowns[:len(unknowns):len(unknowns)], strictness...)
	var extend func(actions []compliance.Action)
	extend = func(actions []compliance.Action) {
		check(t, actions)
		if len(actions) == 4 {
			return
		}
		for _, v := range values {
			extend(append(actions[:len(actions):len(actions)], v))
		}
	}
	extend(nil)
}

// Every number alone, and beside each known action on either side.
func TestEveryNumber(t *testing.T) {
	for v := range 256 {
		a := compliance.Action(v)
		check(t, []compliance.Action{a})
		for _, known := range strictness {
			check(t, []compliance.Action{a, known})
			check(t, []compliance.Action{known, a})
		}
	}
}

// The rows of the specification in its own words, apart from any oracle.
func TestResolveRows(t *testing.T) {
	for _, tc := range []struct {
		why     string
		actions []compliance.Action
		want    compliance.State
	}{
		{"an evaluation without an action is compliant", nil, compliance.StateCompliant},
		{"an alert restricts nothing", []compliance.Action{compliance.ActionSendAlert}, compliance.StateCompliant},
		{"blocked email", []compliance.Action{compliance.ActionBlockEmail}, compliance.StateNonCompliant},
		{"blocked AppConnect apps", []compliance.Action{compliance.ActionBlockAppConnect}, compliance.StateNonCompliant},
		{"quarantine", []compliance.Action{compliance.ActionQuarantine}, compliance.StateNonCompliant},
		{"retire", []compliance.Action{compliance.ActionRetire}, compliance.StateRemoved},
		{"retire beats quarantine", []compliance.Action{compliance.ActionRetire, compliance.ActionQuarantine}, compliance.StateRemoved},
		{"unspecified is not none", []compliance.Action{compliance.ActionUnspecified}, compliance.StateNonCompliant},
		{"an alert does not help an unknown value", []compliance.Action{compliance.ActionSendAlert, 200}, compliance.StateNonCompliant},
		{"an unknown value does not stop a removal", []compliance.Action{200, compliance.ActionRetire}, compliance.StateRemoved},
	} {
		if got := compliance.Resolve(tc.actions...); got != tc.want {
			t.Errorf("%s: Resolve(%v) = %v, want %v", tc.why, tc.actions, got, tc.want)
		}
	}
}

func TestResolveDoesNotAllocate(t *testing.T) {
	actions := []compliance.Action{
		compliance.ActionSendAlert, compliance.ActionBlockEmail, compliance.ActionQuarantine, compliance.ActionRetire, 77,
	}
	if n := testing.AllocsPerRun(1000, func() { compliance.Resolve(actions...) }); n != 0 {
		t.Errorf("Resolve of a slice allocates %v times, want 0", n)
	}
	if n := testing.AllocsPerRun(1000, func() {
		compliance.Resolve(compliance.ActionSendAlert, compliance.ActionBlockEmail, actions[4])
	}); n != 0 {
		t.Errorf("Resolve of arguments allocates %v times, want 0", n)
	}
}

func BenchmarkResolve(b *testing.B) {
	for _, actions := range [][]compliance.Action{
		{compliance.ActionSendAlert, compliance.ActionBlockEmail, compliance.ActionBlockAppConnect, compliance.ActionQuarantine, compliance.ActionRetire},
		{compliance.ActionRetire, compliance.ActionQuarantine, compliance.ActionBlockAppConnect, compliance.ActionBlockEmail, compliance.ActionSendAlert},
		{compliance.ActionBlockEmail, compliance.ActionUnspecified, compliance.ActionRetire, 200, compliance.ActionSendAlert},
	} {
		b.Run(fmt.Sprint(len(actions), "actions/", actions[0], "-first"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				compliance.Resolve(actions...)
			}
		})
	}

	// Other actions each time, so that no branch is learnt by heart.
	b.Run("5actions/mixed", func(b *testing.B) {
		random := rand.New(rand.NewPCG(1, 2))
		actions := make([]compliance.Action, 1<<12)
		for i := range actions {
			actions[i] = compliance.Action(random.IntN(7))
		}
		b.ReportAllocs()
		at := 0
		for b.Loop() {
			compliance.Resolve(actions[at : at+5]...)
			if at += 5; at+5 > len(actions) {
				at = 0
			}
		}
	})
}
