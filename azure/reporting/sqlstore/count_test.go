package sqlstore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// What Tally answers from the counts that transactions keep is what counting
// the rows gives, whatever writers did at the same time.
func TestCounts(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s, _ := p.open(t, nil)
		start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		tenants, labels, queues := []string{"a", "b"}, []string{"", "in progress", "failed"}, []string{"", "q"}
		var writers sync.WaitGroup
		for w := range 4 {
			random := rand.New(rand.NewPCG(uint64(w), 3))
			writers.Go(func() {
				for range 60 {
					giveUp := errors.New("changed my mind")
					again := random.IntN(10) == 0
					seed := random.Uint64()
					err := s.Update(t.Context(), func(tx reporting.Tx) error {
						random := rand.New(rand.NewPCG(seed, 5)) // fn may run again
						var keys []reporting.Key
						for range 1 + random.IntN(6) {
							keys = append(keys, reporting.Key{Kind: 2, Tenant: tenants[random.IntN(2)], ID: fmt.Sprint(random.IntN(25))})
						}
						rows, err := tx.Get(keys...)
						if err != nil {
							return err
						}
						for _, r := range rows {
							if random.IntN(4) == 0 {
								err = tx.Delete(r.Key)
							} else {
								r.Label, r.Queue, r.Urgency = labels[random.IntN(3)], queues[random.IntN(2)], uint8(random.IntN(2))
								r.Since, r.Due = time.Time{}, start.Add(time.Duration(random.IntN(100))*time.Hour)
								if random.IntN(3) > 0 {
									r.Since = start.Add(time.Duration(random.IntN(100)) * time.Hour)
								}
								err = tx.Put(r)
							}
							if err != nil {
								return err
							}
						}
						if again {
							return giveUp
						}
						return nil
					})
					if err != nil && err != giveUp {
						t.Errorf("Update: %v", err)
						return
					}
				}
			})
		}
		writers.Wait()
		type group struct {
			tenant, label string
			urgency       uint8
		}
		before := start.Add(50 * time.Hour)
		want := map[group]reporting.Tally{}
		rows, err := s.Scan(t.Context(), 2, "", reporting.Key{}, 1000)
		require.NoError(t, err)
		require.NotEmpty(t, rows)
		for _, r := range rows {
			g := group{r.Tenant, r.Label, r.Urgency}
			c, ok := want[g]
			if !ok {
				c = reporting.Tally{Tenant: r.Tenant, Label: r.Label, Urgency: r.Urgency}
			}
			c.Count++
			if !r.Since.IsZero() {
				if r.Since.Before(before) {
					c.Old++
				}
				if c.Since.IsZero() || r.Since.Before(c.Since) {
					c.Since = r.Since
				}
			}
			if r.Queue != "" && (c.Due.IsZero() || r.Due.Before(c.Due)) {
				c.Due = r.Due
			}
			want[g] = c
		}
		got := map[group]reporting.Tally{}
		tallies, err := s.Tally(t.Context(), 2, "", before)
		require.NoError(t, err)
		for _, c := range tallies {
			got[group{c.Tenant, c.Label, c.Urgency}] = c
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tallies (-want +got):\n%s", diff)
		}
	})
}
