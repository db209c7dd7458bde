package azuresim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// maxBatchItems is how many requests Graph takes in one batch.
const maxBatchItems = 20

// batchItem is one request of a batch as the client wrote it.
type batchItem struct {
	ID        *string           `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// hasBody tells whether the item carries a body; null is none.
func (b *batchItem) hasBody() bool {
	return len(b.Body) > 0 && !bytes.Equal(b.Body, []byte("null"))
}

func (b *batchItem) contentType() string {
	for name, value := range b.Headers {
		if strings.EqualFold(name, "Content-Type") {
			return value
		}
	}
	return ""
}

// batchRefusal is why a whole batch is answered 400.
type batchRefusal struct{ code, message string }

func (r *batchRefusal) Error() string { return r.message }

// parseBatch reads and checks the body of a batch.
func parseBatch(text []byte) ([]batchItem, error) {
	var document struct {
		Requests []batchItem `json:"requests"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, &batchRefusal{"BadRequest", "Invalid batch payload format."}
	}
	items := document.Requests
	if len(items) == 0 {
		return nil, &batchRefusal{"BadRequest", "Invalid batch payload format."}
	}
	if len(items) > maxBatchItems {
		return nil, &batchRefusal{"MaximumValueExceeded", "Number of batch request steps exceeds the maximum value of 20."}
	}
	seen := make(map[string]bool, len(items))
	for i := range items {
		item := &items[i]
		if item.ID == nil || *item.ID == "" {
			return nil, &batchRefusal{"BadRequest", "Request id cannot be null or empty."}
		}
		key := strings.ToLower(*item.ID)
		if seen[key] {
			return nil, &batchRefusal{"BadRequest", "Request Id : " + *item.ID + " has been duplicated."}
		}
		seen[key] = true
		if err := item.check(); err != nil {
			return nil, err
		}
	}
	return items, checkDependencies(items, seen)
}

// check says what Graph refuses before any item runs.
func (b *batchItem) check() error {
	switch b.Method {
	case http.MethodGet, http.MethodDelete:
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		if !b.hasBody() {
			return &batchRefusal{"BadRequest", "Write request id : " + *b.ID + " does not contain Content-Type header or body."}
		}
	default:
		return &batchRefusal{"BadRequest", "Request id : " + *b.ID + " has a method that is not supported."}
	}
	if b.hasBody() && b.contentType() == "" {
		return &batchRefusal{"BadRequest", "Write request with id '" + *b.ID + "' does not contain a Content-Type header."}
	}
	u, err := url.Parse(b.URL)
	if err != nil || b.URL == "" || u.IsAbs() || u.Host != "" {
		return &batchRefusal{"BadRequest", "Request id : " + *b.ID + " has a URL that is not relative."}
	}
	return nil
}

// checkDependencies refuses a dependency on an id that is not there, or on a
// later item: Graph wants the order of the array to be one that works.
func checkDependencies(items []batchItem, ids map[string]bool) error {
	earlier := make(map[string]bool, len(items))
	for _, item := range items {
		for _, on := range item.DependsOn {
			if key := strings.ToLower(on); !ids[key] || !earlier[key] {
				return &batchRefusal{"BadRequest", "Request id : " + *item.ID + " depends on a request that does not precede it."}
			}
		}
		earlier[strings.ToLower(*item.ID)] = true
	}
	return nil
}
