package graph_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// What a batch looks like on the wire.
func TestBatchRequest(t *testing.T) {
	s := batchStub(t, func(_ int, _ sent, item batchItem) string { return itemReply(item.ID, 204, "null") }, "")
	reports := numbered(2, compliance.StateNonCompliant)
	reports[1].Inventory, reports[1].State = azure.Inventory{DeviceName: "PC", OSVersion: "10.0", Ownership: azure.OwnershipCompany}, compliance.StateCompliant
	for i := range reports {
		reports[i].Trigger = azure.TriggerRefresh
	}
	before := append([]azure.Report(nil), reports...)
	results := stubReporter(t, s, once).ReportBatch(t.Context(), reports)
	if diff := cmp.Diff(before, reports); diff != "" {
		t.Errorf("the caller's reports were changed (-before +after):\n%s", diff)
	}
	require.Len(t, s.requests(), 1)
	got := s.requests()[0]
	want := `{"requests":[` +
		`{"id":"1","method":"PATCH","url":"/devices(deviceId='` + numberedID(0) + `')","headers":{"Content-Type":"application/json"},"body":{"isManaged":true,"isCompliant":false}},` +
		`{"id":"2","method":"PATCH","url":"/devices(deviceId='` + numberedID(1) + `')","headers":{"Content-Type":"application/json"},"body":{"isManaged":true,"isCompliant":true,"displayName":"PC","operatingSystemVersion":"10.0"}}]}`
	if diff := cmp.Diff(want, got.body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if got.method != http.MethodPost || got.url != "https://graph.microsoft.com/v1.0/$batch" {
		t.Errorf("%s %s", got.method, got.url)
	}
	header := got.header.Clone()
	for _, name := range []string{"User-Agent", "Client-Request-Id", "Content-Length"} {
		header.Del(name)
	}
	if diff := cmp.Diff(http.Header{"Authorization": {"Bearer token"}, "Content-Type": {"application/json"}, "X-Ms-Throttle-Priority": {"low"}}, header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	for i, result := range results {
		require.NoError(t, result.Err)
		if result.Receipt.DeviceID != reports[i].DeviceID || result.Receipt.State != status.Successful || result.Receipt.Attempts != 1 || result.Receipt.MessageID == "" || result.Receipt.AcceptedAt.IsZero() {
			t.Errorf("receipt %+v", result.Receipt)
		}
	}
}

func TestBatchOfNone(t *testing.T) {
	s := newStub(t, nil)
	r := stubReporter(t, s, once)
	if got := r.ReportBatch(t.Context(), nil); len(got) != 0 {
		t.Errorf("%v", got)
	}
	bad := numbered(3, compliance.StateUnspecified)
	for _, result := range r.ReportBatch(t.Context(), bad) {
		require.ErrorIs(t, result.Err, azure.ErrInvalid)
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// Any number of reports: in twenties, each with its own result in its place,
// whatever the others' are.
func TestManyReports(t *testing.T) {
	for _, n := range []int{1, 19, 20, 21, 40, 105} {
		w := newWorld(t, nil, nil)
		reports := w.reports(n, compliance.StateNonCompliant)
		for i := range reports {
			switch i % 7 {
			case 3:
				reports[i].State = compliance.StateUnspecified
			case 4:
				reports[i].Platform = azure.PlatformAndroid
			case 5:
				reports[i].DeviceID = "not one"
			}
		}
		for i, result := range w.reporter.ReportBatch(t.Context(), reports) {
			switch i % 7 {
			case 3, 5:
				require.ErrorIs(t, result.Err, azure.ErrInvalid, i)
			case 4:
				require.ErrorIs(t, result.Err, azure.ErrUnsupported, i)
			default:
				require.NoError(t, result.Err, i)
				if result.Receipt.DeviceID != reports[i].DeviceID || w.sim.WriteCount(w.tenant.ID, reports[i].DeviceID) != 1 {
					t.Errorf("result %d of %d is of device %s, want %s", i, n, result.Receipt.DeviceID, reports[i].DeviceID)
				}
			}
		}
		for _, call := range w.graphRequests() {
			if len(call.Items) > 20 {
				t.Errorf("%d items in a batch", len(call.Items))
			}
		}
	}
}

// Two reports of one device are never in one batch nor on their way at once,
// and arrive in their order, whatever goes wrong on the way.
func TestReportsOfOneDeviceKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, 7))
			w := newWorld(t, &azuresim.Options{Seed: seed}, &graph.Options{ClientOptions: azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: 8, RetryDelay: time.Millisecond}}})
			devices := make([]azuresim.Device, 7)
			for i := range devices {
				devices[i] = w.sim.AddDevice(w.tenant.ID, azuresim.Device{})
			}
			reports := make([]azure.Report, 60)
			want := map[string][]string{}
			for i := range reports {
				reports[i] = w.reportOf(w.tenant, devices[rng.IntN(len(devices))], compliance.StateCompliant)
				reports[i].Inventory.OSVersion = fmt.Sprint(i)
				reports[i].Trigger = azure.Trigger(rng.IntN(5)) // low and normal
				if rng.IntN(3) == 0 {
					reports[i].DeviceID = strings.ToUpper(reports[i].DeviceID)
				}
				id := strings.ToLower(reports[i].DeviceID)
				want[id] = append(want[id], fmt.Sprint(i))
			}
			for range 10 {
				fault := azuresim.Fault{Match: azuresim.ForItems(), Skip: rng.IntN(50), Times: 2, Status: []int{503, 429, 409}[rng.IntN(3)]}
				if rng.IntN(2) == 0 {
					fault = azuresim.Fault{Match: azuresim.ForBatches(), Skip: rng.IntN(4), Times: 1, Delay: time.Duration(rng.IntN(100)) * time.Millisecond, Truncated: rng.IntN(2) == 0}
				}
				w.sim.Inject(fault)
			}
			for i, result := range w.reporter.ReportBatch(t.Context(), reports) {
				require.NoError(t, result.Err, "seed %d, report %d", seed, i)
			}
			got := map[string][]string{}
			for id := range want {
				// A truncated answer makes a write arrive twice: a repetition.
				for _, write := range w.sim.Writes(w.tenant.ID, id) {
					version := write.After.OperatingSystemVersion
					if n := len(got[id]); n == 0 || got[id][n-1] != version {
						got[id] = append(got[id], version)
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("seed %d: versions as written (-want +got):\n%s", seed, diff)
			}
			for _, call := range w.graphRequests() {
				seen := map[string]bool{}
				for _, item := range call.Items {
					if seen[item.DeviceID] {
						t.Errorf("seed %d: device %s twice in a batch", seed, item.DeviceID)
					}
					seen[item.DeviceID] = true
				}
			}
		}
	})
}

// Tenants and priorities are not mixed in one batch: they are its token and
// its header.
func TestBatchesDoNotMix(t *testing.T) {
	w := newWorld(t, nil, nil)
	other := w.addTenant()
	reports := w.reports(30, compliance.StateCompliant)
	for i := range reports {
		if i%3 == 0 {
			reports[i] = w.reportOf(other, w.sim.AddDevice(other.ID, azuresim.Device{}), compliance.StateCompliant)
		}
		if i%2 == 0 {
			reports[i].Trigger = azure.TriggerRefresh
		}
	}
	of := map[string]azure.Report{}
	for _, report := range reports {
		of[report.DeviceID] = report
	}
	for i, result := range w.reporter.ReportBatch(t.Context(), reports) {
		require.NoError(t, result.Err, i)
	}
	calls := w.graphRequests()
	if len(calls) != 4 {
		t.Errorf("%d calls, want 4", len(calls))
	}
	for _, call := range calls {
		for _, item := range call.Items {
			report := of[item.DeviceID]
			low := call.Header.Get("x-ms-throttle-priority") == "low"
			if report.TenantID != call.TenantID || low != (report.Trigger == azure.TriggerRefresh) {
				t.Errorf("a report of tenant %s, %v, in a batch of tenant %s, low %v", report.TenantID, report.Trigger, call.TenantID, low)
			}
		}
	}
}

// Tenants take turns, so that one with many reports does not hold up others.
func TestTenantsTakeTurns(t *testing.T) {
	s := batchStub(t, func(_ int, _ sent, item batchItem) string { return itemReply(item.ID, 204, "null") }, "")
	cred := &recorder{give: func(_ context.Context, _ int, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
		return azcore.AccessToken{Token: o.TenantID, ExpiresOn: time.Now().Add(time.Hour)}, nil
	}}
	r, err := graph.New(cred, &graph.Options{BatchesInFlight: 1, ClientOptions: azcore.ClientOptions{Transport: s}})
	require.NoError(t, err)
	reports := numbered(60, compliance.StateCompliant)
	for _, report := range numbered(60, compliance.StateCompliant) {
		report.TenantID = tenantB
		report.DeviceID = strings.Replace(report.DeviceID, "007c", "107c", 1)
		reports = append(reports, report)
	}
	for i, result := range r.ReportBatch(t.Context(), reports) {
		require.NoError(t, result.Err, i)
	}
	var turns []string
	for _, call := range s.requests() {
		turns = append(turns, strings.TrimPrefix(call.header.Get("Authorization"), "Bearer "))
	}
	if diff := cmp.Diff([]string{tenantA, tenantB, tenantA, tenantB, tenantA, tenantB}, turns); diff != "" {
		t.Errorf("turns (-want +got):\n%s", diff)
	}
}

func TestBatchesInFlight(t *testing.T) {
	for setting, want := range map[int]int32{0: 4, 1: 1, 3: 3, 100: 10} {
		synctest.Test(t, func(t *testing.T) {
			var now, most atomic.Int32
			s := newStub(t, func(_ int, call sent) (*http.Response, error) {
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(time.Second)
				now.Add(-1)
				var answers []string
				for _, item := range call.items(t) {
					answers = append(answers, itemReply(item.ID, 204, "null"))
				}
				return reply(200, `{"responses":[`+strings.Join(answers, ",")+`]}`), nil
			})
			r, err := graph.New(staticToken{}, &graph.Options{BatchesInFlight: setting, ClientOptions: azcore.ClientOptions{Transport: s}})
			require.NoError(t, err)
			for i, result := range r.ReportBatch(t.Context(), numbered(200, compliance.StateCompliant)) {
				require.NoError(t, result.Err, i)
			}
			if got := most.Load(); got != want {
				t.Errorf("BatchesInFlight %d: %d at once, want %d", setting, got, want)
			}
		})
	}
}

// When the context ends midway every report has its result, what was on its
// way is unknown, and nothing is sent afterwards.
func TestBatchContextEndsMidway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t, func(n int, call sent) (*http.Response, error) {
			if n >= 2 { // of batches in flight two answer, two hang
				<-call.req.Context().Done()
				return nil, call.req.Context().Err()
			}
			var answers []string
			for i, item := range call.items(t) {
				if i%2 == 0 {
					answers = append(answers, itemReplyWith(item.ID, 429, map[string]string{"Retry-After": "30"}, "null"))
					continue
				}
				answers = append(answers, itemReply(item.ID, 204, "null"))
			}
			return reply(200, `{"responses":[`+strings.Join(answers, ",")+`]}`), nil
		})
		r := stubReporter(t, s, policy.RetryOptions{})
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		began := time.Now()
		results := r.ReportBatch(ctx, numbered(100, compliance.StateCompliant))
		if waited := time.Since(began); waited != 5*time.Second {
			t.Errorf("returned after %v", waited)
		}
		count := map[string]int{}
		for _, result := range results {
			if result.Err == nil {
				count["accepted"]++
				require.NotEmpty(t, result.Receipt.MessageID)
				continue
			}
			require.ErrorIs(t, result.Err, context.DeadlineExceeded)
			count[summary(result.Err)]++
		}
		// 20 accepted, 20 throttled and waiting, 40 on their way, 20 never sent.
		want := map[string]int{"accepted": 20, "canceled (device, unknown)": 60, "canceled (device, not-sent)": 20}
		if diff := cmp.Diff(want, count); diff != "" {
			t.Errorf("results (-want +got):\n%s", diff)
		}
		sentBefore := len(s.requests())
		time.Sleep(time.Hour)
		if n := len(s.requests()); n != sentBefore {
			t.Errorf("%d requests after it returned", n-sentBefore)
		}
	})
}

// A report that waits for an earlier one of its device, in a group that was
// given up before it, has its result too.
func TestBatchContextEndedWithRepeats(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	reports := numbered(1, compliance.StateCompliant)
	other := reports[0]
	other.DeviceID = object1
	refresh := other
	refresh.Trigger = azure.TriggerRefresh
	elsewhere := other
	elsewhere.TenantID = tenantB
	reports = append(reports, refresh, other, elsewhere, refresh, other)
	for i, result := range stubReporter(t, newStub(t, nil), once).ReportBatch(ctx, reports) {
		if diff := cmp.Diff("canceled (device, not-sent)", summary(result.Err)); diff != "" {
			t.Errorf("result %d (-want +got):\n%s", i, diff)
		}
	}
}
