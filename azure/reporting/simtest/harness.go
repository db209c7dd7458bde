package simtest

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// Harness connects the simulation with a kind of store. Open is needed.
type Harness struct {
	// Open makes a fresh, empty store that takes its time from now. It is
	// called inside a bubble of testing/synctest: what it starts has to end with
	// t, by t.Cleanup. It may wait for a disk or a server, while virtual time
	// stands still, and not for goroutines outside. now can jump.
	Open func(t *testing.T, now func() time.Time) reporting.Store

	// Seeds is how many worlds there are, numbered from First. Defaults 200
	// and 1.
	Seeds int
	First uint64

	// Twice is how many of them are run twice, to compare their traces.
	// Default 20; negative: none.
	Twice int

	// Log is written every step of every world; for a single seed.
	Log io.Writer
}

// Run runs the worlds of a harness, each a subtest that names its seed, several
// at once as -parallel says.
func Run(t *testing.T, h Harness) {
	if h.Open == nil {
		t.Fatal("simtest: Harness.Open is needed")
	}
	if h.Seeds == 0 {
		h.Seeds = 200
	}
	if h.First == 0 {
		h.First = 1
	}
	if h.Twice == 0 {
		h.Twice = 20
	}
	for _, each := range stories() {
		t.Run("story="+strings.ReplaceAll(each.name, " ", "-"), func(t *testing.T) {
			if h.Log == nil {
				t.Parallel()
			}
			o := h.play(t, 0, told(each.tell))
			o.report(t, "")
		})
	}
	for i := range h.Seeds {
		seed := h.First + uint64(i)
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			if h.Log == nil {
				t.Parallel()
			}
			o := h.play(t, seed, newPlan)
			if i < h.Twice {
				if again := h.play(t, seed, newPlan); again.sum != o.sum || again.lines != o.lines {
					t.Errorf("two runs of the seed differ: %d steps and trace %x, then %d and %x", o.lines, o.sum, again.lines, again.sum)
				}
			}
			o.report(t, fmt.Sprintf("to replay it alone: Harness.First = %d, Seeds = 1. ", seed))
		})
	}
}

// report fails a test for the faults of a world.
func (o outcome) report(t *testing.T, replay string) {
	if len(o.faults) > 0 {
		t.Errorf("%d faults:\n  %s\n%sThe steps before the first fault:\n  %s",
			len(o.faults), strings.Join(o.faults, "\n  "), replay, strings.Join(o.tail, "\n  "))
	}
}

// play runs one world in a bubble.
func (h Harness) play(t *testing.T, seed uint64, p func(uint64, time.Time) *plan) (o outcome) {
	synctest.Test(t, func(t *testing.T) {
		o = newWorld(t, h, seed, p, h.Log).run()
	})
	return o
}
