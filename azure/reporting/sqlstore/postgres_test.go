package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
	"github.com/mdmkit/devicestatus/azure/reporting/storetest"
)

// notified waits for a notification on a connection of pgx.
func notified(ctx context.Context, c any) error {
	_, err := c.(*stdlib.Conn).Conn().WaitForNotification(ctx)
	return err
}

func listen(t *testing.T, s *sqlstore.Store) *sqlstore.Listener {
	t.Helper()
	l, err := s.Listen(notified)
	require.NoError(t, err)
	return l
}

func TestPostgreSQL(t *testing.T) {
	onServer(t)
	for name, clock := range map[string]*dial{"a clock that is moved": newDial(), "the server's clock": nil} {
		t.Run(name, func(t *testing.T) {
			places := map[reporting.Store]place{}
			open := func(t *testing.T, p place) reporting.Store {
				o, hasty := &sqlstore.Options{}, p
				if clock != nil {
					o.Clock = clock.Now
					// The other run waits for the disk.
					o.Unchecked = true
					hasty.source += "&synchronous_commit=off"
				}
				s, _ := hasty.open(t, o)
				l := listen(t, s)
				places[l] = p
				return l
			}
			again := func(t *testing.T, s reporting.Store) reporting.Store { return open(t, places[s]) }
			h := storetest.Harness{
				Open:   func(t *testing.T) reporting.Store { return open(t, onServer(t)) },
				Reopen: again,
				Second: again,
			}
			if clock != nil {
				h.Advance = clock.Advance
			}
			storetest.TestStore(t, h)
		})
	}
}

func TestPostgreSQLRefusesSettings(t *testing.T) {
	p := onServer(t)
	_, db := p.open(t, nil)
	ascii := "ascii_" + strings.TrimSuffix(p.prefix, "_")
	_, err := db.Exec("CREATE DATABASE " + ascii + " ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.Exec("DROP DATABASE " + ascii)
		require.NoError(t, err)
	})
	for _, tc := range []struct{ name, source, want string }{
		{"synchronous_commit", p.source + "&synchronous_commit=off", "synchronous_commit is off and has to be on"},
		{"encoding", strings.Replace(p.source, "/postgres?", "/"+ascii+"?", 1), `server_encoding is "SQL_ASCII" and has to be UTF8`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db, err := sql.Open("pgx", tc.source)
			require.NoError(t, err)
			defer db.Close()
			_, err = sqlstore.Open(t.Context(), db, sqlstore.PostgreSQL, nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Open: %v, want %q", err, tc.want)
			}
		})
	}
	// A connection that is switched after Open must not commit.
	s, single := p.open(t, nil)
	single.SetMaxOpenConns(1)
	_, err = single.Exec("SET synchronous_commit = off")
	require.NoError(t, err)
	if err := put(t.Context(), s, reporting.Row{Key: key("a")}); err == nil || !strings.Contains(err.Error(), "synchronous_commit is off") {
		t.Errorf("Update on a connection that does not wait for the disk: %v", err)
	}
	if rows := scan(t, s); len(rows) != 0 {
		t.Errorf("the rows are %v", rows)
	}
	_, err = openStore(t, t.TempDir()+"/store.db", durable).Listen(notified)
	if err == nil || !strings.Contains(err.Error(), "cannot notify") {
		t.Errorf("Listen on SQLite: %v", err)
	}
}

// cut is a driver whose connections are lost at a COMMIT, before or after it
// has reached the server.
type cut struct {
	source string
	before atomic.Int32 // how many more are lost before
	after  atomic.Int32
}

func (c *cut) Driver() driver.Driver { return stdlib.GetDefaultDriver() }

func (c *cut) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.Driver().Open(c.source)
	if err != nil {
		return nil, err
	}
	return cutConn{conn.(*stdlib.Conn), c}, nil
}

type cutConn struct {
	*stdlib.Conn
	cut *cut
}

func (c cutConn) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	if statement == "COMMIT" {
		if c.cut.before.Add(-1) >= 0 {
			_ = c.Conn.Close()
			return nil, io.ErrUnexpectedEOF
		}
		if c.cut.after.Add(-1) >= 0 {
			_, err := c.Conn.ExecContext(ctx, statement, args)
			_ = c.Conn.Close()
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return c.Conn.ExecContext(ctx, statement, args)
}

// A connection that is lost during the commit leaves nobody in doubt: what is
// committed is acknowledged, and what is not is done again.
func TestConnectionLostInCommit(t *testing.T) {
	p := onServer(t)
	p.open(t, nil)
	c := &cut{source: p.source}
	db := sql.OpenDB(c)
	defer db.Close()
	s, err := sqlstore.Open(t.Context(), db, sqlstore.PostgreSQL, &sqlstore.Options{TablePrefix: p.prefix})
	require.NoError(t, err)
	for _, tc := range []struct {
		id            string
		before, after int32
		runs          int
	}{{"whole", 0, 0, 1}, {"before", 2, 0, 3}, {"after", 0, 1, 1}} {
		c.before.Store(tc.before)
		c.after.Store(tc.after)
		runs := 0
		err := s.Update(t.Context(), func(tx reporting.Tx) error {
			runs++
			rows, err := tx.Get(key(tc.id))
			if err != nil {
				return err
			}
			rows[0].Data = append(rows[0].Data, '1')
			return tx.Put(rows...)
		})
		if err != nil || runs != tc.runs {
			t.Errorf("%s: %d runs, %v, want %d", tc.id, runs, err, tc.runs)
		}
	}
	for _, r := range scan(t, s) {
		if string(r.Data) != "1" {
			t.Errorf("%s was written %q", r.ID, r.Data)
		}
	}
	require.Len(t, scan(t, s), 3)
}

// A connection that the server cuts in the midst of a transaction costs a run
// of fn, and one that is cut while it listens costs a look.
func TestConnectionCut(t *testing.T) {
	p := onServer(t)
	s, db := p.open(t, nil)
	other, _ := p.open(t, nil)
	kill := func(query string) {
		t.Helper()
		_, err := db.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state LIKE 'idle%' AND query LIKE '%" + query + "%'")
		require.NoError(t, err)
	}
	runs := 0
	require.NoError(t, other.Update(t.Context(), func(tx reporting.Tx) error {
		runs++
		rows, err := tx.Get(key("a"))
		if err != nil {
			return err
		}
		if runs == 1 {
			kill(p.prefix + "rows")
		}
		rows[0].Data = []byte(fmt.Sprint(runs))
		return tx.Put(rows...)
	}))
	if rows := scan(t, s); len(rows) != 1 || string(rows[0].Data) != "2" {
		t.Errorf("after a cut in its midst the transaction has written %v", rows)
	}

	l := listen(t, other)
	require.NoError(t, l.Wait(t.Context()), "the first call knows nothing of what was before")
	kill("LISTEN " + p.prefix)
	require.NoError(t, l.Wait(t.Context()))
	require.NoError(t, l.Wait(t.Context()), "listening again")
	require.NoError(t, put(t.Context(), s, due("q", 1)...))
	require.NoError(t, l.Wait(t.Context()))
}

// Rows that stand for keys without a row are gone when the transaction is.
func TestPlaceholders(t *testing.T) {
	p := onServer(t)
	s, db := p.open(t, nil)
	count := func() (n int) {
		require.NoError(t, db.QueryRow("SELECT count(*) FROM "+p.prefix+"rows").Scan(&n))
		return n
	}
	for i, tc := range []struct {
		put  []string
		want int
	}{{nil, 0}, {[]string{"b"}, 1}, {nil, 1}, {[]string{"a", "b"}, 2}} {
		require.NoError(t, s.Update(t.Context(), func(tx reporting.Tx) error {
			if _, err := tx.Get(key("a"), key("b"), key("c")); err != nil {
				return err
			}
			for _, id := range tc.put {
				if err := tx.Put(reporting.Row{Key: key(id)}); err != nil {
					return err
				}
			}
			return nil
		}))
		if n := count(); n != tc.want {
			t.Errorf("step %d: the table has %d rows, want %d", i, n, tc.want)
		}
	}
}

// Of several calls of Wait one listens and wakes all; with the last of them the
// connection is given up.
func TestListenersShare(t *testing.T) {
	p := onServer(t)
	s, _ := p.open(t, nil)
	other, db := p.open(t, nil)
	l := listen(t, other)
	require.NoError(t, l.Wait(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	woken := make(chan error)
	for range 3 {
		go func() { woken <- l.Wait(ctx) }()
	}
	for left, n := 3, 0; left > 0; n++ {
		select {
		case err := <-woken:
			require.NoError(t, err)
			left--
		default: // some may not have begun to wait
			require.NoError(t, put(t.Context(), s, reporting.Row{Key: key(fmt.Sprint(n)), Queue: "q"}))
		}
	}
	for range 3 {
		go func() { woken <- l.Wait(ctx) }()
	}
	cancel()
	for ended := 0; ended < 3; ended++ {
		if err := <-woken; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Wait when its context has ended: %v", err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, l.Wait(ended), context.Canceled)
	stats := db.Stats()
	if stats.InUse > 1 {
		t.Errorf("%d connections are in use", stats.InUse)
	}
}

// A change is told to others where it makes a row due soon, and where a row
// becomes due earlier; what is put off, or due in a week, wakes nobody.
func TestWhoIsWoken(t *testing.T) {
	p := onServer(t)
	s, db := p.open(t, nil)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "LISTEN "+p.prefix+"rows_due")
	require.NoError(t, err)
	told := func() (n int) {
		// A round trip brings what was told before it.
		require.NoError(t, conn.Raw(func(c any) error { return c.(*stdlib.Conn).Conn().Ping(t.Context()) }))
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, conn.Raw(func(c any) error {
			for {
				// What has come is answered before the context is looked at.
				if got, _ := c.(*stdlib.Conn).Conn().WaitForNotification(ended); got == nil {
					return nil
				}
				n++
			}
		}))
		return n
	}
	now := time.Now()
	for _, tc := range []struct {
		name string
		row  reporting.Row
		want int
	}{
		{"a row without work", reporting.Row{}, 0},
		{"due now", reporting.Row{Queue: "q", Due: now}, 1},
		{"again", reporting.Row{Queue: "q", Due: now}, 0},
		{"put off", reporting.Row{Queue: "q", Due: now.Add(time.Minute)}, 0},
		{"earlier", reporting.Row{Queue: "q", Due: now.Add(30 * time.Second)}, 1},
		{"of another queue", reporting.Row{Queue: "p", Due: now.Add(30 * time.Second)}, 1},
		{"in a week", reporting.Row{Queue: "p", Due: now.Add(7 * 24 * time.Hour)}, 0},
		{"in six days", reporting.Row{Queue: "p", Due: now.Add(6 * 24 * time.Hour)}, 0},
		{"under a lease", reporting.Row{Queue: "p", Due: now, LeaseUntil: now.Add(5 * time.Minute)}, 1},
		{"no work any more", reporting.Row{}, 0},
	} {
		tc.row.Key = key("a")
		require.NoError(t, put(t.Context(), s, tc.row))
		if n := told(); n != tc.want {
			t.Errorf("%s: told %d times, want %d", tc.name, n, tc.want)
		}
	}
}
