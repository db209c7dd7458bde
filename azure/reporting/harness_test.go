package reporting_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

const (
	deviceID2 = "aaaaaaaa-9489-4074-9b35-345b16f0a72d"
	deviceID3 = "bbbbbbbb-9489-4074-9b35-345b16f0a72d"
	userA     = "11111111-2222-4333-8444-555555555555"
	userB     = "11111111-2222-4333-8444-666666666666"
	tenantID2 = "9b4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11"

	compliant    = compliance.StateCompliant
	nonCompliant = compliance.StateNonCompliant
	removed      = compliance.StateRemoved
)

// sent is one call that came to Microsoft.
type sent struct {
	step   string // report, check, delete
	at     time.Time
	report azure.Report
}

// microsoft is Microsoft's side as a test plays it. Without a script it accepts
// everything at once. What arrived is kept per Azure id: on Windows the last
// one to arrive counts, elsewhere the one with the newest LastUpdateTime.
type microsoft struct {
	mu    sync.Mutex
	calls []sent
	holds map[string]azure.Report

	later  atomic.Bool // phones and Macs are settled by Check
	report func(ctx context.Context, r azure.Report) (azure.Receipt, error)
	check  func(ctx context.Context, r azure.Receipt) (azure.Receipt, error)
	delete func(ctx context.Context, r azure.Report) (azure.Receipt, error)
}

func (m *microsoft) note(step string, r azure.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, sent{step, time.Now(), r})
}

// arrive lets a report come to be.
func (m *microsoft) arrive(r azure.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holds == nil {
		m.holds = map[string]azure.Report{}
	}
	if was, ok := m.holds[r.DeviceID]; ok && r.Platform != azure.PlatformWindows && r.UpdatedAt.Before(was.UpdatedAt) {
		return
	}
	m.holds[r.DeviceID] = r
}

// accept lets a report come to be and answers its receipt.
func (m *microsoft) accept(r azure.Report) (azure.Receipt, error) {
	m.arrive(r)
	receipt := azure.Receipt{
		Channel: "test", TenantID: r.TenantID, DeviceID: r.DeviceID, MessageID: guid.New(), State: status.Successful,
		AcceptedAt: time.Now().UTC().Round(0), Attempts: 1,
	}
	if r.State == removed {
		receipt.Removal = azure.RemovalMarked
	}
	if m.later.Load() && r.Platform != azure.PlatformWindows {
		receipt.State = status.InProgress
	}
	return receipt, nil
}

func (m *microsoft) Report(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	m.note("report", r)
	m.mu.Lock()
	script := m.report
	m.mu.Unlock()
	if script != nil {
		return script(ctx, r)
	}
	return m.accept(r)
}

func (m *microsoft) Check(ctx context.Context, r azure.Receipt) (azure.Receipt, error) {
	m.note("check", azure.Report{ID: r.MessageID, TenantID: r.TenantID, DeviceID: r.DeviceID})
	m.mu.Lock()
	script := m.check
	m.mu.Unlock()
	if script != nil {
		return script(ctx, r)
	}
	r.State = status.Successful
	return r, nil
}

func (m *microsoft) DeleteObject(ctx context.Context, r azure.Report) (azure.Receipt, error) {
	m.note("delete", r)
	m.mu.Lock()
	script := m.delete
	m.mu.Unlock()
	if script != nil {
		return script(ctx, r)
	}
	m.mu.Lock()
	delete(m.holds, r.DeviceID)
	m.mu.Unlock()
	receipt, err := m.accept(r)
	receipt.Removal = azure.RemovalDeleted
	return receipt, err
}

// play sets what is answered to reports; nil accepts.
func (m *microsoft) play(script func(ctx context.Context, r azure.Report) (azure.Receipt, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report = script
}

// answerDeletions sets what is answered to second steps of removals; nil deletes.
func (m *microsoft) answerDeletions(script func(ctx context.Context, r azure.Report) (azure.Receipt, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delete = script
}

// refuse answers every report with an error of its own.
func (m *microsoft) refuse(e azure.Error) {
	m.play(func(context.Context, azure.Report) (azure.Receipt, error) {
		own := e
		return azure.Receipt{}, &own
	})
}

// state answers what Azure holds of an id.
func (m *microsoft) state(id string) compliance.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.holds[id].State
}

// all answers the calls of some steps, or all.
func (m *microsoft) all(steps ...string) []sent {
	m.mu.Lock()
	defer m.mu.Unlock()
	var calls []sent
	for _, c := range m.calls {
		if len(steps) == 0 || strings.Contains(strings.Join(steps, " "), c.step) {
			calls = append(calls, c)
		}
	}
	return calls
}

// trial is an engine over a store in memory and a Microsoft that is scripted.
type trial struct {
	t      *testing.T
	azure  *microsoft
	store  reporting.Store
	engine *reporting.Engine
	seen   int // calls that lines has answered
}

// newTrial makes one, with the tenant registered. o may be nil.
func newTrial(t *testing.T, o *reporting.Options) *trial {
	t.Helper()
	return newTrialOn(t, memstore.New(nil), o)
}

func newTrialOn(t *testing.T, store reporting.Store, o *reporting.Options) *trial {
	t.Helper()
	h := &trial{t: t, azure: &microsoft{}, store: store}
	h.engine = engineOn(t, h.store, h.azure, o)
	require.NoError(t, h.engine.RegisterTenant(t.Context(), account, tenantID))
	return h
}

func engineOn(t *testing.T, store reporting.Store, r azure.Reporter, o *reporting.Options) *reporting.Engine {
	t.Helper()
	e, err := reporting.New(store, r, o)
	require.NoError(t, err)
	return e
}

// run runs an engine until the function that it answers is called.
func run(t *testing.T, e *reporting.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := e.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return func() { cancel(); running.Wait() }
}

func (h *trial) run() (stop func()) { return run(h.t, h.engine) }

// pc is a Windows device, phone an iPhone that is registered; both are compliant.
func pc(change func(o *reporting.Observation)) reporting.Observation {
	return observation(reporting.Observation{DeviceID: "pc-1", Platform: azure.PlatformWindows, AzureDeviceID: deviceID}, change)
}

func phone(change func(o *reporting.Observation)) reporting.Observation {
	return observation(reporting.Observation{
		DeviceID: "phone-1", Platform: azure.PlatformIOS, AzureDeviceID: deviceID, ClientCode: status.CodeSuccess, UserID: userA,
	}, change)
}

func observation(o reporting.Observation, change func(o *reporting.Observation)) reporting.Observation {
	o.Account, o.TenantID, o.State, o.SeenAt = account, tenantID, compliant, time.Now()
	if change != nil {
		change(&o)
	}
	return o
}

func in(s compliance.State) func(o *reporting.Observation) {
	return func(o *reporting.Observation) { o.State = s }
}

// see observes, of which nothing may be refused.
func (h *trial) see(all ...reporting.Observation) reporting.Observed {
	h.t.Helper()
	seen, err := h.engine.Observe(h.t.Context(), all...)
	require.NoError(h.t, err)
	require.Empty(h.t, seen.Refused)
	return seen
}

// device answers a device, whose details have to agree with one another.
func (h *trial) device(id string) reporting.Device {
	h.t.Helper()
	d, err := h.engine.Device(h.t.Context(), tenantID, id)
	require.NoError(h.t, err)
	h.valid(d)
	return d
}

func (h *trial) valid(d reporting.Device) {
	h.t.Helper()
	if err := d.Validate(); err != nil {
		h.t.Errorf("the details of %q do not agree: %v\n%+v", d.DeviceID, err, d.Device)
	}
	if d.Explain() == "" {
		h.t.Errorf("%q is not explained", d.DeviceID)
	}
}

// lines answers what was sent since it was called last, a line each.
func (h *trial) lines() []string {
	calls := h.azure.all("report", "delete")
	var lines []string
	for _, c := range calls[h.seen:] {
		text := c.report.State.String() + " to " + short(c.report.DeviceID) + ", " + c.report.Trigger.String()
		if c.step == "delete" {
			text = "delete " + short(c.report.DeviceID)
		}
		lines = append(lines, text)
	}
	h.seen = len(calls)
	return lines
}

// short names the ids of these tests.
func short(id string) string {
	switch id {
	case deviceID:
		return "id"
	case deviceID2:
		return "id2"
	case deviceID3:
		return "id3"
	}
	return id
}

// line is a device's details as the table of what is shown writes them, the
// reason of a blank in brackets, and what was reported last behind an arrow.
func line(d status.Device) string {
	or := func(text string, blank status.BlankReason) string {
		if blank != status.BlankUnspecified {
			return text + "[" + blank.String() + "]"
		}
		return text
	}
	state := d.ComplianceStatus.String()
	if d.ComplianceStatus == status.ReportStateUnspecified {
		state = "none"
	}
	when := ""
	if !d.ReportTime.IsZero() {
		when = "time"
	}
	text := or(short(d.AzureDeviceID), d.Blank.AzureDeviceID) + " · " + or(state, d.Blank.ComplianceStatus) + " · " +
		or(string(d.ClientCode), d.Blank.ClientCode) + " · " + or(when, d.Blank.ReportTime)
	if d.Cause != "" {
		text += " (" + d.Cause + ")"
	}
	if d.Conflict {
		text += " conflict"
	}
	if !d.LastReported.Time.IsZero() {
		text += " -> " + d.LastReported.State.String()
	}
	return text
}

// logged collects what an engine logs, one line each, from debug on.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
