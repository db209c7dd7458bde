package azure_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

var phones = []azure.Platform{azure.PlatformIOS, azure.PlatformIPadOS, azure.PlatformAndroid}

// pair is a router over two fakes: PCs are answered at once, phones later.
type pair struct {
	*azure.Router
	pcs, phones *fake.Reporter
}

func newPair(t testing.TB) pair {
	t.Helper()
	p := pair{
		pcs:    fake.New(&fake.Options{Channel: "graph", Platforms: []azure.Platform{azure.PlatformWindows}}),
		phones: fake.New(&fake.Options{Channel: "intune", Platforms: phones, SettleAfter: 2}),
	}
	p.Router = route(t,
		azure.Route{Reporter: p.pcs, Platforms: []azure.Platform{azure.PlatformWindows}},
		azure.Route{Reporter: p.phones, Platforms: phones})
	return p
}

func route(t testing.TB, routes ...azure.Route) *azure.Router {
	t.Helper()
	r, err := azure.NewRouter(routes...)
	require.NoError(t, err)
	return r
}

func routed(n int, p azure.Platform) azure.Report {
	return azure.Report{
		TenantID: tenant, DeviceID: fmt.Sprintf("007c8232-9489-4074-9b35-%012d", n), UserID: user,
		Platform: p, State: compliance.StateCompliant,
	}
}

// thin is a channel with Report alone.
type thin struct{ azure.Reporter }

func TestNewRouter(t *testing.T) {
	one := fake.New(nil)
	windows := []azure.Platform{azure.PlatformWindows}
	for _, tc := range []struct {
		name   string
		routes []azure.Route
		want   string
	}{
		{"none", nil, "azure: router: no routes"},
		{"no reporter", []azure.Route{{Platforms: windows}}, "azure: router: route 0 has no reporter"},
		{"no platforms", []azure.Route{{Reporter: one}}, "azure: router: route 0 has no platforms"},
		{"a platform in two", []azure.Route{{one, windows}, {one, phones}, {one, windows}}, "azure: router: route 2: platform windows stands in route 0 already"},
		{"a platform twice in one", []azure.Route{{one, append(windows, windows...)}}, "azure: router: route 0: platform windows stands in route 0 already"},
		{"unspecified", []azure.Route{{one, []azure.Platform{azure.PlatformUnspecified}}}, "azure: router: route 0: unspecified is not a platform"},
		{"unknown", []azure.Route{{one, []azure.Platform{99}}}, "azure: router: route 0: Platform(99) is not a platform"},
		{"all at once", []azure.Route{{}, {one, []azure.Platform{0}}}, "azure: router: route 0 has no reporter; route 0 has no platforms; route 1: unspecified is not a platform"},
	} {
		r, err := azure.NewRouter(tc.routes...)
		if err == nil || err.Error() != tc.want || r != nil {
			t.Errorf("%s: %v, %v; want %s", tc.name, r, err, tc.want)
		}
	}
}

func TestRouterPicksTheChannelByPlatform(t *testing.T) {
	p := newPair(t)
	for _, tc := range []struct {
		platform azure.Platform
		channel  string
	}{
		{azure.PlatformWindows, "graph"}, {azure.PlatformIOS, "intune"}, {azure.PlatformIPadOS, "intune"}, {azure.PlatformAndroid, "intune"},
	} {
		receipt, err := p.Report(t.Context(), routed(1, tc.platform))
		if err != nil || receipt.Channel != tc.channel {
			t.Errorf("%v: channel %q, %v; want %s", tc.platform, receipt.Channel, err, tc.channel)
		}
	}
	if got := []int{len(p.pcs.Calls()), len(p.phones.Calls())}; !slices.Equal(got, []int{1, 3}) {
		t.Errorf("calls %v, want [1 3]", got)
	}
}

// A platform without a channel, or none at all, is refused before any call, by
// every method that takes a report.
func TestRouterRefuses(t *testing.T) {
	p := newPair(t)
	for _, tc := range []struct {
		platform azure.Platform
		kind     azure.Kind
	}{{azure.PlatformMacOS, azure.ErrUnsupported}, {azure.PlatformUnspecified, azure.ErrInvalid}, {99, azure.ErrInvalid}} {
		r := routed(1, tc.platform)
		r.State = compliance.StateRemoved
		_, reported := p.Report(t.Context(), r)
		batch := p.ReportBatch(t.Context(), []azure.Report{r, routed(2, azure.PlatformWindows)})
		_, deleted := p.DeleteObject(t.Context(), r)
		_, verified := p.Verify(t.Context(), r)
		for name, err := range map[string]error{"Report": reported, "ReportBatch": batch[0].Err, "DeleteObject": deleted, "Verify": verified} {
			e, ok := errors.AsType[*azure.Error](err)
			if !ok || e.Kind != tc.kind || e.Scope != azure.ScopeDevice || e.Outcome != azure.OutcomeNotSent {
				t.Errorf("%s of %v: %v, want %s, not sent", name, tc.platform, err, tc.kind)
			}
		}
		if batch[1].Err != nil {
			t.Errorf("the report beside the refused one: %v", batch[1].Err)
		}
		if got := p.CarriedInventory(tc.platform, azure.Inventory{DeviceName: "x"}); got != (azure.Inventory{}) {
			t.Errorf("%v carries %v", tc.platform, got)
		}
	}
	if len(p.phones.Calls()) != 0 {
		t.Errorf("a channel was called: %v", p.phones.Calls())
	}
}

// Results stand where their reports stand, whatever channel took them.
func TestRouterBatchKeepsOrderOfResults(t *testing.T) {
	for _, plain := range []bool{false, true} {
		p := newPair(t)
		router := p.Router
		if plain {
			router = route(t,
				azure.Route{Reporter: thin{p.pcs}, Platforms: []azure.Platform{azure.PlatformWindows}},
				azure.Route{Reporter: thin{p.phones}, Platforms: phones})
		}
		var rs []azure.Report
		for n := range 40 {
			r := routed(n, []azure.Platform{azure.PlatformWindows, azure.PlatformIOS, azure.PlatformMacOS, azure.PlatformAndroid}[n%4])
			r.ID = fmt.Sprintf("00000000-0000-4000-8000-%012d", n+1)
			if n%7 == 0 {
				r.State = compliance.StateUnspecified
			}
			rs = append(rs, r)
		}
		before := slices.Clone(rs)
		results := router.ReportBatch(t.Context(), rs)
		require.Len(t, results, len(rs))
		for n, got := range results {
			switch {
			case rs[n].Platform == azure.PlatformMacOS:
				if !errors.Is(got.Err, azure.ErrUnsupported) {
					t.Errorf("result %d: %v, want unsupported", n, got.Err)
				}
			case n%7 == 0:
				if !errors.Is(got.Err, azure.ErrInvalid) {
					t.Errorf("result %d: %v, want invalid", n, got.Err)
				}
			case got.Err != nil || got.Receipt.MessageID != rs[n].ID:
				t.Errorf("result %d is of message %s, %v; want %s", n, got.Receipt.MessageID, got.Err, rs[n].ID)
			}
		}
		if diff := cmp.Diff(before, rs); diff != "" {
			t.Errorf("the reports were changed (-before +after):\n%s", diff)
		}
	}
	if got := newPair(t).ReportBatch(t.Context(), nil); len(got) != 0 {
		t.Errorf("no reports, %d results", len(got))
	}
}

// paced takes a second of virtual time for each of its batches and notes what
// began and ended.
type paced struct {
	*fake.Reporter
	name string
	log  chan string
}

func (s paced) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	for _, r := range rs {
		s.log <- s.name + " begins " + r.State.String()
	}
	time.Sleep(time.Second)
	s.log <- s.name + " ends"
	return s.Reporter.ReportBatch(ctx, rs)
}

func TestRouterChannelsWorkSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, log := newPair(t), make(chan string, 100)
		router := route(t,
			azure.Route{Reporter: paced{p.pcs, "pcs", log}, Platforms: []azure.Platform{azure.PlatformWindows}},
			azure.Route{Reporter: paced{p.phones, "phones", log}, Platforms: phones})
		start := time.Now()
		router.ReportBatch(t.Context(), []azure.Report{routed(1, azure.PlatformWindows), routed(2, azure.PlatformIOS), routed(3, azure.PlatformWindows)})
		if took := time.Since(start); took != time.Second {
			t.Errorf("two channels took %v, want what one takes", took)
		}
	})
}

// A device whose platform was corrected between two reports must not be written
// by two channels at once; nor may the letter case of its id hide that.
func TestRouterBatchKeepsOrderOfOneDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, log := newPair(t), make(chan string, 100)
		router := route(t,
			azure.Route{Reporter: paced{p.pcs, "pcs", log}, Platforms: []azure.Platform{azure.PlatformWindows}},
			azure.Route{Reporter: paced{p.phones, "phones", log}, Platforms: phones})
		first, second, third := routed(1, azure.PlatformWindows), routed(1, azure.PlatformIOS), routed(1, azure.PlatformWindows)
		first.DeviceID, second.DeviceID, third.DeviceID = device, "007C8232-9489-4074-9B35-345B16F0A72D", device
		second.TenantID = "8A7B1F6E-3C1D-4F0A-9B57-2D1C5E6F7A80"
		require.NotEqual(t, first.TenantID, second.TenantID)
		second.State, third.State = compliance.StateNonCompliant, compliance.StateRemoved
		for _, got := range router.ReportBatch(t.Context(), []azure.Report{first, second, third}) {
			require.NoError(t, got.Err)
		}
		close(log)
		var got []string
		for line := range log {
			got = append(got, line)
		}
		want := []string{"pcs begins compliant", "pcs ends", "phones begins non-compliant", "phones ends", "pcs begins removed", "pcs ends"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	})
}

// A device that stays on its channel needs no waiting for another's change.
func TestRouterOrderWithinAChannel(t *testing.T) {
	p := newPair(t)
	var rs []azure.Report
	for n := range 6 {
		r := routed(n%2, azure.PlatformWindows)
		if n >= 3 {
			r.State = compliance.StateNonCompliant
		}
		rs = append(rs, r)
	}
	p.ReportBatch(t.Context(), rs)
	var got []compliance.State
	for _, c := range p.pcs.Accepted() {
		got = append(got, c.State)
	}
	want := []compliance.State{1: compliance.StateCompliant, 5: compliance.StateNonCompliant}
	want[0], want[2], want[3], want[4] = want[1], want[1], want[5], want[5]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// short answers one result too few.
type short struct{ *fake.Reporter }

func (s short) ReportBatch(ctx context.Context, rs []azure.Report) []azure.Result {
	return s.Reporter.ReportBatch(ctx, rs)[:len(rs)-1]
}

func TestRouterShortResults(t *testing.T) {
	p := newPair(t)
	router := route(t,
		azure.Route{Reporter: short{p.pcs}, Platforms: []azure.Platform{azure.PlatformWindows}},
		azure.Route{Reporter: p.phones, Platforms: phones})
	results := router.ReportBatch(t.Context(), []azure.Report{routed(1, azure.PlatformWindows), routed(2, azure.PlatformWindows), routed(3, azure.PlatformIOS)})
	e, _ := errors.AsType[*azure.Error](results[1].Err)
	if e == nil || e.Kind != azure.ErrUnexpected || e.Outcome != azure.OutcomeUnknown {
		t.Errorf("the missing result is %v", results[1].Err)
	}
	if results[0].Err != nil || results[2].Err != nil {
		t.Errorf("the others are %v and %v", results[0].Err, results[2].Err)
	}
}

// A receipt that was stored finds its channel in a process that did not send
// the report, whatever the order of its routes.
func TestRouterCheckAfterRestart(t *testing.T) {
	p := newPair(t)
	receipt, err := p.Report(t.Context(), routed(1, azure.PlatformIOS))
	require.NoError(t, err)
	stored, err := json.Marshal(receipt)
	require.NoError(t, err)
	for _, routes := range [][]azure.Route{
		{{p.pcs, []azure.Platform{azure.PlatformWindows}}, {p.phones, phones}},
		{{p.phones, phones}, {thin{p.pcs}, []azure.Platform{azure.PlatformWindows}}},
	} {
		restarted := route(t, routes...)
		var read azure.Receipt
		require.NoError(t, json.Unmarshal(stored, &read))
		if receipt, err = restarted.Check(t.Context(), read); err != nil {
			t.Errorf("Check: %v", err)
		}
	}
	if receipt.State != status.Successful || receipt.Channel != "intune" {
		t.Errorf("the receipt is %v of %s, want Successful of intune", receipt.State, receipt.Channel)
	}
}

func TestRouterCheckOfForeignAndSettledReceipts(t *testing.T) {
	p := newPair(t)
	without := route(t, azure.Route{Reporter: thin{p.pcs}, Platforms: []azure.Platform{azure.PlatformWindows}})
	for _, tc := range []struct {
		name   string
		router *azure.Router
		given  azure.Receipt
		kind   azure.Kind // empty: none
	}{
		{"foreign", p.Router, azure.Receipt{Channel: "pigeon", State: status.InProgress}, azure.ErrUnsupported},
		{"no channel at all", p.Router, azure.Receipt{State: status.InProgress}, azure.ErrUnsupported},
		{"nobody checks", without, azure.Receipt{Channel: "graph", State: status.InProgress}, azure.ErrUnsupported},
		{"settled on a channel that answers at once", without, azure.Receipt{Channel: "graph", State: status.Successful}, ""},
		{"failed", p.Router, azure.Receipt{Channel: "intune", State: status.Failed, Failure: &azure.Error{Kind: azure.ErrRejected}}, ""},
	} {
		got, err := tc.router.Check(t.Context(), tc.given)
		if tc.kind == "" && err != nil || tc.kind != "" && !errors.Is(err, tc.kind) {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.kind)
		}
		if got.Channel != tc.given.Channel || got.State != tc.given.State || got.Failure != tc.given.Failure {
			t.Errorf("%s: the receipt came back as %v", tc.name, got)
		}
	}
}

// The error of the receipt's own channel is the answer, not the next channel's.
func TestRouterCheckFails(t *testing.T) {
	p := newPair(t)
	receipt, err := p.Report(t.Context(), routed(1, azure.PlatformIOS))
	require.NoError(t, err)
	p.phones.Inject(fake.Fault{Step: fake.StepCheck, Err: &azure.Error{Kind: azure.ErrUnavailable}})
	got, err := p.Check(t.Context(), receipt)
	if !errors.Is(err, azure.ErrUnavailable) || got.State != status.InProgress {
		t.Errorf("%v, %v", got.State, err)
	}
}

func TestRouterDeleteObject(t *testing.T) {
	p := newPair(t)
	removed := routed(1, azure.PlatformWindows)
	removed.State, removed.KeepObject = compliance.StateRemoved, true
	p.pcs.Register(fake.Device{TenantID: tenant, DeviceID: removed.DeviceID, Platform: azure.PlatformWindows})
	_, err := p.Report(t.Context(), removed)
	require.NoError(t, err)
	receipt, err := p.DeleteObject(t.Context(), removed)
	if err != nil || receipt.Removal != azure.RemovalDeleted || receipt.Channel != "graph" {
		t.Errorf("%v of %s, %v; want deleted of graph", receipt.Removal, receipt.Channel, err)
	}
	without := route(t, azure.Route{Reporter: thin{p.pcs}, Platforms: []azure.Platform{azure.PlatformWindows}})
	if _, err := without.DeleteObject(t.Context(), removed); !errors.Is(err, azure.ErrUnsupported) {
		t.Errorf("a channel without a second step: %v", err)
	}
}

func TestRouterCarriedInventory(t *testing.T) {
	p := newPair(t)
	router := route(t,
		azure.Route{Reporter: thin{p.pcs}, Platforms: []azure.Platform{azure.PlatformWindows}},
		azure.Route{Reporter: p.phones, Platforms: phones})
	all := azure.Inventory{DeviceName: "PC-17", OSVersion: "10.0.26100", Ownership: azure.OwnershipCompany}
	carried := all
	carried.Ownership = azure.OwnershipUnspecified
	if got := router.CarriedInventory(azure.PlatformIOS, all); got != carried {
		t.Errorf("a channel that says what it carries: %v, want %v", got, carried)
	}
	if got := router.CarriedInventory(azure.PlatformWindows, all); got != all {
		t.Errorf("a channel that does not say: %v, want %v", got, all)
	}
}

// readable is a channel that reports and reads back devices of any platform,
// as Microsoft Graph does.
type readable struct {
	thin
	verify func() (azure.Verification, error)
}

func (r readable) Verify(context.Context, azure.Report) (azure.Verification, error) {
	return r.verify()
}

func TestRouterVerify(t *testing.T) {
	p := newPair(t)
	reads := func(id string, err error) azure.Reporter {
		return readable{thin{p.pcs}, func() (azure.Verification, error) {
			return azure.Verification{Device: azure.EntraDevice{ObjectID: id}}, err
		}}
	}
	unsupported := &azure.Error{Kind: azure.ErrUnsupported}
	for _, tc := range []struct {
		name        string
		own, others azure.Reporter
		want        string
		kind        azure.Kind
	}{
		{"its own channel", reads("own", nil), reads("other", nil), "own", ""},
		{"another, as own cannot", thin{p.phones}, reads("other", nil), "other", ""},
		{"another, as own will not", reads("", unsupported), reads("other", nil), "other", ""},
		{"an error of its own is the answer", reads("", &azure.Error{Kind: azure.ErrForbidden}), reads("other", nil), "", azure.ErrForbidden},
		{"nobody", thin{p.phones}, thin{p.pcs}, "", azure.ErrUnsupported},
		{"nobody will", reads("", unsupported), p.pcs, "", azure.ErrUnsupported},
	} {
		router := route(t,
			azure.Route{Reporter: tc.others, Platforms: []azure.Platform{azure.PlatformWindows}},
			azure.Route{Reporter: tc.own, Platforms: phones})
		got, err := router.Verify(t.Context(), routed(1, azure.PlatformIOS))
		if tc.kind == "" && err != nil || tc.kind != "" && !errors.Is(err, tc.kind) || got.Device.ObjectID != tc.want {
			t.Errorf("%s: %q, %v; want %q, %s", tc.name, got.Device.ObjectID, err, tc.want, tc.kind)
		}
	}
}

// deprovisioner is a channel whose tenants are set up.
type deprovisioner struct {
	azure.Reporter
	err   error
	asked []string
}

func (d *deprovisioner) Deprovision(_ context.Context, tenantID string) error {
	d.asked = append(d.asked, tenantID)
	return d.err
}

// One channel that fails, or that knows nothing of the tenant, keeps none of
// the others from being asked.
func TestRouterDeprovision(t *testing.T) {
	failing := &deprovisioner{Reporter: fake.New(nil), err: &azure.Error{Op: "test", Kind: azure.ErrForbidden}}
	absent := &deprovisioner{Reporter: fake.New(nil), err: &azure.Error{Op: "test", Kind: azure.ErrNotProvisioned}}
	fine := &deprovisioner{Reporter: fake.New(nil)}
	r := route(t,
		azure.Route{Reporter: failing, Platforms: []azure.Platform{azure.PlatformIOS}},
		azure.Route{Reporter: absent, Platforms: []azure.Platform{azure.PlatformAndroid}},
		azure.Route{Reporter: fine, Platforms: []azure.Platform{azure.PlatformMacOS}},
		azure.Route{Reporter: thin{fake.New(nil)}, Platforms: []azure.Platform{azure.PlatformWindows}})
	err := r.Deprovision(t.Context(), tenant)
	if !errors.Is(err, azure.ErrForbidden) || errors.Is(err, azure.ErrNotProvisioned) {
		t.Errorf("got %v, want the one refusal", err)
	}
	for i, d := range []*deprovisioner{failing, absent, fine} {
		if diff := cmp.Diff([]string{tenant}, d.asked); diff != "" {
			t.Errorf("channel %d was asked (-want +got)\n%s", i, diff)
		}
	}
	failing.err = nil
	if err := r.Deprovision(t.Context(), tenant); err != nil {
		t.Errorf("a tenant that one channel does not know: %v", err)
	}
}
