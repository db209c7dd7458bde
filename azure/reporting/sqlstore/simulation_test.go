package sqlstore_test

import (
	"database/sql"
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/simtest"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

var (
	seeds = flag.Int("seeds", 0, "how many worlds TestSimulation simulates")
	first = flag.Uint64("first", 1, "the seed of the first")
)

// The engine lives through simulated worlds on a SQLite file. A world takes some
// seconds, and the stories, which another pattern of -run leaves out, minutes:
//
//	go test ./azure/reporting/sqlstore -run '^TestSimulation$/^seed=' -seeds 20 -first 1
func TestSimulation(t *testing.T) {
	if *seeds == 0 {
		t.Skip("the gate runs it by itself, from the root of the checkout: go test ./azure/reporting/sqlstore -run '^TestSimulation$/^seed=' -seeds 3")
	}
	simtest.Run(t, simtest.Harness{Open: simulated, Seeds: *seeds, First: *first, Twice: -1})
}

// simulated opens a store in a bubble: nobody waits for a lock, and nothing for
// the disk.
func simulated(t *testing.T, now func() time.Time) reporting.Store {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "store.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=busy_timeout(0)")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, &sqlstore.Options{Clock: now, Unchecked: true})
	require.NoError(t, err)
	return s
}
