package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
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

func openStore(t testing.TB, file, settings string) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), openFile(t, file, settings), sqlstore.SQLite, nil)
	require.NoError(t, err)
	return s
}

func TestSQLite(t *testing.T) {
	clock := newDial()
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

// The settings and the clock of a host.
func TestSQLiteDurable(t *testing.T) {
	files := map[reporting.Store]string{}
	open := func(t *testing.T, file string) reporting.Store {
		s := openStore(t, file, durable)
		files[s] = file
		return s
	}
	again := func(t *testing.T, s reporting.Store) reporting.Store { return open(t, files[s]) }
	storetest.TestStore(t, storetest.Harness{
		Open:   func(t *testing.T) reporting.Store { return open(t, filepath.Join(t.TempDir(), "store.db")) },
		Reopen: again,
		Second: again,
	})
}

func key(id string) reporting.Key { return reporting.Key{Kind: 2, Tenant: "contoso", ID: id} }

// put writes rows in one transaction.
func put(ctx context.Context, s reporting.Store, rows ...reporting.Row) error {
	keys := make([]reporting.Key, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	return s.Update(ctx, func(tx reporting.Tx) error {
		if _, err := tx.Get(keys...); err != nil {
			return err
		}
		return tx.Put(rows...)
	})
}

// scan answers every row of the kind that these tests use.
func scan(t *testing.T, s reporting.Store) []reporting.Row {
	t.Helper()
	rows, err := s.Scan(t.Context(), 2, "contoso", reporting.Key{}, 1_000_000)
	require.NoError(t, err)
	return rows
}

// due answers n rows of a queue that are due.
func due(queue string, n int) []reporting.Row {
	rows := make([]reporting.Row, n)
	for i := range rows {
		rows[i] = reporting.Row{Key: key(fmt.Sprintf("%05d", i)), Queue: queue, Due: time.Unix(int64(i), 0)}
	}
	return rows
}

// A clock that jumps makes the store neither forget a lease nor claim twice
// under one; what is late is done when the clock is right again.
func TestClockJumps(t *testing.T) {
	clock := newDial()
	s, err := sqlstore.Open(t.Context(), openFile(t, filepath.Join(t.TempDir(), "store.db"), relaxed), sqlstore.SQLite, &sqlstore.Options{Clock: clock.Now, Unchecked: true})
	require.NoError(t, err)
	start := clock.Now().UTC().Truncate(time.Microsecond)
	rows := due("q", 3)
	for i := range rows {
		rows[i].Due = start.Add(time.Duration(i) * time.Minute)
	}
	require.NoError(t, put(t.Context(), s, rows...))
	for _, step := range []struct {
		at   time.Duration // from the start
		want []string
		next time.Duration
	}{
		{at: -24 * time.Hour, next: 0},
		{at: 0, want: []string{"00000"}, next: time.Minute},
		{at: -365 * 24 * time.Hour, next: time.Minute},
		{at: 90 * time.Second, want: []string{"00001"}, next: 2 * time.Minute},
		{at: 30 * time.Second, next: 2 * time.Minute},
		// A day ahead all leases have ended, and are given anew from there.
		{at: 24 * time.Hour, want: []string{"00000", "00001", "00002"}, next: 25 * time.Hour},
		{at: 5 * time.Minute, next: 25 * time.Hour},
		{at: 25 * time.Hour, want: []string{"00000", "00001", "00002"}, next: 26 * time.Hour},
	} {
		clock.Advance(t, start.Add(step.at).Sub(clock.Now()))
		got, err := s.Claim(t.Context(), reporting.Claim{Queue: "q", Limit: 10, Lease: time.Hour, Most: 255})
		require.NoError(t, err)
		var ids []string
		for _, r := range got {
			ids = append(ids, r.ID)
		}
		require.Equal(t, step.want, ids, "claimed at %v", step.at)
		next, err := s.NextDue(t.Context())
		require.NoError(t, err)
		require.Equal(t, step.next, next.Sub(start), "next due at %v", step.at)
	}
}
