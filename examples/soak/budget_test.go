package main

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
)

// What is published: 3,000 writes of an application in a tenant within 150 s.
// The engine's burst is 40.
const publishedRate, publishedBurst = 20, 40

// Four worker processes on PostgreSQL, one tenant of which has more to report
// than the published limits allow in the time: never more than those, no 429,
// and how much of them is used is logged. One worker is killed in the midst of
// a write: others do it when its lease has ended. Another tenant is asked to
// wait: all workers do.
func TestFourProcessesShareABudget(t *testing.T) {
	if os.Getenv(serverVariable) == "" {
		t.Skip(serverVariable + " is not set; to start a server, run this from the root of the checkout: .ci/postgres run go test ./examples/soak")
	}
	t.Parallel()
	const wait = 6 * time.Second
	s := settings{seed: 1, workers: 4, tenants: 2, call: time.Second, life: time.Second}
	var err error
	s.database, err = parseStore("postgres", os.Getenv)
	require.NoError(t, err)
	at := &workerMoments{}
	ms, tenants := newMicrosoft(s, 0, at)
	defer ms.close()
	busy, asked := tenants[0], tenants[1]
	h := newHost(s.seed, newWorld(s.seed, ms.sim, tenants, 0), at) // which has nothing to hand over
	address, closeFeed, err := serve(h)
	require.NoError(t, err)
	defer closeFeed()
	all, err := newWorkers(s, orders{Host: address, Microsoft: ms.address, Tenants: tenants, Database: s.database, CallTimeout: s.call}, t.TempDir(), h.died)
	require.NoError(t, err)
	defer all.close()
	at.to.Store(all)
	// Once the other tenant has written for a while, what one worker writes of
	// it is answered 429: until it has heard that, since an answer may be lost
	// on a busy machine. The others are never told, and the first worker is not
	// asked, whose answers nobody may read.
	refusals := &refusals{tenant: asked, after: 60, lasting: wait / 2, sent: map[int]int{}}
	ms.sim.Inject(azuresim.Fault{Name: "asked to wait", Status: 429, RetryAfter: fmt.Sprint(int(wait.Seconds())), Code: "TooManyRequests", Match: refusals.match})
	w, err := newWatch(t.Context(), s.database, ms.address, s)
	require.NoError(t, err)
	defer func() {
		require.NoError(t, w.db.Close())
		require.NoError(t, s.database.drop(t.Context()))
	}()
	devices := map[string]int{busy: 300, asked: 160}
	var changed []reporting.Observation
	for tenant, n := range devices {
		require.NoError(t, w.engine.RegisterTenant(t.Context(), account, tenant))
		for i := range n {
			d := ms.sim.AddDevice(tenant, azuresim.Device{OperatingSystem: "Windows", TrustType: "AzureAd"})
			changed = append(changed, reporting.Observation{Account: account, TenantID: tenant, DeviceID: fmt.Sprintf("pc-%d", i), AzureDeviceID: d.DeviceID,
				Platform: azure.PlatformWindows, State: compliance.StateCompliant, SeenAt: time.Now()})
		}
	}

	doomed, err := all.start(all.slots[0], death{moment: momentWrite, count: 5})
	require.NoError(t, err)
	done, ended := make(chan struct{}), make(chan error, 3)
	for _, slot := range all.slots[1:] {
		go func() { ended <- all.peace(slot, done, func(error) {}) }()
	}
	// None has anything to do before all are there: else the first to start
	// would do it alone where starting takes long.
	assert.Eventually(t, func() bool { return h.met() == len(all.slots) }, time.Minute, 10*time.Millisecond, "not all workers have asked for something to do")
	began := time.Now()
	got, err := w.engine.Observe(t.Context(), changed...)
	assert.NoError(t, err)
	assert.Empty(t, got.Refused)
	select {
	case <-all.slots[0].frozen:
	case <-time.After(30 * time.Second):
		t.Error("the first worker has not written five times")
	}
	all.slots[0].kill()
	_, _ = all.slots[0].ended(doomed)
	last, err := w.settle(t.Context(), h)
	close(done)
	for range 3 {
		require.NoError(t, <-ended)
	}
	require.NoError(t, err, last)

	// What came: of each tenant when, by whom, and about whom.
	type arrival struct {
		at     time.Time
		worker int
		device string
	}
	arrived := map[string][]arrival{}
	var gated time.Time // when one was refused first
	refused := 0
	each := func(r *azuresim.Request, worker int) {
		switch {
		case r.Fault != "":
			if refused++; gated.IsZero() {
				gated = r.At
			}
		case r.Status == 429:
			t.Errorf("a 429 that nobody asked for, %v after the start", r.At.Sub(began))
		}
		if len(r.Items) == 0 {
			for _, device := range writes(r) {
				arrived[r.TenantID] = append(arrived[r.TenantID], arrival{r.At, worker, device})
			}
		}
	}
	for _, r := range ms.sim.Requests() {
		worker := sentBy(&r)
		each(&r, worker)
		for i := range r.Items {
			each(&r.Items[i], worker)
		}
	}
	for tenant, n := range devices {
		reported := map[string]bool{}
		for i, a := range arrived[tenant] {
			reported[a.device] = true
			// The bucket fills from the start on, and holds a burst.
			if allowed := publishedBurst + publishedRate*a.at.Sub(began).Seconds(); float64(i+1) > allowed {
				t.Errorf("tenant %s: %d writes within %v, at most %.0f are allowed", tenant, i+1, a.at.Sub(began), allowed)
				break
			}
		}
		if len(reported) != n {
			t.Errorf("tenant %s: %d devices were reported, want %d", tenant, len(reported), n)
		}
	}
	between := func(tenant string, from, to time.Time) (some []arrival) {
		for _, a := range arrived[tenant] {
			if a.at.After(from) && a.at.Before(to) {
				some = append(some, a)
			}
		}
		return some
	}
	by := func(some []arrival) (workers []int) {
		for _, a := range some {
			workers = append(workers, a.worker)
		}
		slices.Sort(workers)
		return slices.Compact(workers)
	}

	// The killed worker's last write is done by another, after its lease.
	killed := stop{worker: 1, from: all.slots[0].frozenAt, to: time.Now()}
	_, taken, early := takenOver([]stop{killed}, ms.sim.Requests(), s.call)
	if taken == 0 || len(early) > 0 {
		t.Errorf("%d writes of the killed worker were done by others, want some; too early: %q", taken, early)
	}

	// After the answer that asks to wait nobody writes, whoever was told. What
	// was under way then, and to tell the others, may take a while on a busy
	// machine.
	require.False(t, gated.IsZero(), "the other tenant was not asked to wait")
	if during := between(asked, gated.Add(wait/2), gated.Add(wait-50*time.Millisecond)); len(during) > 0 {
		t.Errorf("%d writes of a tenant that was asked to wait, the first after %v by worker %d", len(during), during[0].at.Sub(gated), during[0].worker)
	}
	before, after := by(between(asked, began, gated)), by(between(asked, gated.Add(wait-50*time.Millisecond), time.Now()))
	if len(before) < 2 || len(after) < 2 {
		t.Errorf("the workers %v wrote before, %v after, want several", before, after)
	}

	// The middle, after the burst and while there was still something to do.
	from, to := began.Add(4*time.Second), arrived[busy][devices[busy]-1].at
	t.Logf("used %.1f %% of the published limit in %v after the burst, no 429; the killed worker's %d writes were done by others; workers %v before and %v after Retry-After, which was said %d times",
		100*float64(len(between(busy, from, to)))/(publishedRate*to.Sub(from).Seconds()), to.Sub(from).Round(time.Second/10), taken, before, after, refused)
}

// refusals choose what is refused of a tenant: the first write after so many,
// and what the same worker writes soon after. The first worker never is.
type refusals struct {
	tenant  string
	after   int
	lasting time.Duration

	mu     sync.Mutex
	sent   map[int]int // by the number of a request, also of a batch
	writes int
	worker int
	since  time.Time
}

func (f *refusals) match(r *azuresim.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.ItemID == "" { // items do not say who sends them; their batch comes before
		f.sent[r.Number] = sentBy(r)
	}
	if r.TenantID != f.tenant || len(writes(r)) == 0 {
		return false
	}
	worker := f.sent[r.Number]
	if f.writes++; f.writes <= f.after || worker == 1 {
		return false
	}
	if f.since.IsZero() {
		f.worker, f.since = worker, r.At
	}
	return worker == f.worker && r.At.Sub(f.since) < f.lasting
}
