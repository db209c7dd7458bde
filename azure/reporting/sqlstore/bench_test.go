package sqlstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
)

// The rows of a fleet: a small one of each device, and a larger one with its
// work.
const (
	devices = reporting.Kind(2)
	targets = reporting.Kind(3)
)

const (
	benchTenant = "11111111-2222-4333-8444-000000000000"
	benchQueue  = benchTenant + "/graph"
	week        = 7 * 24 * time.Hour
)

// fleetKey answers keys that are in no order.
func fleetKey(kind reporting.Kind, n int) reporting.Key {
	return reporting.Key{Kind: kind, Tenant: benchTenant, ID: fmt.Sprintf("%08x-9489-4074-9b35-%012d", uint32(n)*2654435761, n)}
}

func fleetKeys(kind reporting.Kind, ns []int) []reporting.Key {
	keys := make([]reporting.Key, len(ns))
	for i, n := range ns {
		keys[i] = fleetKey(kind, n)
	}
	return keys
}

// pick answers 1,000 devices of n: those that enrolled one after the other, or
// any.
func pick(n int, scattered bool) []int {
	ns := make([]int, 1000)
	if scattered {
		for i, at := range rand.Perm(n)[:1000] {
			ns[i] = at
		}
		return ns
	}
	at := rand.IntN(n / 1000)
	for i := range ns {
		ns[i] = at*1000 + i
	}
	return ns
}

// change observes devices: what each row says is new, and so is its work.
func change(ctx context.Context, s reporting.Store, ns []int, urgency uint8, in time.Duration) error {
	mark := byte(rand.Uint32())
	return s.Update(ctx, func(tx reporting.Tx) error {
		small, err := tx.Get(fleetKeys(devices, ns)...)
		if err != nil {
			return err
		}
		large, err := tx.Get(fleetKeys(targets, ns)...)
		if err != nil {
			return err
		}
		one, other := make([]byte, 60), make([]byte, 600)
		one[0], other[0] = mark, mark
		for i := range small {
			small[i].Data = one
			r := &large[i]
			r.Data, r.Queue, r.Urgency, r.Due = other, benchQueue, urgency, tx.Now().Add(in)
			r.Label, r.Since = "in progress", tx.Now()
		}
		if err := tx.Put(small...); err != nil {
			return err
		}
		return tx.Put(large...)
	})
}

// settle writes what came of a claim. The next report is due at once, so that
// there is always something to claim.
func settle(ctx context.Context, s reporting.Store, rows []reporting.Row) error {
	keys := make([]reporting.Key, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	return s.Update(ctx, func(tx reporting.Tx) error {
		rows, err := tx.Get(keys...)
		if err != nil {
			return err
		}
		for i := range rows {
			r := &rows[i]
			r.Data[0]++
			r.Due, r.LeaseUntil, r.Claims, r.Since = tx.Now(), time.Time{}, 0, tx.Now()
		}
		return tx.Put(rows...)
	})
}

// fleet puts n devices that are due within a week from start.
func fleet(b *testing.B, s reporting.Store, n int, start time.Duration) {
	b.Helper()
	for at := 0; at < n; at += 1000 {
		ns := make([]int, 1000)
		for i := range ns {
			ns[i] = at + i
		}
		require.NoError(b, change(b.Context(), s, ns, 3, start+rand.N(week)))
	}
}

// benchmark runs do on a fleet on each database.
func benchmark(b *testing.B, start time.Duration, do func(b *testing.B, s *sqlstore.Store, size int)) {
	for name, open := range benchStores {
		for _, size := range []int{10_000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				s := open(b)
				fleet(b, s, size, start)
				do(b, s, size)
			})
		}
	}
}

// benchStores are the databases to measure: PostgreSQL where there is a server.
var benchStores = func() map[string]func(b *testing.B) *sqlstore.Store {
	stores := map[string]func(b *testing.B) *sqlstore.Store{
		"SQLite": func(b *testing.B) *sqlstore.Store {
			return openStore(b, filepath.Join(b.TempDir(), "bench.db"), durable+"&_pragma=cache_size(-65536)&_pragma=wal_autocheckpoint(8192)")
		},
	}
	if os.Getenv("DEVICESTATUS_POSTGRES") != "" {
		stores["PostgreSQL"] = func(b *testing.B) *sqlstore.Store {
			s, _ := onServer(b).open(b, nil)
			return s
		}
	}
	return stores
}()

// perSecond measures n devices: by the clock, and by the processor, which says
// more on a machine that does other things too.
func perSecond(b *testing.B, n int, began time.Duration) {
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "devices/s")
	b.ReportMetric(float64((processor()-began).Microseconds())/float64(n), "cpu-µs/device")
}

// BenchmarkUpdate is what Observe costs the store, in calls of 1,000.
func BenchmarkUpdate(b *testing.B) {
	benchmark(b, time.Hour, func(b *testing.B, s *sqlstore.Store, size int) {
		for _, name := range []string{"InOrder", "Scattered"} {
			scattered := name == "Scattered"
			b.Run("Unchanged/"+name, func(b *testing.B) {
				began := processor()
				for b.Loop() {
					keys := fleetKeys(devices, pick(size, scattered))
					require.NoError(b, s.Update(b.Context(), func(tx reporting.Tx) error {
						_, err := tx.Get(keys...)
						return err
					}))
				}
				perSecond(b, 1000*b.N, began)
			})
			b.Run("Changed/"+name, func(b *testing.B) {
				n, began := 0, processor()
				for b.Loop() {
					n++
					require.NoError(b, change(b.Context(), s, pick(size, scattered), uint8(n%3), time.Hour))
				}
				perSecond(b, 1000*b.N, began)
			})
		}
	})
}

// BenchmarkDrain claims and settles, by one worker and by four.
func BenchmarkDrain(b *testing.B) {
	benchmark(b, -2*week, func(b *testing.B, s *sqlstore.Store, size int) {
		for _, limit := range []int{20, 200} {
			for _, workers := range []int{1, 4} {
				b.Run(fmt.Sprintf("%dx%d", workers, limit), func(b *testing.B) {
					var turns, n atomic.Int64
					var all sync.WaitGroup
					began := processor()
					for range workers {
						all.Go(func() {
							for turns.Add(1) <= int64(b.N) {
								rows, err := s.Claim(b.Context(), reporting.Claim{Queue: benchQueue, Limit: limit, Lease: time.Minute, Most: 255})
								if err == nil {
									n.Add(int64(len(rows)))
									err = settle(b.Context(), s, rows)
								}
								if err != nil {
									b.Error(err)
									return
								}
							}
						})
					}
					all.Wait()
					perSecond(b, int(n.Load()), began)
				})
			}
		}
	})
}

// BenchmarkAsk asks what an engine asks again and again, of a fleet of which
// 1,000 devices are due.
func BenchmarkAsk(b *testing.B) {
	benchmark(b, time.Hour, func(b *testing.B, s *sqlstore.Store, size int) {
		require.NoError(b, change(b.Context(), s, pick(size, false), 1, -time.Minute))
		hourAgo := time.Now().Add(-time.Hour)
		for _, ask := range []struct {
			name string
			do   func() (int, error)
		}{
			{"Claim20", func() (int, error) {
				// A lease without length leaves the rows to the next.
				rows, err := s.Claim(b.Context(), reporting.Claim{Queue: benchQueue, Limit: 20, Most: 255})
				return len(rows), err
			}},
			{"Queues", func() (int, error) { q, err := s.Queues(b.Context(), "", 100); return len(q), err }},
			{"NextDue", func() (int, error) {
				t, err := s.NextDue(b.Context())
				return int(t.Unix()), err
			}},
			{"Tally", func() (int, error) { t, err := s.Tally(b.Context(), targets, "", hourAgo); return len(t), err }},
			{"Scan100", func() (int, error) {
				rows, err := s.Scan(b.Context(), targets, benchTenant, fleetKey(targets, rand.IntN(size)), 100)
				return len(rows), err
			}},
		} {
			b.Run(ask.name, func(b *testing.B) {
				for b.Loop() {
					if n, err := ask.do(); err != nil || n <= 0 {
						b.Fatalf("%d, %v", n, err)
					}
				}
			})
		}
	})
}
