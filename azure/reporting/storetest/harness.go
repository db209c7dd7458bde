package storetest

import (
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// Harness connects the suite with a kind of store. Open is needed; a part that
// is nil skips the rules that need it. The t of each function is the subtest's:
// what a function opens it also closes, with t.Cleanup.
type Harness struct {
	// Open makes a fresh, empty store. Every subtest begins with one call of
	// it.
	Open func(t *testing.T) reporting.Store

	// Reopen answers the data of a store that Open or Reopen made, opened anew
	// as after the process has died: nothing that the old value has in memory
	// may help. The old value is not used again.
	Reopen func(t *testing.T, old reporting.Store) reporting.Store

	// Second answers another handle on the data of a store, as another process
	// has it. Both are used at once.
	Second func(t *testing.T, first reporting.Store) reporting.Store

	// Advance moves the clock of the store that Open made last, and of its
	// other handles, by d; back where d is negative. The clock stands still
	// otherwise. Where Advance is nil, the store's clock runs by itself.
	Advance func(t *testing.T, d time.Duration)

	beyond time.Duration // overrides the constant, for stores that hang
}

// beyond is when a call that has not returned is given up as never returning.
const beyond = 30 * time.Second

func (h Harness) limit() time.Duration {
	if h.beyond > 0 {
		return h.beyond
	}
	return beyond
}
