package graph_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
)

// summaries are what became of a batch: "ok", or the error in short.
func summaries(results []azure.Result) []string {
	var all []string
	for _, result := range results {
		if result.Err == nil {
			all = append(all, "ok")
			continue
		}
		all = append(all, summary(result.Err))
	}
	return all
}

const unknownItem = "unexpected (device, unknown)"

// What two reports get from one answer to their batch, without a retry.
func TestBatchAnswers(t *testing.T) {
	const ok1, ok2 = `{"id":"1","status":204}`, `{"id":"2","status":204}`
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   []string
	}{
		{"in order", 200, `{"responses":[` + ok1 + `,` + ok2 + `]}`, []string{"ok", "ok"}},
		{"reversed", 200, `{"responses":[` + ok2 + `,` + ok1 + `]}`, []string{"ok", "ok"}},
		{"one refused", 200, `{"responses":[` + ok2 + `,` + itemReply("1", 403, fault("x")) + `]}`, []string{"forbidden (tenant, refused)", "ok"}},
		{"with 424", 424, `{"responses":[` + ok2 + `,` + itemReply("1", 404, fault("x")) + `]}`, []string{"device_not_found (device, refused)", "ok"}},
		{"missing", 200, `{"responses":[` + ok2 + `]}`, []string{unknownItem, "ok"}},
		{"none", 200, `{"responses":[]}`, []string{unknownItem, unknownItem}},
		{"null", 200, `{"responses":null}`, []string{unknownItem, unknownItem}},
		{"absent", 200, `{}`, []string{unknownItem, unknownItem}},
		{"doubled", 200, `{"responses":[` + ok1 + `,` + ok1 + `,` + ok2 + `]}`, []string{"ok", "ok"}},
		{"contradicting", 200, `{"responses":[` + ok1 + `,{"id":"1","status":403},` + ok2 + `]}`, []string{unknownItem, "ok"}},
		{"contradicting twice", 200, `{"responses":[` + ok1 + `,{"id":"1","status":403},` + ok1 + `,` + ok2 + `]}`, []string{unknownItem, "ok"}},
		{"of others", 200, `{"responses":[{"id":"3","status":204},{"id":"0","status":204},{"id":"-1","status":204},{"id":"x","status":204},{"id":"","status":204},{"status":204},` + ok2 + `]}`, []string{unknownItem, "ok"}},
		{"without status", 200, `{"responses":[{"id":"1","body":null},` + ok2 + `]}`, []string{unknownItem, "ok"}},
		{"status null", 200, `{"responses":[{"id":"1","status":null},` + ok2 + `]}`, []string{unknownItem, "ok"}},
		{"status is text", 200, `{"responses":[{"id":"1","status":"204"},` + ok2 + `]}`, []string{unknownItem, "ok"}},
		{"status of no protocol", 200, `{"responses":[{"id":"1","status":999},{"id":"2","status":-204}]}`, []string{unknownItem, unknownItem}},
		{"id is a number", 200, `{"responses":[{"id":1,"status":204},` + ok2 + `]}`, []string{"ok", "ok"}},
		{"an item that is null", 200, `{"responses":[null,` + ok2 + `]}`, []string{unknownItem, "ok"}},
		{"an item that is text", 200, `{"responses":["x",` + ok2 + `]}`, []string{unknownItem, "ok"}},
		{"headers are odd", 200, `{"responses":[{"id":"1","status":404,"headers":{"Retry-After":7,"x":null}},{"id":"2","status":204,"headers":null}]}`, []string{"device_not_found (device, refused)", "ok"}},
		{"headers are no object", 200, `{"responses":[{"id":"1","status":404,"headers":[]},` + ok2 + `]}`, []string{"device_not_found (device, refused)", "ok"}},
		{"an item's body is text", 200, `{"responses":[{"id":"1","status":404,"body":"<html>"},` + ok2 + `]}`, []string{"device_not_found (device, refused)", "ok"}},
		{"success that says it failed", 200, `{"responses":[` + itemReply("1", 200, fault("x")) + `,` + ok2 + `]}`, []string{unknownItem, "ok"}},
		{"an error with 200", 200, fault("UnknownError"), []string{unknownItem, unknownItem}},
		{"HTML", 200, "<html>", []string{unknownItem, unknownItem}},
		{"cut", 200, `{"responses":[` + ok1 + `,{"id":"2"`, []string{unknownItem, unknownItem}},
		{"empty", 200, "", []string{unknownItem, unknownItem}},
		{"a list", 200, `[` + ok1 + `]`, []string{unknownItem, unknownItem}},
		{"401", 401, fault("InvalidAuthenticationToken"), []string{"unauthorized (tenant, refused)", "unauthorized (tenant, refused)"}},
		{"403", 403, fault("Authorization_RequestDenied"), []string{"forbidden (tenant, refused)", "forbidden (tenant, refused)"}},
		{"404 says nothing of devices", 404, fault("Request_ResourceNotFound"), []string{"unexpected (tenant, refused)", "unexpected (tenant, refused)"}},
		{"405 neither", 405, "", []string{"unexpected (tenant, refused)", "unexpected (tenant, refused)"}},
		{"429", 429, fault("TooManyRequests"), []string{"throttled (tenant, unknown)", "throttled (tenant, unknown)"}},
		{"500", 500, "", []string{"unavailable (service, unknown)", "unavailable (service, unknown)"}},
		{"503 in HTML", 503, "<html>", []string{"unavailable (service, unknown)", "unavailable (service, unknown)"}},
		{"202", 202, "", []string{unknownItem, unknownItem}},
		{"302", 302, "", []string{"unexpected (service, unknown)", "unexpected (service, unknown)"}},
	} {
		s := newStub(t, inTurn(always(tc.status, tc.body)))
		got := summaries(stubReporter(t, s, once).ReportBatch(t.Context(), numbered(2, compliance.StateCompliant)))
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if n := len(s.requests()); n != 1 {
			t.Errorf("%s: %d requests", tc.name, n)
		}
	}
}

// An answer that breaks off, or never ends, is asked for again.
func TestBatchAnswerThatDoesNotEnd(t *testing.T) {
	for name, make := range map[string]func(int) *http.Response{"cut off": cutOff, "endless": endless} {
		s := newStub(t, func(n int, call sent) (*http.Response, error) {
			if n == 0 {
				return make(200), nil
			}
			return reply(200, `{"responses":[`+itemReply("1", 204, "null")+`]}`), nil
		})
		result := stubReporter(t, s, policy.RetryOptions{RetryDelay: -1}).ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0]
		require.NoError(t, result.Err, name)
		if result.Receipt.Attempts != 2 {
			t.Errorf("%s: %d attempts", name, result.Receipt.Attempts)
		}
		s = newStub(t, func(int, sent) (*http.Response, error) { return make(200), nil })
		err := stubReporter(t, s, once).ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0].Err
		if diff := cmp.Diff(unknownItem, summary(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Only what has to be is sent again: each item by its own answer.
func TestItemsAreRetriedAlone(t *testing.T) {
	for _, status := range append([]int{0}, retriedStatuses...) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			reports := w.reports(20, compliance.StateNonCompliant)
			fault := azuresim.Fault{Match: azuresim.All(azuresim.ForItems(), azuresim.ForDevice(reports[7].DeviceID)), Times: 2, Status: status}
			if status == 0 {
				fault.Reset = azuresim.ResetBefore // the item's answer is missing
			}
			w.sim.Inject(fault)
			for i, result := range w.reporter.ReportBatch(t.Context(), reports) {
				require.NoError(t, result.Err, i)
				if want := map[bool]int{true: 3, false: 1}[i == 7]; result.Receipt.Attempts != want {
					t.Errorf("%d: item %d took %d attempts, want %d", status, i, result.Receipt.Attempts, want)
				}
			}
			var sizes []int
			for _, call := range w.graphRequests() {
				sizes = append(sizes, len(call.Items))
			}
			if diff := cmp.Diff([]int{20, 1, 1}, sizes); diff != "" {
				t.Errorf("%d: items a call (-want +got):\n%s", status, diff)
			}
		})
	}
}

// Throttled items wait together for the longest that one was asked to wait,
// and nothing of their group is sent before.
func TestThrottledItemsWaitForTheLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waits := map[string]string{"1": "2", "2": "30.5", "3": ""}
		s := batchStub(t, func(n int, _ sent, item batchItem) string {
			wait, throttled := waits[item.ID]
			if n > 0 || !throttled {
				return itemReply(item.ID, 204, "null")
			}
			return itemReplyWith(item.ID, 429, map[string]string{"RETRY-AFTER": wait}, fault("TooManyRequests"))
		}, "")
		r, err := graph.New(staticToken{}, &graph.Options{BatchesInFlight: 1, ClientOptions: withTransport(s)})
		require.NoError(t, err)
		for i, result := range r.ReportBatch(t.Context(), numbered(25, compliance.StateCompliant)) {
			require.NoError(t, result.Err, i)
		}
		calls := s.requests()
		require.Len(t, calls, 2)
		if waited := calls[1].at.Sub(calls[0].at); waited != 30500*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
		if n := len(calls[1].items(t)); n != 8 {
			t.Errorf("%d items in the second call, want the five left and the three throttled", n)
		}
	})
}

// Where one item was asked to wait longer than may be slept, no throttled one
// is sent earlier: all are handed back with that wait.
func TestThrottledItemsBeyondTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waits := map[string]string{"1": "2", "2": "300"}
		s := batchStub(t, func(_ int, _ sent, item batchItem) string {
			if wait, throttled := waits[item.ID]; throttled {
				return itemReplyWith(item.ID, 429, map[string]string{"Retry-After": wait}, fault("TooManyRequests"))
			}
			return itemReply(item.ID, 204, "null")
		}, "")
		results := stubReporter(t, s, policy.RetryOptions{}).ReportBatch(t.Context(), numbered(3, compliance.StateCompliant))
		for i := range 2 {
			e, ok := errors.AsType[*azure.Error](results[i].Err)
			require.True(t, ok)
			if e.Kind != azure.ErrThrottled || e.RetryAfter != 5*time.Minute {
				t.Errorf("item %d: %v", i, e)
			}
		}
		require.NoError(t, results[2].Err)
		if n := len(s.requests()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// A batch that Microsoft refuses whole for a fault in one is sent one by one.
func TestBatchRefusedWhole(t *testing.T) {
	w := newWorld(t, nil, nil)
	w.sim.Inject(azuresim.Fault{Match: azuresim.ForBatches(), Status: 400, Code: "BadRequest"})
	reports := w.reports(5, compliance.StateNonCompliant)
	reports[2].DeviceID = object1 // which nobody registered
	r := w.newReporter(t, &graph.Options{ClientOptions: onceOptions()})
	results := r.ReportBatch(t.Context(), reports)
	want := []string{"ok", "ok", "device_not_found (device, refused)", "ok", "ok"}
	if diff := cmp.Diff(want, summaries(results)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := results[0].Receipt.Attempts; got != 2 {
		t.Errorf("%d attempts, want the batch and the call", got)
	}
}

// A batch that is too long for Microsoft is halved until it is not.
func TestBatchTooLong(t *testing.T) {
	s := newStub(t, func(_ int, call sent) (*http.Response, error) {
		items := call.items(t)
		if len(items) > 3 {
			return reply(413, "<html>"), nil
		}
		var answers []string
		for _, item := range items {
			answers = append(answers, itemReply(item.ID, 204, "null"))
		}
		return reply(200, `{"responses":[`+strings.Join(answers, ",")+`]}`), nil
	})
	for i, result := range stubReporter(t, s, once).ReportBatch(t.Context(), numbered(20, compliance.StateCompliant)) {
		require.NoError(t, result.Err, i)
	}
	s = newStub(t, inTurn(always(413, "")))
	for _, result := range stubReporter(t, s, once).ReportBatch(t.Context(), numbered(3, compliance.StateCompliant)) {
		if diff := cmp.Diff("rejected (device, refused)", summary(result.Err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Removals in a batch take their second step in the next one, beside others.
func TestRemovalsInABatch(t *testing.T) {
	w := newWorld(t, nil, nil)
	reports := w.reports(30, compliance.StateNonCompliant)
	for i := range reports {
		if i%3 == 0 {
			reports[i].State = compliance.StateRemoved
		}
	}
	w.sim.UpdateDevice(w.tenant.ID, reports[0].DeviceID, func(d *azuresim.Device) { d.TrustType = "ServerAd" })
	reports[3].KeepObject = true
	for i, result := range w.reporter.ReportBatch(t.Context(), reports) {
		require.NoError(t, result.Err, i)
		want := azure.RemovalUnspecified
		switch {
		case i == 0:
			want = azure.RemovalProtected
		case i == 3:
			want = azure.RemovalMarked
		case i%3 == 0:
			want = azure.RemovalDeleted
		}
		if result.Receipt.Removal != want {
			t.Errorf("report %d: %v, want %v", i, result.Receipt.Removal, want)
		}
	}
	for _, call := range w.graphRequests() {
		if !strings.HasSuffix(call.Path, "/$batch") {
			t.Errorf("%s %s alone", call.Method, call.Path)
		}
	}
}

// The host's own rule of what to retry is asked about items as about calls.
func TestShouldRetryOfItems(t *testing.T) {
	var seen []string
	own := policy.RetryOptions{RetryDelay: -1, ShouldRetry: func(resp *http.Response, err error) bool {
		if err != nil || resp.StatusCode == 200 {
			return false
		}
		seen = append(seen, resp.Status+" "+resp.Header.Get("x-mine"))
		return resp.StatusCode == 418
	}}
	s := batchStub(t, func(n int, _ sent, item batchItem) string {
		return itemReplyWith(item.ID, []int{418, 503}[n], map[string]string{"X-Mine": "1"}, "null")
	}, "")
	err := stubReporter(t, s, own).ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0].Err
	require.ErrorIs(t, err, azure.ErrUnavailable)
	if diff := cmp.Diff([]string{"418 I'm a teapot 1", "503 Service Unavailable 1"}, seen); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}
