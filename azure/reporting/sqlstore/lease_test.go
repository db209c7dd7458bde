package sqlstore_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// The numbers of leases that PostgreSQL keeps are what counting the rows gives,
// whatever writers and claimants did at the same time, and those of which no
// row is left go away.
func TestLeasesAreCounted(t *testing.T) {
	p := onServer(t)
	s, db := p.open(t, nil)
	query := func(statement string) (all map[int64]int64) {
		all = map[int64]int64{}
		rows, err := db.Query(statement)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var lease, n int64
			require.NoError(t, rows.Scan(&lease, &n))
			all[lease] = n
		}
		require.NoError(t, rows.Err())
		return all
	}
	prefix := p.prefix
	var all sync.WaitGroup
	for w := range 4 {
		random := rand.New(rand.NewPCG(uint64(w), 7))
		all.Go(func() {
			for range 50 {
				lease := []time.Duration{0, time.Millisecond, time.Hour}[random.IntN(3)]
				if random.IntN(2) == 0 {
					if _, err := s.Claim(t.Context(), reporting.Claim{Queue: "q", Limit: 1 + random.IntN(8), Lease: lease, Most: 255}); err != nil {
						t.Errorf("Claim: %v", err)
						return
					}
					continue
				}
				seed := random.Uint64()
				err := s.Update(t.Context(), func(tx reporting.Tx) error {
					random := rand.New(rand.NewPCG(seed, 5)) // fn may run again
					keys := make([]reporting.Key, 1+random.IntN(6))
					for i := range keys {
						keys[i] = key(fmt.Sprint(random.IntN(40)))
					}
					rows, err := tx.Get(keys...)
					if err != nil {
						return err
					}
					for _, r := range rows {
						switch random.IntN(5) {
						case 0:
							err = tx.Delete(r.Key)
						case 1:
							r.LeaseUntil, r.Claims = time.Time{}, 0
							err = tx.Put(r)
						case 2:
							r.Queue = ""
							err = tx.Put(r)
						default:
							r.Queue, r.Due = "q", tx.Now().Add(time.Duration(random.IntN(3)-2)*time.Minute)
							err = tx.Put(r)
						}
						if err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Errorf("Update: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	want := query("SELECT lease, count(*) FROM " + prefix + "rows WHERE queue <> '' AND lease > due GROUP BY lease")
	got := query("SELECT lease, n FROM " + prefix + "leases WHERE n <> 0")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	require.NotEmpty(t, want)

	// Whoever claims clears away what is empty, a few at a time.
	for i := range 50 {
		r := reporting.Row{Key: key(fmt.Sprint("new", i)), Queue: "another", Due: time.Now().Add(-time.Hour)}
		require.NoError(t, put(t.Context(), s, r))
		rows, err := s.Claim(t.Context(), reporting.Claim{Queue: "another", Limit: 1, Lease: time.Microsecond, Most: 255})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.NoError(t, put(t.Context(), s, reporting.Row{Key: r.Key}))
	}
	if left := query("SELECT lease, n FROM " + prefix + "leases WHERE n = 0"); len(left) > 10 {
		t.Errorf("%d empty leases are left", len(left))
	}
}
