package azuresim

import (
	"encoding/json"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

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
