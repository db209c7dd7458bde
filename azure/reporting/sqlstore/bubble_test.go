package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

// Inside a bubble the clock is the bubble's, a call that waits for its turn
// does not stop virtual time, and nothing of the store goes on when its calls
// have returned. With busy_timeout 0 another handle is told at once.
func TestVirtualTime(t *testing.T) {
	const hasty = "?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=busy_timeout(0)"
	file := filepath.Join(t.TempDir(), "store.db")
	openStore(t, file, durable)
	synctest.Test(t, func(t *testing.T) {
		open := func() *sqlstore.Store {
			db, err := sql.Open("sqlite", "file:"+file+hasty)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			s, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, &sqlstore.Options{Unchecked: true})
			require.NoError(t, err)
			return s
		}
		s, other := open(), open()
		began := time.Now()
		first := make(chan error)
		go func() {
			first <- s.Update(t.Context(), func(tx reporting.Tx) error {
				rows, err := tx.Get(key("a"))
				if err != nil {
					return err
				}
				time.Sleep(time.Hour) // an fn that breaks the rules
				rows[0].Queue, rows[0].Due = "q", tx.Now().Add(48*time.Hour)
				return tx.Put(rows...)
			})
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := put(ctx, s, reporting.Row{Key: key("b")}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("an Update that gave up waiting after %v: %v", time.Since(began), err)
		}
		if err := put(t.Context(), other, reporting.Row{Key: key("c")}); err == nil || !strings.Contains(err.Error(), "database is locked") || time.Since(began) != time.Minute {
			t.Errorf("an Update of another handle, %v from the start: %v", time.Since(began), err)
		}
		require.NoError(t, <-first)
		next, err := s.NextDue(t.Context())
		require.NoError(t, err)
		if want := began.Add(48 * time.Hour); !next.Equal(want) {
			t.Errorf("next due at %v, want %v", next, want)
		}
		time.Sleep(time.Until(next))
		rows, err := other.Claim(t.Context(), reporting.Claim{Queue: "q", Limit: 1, Lease: time.Minute})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Equal(t, began.Add(48*time.Hour+time.Minute).UTC(), rows[0].LeaseUntil)
	})
}
