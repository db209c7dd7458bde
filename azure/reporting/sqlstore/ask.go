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

// loose steps through the queues' names after ?1, one look into the index
// each, however many rows there are.
func (s *Store) loose() string {
	next := "(SELECT r.queue FROM " + s.tables.rows + " r WHERE r.queue <> '' AND r.queue > %after ORDER BY r.queue LIMIT 1)"
	return "WITH RECURSIVE q(name) AS (SELECT " + strings.Replace(next, "%after", "?1", 1) +
		" UNION ALL SELECT " + strings.Replace(next, "%after", "q.name", 1) + " FROM q WHERE q.name IS NOT NULL) "
}

// Queues implements [reporting.Store].
func (s *Store) Queues(ctx context.Context, after string, limit int) ([]string, error) {
	if limit <= 0 {
		return nil, failure(ctx, "Queues", ctx.Err())
	}
	var queues []string
	err := s.ask(ctx, "Queues", s.timed(s.loose()+"SELECT q.name FROM q WHERE q.name IS NOT NULL AND (SELECT r.ready FROM "+s.tables.rows+
		" r WHERE r.queue <> '' AND r.queue = q.name ORDER BY r.ready LIMIT 1) <= @now LIMIT ?2"), []any{after, limit}, func(rows *sql.Rows) error {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		queues = append(queues, name)
		return nil
	})
	return queues, err
}

// NextDue implements [reporting.Store].
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var next sql.NullInt64
	err := s.ask(ctx, "NextDue", s.timed(s.loose()+"SELECT min((SELECT r.ready FROM "+s.tables.rows+
		" r WHERE r.queue <> '' AND r.queue = q.name AND r.ready > @now ORDER BY r.ready LIMIT 1)) FROM q WHERE q.name IS NOT NULL"), []any{""},
		func(rows *sql.Rows) error { return rows.Scan(&next) })
	if err != nil || !next.Valid {
		return time.Time{}, err
	}
	return moment(next.Int64), nil
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
