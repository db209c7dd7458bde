package sqlstore

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// timed puts the store's time into a statement where it says @now.
func (s *Store) timed(statement string) string {
	now := s.dialect.clock()
	if s.clock != nil {
		now = sqlInt(micros(s.clock()))
	}
	return strings.ReplaceAll(statement, "@now", now)
}

// queued is the condition of the index of claims: (queue, urgency, due, key).
// No other index has what is due: it would be written wherever that moves.
const queued = "r.queue <> '' AND "

// loose steps through the queues' names after ?1, one look into the index
// each, however many rows there are.
func (s *Store) loose() string {
	next := "(SELECT r.queue FROM " + s.tables.rows + " r WHERE " + queued + "r.queue > %after ORDER BY r.queue LIMIT 1)"
	return "WITH RECURSIVE q(name) AS (SELECT " + strings.Replace(next, "%after", "?1", 1) +
		" UNION ALL SELECT " + strings.Replace(next, "%after", "q.name", 1) + " FROM q WHERE q.name IS NOT NULL) "
}

// urgencies steps through the urgencies of the queue q.name in the same way.
// Within one the index is in the order of due.
func (s *Store) urgencies() string {
	next := "(SELECT r.urgency FROM " + s.tables.rows + " r WHERE " + queued + "r.queue = q.name AND r.urgency > %after ORDER BY r.urgency LIMIT 1)"
	return "WITH RECURSIVE u(urgency) AS (SELECT " + strings.Replace(next, "%after", "-1", 1) +
		" UNION ALL SELECT " + strings.Replace(next, "%after", "u.urgency", 1) + " FROM u WHERE u.urgency IS NOT NULL) "
}

// Queues implements [reporting.Store]. It passes by the rows that are under a
// lease right now.
func (s *Store) Queues(ctx context.Context, after string, limit int) ([]string, error) {
	if limit <= 0 {
		return nil, failure(ctx, "Queues", ctx.Err())
	}
	var queues []string
	err := s.ask(ctx, "Queues", s.timed(s.loose()+"SELECT q.name FROM q WHERE q.name IS NOT NULL AND EXISTS ("+s.urgencies()+
		"SELECT 1 FROM u WHERE u.urgency IS NOT NULL AND EXISTS (SELECT 1 FROM "+s.tables.rows+" r WHERE "+queued+
		"r.queue = q.name AND r.urgency = u.urgency AND r.due <= @now AND r.lease <= @now)) LIMIT ?2"), []any{after, limit}, func(rows *sql.Rows) error {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		queues = append(queues, name)
		return nil
	})
	return queues, err
}

// NextDue implements [reporting.Store]. Rows whose lease ends after they are
// due are known by themselves, and are few; of the others the due counts.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var due, lease sql.NullInt64
	err := s.ask(ctx, "NextDue", s.timed(s.loose()+"SELECT (SELECT min(("+s.urgencies()+"SELECT min((SELECT r.due FROM "+s.tables.rows+" r WHERE "+queued+
		"r.queue = q.name AND r.urgency = u.urgency AND r.due > @now AND r.lease <= r.due ORDER BY r.due LIMIT 1)) FROM u WHERE u.urgency IS NOT NULL)) FROM q WHERE q.name IS NOT NULL),"+
		" ("+s.dialect.nextLease()+")"), []any{""},
		func(rows *sql.Rows) error { return rows.Scan(&due, &lease) })
	switch {
	case err != nil || !due.Valid && !lease.Valid:
		return time.Time{}, err
	case !due.Valid || lease.Valid && lease.Int64 < due.Int64:
		return moment(lease.Int64), nil
	}
	return moment(due.Int64), nil
}

// Scan implements [reporting.Store].
func (s *Store) Scan(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
	if limit <= 0 {
		return nil, failure(ctx, "Scan", ctx.Err())
	}
	where, args := " WHERE kind = ?1", []any{int64(kind), limit}
	first := after == reporting.Key{}
	switch {
	case tenant != "" && first:
		where, args = where+" AND tenant = ?3", append(args, tenant)
	case tenant != "":
		where, args = where+" AND tenant = ?3 AND id > ?4", append(args, tenant, after.ID)
	case !first:
		where, args = where+" AND (tenant, id) > (?3, ?4)", append(args, after.Tenant, after.ID)
	}
	var all []reporting.Row
	err := s.ask(ctx, "Scan", "SELECT "+columns+" FROM "+s.tables.rows+where+" ORDER BY kind, tenant, id LIMIT ?2", args, func(rows *sql.Rows) error {
		var r reporting.Row
		if err := scanRow(rows, &r); err != nil {
			return err
		}
		all = append(all, r)
		return nil
	})
	return all, err
}
