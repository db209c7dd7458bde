package reporting_test

import (
	"context"
	"flag"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

var devices = flag.Int("devices", 10_000, "how many devices the tests of volume report; 1,000,000 take some minutes")

// service is Microsoft with a quota: a bucket that is filled with rate writes a
// second and holds what it gives in a window. A call takes a tenth of a second.
type service struct {
	mu      sync.Mutex
	rate    float64
	size    float64
	tokens  float64
	at      time.Time
	sent    int
	refused int
	last    time.Time
	when    map[string]time.Time // of devices that are watched: when they were written
	state   map[string]compliance.State
}

func newService(rate, size float64, watched ...string) *service {
	s := &service{rate: rate, size: size, tokens: size, at: time.Now(), when: map[string]time.Time{}, state: map[string]compliance.State{}}
	for _, id := range watched {
		s.when[id] = time.Time{}
	}
	return s
}

func (s *service) Report(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	one := s.ReportBatch(ctx, []azure.Report{r})[0]
	return one.Receipt, one.Err
}

func (s *service) ReportBatch(_ context.Context, rs []azure.Report) []azure.Result {
	time.Sleep(100 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.tokens = min(s.size, s.tokens+now.Sub(s.at).Seconds()*s.rate)
	s.at = now
	results := make([]azure.Result, len(rs))
	for i, r := range rs {
		s.sent++
		if s.tokens < 1 {
			s.refused++
			results[i].Err = &azure.Error{
				Op: "report", Kind: azure.ErrThrottled, Scope: azure.ScopeTenant, Outcome: azure.OutcomeRefused,
				StatusCode: 429, RetryAfter: time.Duration((1 - s.tokens) / s.rate * float64(time.Second)),
			}
			continue
		}
		s.tokens--
		s.last = now
		if _, ok := s.when[r.DeviceID]; ok {
			s.when[r.DeviceID], s.state[r.DeviceID] = now, r.State
		}
		results[i].Receipt = azure.Receipt{Channel: "graph", TenantID: r.TenantID, DeviceID: r.DeviceID, MessageID: guid.New(), State: status.Successful, AcceptedAt: now.UTC(), Attempts: 1}
	}
	return results
}

// A whole tenant turns compliant, as after an import, at the published limits
// and where Microsoft allows the half of them. Some devices turn non-compliant
// in the middle.
func TestVolume(t *testing.T) {
	for _, tc := range []struct {
		name    string
		rate    float64
		size    float64
		atMost  float64 // of the time that the service's rate takes
		refused float64 // at most this part of what was sent
	}{
		{"published", 20, 3000, 1.02, 0},
		{"half", 10, 1500, 1 / 0.9, 0.03},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := fleet(*devices, time.Now())
				urgent := make([]string, 0, 20)
				for i := range 20 {
					urgent = append(urgent, all[len(all)*(i+5)/40].AzureDeviceID)
				}
				s := newService(tc.rate, tc.size, urgent...)
				store := memstore.New(nil)
				e, err := reporting.New(store, s, nil)
				require.NoError(t, err)
				require.NoError(t, e.RegisterTenant(t.Context(), account, tenantID))
				began := time.Now()
				observeAll(t, e, all)
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { _ = e.Run(ctx) })
				ideal := time.Duration(float64(*devices) / tc.rate * float64(time.Second))
				if *devices < 10_000 {
					t.Fatalf("-devices=%d are too few", *devices)
				}

				var waits []time.Duration
				for i := range urgent {
					time.Sleep(ideal / 50)
					o := all[len(all)*(i+5)/40]
					o.State, o.SeenAt = compliance.StateNonCompliant, time.Now()
					seen := time.Now()
					_, err := e.Observe(t.Context(), o)
					require.NoError(t, err)
					for {
						time.Sleep(50 * time.Millisecond)
						s.mu.Lock()
						when, state := s.when[o.AzureDeviceID], s.state[o.AzureDeviceID]
						s.mu.Unlock()
						if state == compliance.StateNonCompliant {
							waits = append(waits, when.Sub(seen))
							break
						}
						if time.Since(seen) > time.Hour {
							t.Fatal("a device that turned non-compliant was not reported within an hour")
						}
					}
				}
				for {
					time.Sleep(10 * time.Second)
					c, err := e.Counters(t.Context())
					require.NoError(t, err)
					if c.Queued["restrict"]+c.Queued["compliant"] == 0 {
						break
					}
				}
				cancel()
				running.Wait()
				took := s.last.Sub(began)
				slices.Sort(waits)
				times, refused, longest := took.Seconds()/ideal.Seconds(), float64(s.refused)/float64(s.sent), waits[len(waits)-1]
				t.Logf("%d devices in %v, %.4f times what %v a second take; %d of %d refused (%.2f %%); non-compliant written after %v at most, %v at the median",
					*devices, took.Round(time.Second), times, tc.rate, s.refused, s.sent, 100*refused, longest, waits[len(waits)/2])
				if times > tc.atMost {
					t.Errorf("it took %.4f times as long as what is allowed takes, want at most %.4f", times, tc.atMost)
				}
				if refused > tc.refused {
					t.Errorf("%.2f %% were refused, want at most %.2f %%", 100*refused, 100*tc.refused)
				}
				if longest > 5*time.Second {
					t.Errorf("a device that turned non-compliant was written after %v, want within 5 s", longest)
				}
			})
		})
	}
}
