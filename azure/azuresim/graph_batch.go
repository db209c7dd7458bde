package azuresim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
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

// batch answers POST /$batch.
func (x *exchange) batch() answer {
	if x.record.Method != http.MethodPost {
		return x.graphError(http.StatusMethodNotAllowed, codeBadRequest, "Specified HTTP method is not allowed for the request target.")
	}
	text, refused := x.document()
	if refused != nil {
		return *refused
	}
	items, err := parseBatch(text)
	if err != nil {
		refusal := err.(*batchRefusal)
		return x.graphError(http.StatusBadRequest, refusal.code, refusal.message)
	}
	results := x.runItems(items)
	var spoilt *BatchFault
	if x.fault != nil {
		spoilt = x.fault.Batch
	}
	status := http.StatusOK
	if spoilt != nil && spoilt.Status != 0 {
		status = spoilt.Status
	}
	a := x.graphAnswer(status)
	a.header["Content-Type"] = []string{"application/json"}
	a.body = x.batchBody(results, spoilt)
	return a
}

// itemResult is what became of an item.
type itemResult struct {
	record Request
	answer answer
}

// runItems runs the items in an order of chance that keeps dependencies.
func (x *exchange) runItems(items []batchItem) []itemResult {
	results := make([]itemResult, 0, len(items))
	status := make(map[string]int, len(items))
	waiting := x.sim.random.perm(len(items))
	for len(waiting) > 0 {
		later := waiting[:0:0]
		for _, i := range waiting {
			item := &items[i]
			ready, failed := true, false
			for _, on := range item.DependsOn {
				code, done := status[strings.ToLower(on)]
				ready = ready && done
				failed = failed || done && code >= 400
			}
			if !ready {
				later = append(later, i)
				continue
			}
			result := x.runItem(item, failed)
			status[strings.ToLower(*item.ID)] = result.answer.status
			results = append(results, result)
		}
		waiting = later
	}
	records := make([]Request, len(results))
	for i := range results {
		records[i] = results[i].record
	}
	x.sim.ledger.settle(func() { x.record.Items = records })
	return results
}

// runItem runs one item as a request of its own.
func (x *exchange) runItem(item *batchItem, dependencyFailed bool) itemResult {
	path, query, _ := strings.Cut(item.URL, "?")
	decoded, err := url.PathUnescape(path)
	header := make(http.Header, len(item.Headers))
	for name, value := range item.Headers {
		header.Add(textproto.CanonicalMIMEHeaderKey(name), value)
	}
	record := Request{
		Number: x.record.Number, At: x.now, Method: item.Method,
		Scheme: x.record.Scheme, Host: x.record.Host, Path: path, Query: query,
		Header: header, ItemID: *item.ID,
	}
	if item.hasBody() {
		record.Body = item.Body
	}
	inner := &exchange{
		sim: x.sim, ctx: x.ctx, now: x.now, place: x.place, path: decoded,
		body: record.Body, record: &record, caller: x.caller,
	}
	inner.note()
	var a answer
	switch {
	case err != nil:
		a = inner.badRequest("The request URI is not valid.")
	case dependencyFailed:
		a = inner.graphError(http.StatusFailedDependency, "FailedDependency", "A request that this one depends on has failed.")
	default:
		a = inner.runSpoiltItem()
	}
	record.Status = a.status
	if a.reset {
		record.Status = 0
	}
	return itemResult{record, a}
}

// runSpoiltItem lets a scripted fault, if any, play around an item.
func (x *exchange) runSpoiltItem() answer {
	f := x.sim.faults.pick(x.record)
	if f == nil {
		return x.item()
	}
	x.record.Fault = f.name()
	if wait(x.ctx, f.Delay) != nil || f.Reset == ResetBefore {
		return answer{header: http.Header{}, reset: true}
	}
	var a answer
	if !f.answers() || f.Acts {
		a = x.item()
	}
	if f.answers() {
		a = f.answer(x)
	}
	_ = wait(x.ctx, f.AnswerDelay) // the batch as a whole finds out
	f.spoil(&a)
	return a
}

// item runs an item that nothing goes wrong with.
func (x *exchange) item() answer {
	route, err := parseGraphPath(x.path)
	if err != nil {
		return x.badRequest("The request URI is not valid.")
	}
	if route.is("$batch") {
		return x.badRequest("A batch cannot be nested.")
	}
	return x.operation(route)
}

// batchBody writes the answers in an order of chance.
func (x *exchange) batchBody(results []itemResult, spoilt *BatchFault) []byte {
	if spoilt != nil && spoilt.NullResponses {
		return []byte(`{"responses":null}`)
	}
	b := append(make([]byte, 0, 256+200*len(results)), `{"responses":[`...)
	first := true
	separate := func() {
		if !first {
			b = append(b, ',')
		}
		first = false
	}
	for _, i := range x.sim.random.perm(len(results)) {
		r := &results[i]
		if r.answer.reset {
			continue
		}
		times := 1
		if spoilt != nil && spoilt.Doubled != nil && spoilt.Doubled(&r.record) {
			times = 2
		}
		for range times {
			separate()
			b = r.append(b, spoilt != nil && spoilt.NoStatus != nil && spoilt.NoStatus(&r.record))
		}
	}
	if spoilt != nil {
		for range spoilt.Unknown {
			separate()
			stranger := itemResult{Request{ItemID: x.sim.random.guid()}, answer{status: http.StatusNoContent}}
			b = stranger.append(b, false)
		}
	}
	return append(b, ']', '}')
}

// append writes one answer of a batch.
func (r *itemResult) append(b []byte, withoutStatus bool) []byte {
	b = append(b, `{"id":`...)
	b = appendJSON(b, r.record.ItemID)
	if !withoutStatus {
		b = append(b, `,"status":`...)
		b = strconv.AppendInt(b, int64(r.answer.status), 10)
	}
	if names := r.headerNames(); len(names) > 0 {
		b = append(b, `,"headers":{`...)
		for i, name := range names {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, batchHeaderName(name))
			b = append(b, ':')
			b = appendJSON(b, r.answer.header.Get(name))
		}
		b = append(b, '}')
	}
	b = append(b, `,"body":`...)
	switch {
	case len(r.answer.body) == 0:
		b = append(b, "null"...)
	case json.Valid(r.answer.body):
		b = append(b, r.answer.body...)
	default:
		b = appendJSON(b, string(r.answer.body))
	}
	return append(b, '}')
}

// headerNames are the headers of an item's answer, in a settled order.
func (r *itemResult) headerNames() []string {
	names := make([]string, 0, len(r.answer.header))
	for name := range r.answer.header {
		switch name {
		case "Request-Id", "Client-Request-Id", "Date":
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// batchHeaderName writes Graph's own headers as Graph does, in lower case.
func batchHeaderName(name string) string {
	if strings.HasPrefix(name, "X-Ms-") {
		return strings.ToLower(name)
	}
	return name
}
