package sqlstore

import (
	"context"
	"slices"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// Claim implements [reporting.Store].
func (s *Store) Claim(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
	if c.Queue == "" || c.Limit <= 0 {
		return nil, failure(ctx, "Claim", ctx.Err())
	}
	var taken []reporting.Row
	take := func(session *session) (err error) {
		now := s.dialect.clock()
		if s.clock != nil {
			if s.dialect.alone() {
				session.now = micros(s.clock()) // no transaction has set it
			}
			now = sqlInt(session.now)
		}
		taken, err = s.dialect.claim(session, c, now)
		return err
	}
	err := s.retry(ctx, func() error {
		if s.dialect.alone() {
			return s.read(ctx, take)
		}
		return s.write(ctx, func(session *session) (bool, error) {
			err := take(session)
			return len(taken) > 0, err
		})
	})
	if err != nil {
		return nil, s.failed(ctx, "Claim", err)
	}
	return taken, nil
}

// inOrder sorts claimed rows into the order in which they are taken, and cuts
// them to the limit.
func inOrder(rows []reporting.Row, c reporting.Claim) []reporting.Row {
	slices.SortFunc(rows, func(a, b reporting.Row) int {
		if !c.OldestFirst && a.Urgency != b.Urgency {
			return int(a.Urgency) - int(b.Urgency)
		}
		return byDue(&a, &b)
	})
	return rows[:min(len(rows), c.Limit)]
}
