// Package storefile opens the SQLite file in which the programs of this module
// keep what is to be reported.
package storefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite", without C

	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

// File is an open store file.
type File struct {
	*sqlstore.Store
	db *sql.DB
}

// settings are what the store asks of a connection: readers beside the writer,
// nothing committed that is lost with the power, and patience with another
// process.
const settings = "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"

// Open opens the store in a file, and makes folder and file where there are
// none. It holds the sign-in names of users, so that nobody but the owner may
// read it. clock nil is time.Now.
func Open(ctx context.Context, path string, clock func() time.Time) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// SQLite would make it readable for everybody; its other files take after it.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", address(path))
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, db, sqlstore.SQLite, &sqlstore.Options{Clock: clock})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(err, db.Close()))
	}
	return &File{Store: store, db: db}, nil
}

// Close closes the file. Nobody may use the store any more.
func (f *File) Close() error { return f.db.Close() }

// ErrOtherReports: the file holds what was reported to somebody else.
var ErrOtherReports = errors.New("the store holds what was reported to somebody else")

// For says whom the reports of the file go to, in a table beside the store's.
// It refuses with ErrOtherReports where that was somebody else before: what a
// simulator has accepted, Microsoft has not.
func (f *File) For(ctx context.Context, to string) error {
	const table = "CREATE TABLE IF NOT EXISTS reports_to (one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL)"
	if _, err := f.db.ExecContext(ctx, table); err != nil {
		return err
	}
	if _, err := f.db.ExecContext(ctx, "INSERT OR IGNORE INTO reports_to VALUES (1, ?)", to); err != nil {
		return err
	}
	var name string
	if err := f.db.QueryRowContext(ctx, "SELECT name FROM reports_to").Scan(&name); err != nil {
		return err
	}
	if name != to {
		return fmt.Errorf("%w: %s", ErrOtherReports, name)
	}
	return nil
}

// CopyTo writes what the file holds at this moment into a new file.
func (f *File) CopyTo(ctx context.Context, path string) error {
	_, err := f.db.ExecContext(ctx, "VACUUM INTO ?", path)
	return err
}

// address is the name of a file as SQLite takes it, whatever is in it.
func address(path string) string {
	slashed := filepath.ToSlash(path)
	if volume := filepath.VolumeName(path); volume != "" && !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed
	}
	return "file:" + (&url.URL{Path: slashed}).EscapedPath() + settings
}
