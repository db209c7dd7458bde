package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

// database is where a store is. It goes to the workers as JSON.
type database struct {
	Kind   string // sqlite
	Source string // of sqlite: the file
}

// parseStore reads what -store says.
func parseStore(text string) (database, error) {
	kind, source, _ := strings.Cut(text, ":")
	if kind != "sqlite" || source == "" {
		return database{}, fmt.Errorf("-store %q is not sqlite:FILE", text)
	}
	return database{Kind: kind, Source: source}, nil
}

func (d database) String() string { return "SQLite" }

// open opens the store. What was committed survives the power cut: the
// settings are those that the store asks for.
func (d database) open(ctx context.Context) (*sqlstore.Store, *sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: d.Source}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.Open(ctx, db, sqlstore.SQLite, nil)
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return store, db, nil
}

// whole asks the database whether it is damaged.
func (d database) whole(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict); err != nil {
		return fmt.Errorf("PRAGMA integrity_check: %w", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("PRAGMA integrity_check: %s", verdict)
	}
	return nil
}
