package azuresim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// batchReply is one answer inside a batch.
type batchReply struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

func (r reply) responses(t testing.TB) []batchReply {
	t.Helper()
	var document struct{ Responses []batchReply }
	if err := json.Unmarshal([]byte(r.body), &document); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return document.Responses
}

// statuses are the answers by id; one that was given twice is seen with its
// second status.
func (r reply) statuses(t testing.TB) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, one := range r.responses(t) {
		all[one.ID] = one.Status
	}
	return all
}

func patchItem(id, deviceID, body string) string {
	return fmt.Sprintf(`{"id":%q,"method":"PATCH","url":"/devices(deviceId='%s')","headers":{"Content-Type":"application/json"},"body":%s}`, id, deviceID, body)
}

func batchOf(items ...string) string { return `{"requests":[` + strings.Join(items, ",") + `]}` }

func TestBatch(t *testing.T) {
	w := newWorld(t, nil)
	mac := w.sim.AddDevice(w.tenant.ID, azuresim.Device{OperatingSystem: "MacMDM"})
	token := w.token(t)
	r := w.graph(t, token, http.MethodPost, "/$batch", batchOf(
		patchItem("a", w.device.DeviceID, `{"isCompliant":true}`),
		patchItem("b", mac.DeviceID, `{"isCompliant":true}`),
		`{"id":"c","method":"GET","url":"devices(deviceId='`+w.device.DeviceID+`')?$select=displayName"}`,
		`{"id":"d","method":"DELETE","url":"/devices/99999999-9999-4999-8999-999999999999"}`,
		`{"id":"e","method":"GET","url":"/v1.0/devices"}`,
		`{"id":"g","method":"GET","url":"/devices(deviceId=')"}`,
		`{"id":"h","method":"POST","url":"/$batch","headers":{"content-type":"application/json"},"body":{}}`,
		`{"id":"i","method":"PATCH","url":"/devices/`+w.device.ObjectID+`","headers":{"content-type":"text/plain"},"body":"x"}`,
		`{"id":"j","method":"PUT","url":"/devices/`+w.device.ObjectID+`","headers":{"content-type":"application/json"},"body":{}}`,
	))
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	want := map[string]int{"a": 204, "b": 400, "c": 200, "d": 404, "e": 400, "g": 400, "h": 400, "i": 415, "j": 405}
	if diff := cmp.Diff(want, r.statuses(t)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, one := range r.responses(t) {
		switch one.ID {
		case "a":
			if string(one.Body) != "null" || one.Headers["x-ms-resource-unit"] != "1" {
				t.Errorf("a success: body %s, headers %v", one.Body, one.Headers)
			}
		case "b":
			if !strings.Contains(string(one.Body), `"code":"Request_BadRequest"`) || one.Headers["Content-Type"] == "" {
				t.Errorf("an error: body %s, headers %v", one.Body, one.Headers)
			}
		case "c":
			if !strings.Contains(string(one.Body), `"displayName":"PC-1"`) {
				t.Errorf("a read: %s", one.Body)
			}
		}
	}
	all := w.sim.Requests()
	last := all[len(all)-1]
	if len(last.Items) != 9 || last.Status != 200 {
		t.Errorf("the ledger has %d items and %d", len(last.Items), last.Status)
	}
	for _, item := range last.Items {
		if item.Status != want[item.ItemID] || item.Number != last.Number || item.ClientID != w.app.ClientID {
			t.Errorf("item %s in the ledger: %+v of request %d by %s", item.ItemID, item.Status, item.Number, item.ClientID)
		}
	}
}

func TestBatchIsRefusedAsAWhole(t *testing.T) {
	w := newWorld(t, nil)
	token := w.token(t)
	good := patchItem("1", w.device.DeviceID, `{"isCompliant":true}`)
	var many []string
	for i := range 21 {
		many = append(many, patchItem(fmt.Sprint(i), w.device.DeviceID, `{}`))
	}
	tests := []struct {
		name, body string
		want       verdict
	}{
		{"21 items", batchOf(many...), verdict{400, "MaximumValueExceeded"}},
		{"duplicate id", batchOf(good, good), verdict{400, "BadRequest"}},
		{"duplicate id but for case", batchOf(patchItem("a", w.device.DeviceID, `{}`), patchItem("A", w.device.DeviceID, `{}`)), verdict{400, "BadRequest"}},
		{"no headers beside a body", batchOf(good, `{"id":"2","method":"PATCH","url":"/devices/x","body":{}}`), verdict{400, "BadRequest"}},
		{"headers without the type", batchOf(`{"id":"2","method":"PATCH","url":"/devices/x","headers":{"If-Match":"*"},"body":{}}`), verdict{400, "BadRequest"}},
		{"DELETE with a body and no type", batchOf(`{"id":"2","method":"DELETE","url":"/devices/x","body":{}}`), verdict{400, "BadRequest"}},
		{"PATCH without a body", batchOf(`{"id":"2","method":"PATCH","url":"/devices/x","headers":{"Content-Type":"application/json"}}`), verdict{400, "BadRequest"}},
		{"PATCH with null", batchOf(`{"id":"2","method":"PATCH","url":"/devices/x","headers":{"Content-Type":"application/json"},"body":null}`), verdict{400, "BadRequest"}},
		{"no id", batchOf(`{"method":"GET","url":"/devices"}`), verdict{400, "BadRequest"}},
		{"empty id", batchOf(`{"id":"","method":"GET","url":"/devices"}`), verdict{400, "BadRequest"}},
		{"id as a number", batchOf(`{"id":1,"method":"GET","url":"/devices"}`), verdict{400, "BadRequest"}},
		{"header as a number", batchOf(`{"id":"1","method":"GET","url":"/devices","headers":{"A":1}}`), verdict{400, "BadRequest"}},
		{"no method", batchOf(`{"id":"1","url":"/devices"}`), verdict{400, "BadRequest"}},
		{"no url", batchOf(`{"id":"1","method":"GET"}`), verdict{400, "BadRequest"}},
		{"absolute url", batchOf(`{"id":"1","method":"GET","url":"https://graph.microsoft.com/v1.0/devices"}`), verdict{400, "BadRequest"}},
		{"url with a host", batchOf(`{"id":"1","method":"GET","url":"//graph.microsoft.com/v1.0/devices"}`), verdict{400, "BadRequest"}},
		{"url that is none", batchOf(`{"id":"1","method":"GET","url":"/devices(deviceId='%zz')"}`), verdict{400, "BadRequest"}},
		{"dependency that is not there", batchOf(`{"id":"1","method":"GET","url":"/devices","dependsOn":["2"]}`), verdict{400, "BadRequest"}},
		{"dependency on itself", batchOf(`{"id":"1","method":"GET","url":"/devices","dependsOn":["1"]}`), verdict{400, "BadRequest"}},
		{"no items", batchOf(), verdict{400, "BadRequest"}},
		{"no requests", `{}`, verdict{400, "BadRequest"}},
		{"no JSON", `{"requests":`, verdict{400, "BadRequest"}},
		{"nothing", ` `, verdict{400, "Request_BadRequest"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := w.graph(t, token, http.MethodPost, "/$batch", test.body)
			if diff := cmp.Diff(test.want, r.verdict()); diff != "" {
				t.Errorf("(-want +got)\n%s%s", diff, r.body)
			}
		})
	}
	if got := w.sim.WriteCount(w.tenant.ID, w.device.DeviceID); got != 0 {
		t.Errorf("%d writes were applied", got)
	}
	r := w.send(t, http.MethodPost, "https://graph.microsoft.com/v1.0/$batch", batchOf(good), http.Header{"Content-Type": {"application/json"}})
	if got := r.verdict(); got != (verdict{401, "InvalidAuthenticationToken"}) {
		t.Errorf("without a token: %+v", got)
	}
}

func TestBatchAnswersInAnyOrder(t *testing.T) {
	order := func(seed uint64) []string {
		w := newWorld(t, &azuresim.Options{Seed: seed})
		var items []string
		for i := range 20 {
			d := w.sim.AddDevice(w.tenant.ID, azuresim.Device{})
			items = append(items, patchItem(fmt.Sprint(i), d.DeviceID, `{}`))
		}
		var ids []string
		for _, one := range w.graph(t, w.token(t), http.MethodPost, "/$batch", batchOf(items...)).responses(t) {
			ids = append(ids, one.ID)
		}
		return ids
	}
	one, again, two := order(1), order(1), order(2)
	if diff := cmp.Diff(one, again); diff != "" {
		t.Errorf("one seed, two orders\n%s", diff)
	}
	if slices.Equal(one, two) {
		t.Errorf("two seeds, one order: %v", one)
	}
	if slices.IsSortedFunc(one, func(a, b string) int { return cmpNumbers(t, a, b) }) || len(one) != 20 {
		t.Errorf("the order is that of the request: %v", one)
	}
}

// cmpNumbers compares ids that are numbers.
func cmpNumbers(t *testing.T, a, b string) int {
	t.Helper()
	x, err := strconv.Atoi(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := strconv.Atoi(b)
	if err != nil {
		t.Fatal(err)
	}
	return x - y
}

func TestBatchAnswersInAnotherOrderThanItWorked(t *testing.T) {
	w := newWorld(t, nil)
	var items []string
	for i := range 20 {
		d := w.sim.AddDevice(w.tenant.ID, azuresim.Device{})
		items = append(items, patchItem(fmt.Sprint(i), d.DeviceID, `{}`))
	}
	var answered, worked []string
	for _, one := range w.graph(t, w.token(t), http.MethodPost, "/$batch", batchOf(items...)).responses(t) {
		answered = append(answered, one.ID)
	}
	all := w.sim.Requests()
	for _, item := range all[len(all)-1].Items {
		worked = append(worked, item.ItemID)
	}
	if slices.Equal(answered, worked) {
		t.Errorf("both are %v", worked)
	}
}

func TestBatchDependencies(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, &azuresim.Options{Seed: seed})
		r := w.graph(t, w.token(t), http.MethodPost, "/$batch", batchOf(
			patchItem("first", w.device.DeviceID, `{"displayName":"X"}`),
			`{"id":"second","method":"GET","url":"`+w.devicePath()+`?$select=displayName","dependsOn":["FIRST"]}`,
			`{"id":"bad","method":"GET","url":"/devices/x"}`,
			`{"id":"after","method":"DELETE","url":"`+w.devicePath()+`","dependsOn":["bad"]}`,
			`{"id":"long after","method":"DELETE","url":"`+w.devicePath()+`","dependsOn":["after"]}`,
		))
		want := map[string]int{"first": 204, "second": 200, "bad": 400, "after": 424, "long after": 424}
		if diff := cmp.Diff(want, r.statuses(t)); diff != "" {
			t.Fatalf("seed %d (-want +got)\n%s", seed, diff)
		}
		if !strings.Contains(r.body, `"displayName":"X"`) {
			t.Fatalf("seed %d: the read came before the write: %s", seed, r.body)
		}
	}
}

func TestBatchFaults(t *testing.T) {
	tests := []struct {
		name   string
		faults func(ids []string) []azuresim.Fault
		status int
		want   map[string]int // answers by id; "?" counts ids that nobody asked for
		count  int            // answers in all
		writes []int
	}{
		{"missing, not acted", func(ids []string) []azuresim.Fault {
			return []azuresim.Fault{{Match: azuresim.ForDevice(ids[0]), Reset: azuresim.ResetBefore}}
		}, 200, map[string]int{"1": 204}, 1, []int{0, 1}},
		{"missing, acted", func(ids []string) []azuresim.Fault {
			return []azuresim.Fault{{Match: azuresim.ForDevice(ids[0]), Reset: azuresim.ResetAfter}}
		}, 200, map[string]int{"1": 204}, 1, []int{1, 1}},
		{"throttled, not acted", func(ids []string) []azuresim.Fault {
			return []azuresim.Fault{{Match: azuresim.ForDevice(ids[1]), Status: 429, Code: "TooManyRequests", RetryAfter: "0.249"}}
		}, 200, map[string]int{"0": 204, "1": 429}, 2, []int{1, 0}},
		{"throttled, acted", func(ids []string) []azuresim.Fault {
			return []azuresim.Fault{{Match: azuresim.ForDevice(ids[1]), Status: 429, Code: "TooManyRequests", Acts: true}}
		}, 200, map[string]int{"0": 204, "1": 429}, 2, []int{1, 1}},
		{"doubled", func(ids []string) []azuresim.Fault {
			return []azuresim.Fault{{Match: azuresim.ForBatches(), Batch: &azuresim.BatchFault{Doubled: azuresim.ForDevice(ids[0])}}}
		}, 200, map[string]int{"0": 204, "1": 204}, 3, []int{1, 1}},
		{"unknown", func([]string) []azuresim.Fault {
			return []azuresim.Fault{{Match: azuresim.ForBatches(), Batch: &azuresim.BatchFault{Unknown: 2}}}
		}, 200, map[string]int{"0": 204, "1": 204, "?": 2}, 4, []int{1, 1}},
		{"no status", func(ids []string) []azuresim.Fault {
			return []azuresim.Fault{{Match: azuresim.ForBatches(), Batch: &azuresim.BatchFault{NoStatus: azuresim.ForDevice(ids[1])}}}
		}, 200, map[string]int{"0": 204, "1": 0}, 2, []int{1, 1}},
		{"null", func([]string) []azuresim.Fault {
			return []azuresim.Fault{{Match: azuresim.ForBatches(), Batch: &azuresim.BatchFault{NullResponses: true}}}
		}, 200, map[string]int{}, 0, []int{1, 1}},
		{"424", func([]string) []azuresim.Fault {
			return []azuresim.Fault{{Match: azuresim.ForBatches(), Batch: &azuresim.BatchFault{Status: 424}}}
		}, 424, map[string]int{"0": 204, "1": 204}, 2, []int{1, 1}},
		{"all items but not the batch", func([]string) []azuresim.Fault {
			return []azuresim.Fault{{Match: azuresim.ForItems(), Status: 503, Code: "serviceNotAvailable"}}
		}, 200, map[string]int{"0": 503, "1": 503}, 2, []int{0, 0}},
		{"one item once", func([]string) []azuresim.Fault {
			return []azuresim.Fault{{Match: azuresim.All(azuresim.ForItems(), azuresim.ForMethod("PATCH")), Times: 1, Status: 500}}
		}, 200, nil, 2, nil},
		{"slow items", func([]string) []azuresim.Fault {
			return []azuresim.Fault{{Match: azuresim.ForItems(), Delay: time.Microsecond, AnswerDelay: time.Microsecond}}
		}, 200, map[string]int{"0": 204, "1": 204}, 2, []int{1, 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			ids := []string{w.device.DeviceID, w.sim.AddDevice(w.tenant.ID, azuresim.Device{}).DeviceID}
			for _, f := range test.faults(ids) {
				w.sim.Inject(f)
			}
			r := w.graph(t, w.token(t), http.MethodPost, "/$batch",
				batchOf(patchItem("0", ids[0], `{"isManaged":true}`), patchItem("1", ids[1], `{"isManaged":true}`)))
			if r.status != test.status {
				t.Fatalf("got %d, want %d: %s", r.status, test.status, r.body)
			}
			got := r.statuses(t)
			for id := range got {
				if len(id) > 1 {
					delete(got, id)
					got["?"]++
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" && test.want != nil {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if count := len(r.responses(t)); count != test.count {
				t.Errorf("got %d answers, want %d", count, test.count)
			}
			for i, want := range test.writes {
				if got := w.sim.WriteCount(w.tenant.ID, ids[i]); got != want {
					t.Errorf("device %d: got %d writes, want %d", i, got, want)
				}
			}
		})
	}
}

func TestBatchItemsCountAgainstTheQuota(t *testing.T) {
	w := newWorld(t, &azuresim.Options{
		Clock:    func() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) },
		Throttle: azuresim.Throttle{TenantAppWrites: azuresim.Limit{Units: 3, Per: 10 * time.Second}, RetryAfter: azuresim.RetryAfterFraction},
	})
	var items []string
	for i := range 5 {
		d := w.sim.AddDevice(w.tenant.ID, azuresim.Device{})
		items = append(items, patchItem(fmt.Sprint(i), d.DeviceID, `{}`))
	}
	refused := 0
	for _, one := range w.graph(t, w.token(t), http.MethodPost, "/$batch", batchOf(items...)).responses(t) {
		if one.Status == 429 {
			refused++
			if one.Headers["Retry-After"] != "3.334" || !strings.Contains(string(one.Body), "TooManyRequests") {
				t.Errorf("refused item: %v %s", one.Headers, one.Body)
			}
		}
	}
	if refused != 2 {
		t.Errorf("got %d refused items, want 2", refused)
	}
}
