package graph_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

func TestReportRequest(t *testing.T) {
	const id = "11111111-2222-4333-8444-555555555555"
	for _, tc := range []struct {
		name     string
		change   func(*azure.Report)
		body     string
		priority []string
	}{
		{"compliant", func(r *azure.Report) {}, `{"isManaged":true,"isCompliant":true}`, nil},
		{"non-compliant", func(r *azure.Report) { r.State = compliance.StateNonCompliant }, `{"isManaged":true,"isCompliant":false}`, nil},
		{"removed", func(r *azure.Report) { r.State, r.KeepObject = compliance.StateRemoved, true }, `{"isManaged":false,"isCompliant":false}`, nil},
		{"removed, whose inventory is of no interest", func(r *azure.Report) {
			r.State, r.KeepObject, r.Inventory.DeviceName = compliance.StateRemoved, true, "PC"
		}, `{"isManaged":false,"isCompliant":false}`, nil},
		{"name", func(r *azure.Report) { r.Inventory.DeviceName = "PC" }, `{"isManaged":true,"isCompliant":true,"displayName":"PC"}`, nil},
		{"version", func(r *azure.Report) { r.Inventory.OSVersion = "10.0" }, `{"isManaged":true,"isCompliant":true,"operatingSystemVersion":"10.0"}`, nil},
		{"both", func(r *azure.Report) { r.Inventory.DeviceName, r.Inventory.OSVersion = "PC", "10.0" }, `{"isManaged":true,"isCompliant":true,"displayName":"PC","operatingSystemVersion":"10.0"}`, nil},
		{"ownership is not sent", func(r *azure.Report) { r.Inventory.Ownership = azure.OwnershipPersonal }, `{"isManaged":true,"isCompliant":true}`, nil},
		{"user is not sent", func(r *azure.Report) { r.UserID, r.UserPrincipalName = device1, "anna@contoso.example" }, `{"isManaged":true,"isCompliant":true}`, nil},
		{"refresh", func(r *azure.Report) { r.Trigger = azure.TriggerRefresh }, `{"isManaged":true,"isCompliant":true}`, []string{"low"}},
		{"change", func(r *azure.Report) { r.Trigger = azure.TriggerChange }, `{"isManaged":true,"isCompliant":true}`, nil},
		{"inventory", func(r *azure.Report) { r.Trigger = azure.TriggerInventory }, `{"isManaged":true,"isCompliant":true}`, nil},
		{"sync", func(r *azure.Report) { r.Trigger = azure.TriggerSync }, `{"isManaged":true,"isCompliant":true}`, nil},
		{"ids in capitals", func(r *azure.Report) {
			r.ID, r.TenantID, r.DeviceID = strings.ToUpper(r.ID), strings.ToUpper(r.TenantID), strings.ToUpper(r.DeviceID)
		}, `{"isManaged":true,"isCompliant":true}`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStub(t, inTurn(always(204, "")))
			report := report1(compliance.StateCompliant)
			report.ID = id
			tc.change(&report)
			receipt, err := stubReporter(t, s, once).Report(t.Context(), report)
			require.NoError(t, err)
			require.Len(t, s.requests(), 1)
			got := s.requests()[0]

			if want := "https://graph.microsoft.com/v1.0/devices(deviceId='" + device1 + "')"; got.method != http.MethodPatch || got.url != want {
				t.Errorf("%s %s, want PATCH %s", got.method, got.url, want)
			}
			if diff := cmp.Diff(tc.body, got.body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			agent := got.header.Get("User-Agent")
			if !strings.HasPrefix(agent, "azsdk-go-devicestatus-graph/v") {
				t.Errorf("User-Agent %q", agent)
			}
			got.header.Del("User-Agent")
			want := http.Header{
				"Authorization": {"Bearer token"}, "Client-Request-Id": {id},
				"Content-Type": {"application/json"}, "Content-Length": {got.header.Get("Content-Length")},
			}
			if tc.priority != nil {
				want["X-Ms-Throttle-Priority"] = tc.priority
			}
			if diff := cmp.Diff(want, got.header); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if got.req.ContentLength != int64(len(got.body)) {
				t.Errorf("content length %d of a body of %d", got.req.ContentLength, len(got.body))
			}
			removal := azure.RemovalUnspecified
			if report.State == compliance.StateRemoved {
				removal = azure.RemovalMarked
			}
			if time.Since(receipt.AcceptedAt) > time.Minute || receipt.AcceptedAt.Location() != time.UTC {
				t.Errorf("accepted at %v", receipt.AcceptedAt)
			}
			receipt.AcceptedAt = time.Time{}
			wantReceipt := azure.Receipt{Channel: "graph", TenantID: tenantA, DeviceID: device1, MessageID: id, State: status.Successful, Removal: removal, Attempts: 1}
			if diff := cmp.Diff(wantReceipt, receipt); diff != "" {
				t.Errorf("receipt (-want +got):\n%s", diff)
			}
		})
	}
}

// Each call has a client-request-id, and each report without an ID gets one.
func TestReportMakesAnID(t *testing.T) {
	s := newStub(t, inTurn(always(204, "")))
	r := stubReporter(t, s, once)
	first, err := r.Report(t.Context(), report1(compliance.StateCompliant))
	require.NoError(t, err)
	second, err := r.Report(t.Context(), report1(compliance.StateCompliant))
	require.NoError(t, err)
	if first.MessageID == second.MessageID {
		t.Errorf("two reports are both named %s", first.MessageID)
	}
	if got := s.requests()[1].header.Get("client-request-id"); got != second.MessageID {
		t.Errorf("client-request-id %q, message id %q", got, second.MessageID)
	}
}

// Odd names arrive as they are, alone and in a batch.
func TestNamesArriveAsTheyAre(t *testing.T) {
	for _, name := range []string{
		`Anna's "PC"`, `back\slash\`, "<b>R&D</b>", "line\u2028and\u2029paragraph", "\U0001f4bb Ännas 電腦", "\u200fمكتب", "\x7f?", "a b", "%41+%20", "{\"isCompliant\":true}",
	} {
		w := newWorld(t, nil, nil)
		report := w.report(compliance.StateNonCompliant)
		report.Inventory.DeviceName, report.Inventory.OSVersion = name, name
		want := strings.ReplaceAll(name, "\x7f", "")

		_, err := w.reporter.Report(t.Context(), report)
		require.NoError(t, err)
		alone, _ := w.sim.Device(w.tenant.ID, w.device.DeviceID)
		w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) { d.DisplayName, d.OperatingSystemVersion = "", "" })
		require.NoError(t, w.reporter.ReportBatch(t.Context(), []azure.Report{report})[0].Err)
		batched, _ := w.sim.Device(w.tenant.ID, w.device.DeviceID)
		for _, d := range []azuresim.Device{alone, batched} {
			if d.DisplayName != want || d.OperatingSystemVersion != want || *d.IsCompliant || !*d.IsManaged {
				t.Errorf("%q arrived as name %q, version %q, managed %v, compliant %v", name, d.DisplayName, d.OperatingSystemVersion, *d.IsManaged, *d.IsCompliant)
			}
		}
	}
}

func TestLongNamesAreCutAndNoted(t *testing.T) {
	w := newWorld(t, nil, nil)
	report := w.report(compliance.StateCompliant)
	report.Inventory.DeviceName = strings.Repeat("n", 300)
	receipt, err := w.reporter.Report(t.Context(), report)
	require.NoError(t, err)
	if diff := cmp.Diff([]string{"DeviceName: 300 characters cut to 256"}, receipt.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if d, _ := w.sim.Device(w.tenant.ID, w.device.DeviceID); len(d.DisplayName) != 256 || receipt.Attempts != 1 {
		t.Errorf("%d characters in %d attempts", len(d.DisplayName), receipt.Attempts)
	}
}

// A name that Microsoft does not like must not keep a lock-out from being sent.
func TestRefusedInventoryIsLeftOut(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.sim.Inject(azuresim.Fault{
		Match: func(r *azuresim.Request) bool {
			return r.Method == http.MethodPatch && strings.Contains(string(r.Body), "displayName")
		},
		Status: 400, Code: "Request_BadRequest", Message: "Invalid value specified for property 'displayName' of resource 'Device'.",
	})
	for _, batch := range []bool{false, true} {
		report := w.report(compliance.StateNonCompliant)
		report.Inventory = azure.Inventory{DeviceName: "PC", OSVersion: "10.0"}
		receipt, err := sendOne(t, w, report, batch)
		require.NoError(t, err)
		if diff := cmp.Diff([]string{"Inventory: refused by Microsoft (400 Request_BadRequest), left out"}, receipt.Notes); diff != "" {
			t.Errorf("batch %v: notes (-want +got):\n%s", batch, diff)
		}
		if receipt.Attempts != 2 || receipt.MessageID == "" {
			t.Errorf("batch %v: receipt %+v", batch, receipt)
		}
	}
	if diff := cmp.Diff([]string{`PATCH {"isManaged":true,"isCompliant":false}`, `PATCH {"isManaged":true,"isCompliant":false}`}, w.bodies()); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	ids := map[string]bool{}
	for _, r := range w.graphRequests() {
		ids[r.Header.Get("client-request-id")] = true
	}
	if len(ids) != 4 {
		t.Errorf("4 calls with %d client-request-ids", len(ids))
	}
}

// sendOne sends a report alone or as a batch of one.
func sendOne(t *testing.T, w *world, report azure.Report, batch bool) (azure.Receipt, error) {
	t.Helper()
	if !batch {
		return w.reporter.Report(t.Context(), report)
	}
	results := w.reporter.ReportBatch(t.Context(), []azure.Report{report})
	require.Len(t, results, 1)
	return results[0].Receipt, results[0].Err
}

// After a 400 to the two booleans alone the device itself says whether it is
// one that may be written.
func TestRefusalByPlatform(t *testing.T) {
	for _, tc := range []struct {
		system string
		kind   azure.Kind
	}{
		{"iOS", azure.ErrUnsupported}, {"MacMDM", azure.ErrUnsupported}, {"Android", azure.ErrUnsupported}, {"Linux", azure.ErrUnsupported},
		{"Windows", azure.ErrRejected}, {"windows", azure.ErrRejected}, {"WindowsServer", azure.ErrRejected},
	} {
		for _, batch := range []bool{false, true} {
			for _, inventory := range []bool{false, true} {
				w := newWorld(t, nil, nil)
				w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) { d.OperatingSystem = tc.system })
				w.sim.Inject(azuresim.Fault{Match: onGraph("PATCH"), Status: 400, Code: "Request_BadRequest", Message: "No."})
				report := w.report(compliance.StateCompliant)
				if inventory {
					report.Inventory.OSVersion = "17.5"
				}
				receipt, err := sendOne(t, w, report, batch)
				e, ok := errors.AsType[*azure.Error](err)
				require.True(t, ok, "%v", err)
				if e.Kind != tc.kind || e.Scope != azure.ScopeDevice || e.Outcome != azure.OutcomeRefused || e.StatusCode != 400 || e.ErrorCode != "Request_BadRequest" {
					t.Errorf("%s, batch %v: %v, want %s", tc.system, batch, e, tc.kind)
				}
				if names := strings.Contains(e.Error(), "intune channel"); names != (tc.kind == azure.ErrUnsupported) {
					t.Errorf("%s: %v", tc.system, e)
				}
				if !cmp.Equal(receipt, azure.Receipt{}) {
					t.Errorf("a receipt of a refusal: %+v", receipt)
				}
			}
		}
	}
}

// The read that only explains a refusal takes nothing from it when it fails.
func TestRefusalWhoseReadFails(t *testing.T) {
	for _, answer := range []func() *http.Response{
		always(403, fault("Authorization_RequestDenied")), always(404, fault("Request_ResourceNotFound")), always(503, ""),
		always(200, ""), always(200, "<html>"), always(200, `{"operatingSystem":null}`), always(200, `{"operatingSystem":7}`), always(200, fault("x")),
	} {
		s := newStub(t, inTurn(always(400, fault("Request_BadRequest")), answer))
		_, err := stubReporter(t, s, once).Report(t.Context(), report1(compliance.StateCompliant))
		e, ok := errors.AsType[*azure.Error](err)
		require.True(t, ok, "%v", err)
		if e.Kind != azure.ErrRejected || e.StatusCode != 400 || len(s.requests()) != 2 {
			t.Errorf("%v after %d requests, want the 400", e, len(s.requests()))
		}
	}
	s := newStub(t, func(n int, _ sent) (*http.Response, error) {
		if n == 0 {
			return reply(400, fault("Request_BadRequest")), nil
		}
		return nil, errors.New("broken")
	})
	_, err := stubReporter(t, s, once).Report(t.Context(), report1(compliance.StateCompliant))
	if !errors.Is(err, azure.ErrRejected) {
		t.Errorf("%v, want the 400", err)
	}
}

// What Microsoft Graph does not serve is refused before any call.
func TestRefusedBeforeAnyCall(t *testing.T) {
	s := newStub(t, inTurn(always(204, "")))
	r := stubReporter(t, s, once)
	change := func(f func(*azure.Report)) azure.Report {
		report := report1(compliance.StateCompliant)
		f(&report)
		return report
	}
	for _, tc := range []struct {
		report azure.Report
		kind   azure.Kind
		text   string
	}{
		{change(func(r *azure.Report) { r.Platform = azure.PlatformIOS }), azure.ErrUnsupported, "ios devices are reported through the Intune partner compliance services (the intune channel)"},
		{change(func(r *azure.Report) { r.Platform = azure.PlatformIPadOS }), azure.ErrUnsupported, "intune channel"},
		{change(func(r *azure.Report) { r.Platform = azure.PlatformAndroid }), azure.ErrUnsupported, "intune channel"},
		{change(func(r *azure.Report) { r.Platform = azure.PlatformMacOS }), azure.ErrUnsupported, "intune channel"},
		{change(func(r *azure.Report) { r.Platform = 0 }), azure.ErrInvalid, "Platform"},
		{change(func(r *azure.Report) { r.Platform = 77 }), azure.ErrInvalid, "Platform(77)"},
		{change(func(r *azure.Report) { r.State = 0 }), azure.ErrInvalid, "State"},
		{change(func(r *azure.Report) { r.State = 9 }), azure.ErrInvalid, "State(9)"},
		{change(func(r *azure.Report) { r.DeviceID = "x')/../../users" }), azure.ErrInvalid, "DeviceID"},
		{change(func(r *azure.Report) { r.TenantID = "contoso.example" }), azure.ErrInvalid, "TenantID"},
	} {
		receipt, err := r.Report(t.Context(), tc.report)
		result := r.ReportBatch(t.Context(), []azure.Report{tc.report})[0]
		for _, err := range []error{err, result.Err} {
			e, ok := errors.AsType[*azure.Error](err)
			if !ok || e.Kind != tc.kind || e.Outcome != azure.OutcomeNotSent || e.Scope != azure.ScopeDevice || !strings.Contains(e.Error(), tc.text) {
				t.Errorf("%v, want %s with %q", err, tc.kind, tc.text)
			}
		}
		if !cmp.Equal(receipt, azure.Receipt{}) || !cmp.Equal(result.Receipt, azure.Receipt{}) {
			t.Errorf("a receipt of what was never sent")
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// What is written is JSON whatever the texts, and never holds a null.
func TestBodyHoldsNoNull(t *testing.T) {
	s := newStub(t, inTurn(always(204, "")))
	r := stubReporter(t, s, once)
	for _, name := range []string{"", "null", " ", "\x00", "x"} {
		report := report1(compliance.StateCompliant)
		report.Inventory.DeviceName = name
		_, err := r.Report(t.Context(), report)
		require.NoError(t, err)
	}
	for _, request := range s.requests() {
		var properties map[string]any
		require.NoError(t, json.Unmarshal([]byte(request.body), &properties))
		for key, value := range properties {
			if value == nil || value == "" {
				t.Errorf("%s is %v in %s", key, value, request.body)
			}
		}
	}
}

func TestCarriedInventory(t *testing.T) {
	r := stubReporter(t, newStub(t, nil), once)
	whole := azure.Inventory{DeviceName: " PC ", OSVersion: "10.0", Ownership: azure.OwnershipCompany}
	for platform, want := range map[azure.Platform]azure.Inventory{
		azure.PlatformWindows: {DeviceName: "PC", OSVersion: "10.0"}, azure.PlatformIOS: {}, azure.PlatformMacOS: {}, 0: {},
	} {
		if got := r.CarriedInventory(platform, whole); got != want {
			t.Errorf("%v: %v, want %v", platform, got, want)
		}
	}
}
