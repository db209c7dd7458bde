package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/stdlib" // and the driver "pgx"
	_ "modernc.org/sqlite"           // the driver "sqlite"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

// serverVariable is the environment variable with the DSN of a PostgreSQL
// server, for -store postgres.
const serverVariable = "DEVICESTATUS_POSTGRES"

// database is where a store is. It goes to the workers as JSON.
type database struct {
	Dialect sqlstore.Dialect
	Source  string // the file of SQLite, the DSN of PostgreSQL
	Prefix  string // of the tables
}

// parseStore reads what -store says. On a server each run has tables of its
// own.
func parseStore(text string, getenv func(string) string) (database, error) {
	kind, source, _ := strings.Cut(text, ":")
	switch {
	case kind == "sqlite" && source != "":
		return database{sqlstore.SQLite, source, "soak_"}, nil
	case kind == "postgres" && source != "":
		return database{sqlstore.PostgreSQL, source, fmt.Sprintf("soak%08x_", rand.Uint32())}, nil
	case text == "postgres" && getenv(serverVariable) == "":
		return database{}, fmt.Errorf("-store postgres: %s is not set; from the root of the checkout: .ci/postgres run go run ./examples/soak -store postgres", serverVariable)
	case text == "postgres":
		return parseStore("postgres:"+getenv(serverVariable), getenv)
	}
	return database{}, fmt.Errorf("-store %.10q is neither sqlite:FILE nor postgres, nor postgres:DSN", text)
}

// String names the database without its DSN, which holds a password.
func (d database) String() string {
	if d.Dialect == sqlstore.SQLite {
		return "SQLite, " + d.Source
	}
	return fmt.Sprintf("%v, tables %s*", d.Dialect, d.Prefix)
}

// connect opens the database. What was committed survives the power cut: the
// settings are those that the store asks for.
func (d database) connect() (*sql.DB, error) {
	if d.Dialect == sqlstore.SQLite {
		return sql.Open("sqlite", "file:"+(&url.URL{Path: d.Source}).EscapedPath()+
			"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	}
	source, err := url.Parse(d.Source)
	if err != nil {
		return nil, errors.New("the DSN is not a URL") // which it does not show
	}
	query := source.Query()
	query.Set("application_name", d.Prefix)
	// A process that stands still in the midst of a transaction would hold what
	// it has locked until it goes on, and those of its connections that wait for
	// a lock would hold that then, one after the other.
	query.Set("idle_in_transaction_session_timeout", "3s")
	query.Set("lock_timeout", "3s")
	source.RawQuery = query.Encode()
	db, err := sql.Open("pgx", source.String())
	if err == nil {
		db.SetMaxOpenConns(12)
		db.SetMaxIdleConns(12)
	}
	return db, err
}

func (d database) open(ctx context.Context) (*sqlstore.Store, *sql.DB, error) {
	db, err := d.connect()
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.Open(ctx, db, d.Dialect, &sqlstore.Options{TablePrefix: d.Prefix})
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return store, db, nil
}

// awake answers the store so that its engines are woken by others, where the
// database can do that.
func (d database) awake(store *sqlstore.Store) (reporting.Store, error) {
	if d.Dialect == sqlstore.SQLite {
		return store, nil
	}
	return store.Listen(func(ctx context.Context, c any) error {
		_, err := c.(*stdlib.Conn).Conn().WaitForNotification(ctx)
		return err
	})
}

// cut breaks all connections of the run to the server, and answers how many.
func (d database) cut(ctx context.Context) (n int, err error) {
	err = d.ask(ctx, &n, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()", d.Prefix)
	return n, err
}

// started answers since when the server runs.
func (d database) started(ctx context.Context) (at time.Time, err error) {
	err = d.ask(ctx, &at, "SELECT pg_postmaster_start_time()")
	return at, err
}

func (d database) ask(ctx context.Context, into any, question string, args ...any) error {
	db, err := d.connect()
	if err != nil {
		return err
	}
	defer db.Close()
	return db.QueryRowContext(ctx, question, args...).Scan(into)
}

// whole asks the database whether it is damaged.
func (d database) whole(ctx context.Context, db *sql.DB) error {
	if d.Dialect == sqlstore.SQLite {
		var verdict string
		err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict)
		if err == nil && verdict != "ok" {
			err = errors.New(verdict)
		}
		if err != nil {
			return fmt.Errorf("PRAGMA integrity_check: %w", err)
		}
		return nil
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // which takes the extension back as well
	if _, err := tx.ExecContext(ctx, "CREATE EXTENSION IF NOT EXISTS amcheck"); err != nil {
		return fmt.Errorf("amcheck: %w", err)
	}
	_, err = tx.ExecContext(ctx, "SELECT bt_index_check(i.indexrelid, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE starts_with(c.relname, $1)", d.Prefix)
	if err != nil {
		return fmt.Errorf("bt_index_check: %w", err)
	}
	return nil
}

// drop removes the tables from a server. The file of SQLite is the caller's.
func (d database) drop(ctx context.Context) error {
	if d.Dialect == sqlstore.SQLite {
		return nil
	}
	db, err := d.connect()
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables WHERE starts_with(tablename, '"+d.Prefix+"')"+
		" LOOP EXECUTE 'DROP TABLE ' || name; END LOOP; END $$")
	return err
}

// openPatiently opens the store of a database that may be away for a moment.
func (d database) openPatiently(ctx context.Context) (*sqlstore.Store, *sql.DB, error) {
	for until := time.Now().Add(30 * time.Second); ; {
		store, db, err := d.open(ctx)
		if err == nil || ctx.Err() != nil || time.Now().After(until) {
			return store, db, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}
