package sqlstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

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

// dialect is what databases do differently. A session that is given to a method
// is in a transaction, unless the method says not.
type dialect interface {
	// check refuses a connection whose settings would lose what was
	// committed, or break the order of keys. It is not in a transaction.
	check(ctx context.Context, c *session) error

	// recheck is the part of check that each connection of the pool has to
	// pass before it commits anything. It is not in a transaction.
	recheck(ctx context.Context, c *session) error

	// begin begins a transaction that writes, and answers the database's
	// time in microseconds, where it has one: else 0. From then on the
	// session's statements run under the session's ctx, which begin may set.
	begin(ctx context.Context, c *session) (now int64, err error)

	// commit commits. An error means that nothing is committed, and errUnknown
	// that nobody knows.
	commit(ctx context.Context, c *session) error

	// harmless says whether the error of a rollback means that there was
	// nothing to roll back.
	harmless(err error) bool

	// clock is the expression of the database's time in microseconds; empty
	// where it has none.
	clock() string

	// hasTable says whether a table is there. It needs no transaction.
	hasTable(ctx context.Context, c *session, name string) (bool, error)

	// migrations answers the statements that lead from each version of the
	// schema to the next, the first from none.
	migrations() [][]string

	// lockSchema keeps other processes from migrating until the end of the
	// transaction.
	lockSchema(c *session) error

	// lock reads the rows of keys, which are sorted and differ, and locks
	// them, rows or none. Rows come in any order.
	lock(c *session, keys []reporting.Key, each func(held) error) error

	// write writes what has changed.
	write(c *session, ch *changes) error

	// claim is Claim.
	claim(c *session, q reporting.Claim) ([]reporting.Row, error)

	// nextLease is the query of the earliest end of a lease after @now that a
	// row waits for beyond its due.
	nextLease() string

	// beginRead begins the transaction that a question needs around it, if
	// any, which rollback ends.
	beginRead(c *session) (began bool, err error)

	// again says whether a transaction that failed is to be run again.
	again(err error) bool

	// explain adds to an error what a reader of logs should know.
	explain(err error) error

	// bind writes a statement's placeholders, given as ?1, as the database has
	// them.
	bind(statement string) string
}

// held is a row as it was read under its lock.
type held struct {
	reporting.Row
	place int64 // by which the dialect finds it again; 0: by its key
}

// changes is what a transaction writes, in the order of keys.
type changes struct {
	fresh   []*reporting.Row // rows of keys that had none
	altered []alteration
	removed []held
	unused  []reporting.Key // keys that were locked, had no row, and have none
	counts  []count
	leases  []leased
	now     int64
}

func (ch *changes) none() bool {
	return len(ch.fresh)+len(ch.altered)+len(ch.removed) == 0
}

// soon is how far ahead a row may be due whose change wakes others: none of
// them sleeps for longer.
const soon = int64(time.Hour / time.Microsecond)

// wakes says whether a row can be claimed soon that could not be, or earlier
// than it could be.
func (ch *changes) wakes() bool {
	for _, r := range ch.fresh {
		if r.Queue != "" && ready(r) <= ch.now+soon {
			return true
		}
	}
	for _, a := range ch.altered {
		earlier := a.old.Queue != a.new.Queue || ready(a.new) < ready(&a.old.Row)
		if a.new.Queue != "" && earlier && ready(a.new) <= ch.now+soon {
			return true
		}
	}
	return false
}

// alteration is a row that is written over another.
type alteration struct {
	old *held
	new *reporting.Row
}

// newDialect answers the dialect d.
func newDialect(d Dialect, s *Store) (dialect, error) {
	switch d {
	case SQLite:
		return sqlite{s.tables}, nil
	case PostgreSQL:
		return postgres{tables: s.tables, db: s.db, unchecked: s.unchecked}, nil
	}
	return nil, fmt.Errorf("sqlstore: %v is not a dialect", d)
}

// tables are the names of the tables.
type tables struct{ rows, counts, leases, schema string }

func newTables(prefix string) tables {
	return tables{rows: prefix + "rows", counts: prefix + "counts", leases: prefix + "leases", schema: prefix + "schema"}
}

// channel is where processes are told that a row has become due.
func (t tables) channel() string { return t.rows + "_due" }
