package sqlstore_test

import (
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
	"github.com/mdmkit/devicestatus/azure/reporting/storetest"
)

// dial is a clock that is moved by hand.
type dial struct {
	mu  sync.Mutex
	now time.Time
}

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

// durable are the settings that the store wants; relaxed does not wait for the
// disk, for tests that do not pull the plug.
const (
	durable = "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)"
	relaxed = "?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=busy_timeout(5000)"
)

func openFile(t testing.TB, file, settings string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+settings)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestSQLite(t *testing.T) {
	clock := &dial{now: time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)}
	files := map[reporting.Store]string{}
	open := func(t *testing.T, file string) reporting.Store {
		s, err := sqlstore.Open(t.Context(), openFile(t, file, relaxed), sqlstore.SQLite, &sqlstore.Options{Clock: clock.Now, Unchecked: true})
		require.NoError(t, err)
		files[s] = file
		return s
	}
	again := func(t *testing.T, s reporting.Store) reporting.Store { return open(t, files[s]) }
	storetest.TestStore(t, storetest.Harness{
		Open:    func(t *testing.T) reporting.Store { return open(t, filepath.Join(t.TempDir(), "store.db")) },
		Reopen:  again,
		Second:  again,
		Advance: clock.Advance,
	})
}
