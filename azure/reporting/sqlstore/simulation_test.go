package sqlstore_test

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/simtest"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

var (
	seeds = flag.Int("seeds", 0, "how many worlds TestSimulation simulates")
	first = flag.Uint64("first", 1, "the seed of the first")
	twice = flag.Int("twice", -1, "how many of them are run twice, to compare their traces; negative: none")
)

// The engine lives through simulated worlds on a SQLite file and on a PostgreSQL
// server. A world takes some seconds, and the stories, which another pattern of
// -run leaves out, minutes:
//
//	go test ./azure/reporting/sqlstore -run '^TestSimulation$/./^seed=' -seeds 20 -first 1
func TestSimulation(t *testing.T) {
	if *seeds == 0 {
		t.Skip("the gate runs it by itself, from the root of the checkout: .ci/postgres run go test ./azure/reporting/sqlstore -run '^TestSimulation$/./^seed=' -seeds 3")
	}
	everywhere(t, func(t *testing.T, p place) {
		simtest.Run(t, simtest.Harness{Open: p.simulated, Seeds: *seeds, First: *first, Twice: *twice})
	})
}

// simulated opens a store of its own in a bubble: nobody waits for a lock, and
// nothing for the disk. While the server answers, virtual time stands still.
func (p place) simulated(t *testing.T, now func() time.Time) reporting.Store {
	switch p.dialect {
	case sqlstore.SQLite:
		p.source = "file:" + filepath.Join(t.TempDir(), "store.db") + "?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=busy_timeout(0)"
	case sqlstore.PostgreSQL:
		p = onServer(t)
		p.source += "&synchronous_commit=off"
	}
	s, _ := p.open(t, &sqlstore.Options{Clock: now, Unchecked: true})
	return s
}
