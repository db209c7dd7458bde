package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// postgres is the dialect of PostgreSQL. Transactions are READ COMMITTED: what
// they read they have locked, so that nothing changes under them.
type postgres struct {
	tables
	db        *sql.DB
	unchecked bool
}

// planned makes the plan of a statement the same for all tables, until the end
// of the transaction: through indexes. Statements are planned once a
// connection, and a plan that was made while the table was small would read all
// of it when it is large.
const planned = "set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true)," +
	" set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)"

// ended ends a transaction whose process stands still, or is gone without the
// server having noticed: it would keep its locks, and everybody else waiting,
// for as long. A connection that asks for less has it.
const ended = "set_config('idle_in_transaction_session_timeout', CASE WHEN current_setting('idle_in_transaction_session_timeout')::interval" +
	" BETWEEN '1ms' AND '" + mostIdle + "' THEN current_setting('idle_in_transaction_session_timeout') ELSE '" + mostIdle + "' END, true)"

// mostIdle is how long a transaction may wait for its process. Nothing is done
// within one but reckoning.
const mostIdle = "10s"

// begin begins with a savepoint, to which the first lock may go back. The
// settings stand before it, or they would go too.
func (d postgres) begin(_ context.Context, c *session) (now int64, err error) {
	if err := c.exec("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT " + planned + ", " + ended + "; SAVEPOINT got"); err != nil {
		return 0, err
	}
	c.saved = true
	var durable string
	err = c.conn.QueryRowContext(c.ctx, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, current_setting('synchronous_commit'), pg_backend_pid() % "+sqlInt(shards)).
		Scan(&now, &durable, &c.shard)
	if err == nil && durable == "off" && !d.unchecked {
		err = errNotSynchronous
	}
	return now, err
}

func (postgres) beginRead(c *session) (bool, error) {
	return true, c.exec("BEGIN READ ONLY; SELECT " + planned)
}

// shards is among how many rows a group's count is split, so that writers of
// one tenant seldom wait for each other's commits.
const shards = 16

// clock is the time of a statement, which an index can be searched by.
func (postgres) clock() string {
	return "((extract(epoch FROM statement_timestamp()) * 1000000)::bigint)"
}

func (d postgres) nextLease() string {
	return "SELECT min(l.lease) FROM " + d.leases + " l WHERE l.n > 0 AND l.lease > @now"
}

func (postgres) harmless(error) bool { return false }

// explain says what a pooler does to statements that were prepared on another
// connection of the server's.
func (postgres) explain(err error) error {
	switch sqlState(err) {
	case "42P05", "26000":
		return fmt.Errorf("%w (behind a pooler of transactions, open the database with pgx's default_query_exec_mode=exec)", err)
	}
	return err
}

// sqlState answers PostgreSQL's code of an error, empty where it has none.
func sqlState(err error) string {
	if state, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return state.SQLState()
	}
	return ""
}

// again: what others have done may be over the next time, and a transaction
// whose connection was lost before its commit has done nothing.
func (postgres) again(err error) bool {
	switch code := sqlState(err); code {
	case "":
	case "40001", "40P01", "57P01", "57P02", "57P03", "25P03":
		return true // serialization, deadlock, shutdown, crash, starting up, stood still
	default:
		return strings.HasPrefix(code, "08") // connection
	}
	return errors.Is(err, errAborted) || lost(err)
}

// lost says whether an error is one of the connection.
func lost(err error) bool {
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

func (postgres) bind(statement string) string { return strings.ReplaceAll(statement, "?", "$") }

// keyed are the arrays of keys that statements take.
const keyed = "unnest($1::smallint[], $2::text[], $3::text[])"

func arrays(keys []reporting.Key) []any {
	kinds, tenants, ids := make([]int16, len(keys)), make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		kinds[i], tenants[i], ids[i] = int16(k.Kind), k.Tenant, k.ID
	}
	return []any{kinds, tenants, ids}
}

// lock locks rows in the order of keys, which is the same for all, so that
// nobody waits for one who waits for him. A key without a row is locked by a
// row of Version 0, which nobody else sees: it is filled or deleted before the
// commit. Where some keys have rows and others not, two passes would break the
// order; then what was locked is let go, and all are locked in one pass, which
// costs more.
func (d postgres) lock(c *session, keys []reporting.Key, found func(held) error) error {
	if len(keys) == 0 {
		return nil
	}
	if !c.saved {
		if err := c.exec("SAVEPOINT got"); err != nil {
			return err
		}
	}
	c.saved = false
	args := arrays(keys)
	rows := make([]held, 0, len(keys))
	locked := func(how string) error {
		rows = rows[:0]
		return c.query("SELECT r."+strings.ReplaceAll(columns, ", ", ", r.")+" FROM "+d.rows+" r JOIN "+keyed+" k(kind, tenant, id)"+
			" ON r.kind = k.kind AND r.tenant = k.tenant AND r.id = k.id ORDER BY r.kind, r.tenant, r.id"+how, args, func(all *sql.Rows) error {
			var h held
			if err := scanRow(all, &h.Row); err != nil {
				return err
			}
			rows = append(rows, h)
			return nil
		})
	}
	if err := locked(" FOR UPDATE OF r"); err != nil {
		return err
	}
	if len(rows) < len(keys) {
		if len(rows) > 0 {
			if err := c.exec("ROLLBACK TO SAVEPOINT got"); err != nil {
				return err
			}
		}
		// The condition lets no row be changed, and each be locked.
		made, err := c.conn.ExecContext(c.ctx, "INSERT INTO "+d.rows+" AS r (kind, tenant, id) SELECT k.kind, k.tenant, k.id FROM "+keyed+" k(kind, tenant, id)"+
			" ORDER BY k.kind, k.tenant COLLATE \"C\", k.id COLLATE \"C\" ON CONFLICT (kind, tenant, id) DO UPDATE SET version = r.version WHERE false", args...)
		if err != nil {
			return err
		}
		if n, err := made.RowsAffected(); err != nil || n == int64(len(keys)) {
			return err // all of them are new
		}
		if err := locked(""); err != nil {
			return err
		}
	}
	for _, h := range rows {
		if h.Version == 0 {
			continue // made by this transaction
		}
		if err := found(h); err != nil {
			return err
		}
	}
	return nil
}

// write is one statement for all that a transaction writes.
func (d postgres) write(c *session, ch *changes) error {
	written := slices.Clone(ch.fresh)
	for _, a := range ch.altered {
		written = append(written, a.new)
	}
	removed := slices.Clone(ch.unused)
	for _, h := range ch.removed {
		removed = append(removed, h.Key)
	}
	keys := make([]reporting.Key, len(written))
	values := newColumns(len(written))
	for i, r := range written {
		keys[i] = r.Key
		values.add(r)
	}
	args := append(arrays(keys), values.arrays()...)
	args = append(args, arrays(removed)...)
	args = append(args, countArrays(ch.counts)...)
	args = append(args, c.shard)
	args = append(args, leaseArrays(ch.leases)...)
	told := ", ''"
	if ch.wakes() {
		told = ", pg_notify('" + d.channel() + "', '')::text"
	}
	var none string
	err := c.conn.QueryRowContext(c.ctx, "WITH written AS (UPDATE "+d.rows+" r SET version = u.version, queue = u.queue, urgency = u.urgency, due = u.due, lease = u.lease,"+
		" worked = u.worked, claimed = u.claimed, claims = u.claims, label = u.label, since = u.since, grp = u.grp, data = u.data"+
		" FROM unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::smallint[], $7::bigint[], $8::bigint[], $9::bigint[],"+
		" $10::bigint[], $11::bigint[], $12::text[], $13::bigint[], $14::bigint[], $15::bytea[])"+
		" u(kind, tenant, id, version, queue, urgency, due, lease, worked, claimed, claims, label, since, grp, data)"+
		" WHERE r.kind = u.kind AND r.tenant = u.tenant AND r.id = u.id),"+
		" removed AS (DELETE FROM "+d.rows+" r USING unnest($16::smallint[], $17::text[], $18::text[]) k(kind, tenant, id)"+
		" WHERE r.kind = k.kind AND r.tenant = k.tenant AND r.id = k.id),"+
		" counted AS (INSERT INTO "+d.counts+" AS c (kind, tenant, label, urgency, grp, n, shard)"+
		" SELECT g.kind, g.tenant, g.label, g.urgency, g.grp, g.n, $25::smallint"+
		" FROM unnest($19::smallint[], $20::text[], $21::text[], $22::smallint[], $23::bigint[], $24::bigint[]) g(kind, tenant, label, urgency, grp, n)"+
		" ON CONFLICT (kind, tenant, label, urgency, shard) DO UPDATE SET n = c.n + excluded.n),"+
		" leased AS (INSERT INTO "+d.leases+" AS l (lease, n) SELECT u.lease, u.n FROM unnest($26::bigint[], $27::bigint[]) u(lease, n)"+counted+")"+
		" SELECT pg_current_xact_id()::text"+told, args...).Scan(&c.xid, &none)
	return err
}

// columnArrays are the values of rows, an array each.
type columnArrays struct {
	version, due, lease, claimed, claims, since, grp []int64
	worked                                           []*int64
	queue, label                                     []string
	urgency                                          []int16
	data                                             [][]byte
}

func newColumns(n int) *columnArrays {
	ints := func() []int64 { return make([]int64, 0, n) }
	return &columnArrays{
		version: ints(), due: ints(), lease: ints(), claimed: ints(), claims: ints(), since: ints(), grp: ints(),
		worked: make([]*int64, 0, n), queue: make([]string, 0, n), label: make([]string, 0, n), urgency: make([]int16, 0, n), data: make([][]byte, 0, n),
	}
}

func (a *columnArrays) add(r *reporting.Row) {
	var due *int64
	if w := worked(r); w.Valid {
		due = &w.Int64
	}
	a.version, a.queue, a.urgency = append(a.version, r.Version), append(a.queue, r.Queue), append(a.urgency, int16(r.Urgency))
	a.due, a.lease = append(a.due, micros(r.Due)), append(a.lease, micros(r.LeaseUntil))
	a.worked, a.claimed, a.claims = append(a.worked, due), append(a.claimed, micros(r.ClaimedAt)), append(a.claims, int64(r.Claims))
	a.label, a.since, a.grp = append(a.label, r.Label), append(a.since, micros(r.Since)), append(a.grp, groupOf(r).number())
	a.data = append(a.data, some(r.Data))
}

// arrays answers them in the order of the statement that writes them.
func (a *columnArrays) arrays() []any {
	return []any{a.version, a.queue, a.urgency, a.due, a.lease, a.worked, a.claimed, a.claims, a.label, a.since, a.grp, a.data}
}

func countArrays(counts []count) []any {
	n := len(counts)
	kinds, tenants, labels, urgencies, numbers, by := make([]int16, n), make([]string, n), make([]string, n), make([]int16, n), make([]int64, n), make([]int64, n)
	for i, c := range counts {
		kinds[i], tenants[i], labels[i], urgencies[i], numbers[i], by[i] = int16(c.kind), c.tenant, c.label, int16(c.urgency), c.number(), int64(c.by)
	}
	return []any{kinds, tenants, labels, urgencies, numbers, by}
}

// counted is the rest of a statement that puts numbers of leases.
const counted = " ON CONFLICT (lease) DO UPDATE SET n = l.n + excluded.n"

func leaseArrays(leases []leased) []any {
	until, by := make([]int64, len(leases)), make([]int64, len(leases))
	for i, l := range leases {
		until[i], by[i] = l.until, int64(l.by)
	}
	return []any{until, by}
}

// claim takes rows in one statement. Rows that others have locked are passed
// by: they are being claimed or observed right now. Of each urgency of the queue
// the first rows that are due are taken, for the same reason as on SQLite.
//
// Leases of which no row is left are removed by the way.
func (d postgres) claim(c *session, q reporting.Claim) ([]reporting.Row, error) {
	step := func(than string) string {
		return "(SELECT n.urgency FROM " + d.rows + " n WHERE n.queue <> '' AND n.queue = $1 AND n.urgency " + than + " AND n.urgency <= $2 ORDER BY n.urgency LIMIT 1)"
	}
	// As a parameter the limit would be planned as a tenth of the table.
	limit := " LIMIT " + strconv.Itoa(q.Limit)
	lease := exact(moment(c.now).Add(q.Lease))
	var taken []reporting.Row
	err := c.query("WITH RECURSIVE urgencies(urgency) AS ("+step(">= 0")+" UNION ALL SELECT "+step("> u.urgency")+" FROM urgencies u WHERE u.urgency IS NOT NULL),"+
		" taken AS MATERIALIZED (SELECT t.* FROM urgencies u CROSS JOIN LATERAL (SELECT r.kind, r.tenant, r.id, r.due, r.lease FROM "+d.rows+" r"+
		" WHERE r.queue <> '' AND r.queue = $1 AND r.urgency = u.urgency AND r.due <= $3 AND r.lease <= $3"+
		" ORDER BY r.due, r.kind, r.tenant, r.id"+limit+" FOR UPDATE SKIP LOCKED) t WHERE u.urgency IS NOT NULL"+
		ordered(q.OldestFirst, " ORDER BY t.due, t.kind, t.tenant, t.id")+limit+"),"+
		" claimed AS (UPDATE "+d.rows+" r SET version = r.version + 1, claims = r.claims + 1, claimed = $3, lease = $4"+
		" FROM taken t WHERE r.kind = t.kind AND r.tenant = t.tenant AND r.id = t.id RETURNING r.*, t.lease AS was),"+
		" leased AS (INSERT INTO "+d.leases+" AS l (lease, n) SELECT s.lease, sum(s.n) FROM"+
		" (SELECT r.lease, 1 AS n FROM claimed r WHERE r.lease > r.due UNION ALL SELECT r.was, -1 FROM claimed r WHERE r.was > r.due) s"+
		" GROUP BY s.lease ORDER BY s.lease"+counted+"),"+
		" empty AS (DELETE FROM "+d.leases+" WHERE lease = ANY(ARRAY(SELECT l.lease FROM "+d.leases+" l WHERE l.n = 0 AND l.lease <> $4"+
		" ORDER BY l.lease LIMIT 16 FOR UPDATE SKIP LOCKED)))"+
		" SELECT "+columns+", pg_current_xact_id()::text FROM claimed",
		[]any{q.Queue, int16(q.Most), c.now, micros(lease)}, func(rows *sql.Rows) error {
			var r reporting.Row
			if err := scanRow(rows, &r, &c.xid); err != nil {
				return err
			}
			taken = append(taken, r)
			return nil
		})
	return inOrder(taken, q), err
}

// ordered leaves a sort out where the rows come in order: it would lock all
// that are due.
func ordered(needed bool, clause string) string {
	if needed {
		return clause
	}
	return ""
}

var errNotSynchronous = fmt.Errorf("synchronous_commit is off and has to be on: what was committed would be lost with the server")
