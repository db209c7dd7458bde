package sqlstore

import (
	"context"
	"fmt"
	"strconv"
)

func (d postgres) check(_ context.Context, c *session) error {
	var encoding, durable, flushed, version string
	for name, into := range map[string]*string{"server_encoding": &encoding, "synchronous_commit": &durable, "fsync": &flushed, "server_version_num": &version} {
		if err := c.value(into, "SELECT current_setting('"+name+"')"); err != nil {
			return err
		}
	}
	switch number, err := strconv.Atoi(version); {
	case err != nil:
		return err
	case number < 130000:
		return fmt.Errorf("server_version_num is %d and has to be 130000 at least", number)
	case encoding != "UTF8":
		return fmt.Errorf("server_encoding is %q and has to be UTF8: keys would have another order", encoding)
	case durable == "off":
		return errNotSynchronous
	case flushed == "off":
		return fmt.Errorf("fsync is off and has to be on: what was committed would be lost with the power")
	}
	return nil
}

// recheck has nothing to do: begin asks with the time.
func (postgres) recheck(context.Context, *session) error { return nil }

func (postgres) hasTable(_ context.Context, c *session, name string) (there bool, err error) {
	// to_regclass would answer from a cache what was before lockSchema.
	err = c.value(&there, "SELECT EXISTS (SELECT FROM pg_class WHERE relname = $1 AND pg_table_is_visible(oid))", name)
	return there, err
}

func (d postgres) lockSchema(c *session) error {
	return c.exec("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", d.schema)
}

// A migration may add tables, columns without a default that is computed, and,
// CONCURRENTLY and outside of the transaction, indexes: nothing that locks out
// a process of the version before.
//
// In the index of claims no two rows are equal, and the entries of a row's dead
// versions, each by itself, go away as scans pass by.
//
// The room that fillfactor leaves in each page lets most changes of a device's
// small row touch no index, and most claims: no index has what a claim changes.
// Rows change often and the table must not wait for
// a fifth of it to be dead before it is cleaned.
func (d postgres) migrations() [][]string {
	return [][]string{{
		`CREATE TABLE ` + d.schema + ` (version integer NOT NULL)`,
		`CREATE TABLE ` + d.rows + ` (
	kind    smallint NOT NULL,
	tenant  text COLLATE "C" NOT NULL,
	id      text COLLATE "C" NOT NULL,
	version bigint NOT NULL DEFAULT 0,
	due     bigint NOT NULL DEFAULT ` + never + `,
	lease   bigint NOT NULL DEFAULT ` + never + `,
	worked  bigint,
	claimed bigint NOT NULL DEFAULT ` + never + `,
	since   bigint NOT NULL DEFAULT ` + never + `,
	grp     bigint NOT NULL DEFAULT 0,
	claims  bigint NOT NULL DEFAULT 0,
	urgency smallint NOT NULL DEFAULT 0,
	queue   text COLLATE "C" NOT NULL DEFAULT '',
	label   text COLLATE "C" NOT NULL DEFAULT '',
	data    bytea NOT NULL DEFAULT '',
	PRIMARY KEY (kind, tenant, id)
) WITH (fillfactor = 75, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)`,
		`CREATE INDEX ` + d.rows + `_claim ON ` + d.rows + ` (queue, urgency, due, kind, tenant, id) WITH (deduplicate_items = off) WHERE queue <> ''`,
		`CREATE INDEX ` + d.rows + `_since ON ` + d.rows + ` (grp, since) WHERE since <> ` + never,
		`CREATE INDEX ` + d.rows + `_worked ON ` + d.rows + ` (grp, worked) WHERE worked IS NOT NULL`,
		`CREATE TABLE ` + d.counts + ` (
	kind    smallint NOT NULL,
	tenant  text COLLATE "C" NOT NULL,
	label   text COLLATE "C" NOT NULL,
	urgency smallint NOT NULL,
	shard   smallint NOT NULL,
	grp     bigint NOT NULL,
	n       bigint NOT NULL,
	PRIMARY KEY (kind, tenant, label, urgency, shard)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`,
		`CREATE TABLE ` + d.leases + ` (
	lease bigint PRIMARY KEY,
	n     bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`,
	}}
}
