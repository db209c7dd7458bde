package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

func sqlInt(n int64) string { return strconv.FormatInt(n, 10) }

// Claim implements [reporting.Store].
func (s *Store) Claim(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
	if c.Queue == "" || c.Limit <= 0 {
		return nil, failure(ctx, "Claim", ctx.Err())
	}
	for attempt := 1; ; attempt++ {
		var taken []reporting.Row
		err := s.write(ctx, func(ctx context.Context, conn *sql.Conn, now int64) (err error) {
			if taken, err = s.candidates(ctx, conn, c, now); err != nil || len(taken) == 0 {
				return err
			}
			claimed, lease := moment(now), exact(moment(now).Add(c.Lease))
			for i := range taken {
				r := &taken[i]
				r.Version++
				r.Claims++
				r.ClaimedAt, r.LeaseUntil = claimed, lease
			}
			return s.dialect.lease(ctx, conn, taken)
		})
		if err == nil {
			return taken, nil
		}
		if s.dialect.again(err) && attempt < attempts && pause(ctx, attempt) {
			continue
		}
		return nil, failure(ctx, "Claim", err)
	}
}

// candidates answers the rows to take. It looks at each urgency of the queue
// by itself: over several the index is not in the order of due, and rows that
// are not due would have to be passed by.
func (s *Store) candidates(ctx context.Context, conn *sql.Conn, c reporting.Claim, now int64) ([]reporting.Row, error) {
	var all []reporting.Row
	for urgency := 0; ; urgency++ {
		left := c.Limit
		if !c.OldestFirst {
			left -= len(all)
		}
		if left == 0 {
			break
		}
		err := conn.QueryRowContext(ctx, s.dialect.bind("SELECT urgency FROM "+s.table+
			" WHERE queue <> '' AND queue = ? AND urgency >= ? ORDER BY urgency LIMIT 1"), c.Queue, urgency).Scan(&urgency)
		if errors.Is(err, sql.ErrNoRows) || err == nil && urgency > int(c.Most) {
			break
		}
		if err != nil {
			return nil, err
		}
		err = query(ctx, conn, s.dialect.bind("SELECT "+columns+" FROM "+s.table+
			" WHERE queue <> '' AND queue = ? AND urgency = ? AND due <= ? AND lease <= ? ORDER BY due, kind, tenant, id LIMIT ?"+s.dialect.skipLocked()),
			[]any{c.Queue, urgency, now, now, left}, func(rows *sql.Rows) error {
				var r reporting.Row
				if err := scanRow(rows, &r); err != nil {
					return err
				}
				all = append(all, r)
				return nil
			})
		if err != nil {
			return nil, err
		}
	}
	if c.OldestFirst {
		slices.SortFunc(all, func(a, b reporting.Row) int {
			if c := a.Due.Compare(b.Due); c != 0 {
				return c
			}
			return compareKeys(a.Key, b.Key)
		})
		all = all[:min(len(all), c.Limit)]
	}
	return all, nil
}
