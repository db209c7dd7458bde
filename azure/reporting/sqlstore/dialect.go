package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// Dialect is a kind of database.
type Dialect uint8

// The dialects.
const (
	// SQLite is SQLite 3.35 and newer, on a file, in WAL mode. Writers take
	// turns; readers wait for nobody.
	SQLite Dialect = iota + 1

	// PostgreSQL is PostgreSQL 13 and newer. Writers wait for each other only
	// where they are about the same rows.
	PostgreSQL
)

// String answers the dialect's name.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case PostgreSQL:
		return "PostgreSQL"
	}
	return "Dialect(" + strconv.Itoa(int(d)) + ")"
}

// dialect is what databases do differently. A connection that is given to a
// method is in a transaction, unless it says not.
type dialect interface {
	// check refuses a connection whose settings would lose what was
	// committed. It is not in a transaction.
	check(ctx context.Context, c *sql.Conn) error

	// begin begins a transaction that writes, and answers the database's
	// time in microseconds, where it has one: else 0.
	begin(ctx context.Context, c *sql.Conn) (now int64, err error)

	// clock is the expression of the database's time in microseconds; empty
	// where it has none.
	clock() string

	// migrations answers the statements that lead from each version of the
	// schema to the next, the first from none.
	migrations() [][]string

	// lockSchema keeps other processes from migrating until the end of the
	// transaction.
	lockSchema(ctx context.Context, c *sql.Conn) error

	// lock reads the rows of keys, which are sorted and differ, and locks
	// them, rows or none. Rows come in any order, each with its place, by
	// which the dialect finds it again.
	lock(ctx context.Context, c *sql.Conn, keys []reporting.Key, each func(r *reporting.Row, place int64) error) error

	// write writes rows that were locked: moved are new ones and those that
	// change their place in an index, still the others.
	write(ctx context.Context, c *sql.Conn, moved, still []placed) error

	// end clears up what lock has made, before the commit; unused are the
	// locked keys that have no row.
	end(ctx context.Context, c *sql.Conn, unused []reporting.Key) error

	// remove deletes the rows of keys.
	remove(ctx context.Context, c *sql.Conn, keys []reporting.Key) error

	// lease writes what Claim changes of rows.
	lease(ctx context.Context, c *sql.Conn, rows []reporting.Row) error

	// skipLocked ends a query for rows to be claimed.
	skipLocked() string

	// again says whether a transaction that failed is to be run again.
	again(err error) bool

	// committing is the context that a commit runs under.
	committing(ctx context.Context) context.Context

	// bind writes the placeholders of a statement, given as ?, as the
	// database has them.
	bind(statement string) string
}

// placed is a row to be written over the one at place; 0: a new one.
type placed struct {
	*reporting.Row
	place int64
}

// newDialect answers the dialect d for the tables of a prefix.
func newDialect(d Dialect, prefix string) (dialect, error) {
	switch d {
	case SQLite:
		return sqlite{table: prefix + "rows"}, nil
	}
	return nil, fmt.Errorf("sqlstore: %v is not a dialect", d)
}

// each runs do on pieces of s of at most n.
func each[T any](s []T, n int, do func([]T) error) error {
	for len(s) > 0 {
		piece := s[:min(n, len(s))]
		if err := do(piece); err != nil {
			return err
		}
		s = s[len(piece):]
	}
	return nil
}

// list answers item n times, with commas.
func list(item string, n int) string {
	return strings.TrimSuffix(strings.Repeat(item+",", n), ",")
}

// query runs a query and gives its rows to each, one after the other.
func query(ctx context.Context, c *sql.Conn, statement string, args []any, each func(*sql.Rows) error) error {
	rows, err := c.QueryContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
