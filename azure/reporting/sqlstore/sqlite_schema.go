package sqlstore

import (
	"context"
	"fmt"
	"strings"
)

func (d sqlite) check(ctx context.Context, c *session) error {
	var encoding, journal string
	var patience int
	if err := c.value(&encoding, "PRAGMA encoding"); err != nil {
		return err
	}
	if encoding != "UTF-8" {
		return fmt.Errorf("PRAGMA encoding is %q and has to be UTF-8: keys would have another order", encoding)
	}
	if err := c.value(&journal, "PRAGMA journal_mode"); err != nil {
		return err
	}
	if !strings.EqualFold(journal, "wal") {
		return fmt.Errorf("PRAGMA journal_mode is %q and has to be WAL: a reader would lock out the writer", journal)
	}
	if err := d.recheck(ctx, c); err != nil {
		return err
	}
	if err := c.value(&patience, "PRAGMA busy_timeout"); err != nil {
		return err
	}
	if patience <= 0 {
		return fmt.Errorf("PRAGMA busy_timeout is %d and has to be the milliseconds to wait for another process, for example 5000: a call beside another's would fail at once", patience)
	}
	return nil
}

func (sqlite) recheck(_ context.Context, c *session) error {
	var level int
	if err := c.value(&level, "PRAGMA synchronous"); err != nil {
		return err
	}
	if level < 2 {
		return fmt.Errorf("PRAGMA synchronous is %d and has to be FULL (2) on every connection: what was committed would be lost with the power", level)
	}
	return nil
}

func (sqlite) hasTable(_ context.Context, c *session, name string) (bool, error) {
	var n int
	err := c.value(&n, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?", name)
	return n > 0, err
}

// lockSchema has nothing to do: the transaction holds the write lock.
func (sqlite) lockSchema(*session) error { return nil }

// The table has a rowid: rows with some hundred bytes of data would make a
// deep tree of their key. The indexes are partial, so that a row that is no
// work and has no Since costs them nothing.
func (d sqlite) migrations() [][]string {
	return [][]string{{
		`CREATE TABLE ` + d.schema + ` (version INTEGER NOT NULL)`,
		`CREATE TABLE ` + d.rows + ` (
	n       INTEGER PRIMARY KEY,
	kind    INTEGER NOT NULL,
	tenant  TEXT NOT NULL,
	id      TEXT NOT NULL,
	version INTEGER NOT NULL,
	queue   TEXT NOT NULL,
	urgency INTEGER NOT NULL,
	due     INTEGER NOT NULL,
	lease   INTEGER NOT NULL,
	worked  INTEGER,
	claimed INTEGER NOT NULL,
	claims  INTEGER NOT NULL,
	label   TEXT NOT NULL,
	since   INTEGER NOT NULL,
	grp     INTEGER NOT NULL,
	data    BLOB NOT NULL,
	UNIQUE (kind, tenant, id)
)`,
		`CREATE INDEX ` + d.rows + `_claim ON ` + d.rows + ` (queue, urgency, due, kind, tenant, id) WHERE queue <> ''`,
		`CREATE INDEX ` + d.rows + `_lease ON ` + d.rows + ` (lease) WHERE queue <> '' AND lease > due`,
		`CREATE INDEX ` + d.rows + `_since ON ` + d.rows + ` (grp, since) WHERE since <> ` + never,
		`CREATE INDEX ` + d.rows + `_worked ON ` + d.rows + ` (grp, worked) WHERE worked IS NOT NULL`,
		`CREATE TABLE ` + d.counts + ` (
	kind    INTEGER NOT NULL,
	tenant  TEXT NOT NULL,
	label   TEXT NOT NULL,
	urgency INTEGER NOT NULL,
	grp     INTEGER NOT NULL,
	n       INTEGER NOT NULL,
	PRIMARY KEY (kind, tenant, label, urgency)
) WITHOUT ROWID`,
	}}
}
