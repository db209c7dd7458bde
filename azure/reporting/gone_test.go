package reporting_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// A tenant is off-boarded between two steps of a call that concerns it: nothing
// of it is made anew, by which nobody could register it again.
func TestTenantGoesInTheMiddleOfACall(t *testing.T) {
	calls := map[string]func(ctx context.Context, e *reporting.Engine) error{
		"OffBoard": func(ctx context.Context, e *reporting.Engine) error { return e.OffBoard(ctx, account, tenantID, nil) },
		"SyncNow": func(ctx context.Context, e *reporting.Engine) error {
			_, err := e.SyncNow(ctx, reporting.Filter{TenantID: tenantID})
			return err
		},
	}
	for name, looks := range map[string]int{"OffBoard": 1, "SyncNow": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTrial(t, nil)
				h.azure.refuse(noToken)
				h.see(pc(nil))
				stop := h.run()
				time.Sleep(time.Minute)
				stop()
				require.NotNil(t, h.tenant().Parked)
				gone := &goes{Store: h.store, key: reporting.Key{Kind: 1, Tenant: tenantID}, looks: looks}
				_ = calls[name](t.Context(), engineOn(t, gone, h.azure, nil)) // that it does not exist is an error, or what was asked for
				if gone.looks > 0 {
					t.Fatal("it did not look for the tenant")
				}
				if err := h.engine.RegisterTenant(t.Context(), "fabrikam", tenantID); err != nil {
					t.Errorf("registered for another account: %v", err)
				}
			})
		})
	}
}

// goes is a store that loses a row after it was read a number of times.
type goes struct {
	reporting.Store
	key   reporting.Key
	looks int
}

func (g *goes) Scan(ctx context.Context, k reporting.Kind, tenant string, after reporting.Key, limit int) ([]reporting.Row, error) {
	rows, err := g.Store.Scan(ctx, k, tenant, after, limit)
	if k != g.key.Kind {
		return rows, err
	}
	if g.looks--; g.looks == 0 {
		return rows, g.Store.Update(ctx, func(tx reporting.Tx) error {
			if _, err := tx.Get(g.key); err != nil {
				return err
			}
			return tx.Delete(g.key)
		})
	}
	return rows, err
}
