package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/sqlstore"
	"github.com/mdmkit/devicestatus/compliance"
)

// unraced leaves out a test of many thousand transactions, of which the race
// detector makes each twenty times as slow. The gate also runs these tests
// without it.
func unraced(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("too slow under the race detector")
	}
}

// The published limit of writes in one tenant.
const (
	limitWrites = 3000
	limitWindow = 150 * time.Second
	limitRate   = 20.0 // a second
)

// limited is Microsoft as far as the limit of a tenant goes: no more than the
// published writes within any window. Each call takes a tenth of a second.
type limited struct {
	mu      sync.Mutex
	writes  map[string][]arrival // by tenant
	refused int
	gate    map[string]time.Duration // once, a tenant's next write is answered so
	gated   time.Time                // when it was

	deadly func(worker int, rs []azure.Report) bool // whether the worker dies of a call
}

// arrival is a write that came to Microsoft.
type arrival struct {
	at     time.Time
	worker int
	device string
}

// of is the reporter of a worker.
func (l *limited) of(worker int) batches {
	return func(ctx context.Context, rs []azure.Report) []azure.Result {
		results := make([]azure.Result, len(rs))
		l.mu.Lock()
		deadly := l.deadly != nil && l.deadly(worker, rs)
		l.mu.Unlock()
		if deadly {
			<-ctx.Done()
			for i := range results {
				results[i].Err = ctx.Err()
			}
			return results
		}
		time.Sleep(50 * time.Millisecond)
		for i, r := range rs {
			results[i].Receipt, results[i].Err = l.write(worker, r)
		}
		time.Sleep(50 * time.Millisecond)
		return results
	}
}

func (l *limited) write(worker int, r azure.Report) (azure.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	all := l.writes[r.TenantID]
	throttled := &azure.Error{Op: "report", Kind: azure.ErrThrottled, Scope: azure.ScopeTenant, Outcome: azure.OutcomeRefused}
	if wait := l.gate[r.TenantID]; wait > 0 {
		delete(l.gate, r.TenantID)
		l.gated, throttled.RetryAfter = now, wait
		return azure.Receipt{}, throttled
	}
	if n := len(all); n >= limitWrites && now.Sub(all[n-limitWrites].at) < limitWindow {
		l.refused++
		throttled.RetryAfter = limitWindow - now.Sub(all[n-limitWrites].at)
		return azure.Receipt{}, throttled
	}
	l.writes[r.TenantID] = append(all, arrival{now, worker, r.DeviceID})
	return free{}.Report(context.Background(), r)
}

// between answers what came for a tenant within a time.
func (l *limited) between(tenant string, from, to time.Time) (all []arrival) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.writes[tenant] {
		if !a.at.Before(from) && a.at.Before(to) {
			all = append(all, a)
		}
	}
	return all
}

// batches is a reporter of batches.
type batches func(ctx context.Context, rs []azure.Report) []azure.Result

func (b batches) Report(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	result := b(ctx, []azure.Report{r})[0]
	return result.Receipt, result.Err
}

func (b batches) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	return b(ctx, rs)
}

// mortal is the store of a process that can die: then no call of it comes
// through any more, and none is answered.
type mortal struct {
	reporting.Store
	dead *atomic.Bool
}

var errDead = errors.New("the process is dead")

func (m mortal) Update(ctx context.Context, fn func(reporting.Tx) error) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Store.Update(ctx, fn)
}

func (m mortal) Claim(ctx context.Context, c reporting.Claim) ([]reporting.Row, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	return m.Store.Claim(ctx, c)
}

// crew is engines on one database, and Microsoft, in a bubble.
type crew struct {
	*limited
	store   reporting.Store
	engines []*reporting.Engine
	dead    []*atomic.Bool
}

const otherTenant = "9b4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11"

// changed answers observations of a tenant's PCs that have turned compliant.
func changed(tenant string, n int) []reporting.Observation {
	all := observations(0, n, compliance.StateCompliant, time.Now())
	for i := range all {
		if all[i].TenantID = tenant; tenant == otherTenant {
			all[i].AzureDeviceID = fmt.Sprintf("%08x-9489-4074-aaaa-%012d", uint32(i)*2654435761, i)
		}
	}
	return all
}

// newCrew runs four engines, each with what it takes to be a process: a handle
// of its own on the database would be one too many for virtual time, in which
// nobody can wait for a lock of SQLite's.
func newCrew(t *testing.T, file string, o *reporting.Options) *crew {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=busy_timeout(0)")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, &sqlstore.Options{Unchecked: true})
	require.NoError(t, err)
	f := &crew{store: s, limited: &limited{writes: map[string][]arrival{}, gate: map[string]time.Duration{}}}
	for worker := range 4 {
		dead := new(atomic.Bool)
		e, err := reporting.New(mortal{s, dead}, f.of(worker), o)
		require.NoError(t, err)
		f.engines, f.dead = append(f.engines, e), append(f.dead, dead)
	}
	return f
}

// observe lets devices of tenants change.
func (f *crew) observe(t *testing.T, n int, tenants ...string) {
	for _, tenant := range tenants {
		require.NoError(t, f.engines[0].RegisterTenant(t.Context(), account, tenant))
		all := changed(tenant, n)
		for at := 0; at < len(all); at += inOneCall {
			seen, err := f.engines[0].Observe(t.Context(), all[at:min(at+inOneCall, len(all))]...)
			require.NoError(t, err)
			require.Empty(t, seen.Refused)
		}
	}
}

// run runs all engines until the function that it answers is called.
func (f *crew) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i, e := range f.engines {
		running.Go(func() {
			if err := e.Run(ctx); err != nil && !f.dead[i].Load() {
				t.Errorf("worker %d: %v", i, err)
			}
		})
	}
	return func() { cancel(); running.Wait() }
}

// Four engines, one tenant, the published limit, changes queued: together they
// use between 98 and 100 % of it, and Microsoft refuses nothing.
func TestBudgetOfFourEngines(t *testing.T) {
	unraced(t)
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	openStore(t, file, durable)
	synctest.Test(t, func(t *testing.T) {
		const lasts = 130 * time.Second
		f := newCrew(t, file, nil)
		f.observe(t, 2800, tenantID)
		began := time.Now()
		stop := f.run(t)
		time.Sleep(lasts)
		stop()
		shares := map[int]int{}
		all := f.between(tenantID, began, began.Add(lasts))
		for _, a := range all {
			shares[a.worker]++
		}
		after := f.between(tenantID, began.Add(10*time.Second), began.Add(lasts)) // after the burst
		used := 100 * float64(len(after)) / (limitRate * (lasts - 10*time.Second).Seconds())
		t.Logf("used %.2f %% of the limit; by engine %v; %d refused", used, shares, f.refused)
		if used < 98 || used > 100 || f.refused > 0 {
			t.Errorf("used %.2f %% of the limit, want 98 to 100; %d refused, want none", used, f.refused)
		}
		if len(shares) != 4 {
			t.Errorf("%d engines took part, want 4", len(shares))
		}
	})
}

// An engine that dies with tokens and devices in its hands costs the others
// those tokens, once: what comes in after it is theirs at once. Its devices are
// reported by others when its lease has ended.
func TestBudgetOfTheDead(t *testing.T) {
	unraced(t)
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	openStore(t, file, durable)
	synctest.Test(t, func(t *testing.T) {
		const lasts, lease = 90 * time.Second, 30 * time.Second
		f := newCrew(t, file, &reporting.Options{Lease: lease, CallTimeout: 10 * time.Second})
		f.observe(t, 2000, tenantID)
		// The first worker that calls for five devices dies of it: its requests are
		// lost.
		began := time.Now()
		var died time.Time
		held := map[string]bool{}
		f.deadly = func(worker int, rs []azure.Report) bool {
			if died.IsZero() && len(rs) >= 5 {
				died = time.Now()
				f.dead[worker].Store(true)
				for _, r := range rs {
					held[r.DeviceID] = true
				}
			}
			return f.dead[worker].Load()
		}
		stop := f.run(t)
		time.Sleep(lasts)
		stop()
		require.NotEmpty(t, held, "the worker has not died")
		const window, burst = 10 * time.Second, 40
		missing := burst + limitRate*window.Seconds() - float64(len(f.between(tenantID, began, began.Add(window))))
		from := died.Add(5 * time.Second)
		later := 100 * float64(len(f.between(tenantID, from, began.Add(lasts)))) / (limitRate * began.Add(lasts).Sub(from).Seconds())
		t.Logf("died with %d devices after %v; in the first %v %.0f writes less than the limit; from 5 s after the death %.2f %% of the limit",
			len(held), died.Sub(began), window, missing, later)
		if later < 98 || later > 100 || f.refused > 0 {
			t.Errorf("from 5 s after the death the others used %.2f %% of the limit, want 98 to 100; %d refused", later, f.refused)
		}
		if most := float64(len(held)) + 0.05*limitRate*window.Seconds(); missing > most || missing < 0 {
			t.Errorf("in the first %v %.0f writes were not used, want 0 to %.0f", window, missing, most)
		}
		for _, a := range f.between(tenantID, died, began.Add(lasts)) {
			if !held[a.device] {
				continue
			}
			delete(held, a.device)
			if after := a.at.Sub(died); after < lease-time.Second || after > lease+10*time.Second {
				t.Errorf("device %s was reported by another %v after its worker died, want when the lease of %v has ended", a.device, after, lease)
			}
		}
		if len(held) > 0 {
			t.Errorf("%d devices of the dead worker were never reported", len(held))
		}
	})
}

// What Microsoft asks of one engine for one tenant all of them do, and for no
// other tenant.
func TestRetryAfterReachesAll(t *testing.T) {
	unraced(t)
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	openStore(t, file, durable)
	synctest.Test(t, func(t *testing.T) {
		f := newCrew(t, file, nil)
		f.observe(t, 1000, tenantID, otherTenant)
		began := time.Now()
		stop := f.run(t)
		time.Sleep(10 * time.Second)
		f.mu.Lock()
		f.gate[tenantID] = 20 * time.Second
		f.mu.Unlock()
		time.Sleep(30 * time.Second)
		stop()
		by := func(all []arrival) int {
			workers := map[int]bool{}
			for _, a := range all {
				workers[a.worker] = true
			}
			return len(workers)
		}
		require.False(t, f.gated.IsZero())
		before := f.between(tenantID, began, f.gated)
		// A call that was under way when the answer came is none of an engine
		// that knew.
		during := f.between(tenantID, f.gated.Add(200*time.Millisecond), f.gated.Add(20*time.Second))
		after := f.between(tenantID, f.gated.Add(20*time.Second), f.gated.Add(30*time.Second))
		others := f.between(otherTenant, f.gated, f.gated.Add(20*time.Second))
		t.Logf("writes: %d before by %d engines, %d during, %d after by %d engines; of the other tenant %d meanwhile", len(before), by(before), len(during), len(after), by(after), len(others))
		if by(before) != 4 || by(after) != 4 {
			t.Errorf("%d engines wrote before and %d after, want 4", by(before), by(after))
		}
		if len(during) > 0 {
			t.Errorf("%d writes while the tenant has to wait, the first by worker %d", len(during), during[0].worker)
		}
		if want := 0.98 * limitRate * 20; float64(len(others)) < want || f.refused > 0 {
			t.Errorf("%d writes of the other tenant meanwhile, want %.0f; %d refused", len(others), want, f.refused)
		}
	})
}
