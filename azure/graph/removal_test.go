package graph_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

const (
	readObject = "?$select=id,trustType,isCompliant"
	markedBody = `PATCH {"isManaged":false,"isCompliant":false}`
)

// Both steps, in their order, and what the receipt says of them.
func TestRemoval(t *testing.T) {
	for _, tc := range []struct {
		name      string
		options   graph.Options
		change    func(*azure.Report)
		trust     string
		form      azure.RemovalForm
		calls     []string // PATCH, GET, DELETE
		remains   bool
		compliant bool
	}{
		{name: "both steps", form: azure.RemovalDeleted, calls: []string{"PATCH", "GET", "DELETE"}},
		{name: "registered only", trust: "Workplace", form: azure.RemovalDeleted, calls: []string{"PATCH", "GET", "DELETE"}},
		{name: "hybrid", trust: "ServerAd", form: azure.RemovalProtected, calls: []string{"PATCH", "GET"}, remains: true},
		{name: "KeepObject", change: func(r *azure.Report) { r.KeepObject = true }, form: azure.RemovalMarked, calls: []string{"PATCH"}, remains: true},
		{name: "KeepObjects", options: graph.Options{KeepObjects: true}, form: azure.RemovalMarked, calls: []string{"PATCH"}, remains: true},
		{name: "other states delete nothing", change: func(r *azure.Report) { r.State = compliance.StateNonCompliant }, calls: []string{"PATCH"}, remains: true},
	} {
		for _, batch := range []bool{false, true} {
			w := newWorld(t, nil, &tc.options)
			if tc.trust != "" {
				w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) { d.TrustType = tc.trust })
			}
			report := w.report(compliance.StateRemoved)
			if tc.change != nil {
				tc.change(&report)
			}
			receipt, err := sendOne(t, w, report, batch)
			require.NoError(t, err, tc.name)
			if receipt.Removal != tc.form || receipt.Attempts != len(tc.calls) || receipt.State != status.Successful || receipt.Failure != nil {
				t.Errorf("%s, batch %v: receipt %+v", tc.name, batch, receipt)
			}
			if diff := cmp.Diff(tc.calls, methods(w)); diff != "" {
				t.Errorf("%s, batch %v: requests (-want +got):\n%s", tc.name, batch, diff)
			}
			if d, _ := w.sim.Device(w.tenant.ID, w.device.DeviceID); d.DeletedAt.IsZero() != tc.remains || *d.IsCompliant {
				t.Errorf("%s, batch %v: deleted at %v, compliant %v", tc.name, batch, d.DeletedAt, *d.IsCompliant)
			}
		}
	}
}

// methods are those of the calls and of the items in batches, in their order.
func methods(w *world) []string {
	var all []string
	for _, r := range w.graphRequests() {
		if strings.HasSuffix(r.Path, "/$batch") {
			for _, item := range r.Items {
				all = append(all, item.Method)
			}
			continue
		}
		all = append(all, r.Method)
	}
	return all
}

// The object is read again and deleted by its own id, not by the device's.
func TestDeletionIsByObjectID(t *testing.T) {
	w := newWorld(t, nil, nil)
	_, err := w.reporter.Report(t.Context(), w.report(compliance.StateRemoved))
	require.NoError(t, err)
	path := "/v1.0/devices(deviceId='" + w.device.DeviceID + "')"
	want := "PATCH " + path + "\nGET " + path + readObject + "\nDELETE /v1.0/devices/" + w.device.ObjectID + "\n"
	if diff := cmp.Diff(want, w.calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	for _, r := range w.graphRequests()[1:] {
		if len(r.Body) != 0 || r.Header.Get("Content-Type") != "" {
			t.Errorf("%s carries %q %q", r.Method, r.Header.Get("Content-Type"), r.Body)
		}
	}
}

// A device that is not there was removed: at whichever step that shows.
func TestRemovalOfWhatIsAbsent(t *testing.T) {
	for _, method := range []string{"PATCH", "GET", "DELETE"} {
		for _, batch := range []bool{false, true} {
			w := newWorld(t, nil, nil)
			w.sim.Inject(azuresim.Fault{Match: onGraph(method), Status: 404, Code: "Request_ResourceNotFound"})
			receipt, err := sendOne(t, w, w.report(compliance.StateRemoved), batch)
			require.NoError(t, err)
			if receipt.Removal != azure.RemovalAbsent || receipt.AcceptedAt.IsZero() || receipt.State != status.Successful {
				t.Errorf("404 to %s, batch %v: %+v", method, batch, receipt)
			}
			want := map[string]int{"PATCH": 1, "GET": 2, "DELETE": 3}[method]
			if receipt.Attempts != want {
				t.Errorf("404 to %s, batch %v: %d attempts, want %d: an absence is not waited for", method, batch, receipt.Attempts, want)
			}
		}
	}
}

// What the second step meets while the first stands.
func TestSecondStepFails(t *testing.T) {
	for _, method := range []string{"GET", "DELETE"} {
		for _, batch := range []bool{false, true} {
			for _, tc := range []struct {
				fault azuresim.Fault
				kind  azure.Kind
				err   bool
			}{
				{azuresim.Fault{Status: 403, Code: "Authorization_RequestDenied"}, azure.ErrForbidden, false},
				{azuresim.Fault{Status: 500, Code: "UnknownError"}, azure.ErrUnavailable, true},
				{azuresim.Fault{Status: 503}, azure.ErrUnavailable, true},
				{azuresim.Fault{Status: 429, RetryAfter: "100", Code: "TooManyRequests"}, azure.ErrThrottled, true},
				{azuresim.Fault{Status: 400, Code: "Request_BadRequest"}, azure.ErrRejected, true},
				{azuresim.Fault{Status: 401, Code: "InvalidAuthenticationToken"}, azure.ErrUnauthorized, true},
			} {
				w := newWorld(t, nil, &graph.Options{ClientOptions: onceOptions()})
				tc.fault.Match = onGraph(method)
				w.sim.Inject(tc.fault)
				receipt, err := sendOne(t, w, w.report(compliance.StateRemoved), batch)
				name := method + " " + string(tc.kind)
				if receipt.Removal != azure.RemovalMarked || receipt.State != status.Successful || receipt.AcceptedAt.IsZero() || receipt.DeviceID != w.device.DeviceID {
					t.Errorf("%s, batch %v: the first step is not in the receipt: %+v", name, batch, receipt)
				}
				var e *azure.Error
				if tc.err {
					e, _ = errors.AsType[*azure.Error](err)
					if receipt.Failure != nil {
						t.Errorf("%s, batch %v: the failure is told twice", name, batch)
					}
				} else {
					require.NoError(t, err, name)
					e = receipt.Failure
				}
				require.NotNil(t, e, name)
				if e.Kind != tc.kind || e.StatusCode != tc.fault.Status || e.Op != "graph: delete" {
					t.Errorf("%s, batch %v: %v", name, batch, e)
				}
				if diff := cmp.Diff([]string{markedBody}, w.bodies()); diff != "" {
					t.Errorf("%s, batch %v: writes (-want +got):\n%s", name, batch, diff)
				}
			}
		}
	}
}

// A connection that breaks in the second step leaves the first in the receipt.
func TestSecondStepBreaks(t *testing.T) {
	for _, method := range []string{"GET", "DELETE"} {
		w := newWorld(t, nil, &graph.Options{ClientOptions: onceOptions()})
		w.sim.Inject(azuresim.Fault{Match: onGraph(method), Reset: azuresim.ResetBefore})
		receipt, err := w.reporter.Report(t.Context(), w.report(compliance.StateRemoved))
		e, ok := errors.AsType[*azure.Error](err)
		require.True(t, ok, "%v", err)
		if receipt.Removal != azure.RemovalMarked || e.Kind != azure.ErrUnavailable || e.Op != "graph: delete" {
			t.Errorf("%s: %+v, %v", method, receipt, err)
		}
	}
}

// An answer that does not name the object, or not what joined the device to
// Entra, deletes nothing: deletion cannot be taken back.
func TestUnclearObjectIsNotDeleted(t *testing.T) {
	for _, body := range []string{
		"", "<html>", "null", "{}", `{"id":null,"trustType":"AzureAd"}`, `{"id":"x/../../users/1","trustType":"AzureAd"}`,
		`{"id":7,"trustType":"AzureAd"}`, `{"id":"` + object1 + `"`, `[{"id":"` + object1 + `"}]`, fault("UnknownError"),
		`{"id":"` + object1 + `","trustType":7}`,
	} {
		s := newStub(t, inTurn(always(204, ""), always(200, body)))
		receipt, err := stubReporter(t, s, once).Report(t.Context(), report1(compliance.StateRemoved))
		e, ok := errors.AsType[*azure.Error](err)
		if !ok || e.Kind != azure.ErrUnexpected || receipt.Removal != azure.RemovalMarked {
			t.Errorf("%s: %+v, %v", body, receipt, err)
		}
		if n := len(s.requests()); n != 2 {
			t.Errorf("%s: %d requests", body, n)
		}
	}
}

// A lost answer to DELETE is settled by the next try, which finds nothing.
func TestLostAnswerToDelete(t *testing.T) {
	w := newWorld(t, nil, &graph.Options{ClientOptions: impatient()})
	w.sim.Inject(azuresim.Fault{Match: onGraph("DELETE"), Reset: azuresim.ResetAfter, Times: 1})
	receipt, err := w.reporter.Report(t.Context(), w.report(compliance.StateRemoved))
	require.NoError(t, err)
	if receipt.Removal != azure.RemovalAbsent || receipt.Attempts != 4 {
		t.Errorf("%+v", receipt)
	}
}

// A removal sends no inventory; the device's name is blotted out of what
// Microsoft says all the same.
func TestRemovalKeepsTheNameToItself(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.sim.Inject(azuresim.Fault{Match: onGraph("DELETE"), Status: 403, Code: "Authorization_RequestDenied", Message: "no rights on ANNAS-LAPTOP"})
	report := w.report(compliance.StateRemoved)
	report.Inventory.DeviceName = "ANNAS-LAPTOP"
	receipt, err := w.reporter.Report(t.Context(), report)
	require.NoError(t, err)
	require.NotNil(t, receipt.Failure)
	if diff := cmp.Diff("no rights on [redacted]", receipt.Failure.Detail); diff != "" {
		t.Errorf("detail (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{markedBody}, w.bodies()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestDeleteObject(t *testing.T) {
	for _, tc := range []struct {
		name      string
		trust     string
		compliant bool
		fault     *azuresim.Fault
		form      azure.RemovalForm
		kind      azure.Kind
		calls     []string
	}{
		{name: "deleted", form: azure.RemovalDeleted, calls: []string{"GET", "DELETE"}},
		{name: "hybrid", trust: "ServerAd", form: azure.RemovalProtected, calls: []string{"GET"}},
		{name: "absent", fault: &azuresim.Fault{Match: onGraph("GET"), Status: 404}, form: azure.RemovalAbsent, calls: []string{"GET"}},
		{name: "gone between", fault: &azuresim.Fault{Match: onGraph("DELETE"), Status: 404}, form: azure.RemovalAbsent, calls: []string{"GET", "DELETE"}},
		{name: "forbidden", fault: &azuresim.Fault{Match: onGraph("DELETE"), Status: 403}, kind: azure.ErrForbidden, calls: []string{"GET", "DELETE"}},
		{name: "compliant again", compliant: true, kind: azure.ErrConflict, calls: []string{"GET"}},
		{name: "broken", fault: &azuresim.Fault{Match: onGraph("DELETE"), Reset: azuresim.ResetBefore}, kind: azure.ErrUnavailable, calls: []string{"GET", "DELETE"}},
	} {
		w := newWorld(t, nil, &graph.Options{KeepObjects: true, ClientOptions: onceOptions()})
		if tc.trust != "" {
			w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) { d.TrustType = tc.trust })
		}
		if tc.compliant {
			w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) { d.IsCompliant = new(true) })
		}
		if tc.fault != nil {
			w.sim.Inject(*tc.fault)
		}
		report := w.report(compliance.StateRemoved)
		report.ID, report.KeepObject = object1, true
		receipt, err := w.reporter.DeleteObject(t.Context(), report)
		if tc.kind != "" {
			e, ok := errors.AsType[*azure.Error](err)
			if !ok || e.Kind != tc.kind || e.Op != "graph: delete" || !cmp.Equal(receipt, azure.Receipt{}) {
				t.Errorf("%s: %+v, %v", tc.name, receipt, err)
			}
		} else {
			require.NoError(t, err, tc.name)
			if receipt.Removal != tc.form || time.Since(receipt.AcceptedAt) > time.Minute || receipt.MessageID != object1 || receipt.Attempts != len(tc.calls) {
				t.Errorf("%s: %+v", tc.name, receipt)
			}
		}
		if diff := cmp.Diff(tc.calls, methods(w)); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", tc.name, diff)
		}
		if got := w.graphRequests()[0].Header.Get("client-request-id"); got != object1 {
			t.Errorf("%s: client-request-id %q", tc.name, got)
		}
	}
}

func TestDeleteObjectRefuses(t *testing.T) {
	s := newStub(t, func(int, sent) (*http.Response, error) { return reply(204, ""), nil })
	r := stubReporter(t, s, once)
	for _, state := range []compliance.State{compliance.StateUnspecified, compliance.StateCompliant, compliance.StateNonCompliant, 9} {
		if _, err := r.DeleteObject(t.Context(), report1(state)); !errors.Is(err, azure.ErrInvalid) {
			t.Errorf("%v: %v", state, err)
		}
	}
	report := report1(compliance.StateRemoved)
	report.Platform = azure.PlatformMacOS
	if _, err := r.DeleteObject(t.Context(), report); !errors.Is(err, azure.ErrUnsupported) {
		t.Errorf("%v", err)
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("%d calls", n)
	}
}
