package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

// The stores that are measured.
const (
	inMemory   = "memstore"
	onSQLite   = "SQLite"
	onPostgres = "PostgreSQL"
)

// sqliteSettings are those of the documentation of sqlstore.
const sqliteSettings = "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)" +
	"&_pragma=cache_size(-65536)&_pragma=wal_autocheckpoint(8192)"

// database is an empty store of its own for one cell.
type database struct {
	name  string
	store reporting.Store
	db    *sql.DB // nil in memory
	dsn   string  // of PostgreSQL, for workers
	file  string  // of SQLite
	drop  func()
}

func openDatabase(ctx context.Context, name, dsn, folder string) (*database, error) {
	switch name {
	case inMemory:
		return &database{name: name, store: memstore.New(nil), drop: func() {}}, nil
	case onSQLite:
		return openSQLite(ctx, folder)
	case onPostgres:
		return openPostgres(ctx, dsn)
	}
	return nil, fmt.Errorf("there is no store %q: they are %s, %s and %s", name, inMemory, onSQLite, onPostgres)
}

func openSQLite(ctx context.Context, folder string) (*database, error) {
	dir, err := os.MkdirTemp(folder, "engine")
	if err != nil {
		return nil, err
	}
	d := &database{name: onSQLite, file: filepath.Join(dir, "engine.db")}
	d.drop = func() {
		if d.db != nil {
			_ = d.db.Close()
		}
		_ = os.RemoveAll(dir)
	}
	if d.db, err = sql.Open("sqlite", "file:"+d.file+sqliteSettings); err == nil {
		d.db.SetMaxOpenConns(2)
		d.store, err = sqlstore.Open(ctx, d.db, sqlstore.SQLite, nil)
	}
	if err != nil {
		d.drop()
		return nil, err
	}
	return d, nil
}

// openPostgres makes a database of its own on the server.
func openPostgres(ctx context.Context, dsn string) (*database, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("PostgreSQL needs -postgres or DEVICESTATUS_POSTGRES, as postgres://user@host/database; .ci/postgres start starts a server")
	}
	server, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, err
	}
	own := fmt.Sprintf("devicestatus_engine_%d", os.Getpid())
	if _, err := server.ExecContext(ctx, "CREATE DATABASE "+own); err != nil {
		_ = server.Close()
		return nil, err
	}
	u.Path = "/" + own
	d := &database{name: onPostgres, dsn: u.String()}
	d.drop = func() {
		if d.db != nil {
			_ = d.db.Close()
		}
		_, _ = server.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE "+own+" WITH (FORCE)")
		_ = server.Close()
	}
	if d.db, d.store, err = storeOn(ctx, d.dsn); err != nil {
		d.drop()
		return nil, err
	}
	return d, nil
}

// storeOn answers a store on a database of PostgreSQL that is woken when
// something is due.
func storeOn(ctx context.Context, dsn string) (*sql.DB, reporting.Store, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	s, err := sqlstore.Open(ctx, db, sqlstore.PostgreSQL, nil)
	if err != nil {
		_ = db.Close()
		return nil, nil, err
	}
	l, err := s.Listen(func(ctx context.Context, c any) error {
		_, err := c.(*stdlib.Conn).Conn().WaitForNotification(ctx)
		return err
	})
	return db, l, err
}

// settle lets the database do now what it would do beside the measurements: one
// that has just been filled has a lot to clean.
func (d *database) settle(ctx context.Context) error {
	if d.name != onPostgres {
		return nil
	}
	if _, err := d.db.ExecContext(ctx, "VACUUM ANALYZE"); err != nil {
		return err
	}
	_, err := d.db.ExecContext(ctx, "CHECKPOINT")
	return err
}

// size answers how many bytes the database takes on disk.
func (d *database) size(ctx context.Context) (n int64, err error) {
	switch d.name {
	case onSQLite:
		info, err := os.Stat(d.file)
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	case onPostgres:
		err = d.db.QueryRowContext(ctx, "SELECT pg_database_size(current_database())").Scan(&n)
	}
	return n, err
}

// describe says which database it is.
func (d *database) describe(ctx context.Context) (text string, err error) {
	switch d.name {
	case onSQLite:
		err = d.db.QueryRowContext(ctx, "SELECT 'SQLite ' || sqlite_version() || ', modernc.org/sqlite, WAL, synchronous FULL, cache 64 MiB'").Scan(&text)
	case onPostgres:
		err = d.db.QueryRowContext(ctx, `SELECT 'PostgreSQL ' || current_setting('server_version') || ', ' ||
string_agg(name || ' ' || current_setting(name), ', ' ORDER BY name)
FROM unnest(ARRAY['synchronous_commit', 'fsync', 'shared_buffers', 'max_wal_size', 'wal_compression', 'full_page_writes']) name`).Scan(&text)
	}
	return text, err
}
