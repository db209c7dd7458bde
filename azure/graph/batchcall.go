package graph

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// sendBatch sends one $batch call and gives each job its answer, or what to
// wait for before it is sent again.
func (r *Reporter) sendBatch(ctx context.Context, key laneKey, jobs []*job) {
	id := guid.New()
	answer, tries, failure := r.tenants.Send(ctx, wire.Request{
		Op: opBatch, Tenant: key.tenant, Method: http.MethodPost, URL: r.base + "/$batch", Body: appendBatch(jobs),
		ClientRequestID: id, Priority: key.priority, Retry: r.retrying(true),
		Partial: true, // what cannot be read of the answer is asked for again, item by item
	})
	for _, j := range jobs {
		j.attempts += tries
	}
	switch {
	case failure != nil:
		for _, j := range jobs {
			own := *failure
			j.broken(&own)
		}
	case answer.StatusCode == http.StatusRequestEntityTooLarge && len(jobs) > 1:
		half := len(jobs) / 2
		r.sendBatch(ctx, key, jobs[:half])
		r.sendBatch(ctx, key, jobs[half:])
	case answer.StatusCode == http.StatusBadRequest:
		// Microsoft refuses a batch whole for a fault in one item. Alone, each
		// gets an answer of its own.
		for _, j := range jobs {
			_, _ = r.settle(ctx, j) // its result is read from the job later
		}
	case answer.StatusCode == http.StatusOK || answer.StatusCode == http.StatusFailedDependency:
		r.dealOut(jobs, answer, id)
	default:
		for _, j := range jobs {
			j.broken(j.refusal(answer))
		}
	}
}

// appendBatch answers the JSON of a batch. Items are named by their place,
// from 1.
func appendBatch(jobs []*job) []byte {
	const around = 152 // bytes of an item without its body
	size := 16
	for _, j := range jobs {
		size += around
		if j.phase == phaseWrite {
			size += likelyBody(j)
		}
	}
	b := append(make([]byte, 0, size), `{"requests":[`...)
	for i, j := range jobs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":"`...)
		b = strconv.AppendInt(b, int64(i+1), 10)
		b = append(b, `","method":"`...)
		b = append(b, j.method()...)
		b = append(b, `","url":"`...)
		b = j.appendPath(b)
		if j.phase == phaseWrite {
			b = append(b, `","headers":{"Content-Type":"application/json"},"body":`...)
			b = j.appendBody(b)
			b = append(b, '}')
		} else {
			b = append(b, `"}`...)
		}
	}
	return append(b, `]}`...)
}

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
	read := struct {
		Responses []item `json:"responses"`
	}{make([]item, 0, n)}
	if !readable(text, &read) {
		return items
	}
	var doubtful item // stands where two answers disagree
	for i := range read.Responses {
		it := &read.Responses[i]
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

// dealOut gives each job its item of a batch's answer.
func (r *Reporter) dealOut(jobs []*job, whole wire.Answer, clientRequestID string) {
	now := time.Now()
	items := parseBatch(whole.Body, len(jobs))
	var headers []map[string]any // read when first needed
	var longest time.Duration    // what a throttled item was asked to wait
	for i, j := range jobs {
		it := items[i]
		if it == nil {
			j.failure = j.missing(whole, clientRequestID)
			r.again(j, now)
			continue
		}
		a := wire.Answer{StatusCode: it.Status, Header: http.Header(nil), Body: it.Body}
		if it.Status >= 300 {
			if headers == nil {
				headers = parseHeaders(whole.Body, len(jobs))
			}
			a.Header = itemHeader{headers[i], whole.Header.Get("Date")}
		}
		if r.retries(j, a.StatusCode) {
			j.failure = j.refusal(a)
			r.again(j, now)
			if !j.done && j.failure.Kind == azure.ErrThrottled {
				longest = max(longest, j.failure.RetryAfter)
			}
			continue
		}
		j.answered(a, now)
	}
	for _, j := range jobs {
		if !j.done && j.failure != nil && j.failure.Kind == azure.ErrThrottled && j.due.Before(now.Add(longest)) {
			j.due = now.Add(longest)
		}
	}
}

// missing answers what is known of a report for which the batch's answer has
// no item: nothing but what the answer says of itself.
func (j *job) missing(whole wire.Answer, clientRequestID string) *azure.Error {
	e := &azure.Error{
		Op: opBatch, Kind: azure.ErrUnexpected, Scope: azure.ScopeDevice, Outcome: azure.OutcomeUnknown,
		StatusCode: whole.StatusCode, RequestID: wire.Identifier(whole.Header.Get("request-id")), ClientRequestID: clientRequestID,
		Err: errors.New("the batch's answer holds none for this report"),
	}
	if fault, ok := wire.ParseFault(whole.Body); ok {
		e.ErrorCode = fault.Code
		e.Detail = wire.Detail(fault.Message, j.report.UserPrincipalName, j.report.Inventory.DeviceName)
	}
	return e
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

// retries reports whether an item's answer is one after which the request is
// sent again.
func (r *Reporter) retries(j *job, status int) bool {
	codes := r.retry.StatusCodes
	if j.final() {
		codes = r.final.StatusCodes
	}
	return slices.Contains(codes, status)
}

// again lets a job wait to be sent once more, or ends it with its failure
// where it was sent often enough or would have to wait too long.
func (r *Reporter) again(j *job, now time.Time) {
	limits := withDefaults(r.retry)
	wait := j.failure.RetryAfter
	if j.tries >= int(limits.MaxRetries) || wait > limits.MaxRetryDelay {
		j.done = true
		return
	}
	j.tries++
	if wait == 0 {
		wait = backOff(limits, j.tries)
	}
	j.due = now.Add(wait)
}
