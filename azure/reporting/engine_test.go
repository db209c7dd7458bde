package reporting_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

const (
	account  = "contoso"
	tenantID = "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11"
	deviceID = "007c8232-9489-4074-9b35-345b16f0a72d"
)

// host is an engine over a store in memory and Azure in memory, in a bubble.
type host struct {
	t      *testing.T
	azure  *fake.Reporter
	store  *memstore.Store
	engine *reporting.Engine
	stop   func()
}

func newHost(t *testing.T, o *fake.Options) *host {
	t.Helper()
	h := &host{t: t, azure: fake.New(o), store: memstore.New(nil)}
	var err error
	h.engine, err = reporting.New(h.store, h.azure, nil)
	require.NoError(t, err)
	require.NoError(t, h.engine.RegisterTenant(t.Context(), account, tenantID))
	return h
}

// run runs the engine until stop.
func (h *host) run() {
	ctx, cancel := context.WithCancel(h.t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := h.engine.Run(ctx); err != nil {
			h.t.Error(err)
		}
	})
	h.stop = func() { cancel(); wait.Wait() }
}

func (h *host) see(change func(o *reporting.Observation)) reporting.Observed {
	h.t.Helper()
	o := reporting.Observation{
		Account: account, TenantID: tenantID, DeviceID: "pc-1", Platform: azure.PlatformWindows,
		AzureDeviceID: deviceID, State: compliance.StateCompliant, SeenAt: time.Now(),
	}
	if change != nil {
		change(&o)
	}
	seen, err := h.engine.Observe(h.t.Context(), o)
	require.NoError(h.t, err)
	return seen
}

func (h *host) state() compliance.State {
	d, _ := h.azure.Device(tenantID, deviceID)
	return d.State
}

func (h *host) details() status.Device {
	h.t.Helper()
	d, err := h.engine.Device(h.t.Context(), tenantID, "pc-1")
	require.NoError(h.t, err)
	if err := d.Validate(); err != nil {
		h.t.Errorf("the details are not valid: %v\n%+v", err, d)
	}
	return d.Device
}

func TestNewestStandingReachesAzure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.see(nil)
		if d := h.details(); d.ComplianceStatus != status.InProgress || d.Blank.ReportTime != status.BlankNotCalledYet {
			t.Errorf("before Run: %+v", d)
		}
		h.run()
		defer h.stop()
		synctest.Wait()
		if h.state() != compliance.StateCompliant {
			t.Fatalf("Azure holds %v", h.state())
		}
		time.Sleep(time.Minute)
		h.see(func(o *reporting.Observation) { o.State = compliance.StateNonCompliant })
		time.Sleep(time.Second)
		synctest.Wait()
		if h.state() != compliance.StateNonCompliant {
			t.Errorf("Azure holds %v", h.state())
		}
		if d := h.details(); d.ComplianceStatus != status.Successful || d.ReportTime.IsZero() || d.LastReported.State != compliance.StateNonCompliant {
			t.Errorf("after: %+v", d)
		}
	})
}

func TestChangesWhileWaitingCostOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, nil)
		for i := range 10 {
			time.Sleep(time.Second)
			h.see(func(o *reporting.Observation) {
				o.State = []compliance.State{compliance.StateCompliant, compliance.StateNonCompliant}[i%2]
			})
		}
		if seen := h.see(func(o *reporting.Observation) { o.State = compliance.StateNonCompliant }); seen.Unchanged != 1 {
			t.Errorf("the same again: %+v", seen)
		}
		h.run()
		defer h.stop()
		time.Sleep(time.Minute)
		if n := len(h.azure.Calls()); n != 1 {
			t.Errorf("%d calls, want one", n)
		}
	})
}

func TestWeeklyRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.see(nil)
		h.run()
		defer h.stop()
		time.Sleep(29 * 24 * time.Hour)
		// Refreshed between six and seven days after the report before.
		if n := len(h.azure.Calls()); n != 5 {
			t.Errorf("%d reports in 29 days, want the first and 4 refreshes", n)
		}
	})
}

func TestFailuresAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, kind := range []azure.Kind{azure.ErrUnavailable, azure.ErrThrottled, azure.ErrDeviceNotFound, azure.ErrUnauthorized} {
			h := newHost(t, nil)
			h.azure.Inject(fake.Fault{Err: &azure.Error{Kind: kind}, Times: 3})
			h.see(nil)
			h.run()
			time.Sleep(30 * time.Minute)
			if h.state() != compliance.StateCompliant {
				t.Errorf("%s three times: Azure holds %v after half an hour", kind, h.state())
			}
			h.stop()
		}
	})
}

func TestRefusalIsShownUntilSomethingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.azure.Inject(fake.Fault{Err: &azure.Error{Kind: azure.ErrRejected}})
		h.see(nil)
		h.run()
		defer h.stop()
		time.Sleep(time.Hour)
		if d := h.details(); d.ComplianceStatus != status.Failed || d.Blank.ReportTime != status.BlankError || d.Cause != "rejected" {
			t.Errorf("after the refusal: %+v", d)
		}
		if n := len(h.azure.Calls()); n != 1 {
			t.Errorf("%d calls, want no other", n)
		}
		h.see(func(o *reporting.Observation) { o.State = compliance.StateNonCompliant })
		time.Sleep(time.Second)
		if h.state() != compliance.StateNonCompliant {
			t.Errorf("after a change Azure holds %v", h.state())
		}
	})
}

// A platform that no channel serves is said to be that, and not an error of
// Microsoft's.
func TestPlatformWithoutChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, &fake.Options{Platforms: []azure.Platform{azure.PlatformIOS}})
		h.see(nil)
		h.run()
		defer h.stop()
		time.Sleep(time.Hour)
		d := h.details()
		if d.ComplianceStatus != status.Failed || d.Blank.ReportTime != status.BlankNoChannel || d.Cause != "unsupported" {
			t.Errorf("without a channel: %+v", d)
		}
		if text := d.Explain(); !strings.Contains(text, "No channel carries reports of this platform") {
			t.Errorf("explained as %q", text)
		}
	})
}

func TestModes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.run()
		defer h.stop()
		for mode, want := range map[reporting.Mode]status.BlankReason{
			reporting.ModeOff: status.BlankOff, reporting.ModePaused: status.BlankNotCalledYet,
		} {
			require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, mode))
			h.see(func(o *reporting.Observation) { o.State = compliance.StateNonCompliant })
			time.Sleep(time.Hour)
			if n := len(h.azure.Calls()); n != 0 {
				t.Fatalf("%v: %d calls", mode, n)
			}
			if d := h.details(); d.Blank.ReportTime != want {
				t.Errorf("%v: %+v", mode, d)
			}
		}
		require.NoError(t, h.engine.SetMode(t.Context(), account, tenantID, reporting.ModeOn))
		time.Sleep(time.Second)
		if h.state() != compliance.StateNonCompliant {
			t.Errorf("switched on: Azure holds %v", h.state())
		}
		if err := h.engine.SetMode(t.Context(), "fabrikam", tenantID, reporting.ModeOff); !errors.Is(err, reporting.ErrForeignTenant) {
			t.Errorf("another account: %v", err)
		}
	})
}

func TestForeignAndUnknownTenantsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, nil)
		good := reporting.Observation{
			Account: account, TenantID: tenantID, DeviceID: "pc-1", Platform: azure.PlatformWindows, SeenAt: time.Now(),
			State: compliance.StateCompliant,
		}
		foreign, unknown, bad := good, good, good
		foreign.Account = "fabrikam"
		unknown.TenantID = deviceID
		bad.TenantID = "contoso.com"
		seen, err := h.engine.Observe(t.Context(), foreign, good, unknown, bad)
		require.NoError(t, err)
		if seen.Changed != 1 || len(seen.Refused) != 3 {
			t.Fatalf("got %+v", seen)
		}
		for i, want := range []struct {
			index int
			err   error
		}{{0, reporting.ErrForeignTenant}, {2, reporting.ErrUnknownTenant}, {3, nil}} {
			got := seen.Refused[i]
			if got.Index != want.index || want.err != nil && !errors.Is(got.Err, want.err) {
				t.Errorf("refusal %d: %+v", i, got)
			}
		}
	})
}

func TestRemovalTakesItsSecondStepLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.see(nil)
		h.run()
		defer h.stop()
		time.Sleep(time.Second)
		h.see(func(o *reporting.Observation) { o.State = compliance.StateRemoved })
		time.Sleep(time.Hour)
		if h.state() != compliance.StateRemoved {
			t.Fatalf("Azure holds %v", h.state())
		}
		time.Sleep(70 * time.Hour)
		if _, there := h.azure.Device(tenantID, deviceID); !there {
			t.Error("the object was deleted within 71 hours")
		}
		time.Sleep(2 * time.Hour)
		if _, there := h.azure.Device(tenantID, deviceID); there {
			t.Error("the object stands after 73 hours")
		}
	})
}

func TestMessagesAreAskedAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, &fake.Options{SettleAfter: 3})
		phone := func(o *reporting.Observation) {
			o.Platform, o.ClientCode, o.UserID = azure.PlatformIOS, status.CodeSuccess, tenantID
		}
		h.see(phone)
		h.run()
		defer h.stop()
		time.Sleep(time.Second)
		if d := h.details(); d.ComplianceStatus != status.InProgress || d.ReportTime.IsZero() {
			t.Errorf("accepted, not settled: %+v", d)
		}
		time.Sleep(5 * time.Minute)
		if d := h.details(); d.ComplianceStatus != status.Successful {
			t.Errorf("settled: %+v", d)
		}
	})
}
