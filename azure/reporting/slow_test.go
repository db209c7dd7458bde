package reporting_test

import (
	"context"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
)

func newStore() reporting.Store { return memstore.New(nil) }

// slow is a store that takes a while for reading pages and for transactions,
// so that other calls come between.
type slow struct{ reporting.Store }

func (s *slow) Scan(ctx context.Context, kind reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
	rows, err := s.Store.Scan(ctx, kind, tenant, after, limit)
	time.Sleep(10 * time.Millisecond)
	return rows, err
}

func (s *slow) Update(ctx context.Context, fn func(tx reporting.Tx) error) error {
	time.Sleep(5 * time.Millisecond)
	return s.Store.Update(ctx, fn)
}
