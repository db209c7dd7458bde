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
	err := s.retry(ctx, func() error {
		return s.write(ctx, func(session *session) (_ bool, err error) {
			taken, err = s.dialect.claim(session, c)
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
