package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
)

// dial is a clock that is moved by hand.
type dial struct {
	mu  sync.Mutex
	now time.Time
}

func newDial() *dial { return &dial{now: time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)} }

func (d *dial) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *dial) Advance(_ *testing.T, by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

// inMemory is a memstore with everything that a harness can have; wrap stands
// before it.
func inMemory(wrap func(*memstore.Store, *dial) reporting.Store) Harness {
	clock := newDial()
	return Harness{
		Open: func(*testing.T) reporting.Store {
			s := memstore.New(&memstore.Options{Clock: clock.Now})
			if wrap == nil {
				return s
			}
			return wrap(s, clock)
		},
		Reopen:  func(_ *testing.T, old reporting.Store) reporting.Store { return old },
		Second:  func(_ *testing.T, first reporting.Store) reporting.Store { return first },
		Advance: clock.Advance,
	}
}
