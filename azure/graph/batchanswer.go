package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/mdmkit/devicestatus/azure/internal/wire"
)

// item is one answer of a batch.
type item struct {
	ID     looseID   `json:"id"`
	Status int       `json:"status"`
	Body   quietJSON `json:"body"`
}

// quietJSON is JSON as it came, and nil for null, which is the body of nearly
// every answer.
type quietJSON []byte

func (q *quietJSON) UnmarshalJSON(text []byte) error {
	if string(text) != "null" {
		*q = append((*q)[:0], text...)
	}
	return nil
}

// looseID is an item's id: a string, or a number as some gateways make of it.
type looseID int

func (id *looseID) UnmarshalJSON(text []byte) error {
	n, err := strconv.Atoi(strings.Trim(string(text), `"`))
	if err == nil {
		*id = looseID(n)
	}
	return nil
}

// parseBatch reads a batch's answer: items[i] answers request i, and is nil
// where none does, or where two do and disagree. Of text that is no batch's
// answer all are nil.
func parseBatch(text []byte, n int) (items []*item) {
	items = make([]*item, n)
	read, ok := allSucceeded(text, n)
	if !ok {
		read, ok = anyItems(text, n)
	}
	if !ok {
		return items
	}
	var doubtful item // stands where two answers disagree
	for i := range read {
		it := &read[i]
		at := int(it.ID) - 1
		if at < 0 || at >= n || it.Status < 100 || it.Status > 599 {
			continue
		}
		if items[at] != nil && items[at].Status != it.Status {
			it = &doubtful
		}
		items[at] = it
	}
	for at := range items {
		if items[at] == &doubtful {
			items[at] = nil
		}
	}
	return items
}

// anyItems reads what a batch's answer holds, in whatever shape.
func anyItems(text []byte, n int) ([]item, bool) {
	read := struct {
		Responses []item `json:"responses"`
	}{make([]item, 0, n)}
	ok := readable(text, &read)
	return read.Responses, ok
}

// readable decodes text. A field of the wrong type is passed over: the items
// around it are good.
func readable(text []byte, into any) bool {
	err := json.Unmarshal(text, into)
	_, wrongType := errors.AsType[*json.UnmarshalTypeError](err)
	return err == nil || wrongType
}

// parseHeaders reads the headers of a batch's items, which are of interest
// where something went wrong. A value that is no string is passed over.
func parseHeaders(text []byte, n int) []map[string]any {
	headers := make([]map[string]any, n)
	var read struct {
		Responses []struct {
			ID      looseID        `json:"id"`
			Headers map[string]any `json:"headers"`
		} `json:"responses"`
	}
	if readable(text, &read) {
		for _, it := range read.Responses {
			if at := int(it.ID) - 1; at >= 0 && at < n {
				headers[at] = it.Headers
			}
		}
	}
	return headers
}

// itemHeader looks up an item's headers as a call's own are looked up, with
// the Date of the whole answer where the item has none.
type itemHeader struct {
	values map[string]any
	date   string
}

func (h itemHeader) Get(name string) string {
	for key, value := range h.values {
		if s, ok := value.(string); ok && strings.EqualFold(key, name) {
			return s
		}
	}
	if name == "Date" {
		return h.date
	}
	return ""
}

// itemResponse answers an item's answer as a call's would look.
func itemResponse(a wire.Answer) *http.Response {
	resp := &http.Response{
		StatusCode: a.StatusCode, Status: strconv.Itoa(a.StatusCode) + " " + http.StatusText(a.StatusCode),
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a.Body)), ContentLength: int64(len(a.Body)),
	}
	if h, ok := a.Header.(itemHeader); ok {
		for name, value := range h.values {
			if s, ok := value.(string); ok {
				resp.Header.Add(name, s)
			}
		}
	}
	return resp
}
