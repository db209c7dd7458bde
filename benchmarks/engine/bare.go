package main

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// bare measures what the server of PostgreSQL takes for the rows alone: one
// statement for 1,000 devices of two rows each, and a commit; no engine, no
// lock that was taken before, no count, nothing that is read. What the store
// does on the same server in the same run cannot be faster.
func (b *bench) bare(ctx context.Context) error {
	if b.name != onPostgres {
		return nil
	}
	n := min(b.Devices, atMost)
	for what, table := range map[string]string{whatUpdate: "bare", whatKeyAlone: "bare_key"} {
		including := "INCLUDING ALL"
		if what == whatKeyAlone {
			including = "INCLUDING DEFAULTS INCLUDING STORAGE"
		}
		for _, statement := range []string{
			"CREATE TABLE " + table + " (LIKE devicestatus_rows " + including + ") WITH (fillfactor = 75)",
			"INSERT INTO " + table + " SELECT r.* FROM devicestatus_rows r WHERE (kind, tenant, id) IN (SELECT kind, tenant, id FROM devicestatus_rows WHERE queue <> '' LIMIT " + fmt.Sprint(n) + ")",
			"INSERT INTO " + table + " SELECT 250, r.tenant, r.id, r.version, r.due, r.lease, NULL, r.claimed, r.since, r.grp, r.claims, r.urgency, '', '', substr(r.data, 1, 60) FROM " + table + " r",
		} {
			if _, err := b.db.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		if what == whatKeyAlone {
			if _, err := b.db.ExecContext(ctx, "ALTER TABLE "+table+" ADD PRIMARY KEY (kind, tenant, id)"); err != nil {
				return err
			}
		}
		if err := b.settle(ctx); err != nil {
			return err
		}
		calls, err := b.bareCalls(ctx, table)
		if err != nil {
			return err
		}
		for range b.Rounds {
			for _, callers := range b.AtOnce {
				m := &meter{server: b.server}
				m.start()
				err := b.bareInParallel(ctx, table, calls, callers)
				m.stop()
				if err != nil {
					return fmt.Errorf("%s: %w", what, err)
				}
				b.cell.add(what, callers, false, m.round(n))
			}
		}
	}
	return b.bareCopy(ctx, n)
}

// bareCall is the keys of 1,000 devices, as arrays.
type bareCall struct {
	kinds       []int16
	tenants     []string
	ids         []string
	data        [][]byte
	due, urgent []int64
}

// bareCalls reads the rows of both kinds, a thousand devices in a call.
func (b *bench) bareCalls(ctx context.Context, table string) (calls []*bareCall, err error) {
	rows, err := b.db.QueryContext(ctx, "SELECT kind, tenant, id, data, due FROM "+table+" ORDER BY tenant, id, kind")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var at *bareCall
	for rows.Next() {
		if at == nil || len(at.kinds) == 2*inOneCall {
			at = &bareCall{}
			calls = append(calls, at)
		}
		var kind int16
		var tenant, id string
		var data []byte
		var due int64
		if err := rows.Scan(&kind, &tenant, &id, &data, &due); err != nil {
			return nil, err
		}
		at.kinds, at.tenants, at.ids = append(at.kinds, kind), append(at.tenants, tenant), append(at.ids, id)
		at.data, at.due, at.urgent = append(at.data, data), append(at.due, due), append(at.urgent, 1)
	}
	return calls, rows.Err()
}

// bareInParallel writes every row once: the data, and when and how urgently the
// larger row is due.
func (b *bench) bareInParallel(ctx context.Context, table string, calls []*bareCall, callers int) error {
	statement := "UPDATE " + table + " r SET version = r.version + 1, data = u.data, due = u.due, urgency = 1 - r.urgency % 2," +
		" worked = CASE WHEN r.worked IS NULL THEN NULL ELSE u.due END, since = u.due" +
		" FROM unnest($1::smallint[], $2::text[], $3::text[], $4::bytea[], $5::bigint[]) u(kind, tenant, id, data, due)" +
		" WHERE r.kind = u.kind AND r.tenant = u.tenant AND r.id = u.id"
	var next atomic.Int64
	var running sync.WaitGroup
	failed := make(chan error, callers)
	for range callers {
		running.Go(func() {
			conn, err := b.db.Conn(ctx)
			if err != nil {
				failed <- err
				return
			}
			defer conn.Close()
			if err := throughIndexes(ctx, conn, "on"); err != nil {
				failed <- err
				return
			}
			defer throughIndexes(ctx, conn, "off")
			for {
				i := int(next.Add(1)) - 1
				if i >= len(calls) {
					return
				}
				c := calls[i]
				for at := range c.due {
					if c.kinds[at] != 250 {
						c.due[at]++
					}
				}
				if _, err := conn.ExecContext(ctx, statement, c.kinds, c.tenants, c.ids, c.data, c.due); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	running.Wait()
	close(failed)
	return <-failed
}

// throughIndexes plans as the store does.
func throughIndexes(ctx context.Context, conn *sql.Conn, on string) error {
	off := map[string]string{"on": "off", "off": "on"}[on]
	_, err := conn.ExecContext(ctx, "SET enable_seqscan = "+off+"; SET enable_hashjoin = "+off+"; SET enable_mergejoin = "+off)
	return err
}

// bareCopy puts new rows by COPY into an empty table with the store's indexes.
func (b *bench) bareCopy(ctx context.Context, n int) error {
	calls, err := b.bareCalls(ctx, "bare")
	if err != nil {
		return err
	}
	names := []string{"kind", "tenant", "id", "version", "due", "worked", "since", "grp", "urgency", "queue", "data"}
	for range b.Rounds {
		if _, err := b.db.ExecContext(ctx, "DROP TABLE IF EXISTS bare_copy; CREATE TABLE bare_copy (LIKE devicestatus_rows INCLUDING ALL) WITH (fillfactor = 75)"); err != nil {
			return err
		}
		conn, err := b.db.Conn(ctx)
		if err != nil {
			return err
		}
		m := &meter{server: b.server}
		m.start()
		err = conn.Raw(func(c any) error {
			for _, call := range calls {
				at := -1
				_, err := c.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{"bare_copy"}, names, pgx.CopyFromFunc(func() ([]any, error) {
					if at++; at == len(call.kinds) {
						return nil, nil
					}
					kind := call.kinds[at]
					if kind == 250 {
						return []any{kind, call.tenants[at], call.ids[at], int64(1), call.due[at], nil, call.due[at], int64(1), int16(0), "", call.data[at]}, nil
					}
					return []any{kind, call.tenants[at], call.ids[at], int64(1), call.due[at], call.due[at], call.due[at], int64(2), int16(1), call.tenants[at] + "/g", call.data[at]}, nil
				}))
				if err != nil {
					return err
				}
			}
			return nil
		})
		m.stop()
		_ = conn.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", whatCopy, err)
		}
		b.cell.add(whatCopy, 1, false, m.round(n))
	}
	return nil
}
