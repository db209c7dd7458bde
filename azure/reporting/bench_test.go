package reporting_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/compliance"
)

const inOneCall = 1000

// fleet answers n observations of PCs that are compliant.
func fleet(n int, seen time.Time) []reporting.Observation {
	all := make([]reporting.Observation, n)
	for i := range all {
		all[i] = reporting.Observation{
			Account: account, TenantID: tenantID, DeviceID: fmt.Sprintf("pc-%07d", i), Platform: azure.PlatformWindows,
			AzureDeviceID: fmt.Sprintf("%08x-9489-4074-9b35-%012d", uint32(i)*2654435761, i),
			Inventory:     azure.Inventory{DeviceName: fmt.Sprintf("PC %d", i), OSVersion: "10.0.26100"},
			State:         compliance.StateCompliant, SeenAt: seen,
		}
	}
	return all
}

func observeAll(b testing.TB, e *reporting.Engine, all []reporting.Observation) {
	for at := 0; at < len(all); at += inOneCall {
		if _, err := e.Observe(context.Background(), all[at:min(at+inOneCall, len(all))]...); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkObserve is about observations in calls of 1,000: of what changes
// nothing, and of devices that turn non-compliant and back.
func BenchmarkObserve(b *testing.B) {
	for _, size := range []int{10_000, 100_000} {
		e, err := reporting.New(memstore.New(nil), fake.New(nil), &reporting.Options{GuardShare: -1})
		require.NoError(b, err)
		require.NoError(b, e.RegisterTenant(b.Context(), account, tenantID))
		now := time.Now()
		all := fleet(size, now)
		observeAll(b, e, all)
		b.Run(fmt.Sprintf("unchanged/%d", size), func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				at := n * inOneCall % size
				if _, err := e.Observe(b.Context(), all[at:at+inOneCall]...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*inOneCall/b.Elapsed().Seconds(), "observations/s")
		})
		b.Run(fmt.Sprintf("changed/%d", size), func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				at := n * inOneCall % size
				some := all[at : at+inOneCall]
				for i := range some {
					some[i].SeenAt = some[i].SeenAt.Add(time.Microsecond)
					if some[i].State == compliance.StateCompliant {
						some[i].State = compliance.StateNonCompliant
					} else {
						some[i].State = compliance.StateCompliant
					}
				}
				if _, err := e.Observe(b.Context(), some...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*inOneCall/b.Elapsed().Seconds(), "observations/s")
		})
	}
}
