package reporting_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
)

var everyCall = flag.Int("everycall", 97, "which calls to the store fail in turn: every nth; 1 takes some minutes")

// until tries something again as a host would, for as long as the store fails.
func until(t *testing.T, do func() error) {
	t.Helper()
	for range 10 {
		err := do()
		if err == nil {
			return
		}
		if !errors.Is(err, errStore) {
			t.Errorf("failed with %v, want the store's error", err)
			return
		}
		time.Sleep(time.Second)
	}
	t.Error("it fails for ever")
}

// story is a bit of a host's day, in which every call to the store may fail. It
// answers how many calls there were.
func story(t *testing.T, o *reporting.Options, fail func(method string, n int) (fails, after bool)) (calls int) {
	store := &faulty{Store: newStore()}
	h := newTrialOn(t, store, o)
	h.azure.later.Store(true)
	store.mu.Lock()
	store.fail, store.n = fail, 0
	store.mu.Unlock()
	stop := h.run()
	ctx := t.Context()
	see := func(all ...reporting.Observation) {
		t.Helper()
		until(t, func() error { _, err := h.engine.Observe(ctx, all...); return err })
		time.Sleep(2 * time.Second)
	}
	see(pcs(5, nil)...)
	see(phone(nil))
	see(pcs(5, in(nonCompliant))[:2]...)
	see(phone(func(o *reporting.Observation) { o.AzureDeviceID = deviceID2 }))
	time.Sleep(10 * time.Minute)
	until(t, func() error { return h.engine.Remove(ctx, account, tenantID, "pc-0004") })
	time.Sleep(73 * time.Hour)
	until(t, func() error { return h.engine.Resync(ctx) })
	see(pcs(4, nil)...)
	until(t, func() error {
		_, err := h.engine.SyncNow(ctx, reporting.Filter{TenantID: tenantID})
		return err
	})
	time.Sleep(20 * time.Minute)
	// The store is whole again.
	store.mu.Lock()
	store.fail, calls = nil, store.n
	store.mu.Unlock()
	time.Sleep(20 * time.Minute)
	for i, want := range []compliance.State{compliant, compliant, compliant, compliant, removed} {
		id := pcs(5, nil)[i].AzureDeviceID
		if got := h.azure.state(id); got != want {
			t.Errorf("Azure holds pc-%04d as %v, want %v", i, got, want)
		}
	}
	for id, want := range map[string]compliance.State{deviceID: removed, deviceID2: compliance.StateCompliant} {
		// It may have moved on before anything was reported on the first id.
		if got := h.azure.state(id); got != want && got != compliance.StateUnspecified && id == deviceID {
			t.Errorf("Azure holds the phone's %s as %v, want %v", short(id), got, want)
		}
	}
	for d, err := range h.engine.Devices(ctx, reporting.Filter{}) {
		require.NoError(t, err)
		h.valid(d)
	}
	if o != nil && o.Events {
		fetched(t, h.engine)
	}
	stop() // the bubble ends only if no goroutine is left
	return calls
}

// Each call to the store fails once, before it did anything or after: nothing
// is lost, Run goes on, and no goroutine is left.
func TestStoreErrors(t *testing.T) {
	o := &reporting.Options{Events: true, Poll: time.Minute}
	calls := 0
	synctest.Test(t, func(t *testing.T) { calls = story(t, o, func(string, int) (bool, bool) { return false, false }) })
	require.Greater(t, calls, 100)
	for n := 1; n <= calls; n += *everyCall {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d, after it %v", n, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					story(t, o, func(_ string, i int) (bool, bool) { return i == n, after })
				})
			})
		}
	}
}

// Every tenth call fails, and every call of one method for a while.
func TestStoreThatFailsOften(t *testing.T) {
	for _, method := range []string{"", "Update", "Claim", "Queues", "NextDue", "Scan"} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %v", method, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					story(t, &reporting.Options{Poll: time.Minute}, func(m string, n int) (bool, bool) {
						// One of ten by chance: every tenth may meet the same call at each try.
						return rand.New(rand.NewPCG(10, uint64(n))).IntN(10) == 3 && (method == "" || m == method), after
					})
				})
			})
		}
	}
}

// What a caller asks for fails with the store's error, which errors.Is finds.
func TestStoreErrorsReachTheCaller(t *testing.T) { synctest.Test(t, storeErrorsReachTheCaller) }

func storeErrorsReachTheCaller(t *testing.T) {
	store := &faulty{Store: newStore()}
	h := newTrialOn(t, store, &reporting.Options{Events: true})
	h.see(pcs(3, nil)...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // nothing runs that would close devices
	defer cancel()
	list := func(seq func(yield func(reporting.Device, error) bool)) (err error) {
		for _, e := range seq {
			err = e
		}
		return err
	}
	for name, call := range map[string]func() error{
		"Observe":        func() error { _, err := h.engine.Observe(ctx, pcs(1, nil)...); return err },
		"RegisterTenant": func() error { return h.engine.RegisterTenant(ctx, account, tenantID2) },
		"SetMode":        func() error { return h.engine.SetMode(ctx, account, tenantID, reporting.ModePaused) },
		"Tenant":         func() error { _, err := h.engine.Tenant(ctx, tenantID); return err },
		"Tenants": func() (err error) {
			for _, e := range h.engine.Tenants(ctx) {
				err = e
			}
			return err
		},
		"Counters":  func() error { _, err := h.engine.Counters(ctx); return err },
		"Device":    func() error { _, err := h.engine.Device(ctx, tenantID, "pc-0001"); return err },
		"Devices":   func() error { return list(h.engine.Devices(ctx, reporting.Filter{})) },
		"Reconcile": func() error { return list(h.engine.Reconcile(ctx, tenantID, func(func(string) bool) {})) },
		"Preview":   func() error { _, err := h.engine.Preview(ctx, tenantID); return err },
		"SyncNow":   func() error { _, err := h.engine.SyncNow(ctx, reporting.Filter{TenantID: tenantID}); return err },
		"Approve":   func() error { _, err := h.engine.Approve(ctx, reporting.Filter{TenantID: tenantID}); return err },
		"Remove":    func() error { return h.engine.Remove(ctx, account, tenantID, "pc-0001") },
		"Forget":    func() error { return h.engine.Forget(ctx, account, tenantID, "pc-0001", true) },
		"Resync":    func() error { return h.engine.Resync(ctx) },
		"Events": func() error {
			return h.engine.Events(ctx, func(context.Context, []reporting.Event) error { return nil })
		},
		"OffBoard": func() error { return h.engine.OffBoard(ctx, account, tenantID, nil) },
	} {
		failing := 0
		for _, method := range []string{"Update", "Scan", "Tally"} {
			store.mu.Lock()
			store.calls = map[string]int{}
			store.fail = func(m string, _ int) (bool, bool) { return m == method, false }
			store.mu.Unlock()
			err := call()
			store.mu.Lock()
			asked := store.calls[method]
			store.fail = nil
			store.mu.Unlock()
			if asked == 0 {
				continue
			}
			failing++
			if !errors.Is(err, errStore) {
				t.Errorf("%s, where %s fails: %v, want the store's error", name, method, err)
			}
		}
		if failing == 0 {
			t.Errorf("%s asks the store nothing", name)
		}
	}
}
