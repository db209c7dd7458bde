package graph_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// Whatever a batch is answered, every report gets one result, and none is
// called a success that no item of the answer says is one.
//
//	go test -run '^$' -fuzz FuzzBatchAnswer -fuzztime 60s ./azure/graph
func FuzzBatchAnswer(f *testing.F) {
	for _, s := range []string{
		`{"responses":[{"id":"1","status":204},{"id":"2","status":204}]}`,
		`{"responses":[{"id":"2","status":429,"headers":{"Retry-After":"300"},"body":{"error":{"code":"x"}}},{"id":1,"status":204,"body":null}]}`,
		`{"responses":null}`, `{"error":{"code":"x"}}`, `<html>`, ``, `{"responses":[{"id":"1","status":"204"}]}`,
		`{"responses":[{"id":"1","status":204},{"id":"1","status":404}]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		s := newStub(t, func(int, sent) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}, nil
		})
		r := stubReporter(t, s, once)
		other := report1(compliance.StateCompliant)
		other.DeviceID = object1
		results := r.ReportBatch(t.Context(), []azure.Report{report1(compliance.StateNonCompliant), other})
		if len(results) != 2 {
			t.Fatalf("%d results", len(results))
		}
		for i, result := range results {
			if result.Err == nil && !saysSuccess(answer, i+1) {
				t.Errorf("report %d is a success after %q", i, answer)
			}
			if (result.Err == nil) == result.Receipt.AcceptedAt.IsZero() {
				t.Errorf("report %d: %+v", i, result)
			}
		}
	})
}

// saysSuccess reports whether an answer has a success for item id, and nothing
// else for it.
func saysSuccess(answer string, id int) bool {
	var read struct {
		Responses []struct{ ID, Status json.RawMessage }
	}
	_ = json.Unmarshal([]byte(answer), &read) // what is of the wrong type is passed over
	found := false
	for _, item := range read.Responses {
		status, err := strconv.Atoi(string(item.Status))
		if n, _ := strconv.Atoi(strings.Trim(string(item.ID), `"`)); n != id || err != nil || status < 100 || status > 599 {
			continue
		}
		if status < 200 || status > 299 {
			return false
		}
		found = true
	}
	return found
}

// Whatever a host gives for a device's id, a request goes to that device's
// address or to none.
//
//	go test -run '^$' -fuzz FuzzDeviceID -fuzztime 60s ./azure/graph
func FuzzDeviceID(f *testing.F) {
	for _, s := range []string{object1, "", "../users/x", "')/../me", strings.ToUpper(object1), object1 + "\n", "%2e%2e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		s := newStub(t, func(int, sent) (*http.Response, error) { return reply(204, ""), nil })
		report := report1(compliance.StateCompliant)
		report.DeviceID = id
		_, err := stubReporter(t, s, once).Report(t.Context(), report)
		for _, request := range s.requests() {
			if err != nil || !strings.HasSuffix(request.url, "/v1.0/devices(deviceId='"+strings.ToLower(id)+"')") {
				t.Errorf("%q led to %s, %v", id, request.url, err)
			}
		}
	})
}
