package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/azure/reporting/storetest"
)

func TestStore(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.FixedZone("CET", 3600))
	storetest.TestStore(t, storetest.Harness{
		Open: func(*testing.T) reporting.Store {
			return memstore.New(&memstore.Options{Clock: func() time.Time {
				mu.Lock()
				defer mu.Unlock()
				return now
			}})
		},
		Second: func(_ *testing.T, first reporting.Store) reporting.Store { return first },
		Advance: func(_ *testing.T, d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(d)
		},
	})
}

func TestStoreOnTheRealClock(t *testing.T) {
	storetest.TestStore(t, storetest.Harness{Open: func(*testing.T) reporting.Store { return memstore.New(nil) }})
}

// Inside a bubble the store's clock is the bubble's, and a call that waits for
// its turn, or for work, does not stop virtual time.
func TestVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New(nil)
		key := reporting.Key{Kind: 1, Tenant: "t", ID: "d"}
		began := time.Now()
		var entered sync.WaitGroup
		entered.Add(1)
		go func() {
			_ = s.Update(t.Context(), func(tx reporting.Tx) error {
				entered.Done()
				time.Sleep(time.Hour) // an fn that breaks the rules
				rows, err := tx.Get(key)
				if err != nil {
					return err
				}
				rows[0].Queue, rows[0].Due = "q", tx.Now().Add(48*time.Hour)
				return tx.Put(rows...)
			})
		}()
		entered.Wait()
		hasty, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Update(hasty, func(reporting.Tx) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an Update that gave up waiting: %v", err)
		}
		require.NoError(t, s.Wait(t.Context()))
		if waited := time.Since(began); waited != time.Hour {
			t.Errorf("woken after %v of virtual time, want 1h", waited)
		}
		due, err := s.NextDue(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Until(due))
		queues, err := s.Queues(t.Context(), "", 10)
		if err != nil || len(queues) != 1 {
			t.Errorf("at the time that NextDue said, Queues answers %q, %v", queues, err)
		}
	})
}

// A ring wakes everyone who waits, and one who left does not take it along.
func TestWaitWakesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New(nil)
		gone, cancel := context.WithCancel(t.Context())
		woken := make(chan error, 4)
		for _, ctx := range []context.Context{t.Context(), t.Context(), t.Context(), gone} {
			go func() { woken <- s.Wait(ctx) }()
		}
		synctest.Wait()
		cancel()
		if err := <-woken; !errors.Is(err, context.Canceled) {
			t.Errorf("Wait with a context that ended: %v", err)
		}
		require.NoError(t, put(s, t.Context(), "1", "q"))
		for range 3 {
			require.NoError(t, <-woken)
		}
		hasty, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := s.Wait(hasty); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nothing happened since, and Wait returns %v", err)
		}
	})
}

func put(s *memstore.Store, ctx context.Context, id, queue string) error {
	return s.Update(ctx, func(tx reporting.Tx) error {
		rows, err := tx.Get(reporting.Key{Kind: 1, Tenant: "t", ID: id})
		if err != nil {
			return err
		}
		rows[0].Queue = queue
		return tx.Put(rows...)
	})
}

func Example() {
	s := memstore.New(nil)
	ctx := context.Background()
	key := reporting.Key{Kind: 1, Tenant: "contoso", ID: "pc-1"}
	err := s.Update(ctx, func(tx reporting.Tx) error {
		rows, err := tx.Get(key) // locked, whether it exists or not
		if err != nil {
			return err
		}
		row := rows[0]
		row.Data = []byte("standing")
		row.Queue, row.Due = "contoso/graph", tx.Now()
		return tx.Put(row)
	})
	fmt.Println(err)
	rows, err := s.Claim(ctx, reporting.Claim{Queue: "contoso/graph", Limit: 20, Lease: time.Minute, Most: 255})
	for _, r := range rows {
		fmt.Printf("%s is ours for %v: %s\n", r.ID, r.LeaseUntil.Sub(r.ClaimedAt), r.Data)
	}
	fmt.Println(err)
	// Output:
	// <nil>
	// pc-1 is ours for 1m0s: standing
	// <nil>
}
