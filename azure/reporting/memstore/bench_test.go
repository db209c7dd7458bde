package memstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
)

// filled is a store of n devices, 1,000 queues, all due in a week but the
// first of each queue.
func filled(b *testing.B, n int) (*memstore.Store, []reporting.Key) {
	b.Helper()
	s := memstore.New(nil)
	keys := make([]reporting.Key, n)
	data := make([]byte, 600)
	for at := 0; at < n; at += 1000 {
		require.NoError(b, s.Update(b.Context(), func(tx reporting.Tx) error {
			rows := make([]reporting.Row, min(1000, n-at))
			for i := range rows {
				keys[at+i] = reporting.Key{Kind: 2, Tenant: fmt.Sprintf("11111111-2222-4333-8444-%012d", i), ID: fmt.Sprintf("%08d-9489-4074-9b35-000000000000", at+i)}
				rows[i] = reporting.Row{
					Key: keys[at+i], Data: data, Queue: keys[at+i].Tenant + "/graph", Urgency: 3, Due: tx.Now().Add(7 * 24 * time.Hour),
					Label: "successful", Since: tx.Now(),
				}
				if at == 0 {
					rows[i].Urgency, rows[i].Due = 1, tx.Now()
				}
			}
			if _, err := tx.Get(keys[at : at+len(rows)]...); err != nil {
				return err
			}
			return tx.Put(rows...)
		}))
	}
	return s, keys
}

func each(b *testing.B, n int, unit string) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/"+unit)
}

func BenchmarkUpdate(b *testing.B) {
	for _, size := range []int{10_000, 1_000_000} {
		s, keys := filled(b, size)
		b.Run(fmt.Sprintf("Unchanged/%d", size), func(b *testing.B) {
			at := 0
			for b.Loop() {
				at = (at + 1000) % size
				err := s.Update(b.Context(), func(tx reporting.Tx) error {
					rows, err := tx.Get(keys[at : at+1000]...)
					if err == nil && len(rows) != 1000 {
						b.Fatal("not all are there")
					}
					return err
				})
				require.NoError(b, err)
			}
			each(b, 1000, "key")
		})
		b.Run(fmt.Sprintf("Changed/%d", size), func(b *testing.B) {
			at := 0
			for b.Loop() {
				at = (at + 1000) % size
				err := s.Update(b.Context(), func(tx reporting.Tx) error {
					rows, err := tx.Get(keys[at : at+1000]...)
					for i := range rows {
						rows[i].Urgency, rows[i].Due = 2, tx.Now().Add(8*24*time.Hour)
					}
					if err != nil {
						return err
					}
					return tx.Put(rows...)
				})
				require.NoError(b, err)
			}
			each(b, 1000, "key")
		})
	}
}

func BenchmarkAsk(b *testing.B) {
	for _, size := range []int{10_000, 1_000_000} {
		s, _ := filled(b, size)
		b.Run(fmt.Sprintf("Queues/%d", size), func(b *testing.B) {
			for b.Loop() {
				queues, err := s.Queues(b.Context(), "", 1000)
				if err != nil || len(queues) != 1000 {
					b.Fatal(len(queues), err)
				}
			}
		})
		b.Run(fmt.Sprintf("NextDue/%d", size), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.NextDue(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("Tally/%d", size), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Tally(b.Context(), 2, "", time.Now()); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("Claim/%d", size), func(b *testing.B) {
			queue := "11111111-2222-4333-8444-000000000000/graph"
			for b.Loop() {
				// A lease without length: the row is there again for the next.
				rows, err := s.Claim(b.Context(), reporting.Claim{Queue: queue, Limit: 20, Most: 255})
				if err != nil || len(rows) != 1 {
					b.Fatal(len(rows), err)
				}
			}
		})
	}
}
