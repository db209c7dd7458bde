package sqlstore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

const (
	devices = reporting.Kind(2)
	marks   = reporting.Kind(5)
)

func deviceKey(kind reporting.Kind, n int) reporting.Key {
	return reporting.Key{Kind: kind, Tenant: "11111111-2222-4333-8444-000000000000", ID: fmt.Sprintf("%08x-9489-4074-9b35-%012d", uint32(n)*2654435761, n)}
}

// benchStores are the databases to measure.
func benchStores(b *testing.B) map[string]func(b *testing.B) *sqlstore.Store {
	return map[string]func(b *testing.B) *sqlstore.Store{
		"SQLite": func(b *testing.B) *sqlstore.Store {
			s, err := sqlstore.Open(b.Context(), openFile(b, filepath.Join(b.TempDir(), "bench.db"), durable+"&_pragma=cache_size(-65536)"), sqlstore.SQLite, nil)
			require.NoError(b, err)
			return s
		},
	}
}

// fill puts n devices that are due in a week, each with a small row of
// another kind.
func fill(b *testing.B, s reporting.Store, n int) {
	b.Helper()
	for at := 0; at < n; at += 1000 {
		require.NoError(b, change(b.Context(), s, at, n, 3, 7*24*time.Hour, true))
	}
}

// change makes 1,000 devices of n due, and writes their small rows.
func change(ctx context.Context, s reporting.Store, at, n int, urgency uint8, in time.Duration, fresh bool) error {
	keys, small := make([]reporting.Key, 1000), make([]reporting.Key, 1000)
	for i := range keys {
		keys[i], small[i] = deviceKey(devices, (at+i)%n), deviceKey(marks, (at+i)%n)
	}
	data := make([]byte, 600)
	return s.Update(ctx, func(tx reporting.Tx) error {
		rows, err := tx.Get(keys...)
		if err != nil {
			return err
		}
		for i := range rows {
			if !fresh && rows[i].Version == 0 {
				return fmt.Errorf("no row %v", rows[i].Key)
			}
			data[i%600]++
			rows[i].Data = data
			rows[i].Queue, rows[i].Urgency, rows[i].Due = rows[i].Tenant+"/graph", urgency, tx.Now().Add(in)
			rows[i].Label, rows[i].Since = "in progress", tx.Now()
		}
		others, err := tx.Get(small...)
		if err != nil {
			return err
		}
		for i := range others {
			others[i].Data = data[:40]
		}
		if err := tx.Put(rows...); err != nil {
			return err
		}
		return tx.Put(others...)
	})
}

func perSecond(b *testing.B, n int, unit string) {
	b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), unit+"/s")
}

func BenchmarkUpdate(b *testing.B) {
	for name, open := range benchStores(b) {
		for _, size := range []int{10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				s := open(b)
				fill(b, s, size)
				b.Run("Unchanged", func(b *testing.B) {
					at := 0
					for b.Loop() {
						keys := make([]reporting.Key, 1000)
						for i := range keys {
							keys[i] = deviceKey(devices, (at+i)%size)
						}
						at += 1000
						require.NoError(b, s.Update(b.Context(), func(tx reporting.Tx) error {
							_, err := tx.Get(keys...)
							return err
						}))
					}
					perSecond(b, 1000, "keys")
				})
				b.Run("Changed", func(b *testing.B) {
					at := 0
					for b.Loop() {
						require.NoError(b, change(b.Context(), s, at, size, uint8(1+at/size%3), time.Hour, false))
						at += 1000
					}
					perSecond(b, 1000, "devices")
				})
			})
		}
	}
}
