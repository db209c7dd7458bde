package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

func TestRefusesSettings(t *testing.T) {
	for _, tc := range []struct{ name, settings, want string }{
		{"journal", "?_pragma=journal_mode(DELETE)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)", `PRAGMA journal_mode is "delete" and has to be WAL`},
		{"synchronous normal", "?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(5000)", "PRAGMA synchronous is 1 and has to be FULL"},
		{"synchronous off", relaxed, "PRAGMA synchronous is 0 and has to be FULL"},
		{"busy timeout", "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(0)", "PRAGMA busy_timeout is 0 and has to be the milliseconds"},
		{"encoding", "?_pragma=encoding('UTF-16le')&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)", `PRAGMA encoding is "UTF-16le" and has to be UTF-8`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := openFile(t, filepath.Join(t.TempDir(), "store.db"), tc.settings)
			_, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, nil)
			if err == nil || !strings.HasPrefix(err.Error(), "sqlstore: Open: "+tc.want) {
				t.Errorf("Open: %v, want one that begins with %q", err, tc.want)
			}
			var tables int
			require.NoError(t, db.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&tables))
			if tables > 0 {
				t.Errorf("the refused database has %d tables", tables)
			}
			_, err = sqlstore.Open(t.Context(), db, sqlstore.SQLite, &sqlstore.Options{Unchecked: true})
			require.NoError(t, err, "Unchecked")
		})
	}
	for _, settings := range []string{durable, "?_pragma=journal_mode(WAL)&_pragma=synchronous(EXTRA)&_pragma=busy_timeout(1)"} {
		_, err := sqlstore.Open(t.Context(), openFile(t, filepath.Join(t.TempDir(), "store.db"), settings), sqlstore.SQLite, nil)
		require.NoError(t, err, settings)
	}
}

// turncoat opens connections with one DSN first and with another then.
type turncoat struct {
	first, then string
	opened      atomic.Int32
}

func (c *turncoat) Connect(context.Context) (driver.Conn, error) {
	if c.opened.Add(1) == 1 {
		return c.Driver().Open(c.first)
	}
	return c.Driver().Open(c.then)
}

func (c *turncoat) Driver() driver.Driver { return &sqlite.Driver{} }

// A pool opens connections when it likes; one with other settings than those
// that Open saw must not commit anything.
func TestRefusesConnectionsOfOtherSettings(t *testing.T) {
	file := "file:" + filepath.Join(t.TempDir(), "store.db")
	db := sql.OpenDB(&turncoat{first: file + durable, then: file + relaxed})
	defer db.Close()
	s, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, nil)
	require.NoError(t, err)
	require.NoError(t, put(t.Context(), s, reporting.Row{Key: key("a"), Queue: "q"}))
	first, err := db.Conn(t.Context()) // leaves the other to the store
	require.NoError(t, err)
	const want = "PRAGMA synchronous is 0"
	if err := put(t.Context(), s, reporting.Row{Key: key("b")}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Update on a connection that does not wait for the disk: %v, want %q", err, want)
	}
	if _, err := s.Claim(t.Context(), reporting.Claim{Queue: "q", Limit: 1}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Claim on a connection that does not wait for the disk: %v, want %q", err, want)
	}
	require.NoError(t, first.Close())
	if rows := scan(t, s); len(rows) != 1 || rows[0].Claims != 0 {
		t.Errorf("the rows are %v", rows)
	}
}

func TestRefusesOptions(t *testing.T) {
	db := openFile(t, filepath.Join(t.TempDir(), "store.db"), durable)
	for _, prefix := range []string{
		"x; DROP TABLE users; --", "a b", "a.b", `a"b`, "a'b", "A_", "1_", "é", "a-b", strings.Repeat("a", 32), "a\x00",
	} {
		_, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, &sqlstore.Options{TablePrefix: prefix})
		if err == nil || !strings.Contains(err.Error(), "Options.TablePrefix is ") {
			t.Errorf("prefix %q: %v", prefix, err)
		}
	}
	for _, d := range []sqlstore.Dialect{0, 99} {
		if _, err := sqlstore.Open(t.Context(), db, d, nil); err == nil || !strings.Contains(err.Error(), d.String()+" is not a dialect") {
			t.Errorf("%v: %v", d, err)
		}
	}
	for d, want := range map[sqlstore.Dialect]string{sqlstore.SQLite: "SQLite", sqlstore.PostgreSQL: "PostgreSQL", 7: "Dialect(7)"} {
		if d.String() != want {
			t.Errorf("%d is %v, want %s", uint8(d), d, want)
		}
	}
	var tables int
	require.NoError(t, db.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&tables))
	require.Zero(t, tables)
}
