package sqlstore_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

var most = flag.Int("devices", 100_000, "the largest fleet of the engine's benchmarks; 1,000,000 take some minutes")

const (
	account   = "contoso"
	tenantID  = "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11"
	inOneCall = 1000
)

// observations answers observations of PCs, from one to another.
func observations(from, to int, state compliance.State, seen time.Time) []reporting.Observation {
	all := make([]reporting.Observation, to-from)
	for i := range all {
		n := from + i
		all[i] = reporting.Observation{
			Account: account, TenantID: tenantID, DeviceID: fmt.Sprintf("pc-%07d", n), Platform: azure.PlatformWindows,
			AzureDeviceID: fmt.Sprintf("%08x-9489-4074-9b35-%012d", uint32(n)*2654435761, n),
			Inventory:     azure.Inventory{DeviceName: fmt.Sprintf("PC %d", n), OSVersion: "10.0.26100"},
			State:         state, SeenAt: seen,
		}
	}
	return all
}

// free is a reporter that costs nothing.
type free struct{}

func (free) Report(_ context.Context, r azure.Report) (azure.Receipt, error) {
	return azure.Receipt{
		Channel: "free", TenantID: r.TenantID, DeviceID: r.DeviceID, MessageID: r.DeviceID,
		State: status.Successful, AcceptedAt: time.Now().UTC(), Attempts: 1,
	}, nil
}

func (f free) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	results := make([]azure.Result, len(rs))
	for i, r := range rs {
		results[i].Receipt, results[i].Err = f.Report(ctx, r)
	}
	return results
}

func newEngine(b *testing.B, s reporting.Store) *reporting.Engine {
	b.Helper()
	unlimited := reporting.Quota{Writes: 100_000_000, Window: time.Second}
	e, err := reporting.New(s, free{}, &reporting.Options{
		GuardShare: -1, TenantQuota: unlimited, ApplicationQuota: unlimited, Burst: 1000,
	})
	require.NoError(b, err)
	require.NoError(b, e.RegisterTenant(b.Context(), account, tenantID))
	return e
}

func observe(b *testing.B, e *reporting.Engine, all []reporting.Observation) {
	for at := 0; at < len(all); at += inOneCall {
		_, err := e.Observe(b.Context(), all[at:min(at+inOneCall, len(all))]...)
		require.NoError(b, err)
	}
}

// BenchmarkEngine is the engine on each database: what changes nothing, what
// changes, and the drain of what changed into a reporter that costs nothing.
func BenchmarkEngine(b *testing.B) {
	for name, open := range benchStores {
		for size := 10_000; size <= *most; size *= 10 {
			e := newEngine(b, open(b))
			began := time.Now()
			for at := 0; at < size; at += inOneCall {
				observe(b, e, observations(at, at+inOneCall, compliance.StateCompliant, began))
			}
			b.Run(fmt.Sprintf("%s/unchanged/%d", name, size), func(b *testing.B) {
				all := observations(0, min(size, 10*inOneCall), compliance.StateCompliant, began)
				for n := 0; b.Loop(); n++ {
					at := n * inOneCall % len(all)
					observe(b, e, all[at:at+inOneCall])
				}
				b.ReportMetric(float64(b.N)*inOneCall/b.Elapsed().Seconds(), "observations/s")
			})
			b.Run(fmt.Sprintf("%s/changed/%d", name, size), func(b *testing.B) {
				for n := 0; b.Loop(); n++ {
					state := compliance.StateNonCompliant
					if n*inOneCall/size%2 == 1 {
						state = compliance.StateCompliant
					}
					at := n * inOneCall % size
					observe(b, e, observations(at, at+inOneCall, state, time.Now()))
				}
				b.ReportMetric(float64(b.N)*inOneCall/b.Elapsed().Seconds(), "observations/s")
			})
			b.Run(fmt.Sprintf("%s/drain/%d", name, size), func(b *testing.B) {
				for b.Loop() {
					drained := drain(b, e, size)
					b.ReportMetric(drained, "devices/s")
				}
			})
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.Logf("%s: %d devices: heap in use %.1f MB, from the system %.1f MB", name, size, float64(m.HeapInuse)/1e6, float64(m.Sys)/1e6)
		}
	}
}

// drain runs the engine until nothing is queued, and answers how many devices a
// second it reported.
func drain(b *testing.B, e *reporting.Engine, size int) float64 {
	seen := time.Now()
	for at := 0; at < size; at += inOneCall {
		observe(b, e, observations(at, at+inOneCall, compliance.StateNonCompliant, seen))
		observe(b, e, observations(at, at+inOneCall, compliance.StateRemoved, seen.Add(time.Millisecond)))
	}
	before, err := e.Counters(b.Context())
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	began := time.Now()
	running.Go(func() { _ = e.Run(ctx) })
	for {
		time.Sleep(50 * time.Millisecond)
		c, err := e.Counters(b.Context())
		require.NoError(b, err)
		if c.Queued["restrict"]+c.Queued["compliant"] == 0 {
			cancel()
			running.Wait()
			return float64(c.Sent-before.Sent) / time.Since(began).Seconds()
		}
	}
}
