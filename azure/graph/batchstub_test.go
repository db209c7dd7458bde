package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// batchItem is one request of a batch as the stub received it.
type batchItem struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

// items reads the requests of a batch.
func (s sent) items(t testing.TB) []batchItem {
	t.Helper()
	var read struct{ Requests []batchItem }
	if err := json.Unmarshal([]byte(s.body), &read); err != nil {
		t.Errorf("not a batch: %v in %s", err, s.body)
	}
	return read.Requests
}

// batchStub answers batches with what answer says of each item, in reverse
// order, and anything else with 204. An empty answer leaves the item out. n
// counts the calls from 0.
func batchStub(t testing.TB, answer func(n int, call sent, item batchItem) string, date string) *stub {
	t.Helper()
	return newStub(t, func(n int, call sent) (*http.Response, error) {
		if !strings.HasSuffix(call.url, "/$batch") {
			return reply(204, ""), nil
		}
		var answers []string
		for _, item := range call.items(t) {
			if text := answer(n, call, item); text != "" {
				answers = append([]string{text}, answers...)
			}
		}
		header := []string{"Content-Type", "application/json"}
		if date != "" {
			header = append(header, "Date", date)
		}
		return reply(200, `{"responses":[`+strings.Join(answers, ",")+`]}`, header...), nil
	})
}

func itemReply(id string, status int, body string) string {
	return itemReplyWith(id, status, map[string]string{"x-ms-resource-unit": "1"}, body)
}

func itemReplyWith(id string, status int, header map[string]string, body string) string {
	text, _ := json.Marshal(header) // a map of strings always marshals
	return fmt.Sprintf(`{"id":%q,"status":%d,"headers":%s,"body":%s}`, id, status, text, body)
}
