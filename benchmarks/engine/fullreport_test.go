package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/compliance"
)

var (
	simDevices = flag.Int("devices", 4000, "how many devices the simulation has; 1,000,000 take minutes and some 4 GiB")
	simTenants = flag.Int("tenants", 2, "among how many tenants they are spread")
)

// watched is the channel, with a note of when what was written.
type watched struct {
	*graph.Reporter
	mu            sync.Mutex
	sent, refused int
	last          time.Time            // when a compliant device was written
	restricted    map[string]time.Time // the devices that were written as not compliant
}

func (w *watched) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	results := w.Reporter.ReportBatch(ctx, rs)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for i, r := range results {
		w.sent++
		switch {
		case errors.Is(r.Err, azure.ErrThrottled):
			w.refused++
		case r.Err == nil:
			if rs[i].State == compliance.StateNonCompliant {
				w.restricted[rs[i].DeviceID] = now
			} else {
				w.last = now
			}
		}
	}
	return results
}

// A whole fleet is reported for the first time, at Microsoft's published limits
// as the simulator keeps them. Meanwhile, again and again, a device turns
// non-compliant.
func TestFullReport(t *testing.T) {
	const calls = 100 * time.Millisecond
	const turning = 40
	began := time.Now()
	s := simulated{Devices: *simDevices, Tenants: *simTenants}
	synctest.Test(t, func(t *testing.T) {
		sim := azuresim.New(&azuresim.Options{LedgerLimit: -1, HistoryLimit: 1, Latency: calls})
		app := sim.AddApplication(azuresim.Application{
			Secrets: []azuresim.Secret{{Value: "of-the-simulation"}}, Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true,
		})
		credential, err := msal.NewClientSecretCredential(app.ClientID, "of-the-simulation", &msal.Options{ClientOptions: azcore.ClientOptions{Transport: sim.Client()}})
		require.NoError(t, err)
		channel, err := graph.New(credential, &graph.Options{ClientOptions: azcore.ClientOptions{Transport: sim.Client(), Retry: policy.RetryOptions{MaxRetries: -1}}})
		require.NoError(t, err)
		w := &watched{Reporter: channel, restricted: map[string]time.Time{}}
		e, err := reporting.New(memstore.New(nil), w, nil)
		require.NoError(t, err)

		f := newFleet(s.Devices, s.Tenants)
		for n := range s.Tenants {
			sim.AddTenant(azuresim.Tenant{ID: tenantID(n), Seats: 1000})
			sim.Consent(tenantID(n), app.ClientID)
			require.NoError(t, e.RegisterTenant(t.Context(), account(n), tenantID(n)))
		}
		all := make([]reporting.Observation, 0, inOneCall)
		for n := range s.Devices {
			o := f.observation(n, time.Now())
			sim.AddDevice(o.TenantID, azuresim.Device{DeviceID: o.AzureDeviceID})
			if all = append(all, o); len(all) == cap(all) || n == s.Devices-1 {
				seen, err := e.Observe(t.Context(), all...)
				require.NoError(t, err)
				require.Equal(t, len(all), seen.Changed)
				all = all[:0]
			}
		}

		start := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = e.Run(ctx) })
		part := fullReport(s.Devices, s.Tenants) / (turning + 2)
		for i := range turning {
			time.Sleep(time.Until(start.Add(time.Duration(i+1) * part)))
			n := int(int64(i+1) * stride % int64(s.Devices))
			f.turn(n)
			o := f.observation(n, time.Now())
			_, err := e.Observe(t.Context(), o)
			require.NoError(t, err)
			s.Waits = append(s.Waits, w.waitFor(t, o))
		}
		for {
			time.Sleep(10 * time.Second)
			c, err := e.Counters(t.Context())
			require.NoError(t, err)
			if c.Queued["restrict"]+c.Queued["compliant"] == 0 {
				break
			}
		}
		stop()
		running.Wait()
		s.Took, s.Sent, s.Refused = w.last.Sub(start), w.sent, w.refused
		slices.Sort(s.Waits)
		for i := range 100 { // what the simulator holds is what was seen
			o := f.observation(i*s.Devices/100, time.Now())
			d, ok := sim.Device(o.TenantID, o.AzureDeviceID)
			if want := o.State == compliance.StateCompliant; !ok || d.IsCompliant == nil || *d.IsCompliant != want {
				t.Errorf("device %d: Azure holds %v, want compliant %t", i*s.Devices/100, d.IsCompliant, want)
			}
		}
	})
	s.Real = time.Since(began)
	if ratio := s.Took.Seconds() / fullReport(s.Devices, s.Tenants).Seconds(); ratio > 1.05 {
		t.Errorf("a full report took %.3f times what the limits allow", ratio)
	}
	if s.Refused > 0 {
		t.Errorf("%d of %d writes were refused", s.Refused, s.Sent)
	}
	text, err := json.Marshal(s)
	require.NoError(t, err)
	fmt.Fprintf(os.Stdout, "%s%s\n", saysSimulated, text)
}

// waitFor answers how long after it was seen a device was written as not
// compliant.
func (w *watched) waitFor(t *testing.T, o reporting.Observation) time.Duration {
	for time.Since(o.SeenAt) < time.Hour {
		w.mu.Lock()
		at, ok := w.restricted[o.AzureDeviceID]
		w.mu.Unlock()
		if ok {
			return at.Sub(o.SeenAt)
		}
		time.Sleep(50 * time.Millisecond)
	}
	require.Fail(t, "a device that turned non-compliant was not written within an hour")
	return 0
}
