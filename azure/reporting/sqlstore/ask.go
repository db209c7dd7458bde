package sqlstore

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// timed puts the store's time into a statement where it says @now, and into
// args where they are told to hold it.
func (s *Store) timed(statement string) string {
	if s.clock == nil {
		return strings.ReplaceAll(statement, "@now", s.dialect.clock())
	}
	return strings.ReplaceAll(statement, "@now", sqlInt(micros(s.clock())))
}

// loose steps through the queues' names after one, one look into the index
// each, however many rows there are.
func (s *Store) loose() string {
	next := "(SELECT r.queue FROM " + s.table + " r WHERE r.queue <> '' AND r.queue > %after ORDER BY r.queue LIMIT 1)"
	return "WITH RECURSIVE q(name) AS (SELECT " + strings.Replace(next, "%after", "?", 1) +
		" UNION ALL SELECT " + strings.Replace(next, "%after", "q.name", 1) + " FROM q WHERE q.name IS NOT NULL) "
}

// Queues implements [reporting.Store].
func (s *Store) Queues(ctx context.Context, after string, limit int) ([]string, error) {
	if limit <= 0 {
		return nil, failure(ctx, "Queues", ctx.Err())
	}
	var queues []string
	err := s.ask(ctx, "Queues", s.timed(s.loose()+"SELECT q.name FROM q WHERE q.name IS NOT NULL AND (SELECT r.ready FROM "+s.table+
		" r WHERE r.queue <> '' AND r.queue = q.name ORDER BY r.ready LIMIT 1) <= @now LIMIT ?"), []any{after, limit}, func(rows *sql.Rows) error {
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
	err := s.ask(ctx, "NextDue", s.timed(s.loose()+"SELECT min((SELECT r.ready FROM "+s.table+
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
	where, args := " WHERE kind = ?", []any{int64(kind)}
	first := after == reporting.Key{}
	switch {
	case tenant != "" && first:
		where, args = where+" AND tenant = ?", append(args, tenant)
	case tenant != "":
		where, args = where+" AND tenant = ? AND id > ?", append(args, tenant, after.ID)
	case !first:
		where, args = where+" AND (tenant, id) > (?, ?)", append(args, after.Tenant, after.ID)
	}
	var all []reporting.Row
	err := s.ask(ctx, "Scan", "SELECT "+columns+" FROM "+s.table+where+" ORDER BY kind, tenant, id LIMIT ?", append(args, limit), func(rows *sql.Rows) error {
		var r reporting.Row
		if err := scanRow(rows, &r); err != nil {
			return err
		}
		all = append(all, r)
		return nil
	})
	return all, err
}

// Tally implements [reporting.Store]. It reads one entry of an index for each
// row that has a Label, and the row itself of the others.
func (s *Store) Tally(ctx context.Context, kind reporting.Kind, tenant string, before time.Time) ([]reporting.Tally, error) {
	where, args := "kind = ?", []any{int64(kind)}
	if tenant != "" {
		where, args = where+" AND tenant = ?", append(args, tenant)
	}
	part := func(label string) string {
		return "SELECT tenant, label, urgency, count(*), coalesce(sum(CASE WHEN since <> " + sqlInt(never) + " AND since < " + sqlInt(micros(before)) + " THEN 1 ELSE 0 END), 0), min(CASE WHEN since <> " + sqlInt(never) + " THEN since END), min(worked) FROM " + s.table +
			" WHERE " + where + " AND label " + label + " '' GROUP BY tenant, label, urgency"
	}
	var tallies []reporting.Tally
	err := s.ask(ctx, "Tally", part("<>")+" UNION ALL "+part("="), append(args, args...), func(rows *sql.Rows) error {
		var t reporting.Tally
		var since, due sql.NullInt64
		if err := rows.Scan(&t.Tenant, &t.Label, &t.Urgency, &t.Count, &t.Old, &since, &due); err != nil {
			return err
		}
		if since.Valid {
			t.Since = moment(since.Int64)
		}
		if due.Valid {
			t.Due = moment(due.Int64)
		}
		tallies = append(tallies, t)
		return nil
	})
	return tallies, err
}
