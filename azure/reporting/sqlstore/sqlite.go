package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// How many keys and rows go into one statement: SQLite takes 32,766
// parameters, and statements are read anew each time.
const (
	keysAtOnce = 1000
	rowsAtOnce = 250
)

// sqlite is the dialect of SQLite. A transaction that writes is begun
// IMMEDIATE: it holds the only write lock from its first statement on, so that
// rows need no locks of their own and nothing is to be run again.
type sqlite struct{ table string }

func (sqlite) check(ctx context.Context, c *sql.Conn) error {
	var journal string
	if err := c.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return err
	}
	if !strings.EqualFold(journal, "wal") {
		return fmt.Errorf("PRAGMA journal_mode is %q and has to be WAL: a reader would lock out the writer", journal)
	}
	if err := checkSynchronous(ctx, c); err != nil {
		return err
	}
	var patience int
	if err := c.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&patience); err != nil {
		return err
	}
	if patience <= 0 {
		return fmt.Errorf("PRAGMA busy_timeout is %d and has to be the milliseconds to wait for another process, for example 5000: a call beside another's would fail at once", patience)
	}
	return nil
}

func checkSynchronous(ctx context.Context, c *sql.Conn) error {
	var level int
	if err := c.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&level); err != nil {
		return err
	}
	if level < 2 {
		return fmt.Errorf("PRAGMA synchronous is %d and has to be FULL (2) on every connection: what was committed would be lost with the power", level)
	}
	return nil
}

func (sqlite) begin(ctx context.Context, c *sql.Conn) (int64, error) {
	_, err := c.ExecContext(ctx, "BEGIN IMMEDIATE")
	return 0, err
}

func (sqlite) clock() string { return "" }

// The table has a rowid: rows with some hundred bytes of data would make a
// deep tree of their key. The indexes are partial, so that a row that is no
// work and has no label costs next to nothing.
func (d sqlite) migrations() [][]string {
	return [][]string{{
		`CREATE TABLE ` + d.table + ` (
	n       INTEGER PRIMARY KEY,
	kind    INTEGER NOT NULL,
	tenant  TEXT NOT NULL,
	id      TEXT NOT NULL,
	version INTEGER NOT NULL,
	queue   TEXT NOT NULL,
	urgency INTEGER NOT NULL,
	due     INTEGER NOT NULL,
	lease   INTEGER NOT NULL,
	ready   INTEGER NOT NULL,
	worked  INTEGER,
	claimed INTEGER NOT NULL,
	claims  INTEGER NOT NULL,
	label   TEXT NOT NULL,
	since   INTEGER NOT NULL,
	data    BLOB NOT NULL,
	UNIQUE (kind, tenant, id)
)`,
		`CREATE INDEX ` + d.table + `_claim ON ` + d.table + ` (queue, urgency, due, kind, tenant, id) WHERE queue <> ''`,
		`CREATE INDEX ` + d.table + `_ready ON ` + d.table + ` (queue, ready) WHERE queue <> ''`,
		`CREATE INDEX ` + d.table + `_tally ON ` + d.table + ` (kind, tenant, label, urgency, since, worked) WHERE label <> ''`,
		`CREATE INDEX ` + d.table + `_plain ON ` + d.table + ` (kind, tenant) WHERE label = ''`,
	}}
}

func (sqlite) lockSchema(context.Context, *sql.Conn) error { return nil }

func (d sqlite) lock(ctx context.Context, c *sql.Conn, keys []reporting.Key, found func(*reporting.Row, int64) error) error {
	return each(keys, keysAtOnce, func(keys []reporting.Key) error {
		where, args := d.where(keys)
		return query(ctx, c, "SELECT "+columns+", n FROM "+d.table+where, args, func(rows *sql.Rows) error {
			var r reporting.Row
			var place int64
			if err := scanRow(rows, &r, &place); err != nil {
				return err
			}
			return found(&r, place)
		})
	})
}

// where picks rows by their keys. Most calls are about one kind and tenant,
// which takes fewer parameters.
func (sqlite) where(keys []reporting.Key) (string, []any) {
	first, last := keys[0], keys[len(keys)-1]
	if first.Kind == last.Kind && first.Tenant == last.Tenant {
		args := make([]any, 2, 2+len(keys))
		args[0], args[1] = first.Kind, first.Tenant
		for _, k := range keys {
			args = append(args, k.ID)
		}
		return " WHERE kind = ? AND tenant = ? AND id IN (" + list("?", len(keys)) + ")", args
	}
	args := make([]any, 0, 3*len(keys))
	for _, k := range keys {
		args = append(args, k.Kind, k.Tenant, k.ID)
	}
	return " WHERE (kind, tenant, id) IN (VALUES " + list("(?,?,?)", len(keys)) + ")", args
}

const (
	setStill = "version = excluded.version, claimed = excluded.claimed, claims = excluded.claims, data = excluded.data"
	setMoved = setStill + ", queue = excluded.queue, urgency = excluded.urgency, due = excluded.due, lease = excluded.lease," +
		" ready = excluded.ready, worked = excluded.worked, label = excluded.label, since = excluded.since"
)

func (d sqlite) write(ctx context.Context, c *sql.Conn, moved, still []placed) error {
	if err := d.upsert(ctx, c, moved, setMoved); err != nil {
		return err
	}
	// An index is written wherever one of its columns is set, changed or not.
	return d.upsert(ctx, c, still, setStill)
}

func (d sqlite) upsert(ctx context.Context, c *sql.Conn, rows []placed, set string) error {
	return each(rows, rowsAtOnce, func(rows []placed) error {
		args := make([]any, 0, 16*len(rows))
		for _, r := range rows {
			data := r.Data
			if data == nil {
				data = []byte{} // nil is NULL
			}
			var place any // NULL: the next
			if r.place != 0 {
				place = r.place
			}
			args = append(args, place, r.Kind, r.Tenant, r.ID, r.Version, r.Queue, r.Urgency, micros(r.Due), micros(r.LeaseUntil),
				micros(r.ClaimedAt), r.Claims, r.Label, micros(r.Since), data, ready(r.Row), worked(r.Row))
		}
		_, err := c.ExecContext(ctx, "INSERT INTO "+d.table+" (n, "+columns+", ready, worked) VALUES "+
			list("(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", len(rows))+
			" ON CONFLICT (n) DO UPDATE SET "+set, args...)
		return err
	})
}

func (sqlite) end(context.Context, *sql.Conn, []reporting.Key) error { return nil }

func (d sqlite) remove(ctx context.Context, c *sql.Conn, keys []reporting.Key) error {
	return each(keys, keysAtOnce, func(keys []reporting.Key) error {
		where, args := d.where(keys)
		_, err := c.ExecContext(ctx, "DELETE FROM "+d.table+where, args...)
		return err
	})
}

func (d sqlite) lease(ctx context.Context, c *sql.Conn, rows []reporting.Row) error {
	return each(rows, keysAtOnce, func(rows []reporting.Row) error {
		keys := make([]reporting.Key, len(rows))
		for i := range rows {
			keys[i] = rows[i].Key
		}
		// They share the lease, and differ in all else.
		where, args := d.where(sorted(keys))
		lease := micros(rows[0].LeaseUntil)
		_, err := c.ExecContext(ctx, "UPDATE "+d.table+" SET version = version + 1, claims = claims + 1, claimed = ?, lease = ?, ready = max(due, ?)"+where,
			append([]any{micros(rows[0].ClaimedAt), lease, lease}, args...)...)
		return err
	})
}

func (sqlite) skipLocked() string { return "" }

func (sqlite) again(error) bool { return false }

// committing lets a commit come to its end: it takes a moment, and whoever
// waits for it learns what became of it.
func (sqlite) committing(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

func (sqlite) bind(statement string) string { return statement }
