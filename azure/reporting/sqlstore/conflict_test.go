package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

// spoiler is a driver of which a test spoils statements.
type spoiler struct {
	source string

	mu    sync.Mutex
	spoil func(ctx context.Context, c spoiltConn, statement string) (done bool, err error) // nil: nothing
	keep  bool                                                                             // connections are closed by the test alone
	kept  []*stdlib.Conn
}

func (s *spoiler) Driver() driver.Driver { return stdlib.GetDefaultDriver() }

func (s *spoiler) Connect(context.Context) (driver.Conn, error) {
	conn, err := s.Driver().Open(s.source)
	if err != nil {
		return nil, err
	}
	return spoiltConn{conn.(*stdlib.Conn), s}, nil
}

// set lets a test spoil statements from now on.
func (s *spoiler) set(spoil func(ctx context.Context, c spoiltConn, statement string) (bool, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoil = spoil
}

func (s *spoiler) spoilt(ctx context.Context, c spoiltConn, statement string) (bool, error) {
	s.mu.Lock()
	spoil := s.spoil
	s.mu.Unlock()
	if spoil == nil {
		return false, nil
	}
	return spoil(ctx, c, statement)
}

type spoiltConn struct {
	*stdlib.Conn
	by *spoiler
}

func (c spoiltConn) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	if done, err := c.by.spoilt(ctx, c, statement); done {
		return driver.ResultNoRows, err
	}
	return c.Conn.ExecContext(ctx, statement, args)
}

func (c spoiltConn) QueryContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Rows, error) {
	if done, err := c.by.spoilt(ctx, c, statement); done {
		return nil, err
	}
	return c.Conn.QueryContext(ctx, statement, args)
}

func (c spoiltConn) Close() error {
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	if c.by.keep {
		c.by.kept = append(c.by.kept, c.Conn)
		return nil
	}
	return c.Conn.Close()
}

// let closes what the server takes for open.
func (s *spoiler) let() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.kept {
		_ = c.Close()
	}
	s.keep, s.kept = false, nil
}

// spoilable answers a store whose statements a test spoils, and its database.
func spoilable(t *testing.T) (*sqlstore.Store, *sql.DB, *spoiler) {
	t.Helper()
	p := onServer(t)
	p.open(t, nil)
	by := &spoiler{source: p.source}
	db := sql.OpenDB(by)
	t.Cleanup(func() {
		require.NoError(t, db.Close())
		by.let()
	})
	s, err := sqlstore.Open(t.Context(), db, sqlstore.PostgreSQL, &sqlstore.Options{TablePrefix: p.prefix})
	require.NoError(t, err)
	return s, db, by
}

// appended appends to a row, and counts its runs.
func appended(ctx context.Context, s *sqlstore.Store, id string) (runs int, err error) {
	err = s.Update(ctx, func(tx reporting.Tx) error {
		runs++
		rows, err := tx.Get(key(id))
		if err != nil {
			return err
		}
		rows[0].Data = append(rows[0].Data, '1')
		return tx.Put(rows...)
	})
	return runs, err
}

// What the server gives up because of others is run again, wherever in the
// transaction it happens; what it refuses is not.
func TestPostgreSQLConflicts(t *testing.T) {
	s, db, by := spoilable(t)
	for _, code := range []struct {
		code  string
		again bool
	}{
		{"40001", true}, {"40P01", true}, {"57P01", true}, {"57P02", true}, {"57P03", true}, {"25P03", true}, {"08006", true},
		{"53100", false}, {"53200", false}, {"25006", false}, {"42501", false},
	} {
		for _, at := range []string{"BEGIN ISOLATION", " FOR UPDATE OF r", "INSERT INTO", "WITH written", "COMMIT"} {
			spoilt := 0
			by.set(func(_ context.Context, _ spoiltConn, statement string) (bool, error) {
				if spoilt == 2 || !strings.Contains(statement, at) {
					return false, nil
				}
				spoilt++
				return true, &pgconn.PgError{Severity: "ERROR", Code: code.code, Message: "spoilt by the test"}
			})
			id := code.code + at
			runs, err := appended(t.Context(), s, id)
			by.set(nil)
			rows := map[string]string{}
			for _, r := range scan(t, s) {
				rows[r.ID] = string(r.Data)
			}
			if code.again && (err != nil || rows[id] != "1" || spoilt != 2) {
				t.Errorf("%s at %q: %d runs, spoilt %d times, row %q, %v; want it run again", code.code, at, runs, spoilt, rows[id], err)
			}
			if _, there := rows[id]; !code.again && (err == nil || !strings.Contains(err.Error(), "spoilt by the test (SQLSTATE "+code.code+")") || there || spoilt != 1) {
				t.Errorf("%s at %q: %d runs, spoilt %d times, row %q, %v; want the server's error", code.code, at, runs, spoilt, rows[id], err)
			}
		}
	}
	// It does not go on for ever.
	by.set(func(_ context.Context, _ spoiltConn, statement string) (bool, error) {
		return strings.Contains(statement, "WITH written"), &pgconn.PgError{Severity: "ERROR", Code: "40001", Message: "for ever"}
	})
	runs, err := appended(t.Context(), s, "ever")
	names(t, "a conflict without end", err, "sqlstore: Update: ERROR: for ever")
	if runs < 10 || runs > 100 {
		t.Errorf("%d runs", runs)
	}
	// Nor beyond its context.
	ctx, cancel := context.WithCancel(t.Context())
	by.set(func(_ context.Context, _ spoiltConn, statement string) (bool, error) {
		if strings.Contains(statement, "WITH written") {
			cancel()
			return true, &pgconn.PgError{Severity: "ERROR", Code: "40001", Message: "for ever"}
		}
		return false, nil
	})
	runs, err = appended(ctx, s, "ever")
	require.ErrorIs(t, err, context.Canceled)
	if runs > 2 {
		t.Errorf("%d runs after the context has ended", runs)
	}
	by.set(nil)
	if n := db.Stats().InUse; n > 0 {
		t.Errorf("%d connections are in use", n)
	}
}

// A context that ends while the commit is under way does not leave its caller
// in doubt.
func TestPostgreSQLContextEndsInCommit(t *testing.T) {
	s, db, by := spoilable(t)
	ctx, cancel := context.WithCancel(t.Context())
	by.set(func(_ context.Context, _ spoiltConn, statement string) (bool, error) {
		if statement == "COMMIT" {
			cancel()
		}
		return false, nil
	})
	runs, err := appended(ctx, s, "a")
	if err != nil || runs != 1 {
		t.Errorf("%d runs, %v", runs, err)
	}
	by.set(nil)
	require.Len(t, scan(t, s), 1)
	require.Zero(t, db.Stats().InUse)
}

// The connection is lost during the commit, and the server does not know it
// yet: what is asked waits until the transaction is decided.
func TestPostgreSQLCommitInDoubt(t *testing.T) {
	s, db, by := spoilable(t)
	by.keep = true
	lost, asked := 0, 0
	by.set(func(_ context.Context, _ spoiltConn, statement string) (bool, error) {
		switch {
		case statement == "COMMIT" && lost == 0:
			lost++
			return true, io.ErrUnexpectedEOF
		case strings.Contains(statement, "pg_xact_status"):
			if asked++; asked == 3 {
				by.let() // the server notices
			}
		}
		return false, nil
	})
	runs, err := appended(t.Context(), s, "a")
	if err != nil || runs != 2 || asked < 3 {
		t.Errorf("%d runs, %d questions, %v, want two runs and three questions", runs, asked, err)
	}
	rows := scan(t, s)
	require.Len(t, rows, 1)
	require.Equal(t, "1", string(rows[0].Data))
	require.Zero(t, db.Stats().InUse)
}

// Who listens and has no connection looks by himself, about every second, and
// listens again when there is one.
func TestPostgreSQLListenerWithoutConnection(t *testing.T) {
	s, db, by := spoilable(t)
	l := listen(t, s)
	require.NoError(t, l.Wait(t.Context()))
	by.set(func(_ context.Context, _ spoiltConn, statement string) (bool, error) {
		return strings.HasPrefix(statement, "LISTEN"), &pgconn.PgError{Severity: "FATAL", Code: "53300", Message: "sorry, too many clients already"}
	})
	broken, err := s.Listen(func(context.Context, any) error { return io.ErrUnexpectedEOF })
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, broken.Wait(t.Context()), "without a connection it wakes, for anything may have happened")
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("it wakes after %v, and would spin", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, broken.Wait(ctx), context.DeadlineExceeded)
	by.set(nil)
	require.NoError(t, broken.Wait(t.Context()), "connected again")
	require.NoError(t, broken.Wait(t.Context()), "a connection that is lost while it listens")
	// What the broken one holds is given up with its Wait.
	if n := db.Stats().InUse; n > 1 {
		t.Errorf("%d connections are in use", n)
	}
}

// Servers that would lose what was committed, or are too old, are refused. The
// server's answers are another's here: a function that is found first.
func TestPostgreSQLRefusesServers(t *testing.T) {
	p := onServer(t)
	_, db := p.open(t, nil)
	schema := p.prefix + "odd"
	_, err := db.Exec("CREATE SCHEMA " + schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.Exec("DROP SCHEMA " + schema + " CASCADE")
		require.NoError(t, err)
	})
	for _, tc := range []struct{ setting, value, want string }{
		{"fsync", "off", "fsync is off and has to be on: what was committed would be lost with the power"},
		{"server_version_num", "120022", "server_version_num is 120022 and has to be 130000 at least"},
		{"server_version_num", "many", `parsing "many"`},
		{"server_encoding", "LATIN1", `server_encoding is "LATIN1" and has to be UTF8`},
	} {
		_, err := db.Exec("CREATE OR REPLACE FUNCTION " + schema + ".current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT CASE $1 WHEN '" + tc.setting + "' THEN '" + tc.value + "' ELSE pg_catalog.current_setting($1) END $$")
		require.NoError(t, err)
		odd := p.with(t, "search_path", schema+",pg_catalog,public")
		odb, err := odd.db()
		require.NoError(t, err)
		_, err = sqlstore.Open(t.Context(), odb, sqlstore.PostgreSQL, &sqlstore.Options{TablePrefix: p.prefix})
		names(t, tc.setting, err, tc.want)
		require.Zero(t, odb.Stats().InUse)
		require.NoError(t, odb.Close())
	}
}

// Tables of a newer version are refused by name, also by who looks while they
// are being migrated, and are left as they are.
func TestPostgreSQLNewerSchema(t *testing.T) {
	p := onServer(t)
	s, db := p.open(t, nil)
	require.NoError(t, put(t.Context(), s, reporting.Row{Key: key("a")}))
	newer, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	for _, statement := range []string{
		"SELECT pg_advisory_xact_lock(hashtextextended('" + p.prefix + "schema', 0))",
		"UPDATE " + p.prefix + "schema SET version = 1000",
		"ALTER TABLE " + p.prefix + "rows ADD COLUMN later text",
	} {
		_, err = newer.Exec(statement)
		require.NoError(t, err)
	}
	// Until it is committed a process of this version can be started.
	again, err := sqlstore.Open(t.Context(), db, sqlstore.PostgreSQL, &sqlstore.Options{TablePrefix: p.prefix})
	require.NoError(t, err)
	require.NoError(t, newer.Commit())
	_, err = sqlstore.Open(t.Context(), db, sqlstore.PostgreSQL, &sqlstore.Options{TablePrefix: p.prefix})
	names(t, "a newer schema", err, "the tables "+p.prefix+"* have version 1000, and this package knows 1 at most: they were made by a newer one")
	// One that runs goes on.
	require.NoError(t, put(t.Context(), again, reporting.Row{Key: key("b")}))
	require.Len(t, scan(t, s), 2)
}
