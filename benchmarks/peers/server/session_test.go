package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

func patch(n int, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPatch, "/s/v1.0/devices(deviceId='"+talk.NewDevice(n).ID+"')", strings.NewReader(body))
	return with(r, headers)
}

func post(body string, headers ...string) *http.Request {
	return with(httptest.NewRequest(http.MethodPost, "/s/v1.0/$batch", strings.NewReader(body)), headers)
}

func with(r *http.Request, headers []string) *http.Request {
	r.Header.Set("Authorization", "Bearer "+talk.Token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func batchOf(ids ...string) string {
	var items []string
	for i, id := range ids {
		items = append(items, fmt.Sprintf(`{"id":%q,"method":"PATCH","url":"/devices(deviceId='%s')","headers":{"Content-Type":"application/json"},"body":{"isManaged":true,"isCompliant":%t}}`,
			id, talk.NewDevice(i+1).ID, (i+1)%2 == 0))
	}
	return `{"requests":[` + strings.Join(items, ",") + `]}`
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

const (
	odd  = `{"isManaged":true,"isCompliant":false}`
	even = `{"isManaged":true,"isCompliant":true}`
)

// What a client reports wrongly must not count as reported.
func TestWhatTheServerSees(t *testing.T) {
	tests := map[string]struct {
		script talk.Script
		calls  []*http.Request
		codes  []int
		want   talk.Seen
	}{
		"right": {calls: []*http.Request{patch(1, odd), patch(2, even)}, codes: []int{204, 204},
			want: talk.Seen{Calls: 2, Devices: 2}},
		"a wrong value": {calls: []*http.Request{patch(1, even)}, codes: []int{204},
			want: talk.Seen{Calls: 1, Wrong: 1}},
		"a value missing": {calls: []*http.Request{patch(1, `{"isCompliant":false}`)}, codes: []int{204},
			want: talk.Seen{Calls: 1, Wrong: 1}},
		"no JSON": {calls: []*http.Request{patch(1, "no")}, codes: []int{204},
			want: talk.Seen{Calls: 1, Wrong: 1}},
		"twice": {calls: []*http.Request{patch(1, odd), patch(1, odd)}, codes: []int{204, 204},
			want: talk.Seen{Calls: 2, Devices: 1, Repeats: 1}},
		"no token": {calls: []*http.Request{patch(1, odd, "Authorization", "Bearer other")}, codes: []int{401}},
		"compressed": {calls: []*http.Request{patch(1, zipped(odd), "Content-Encoding", "gzip")}, codes: []int{204},
			want: talk.Seen{Calls: 1, Devices: 1, Compressed: 1}},
		"labeled gzip": {script: talk.Script{Burst: 9}, calls: []*http.Request{patch(1, odd, "Content-Encoding", "gzip")}, codes: []int{400},
			want: talk.Seen{Calls: 1, Wrong: 1, Compressed: 1, Mislabeled: 1}},
		"a batch": {calls: []*http.Request{post(batchOf("a", "b", "c"))}, codes: []int{200},
			want: talk.Seen{Calls: 1, Devices: 3}},
		"a batch with one id twice": {calls: []*http.Request{post(batchOf("a", "A"))}, codes: []int{200},
			want: talk.Seen{Calls: 1, Wrong: 1}},
		"a batch of 21": {calls: []*http.Request{post(batchOf(strings.Split("abcdefghijklmnopqrstu", "")...))}, codes: []int{200},
			want: talk.Seen{Calls: 1, Wrong: 1}},
		"items refused once": {
			script: talk.Script{First: &talk.Answer{Status: 429, RetryAfter: "7"}, RefuseOf20: 2},
			calls:  []*http.Request{post(batchOf("a", "b", "c")), post(batchOf("a", "b"))}, codes: []int{200, 200},
			want: talk.Seen{Calls: 2, Devices: 3, Throttled: 2}},
		"a bucket of one": {script: talk.Script{Burst: 1}, calls: []*http.Request{patch(1, odd), patch(2, even)}, codes: []int{204, 429},
			want: talk.Seen{Calls: 2, Devices: 1}},
		"refused once": {script: talk.Script{First: &talk.Answer{Status: 500}}, calls: []*http.Request{patch(1, odd), patch(1, odd)}, codes: []int{500, 204},
			want: talk.Seen{Calls: 2, Devices: 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := &graph{}
			script, err := json.Marshal(test.script)
			if err != nil {
				t.Fatal(err)
			}
			g.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPut, "/s/script", bytes.NewReader(script)))
			var codes []int
			for _, call := range test.calls {
				answer := httptest.NewRecorder()
				g.ServeHTTP(answer, call)
				codes = append(codes, answer.Code)
			}
			answer := httptest.NewRecorder()
			g.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/s/seen", nil))
			var seen talk.Seen
			if err := json.Unmarshal(answer.Body.Bytes(), &seen); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.codes, codes); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, seen, cmpopts.IgnoreFields(talk.Seen{}, "BodyBytes", "Gaps", "Problem")); diff != "" {
				t.Errorf("seen (-want +got):\n%s", diff)
			}
			if seen.Wrong > 0 && seen.Problem == "" {
				t.Error("what was wrong is not said")
			}
		})
	}
}

// Each item of a batch's answer has the id of a request.
func TestBatchAnswer(t *testing.T) {
	answer := httptest.NewRecorder()
	(&graph{}).ServeHTTP(answer, post(batchOf("x", "y")))
	want := `{"responses":[{"id":"y","status":204,"headers":{"x-ms-resource-unit":"1"},"body":null},` +
		`{"id":"x","status":204,"headers":{"x-ms-resource-unit":"1"},"body":null}]}`
	if diff := cmp.Diff(want, answer.Body.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
