package storetest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
)

func TestMemstoreKeepsTheContract(t *testing.T) {
	t.Run("Whole", func(t *testing.T) { TestStore(t, inMemory(nil)) })
	t.Run("Bare", func(t *testing.T) {
		TestStore(t, Harness{Open: func(*testing.T) reporting.Store { return memstore.New(nil) }})
	})
}

// deaf has the methods of Store and no others.
type deaf struct{ reporting.Store }

// A harness without its optional parts, and a store without Waker: the rest of
// the rules run, and the others name what is missing.
func TestMissingParts(t *testing.T) {
	bare := Harness{Open: func(*testing.T) reporting.Store { return deaf{memstore.New(nil)} }}
	whole := inMemory(nil)
	for _, tc := range []struct {
		name    string
		harness Harness
		missing map[string]string // of some rules
	}{
		{"bare", bare, map[string]string{
			"Get/Order": "", "Update/IsolatedAmongHandles": "Harness.Second", "Claim/NotTwiceAmongHandles": "Harness.Second",
			"Claim/Boundary": "Harness.Advance", "Lease/ClockGoesBack": "Harness.Advance", "Lease/Lapses": "", "Time/Passes": "",
			"Reopen/Keeps": "Harness.Reopen", "Waker/Wakes": "reporting.Waker (by storetest.deaf)",
		}},
		{"whole", whole, map[string]string{
			"Update/IsolatedAmongHandles": "", "Claim/Boundary": "", "Reopen/Keeps": "", "Waker/Wakes": "", "Waker/WakesAmongHandles": "",
		}},
	} {
		for _, r := range rules() {
			want, named := tc.missing[r.name]
			if !named {
				continue
			}
			v := judge(t, tc.harness, r)
			if v.missing != want || v.wrong != nil {
				t.Errorf("%s: %s lacks %q, want %q; wrong: %q", tc.name, r.name, v.missing, want, v.wrong)
			}
		}
	}
}

// panicking has a method that panics.
type panicking struct{ *memstore.Store }

func (panicking) Tally(context.Context, reporting.Kind, string, time.Time) ([]reporting.Tally, error) {
	panic("no tally here")
}

// Inside is the suite over a wrong store, for TestStoreFails.
func TestInside(t *testing.T) {
	switch os.Getenv("STORETEST_INSIDE") {
	case "":
		t.Skip("run by TestStoreFails")
	case "wrong":
		h := wrongStore{bend: func(b *bent) {
			b.nextDue = func(context.Context) (time.Time, error) { return time.Time{}, nil }
		}}.harness("")
		h.Reopen = nil
		TestStore(t, h)
	case "panics":
		TestStore(t, Harness{Open: func(*testing.T) reporting.Store { return panicking{memstore.New(nil)} }})
	case "empty":
		TestStore(t, Harness{})
	}
}

// TestStoreFails runs the suite as its users do, in a process of its own, and
// sees it fail with the rule and its reason.
func TestStoreFails(t *testing.T) {
	for inside, want := range map[string][]string{
		"wrong": {
			"--- FAIL: TestInside/NextDue/Earliest", "one: NextDue answers none, <nil>, want 2026-03-01T15:0",
			"the rule: NextDue is the earliest time after now", "--- PASS: TestInside/Update/Isolated", "not looked at: Harness.Reopen is missing",
		},
		"panics": {"--- FAIL: TestInside/Tally/Counts", "panic: no tally here", "--- FAIL: TestInside/Tally/Follows", "--- PASS: TestInside/Scan/After"},
		"empty":  {"Harness.Open is needed"},
	} {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestInside$", "-test.v")
		cmd.Env = append(os.Environ(), "STORETEST_INSIDE="+inside)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s: the suite passed:\n%s", inside, out)
		}
		for _, line := range want {
			if !strings.Contains(string(out), line) {
				t.Errorf("%s: the output lacks %q:\n%s", inside, line, out)
			}
		}
	}
}
