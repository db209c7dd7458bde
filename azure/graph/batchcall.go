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

const opBatch = "graph: report in a batch"

// sendBatch sends one $batch call and gives each job its answer, or what to
// wait for before it is sent again.
func (r *Reporter) sendBatch(ctx context.Context, key laneKey, jobs []*job) {
	requests := make([]request, len(jobs))
	for i, j := range jobs {
		requests[i] = j.request()
	}
	c := call{
		tenant: key.tenant, method: http.MethodPost, path: "/$batch",
		body: appendBatch(requests), priority: key.priority, clientRequestID: guid.New(), final: true, op: opBatch,
	}
	answer, tries, failure := r.call(ctx, c)
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
			r.settleAlone(ctx, j)
		}
	case answer.StatusCode == http.StatusOK || answer.StatusCode == http.StatusFailedDependency:
		r.dealOut(jobs, answer, c.clientRequestID)
	default:
		for _, j := range jobs {
			j.broken(j.refusal(answer))
		}
	}
}

func (r *Reporter) settleAlone(ctx context.Context, j *job) {
	_, _ = r.settle(ctx, j) // its result is read from the job, like every other's
}

// appendBatch answers the JSON of a batch. Items are named by their place,
// from 1.
func appendBatch(requests []request) []byte {
	size := 16
	for _, q := range requests {
		size += 110 + len(q.path) + len(q.body)
	}
	b := append(make([]byte, 0, size), `{"requests":[`...)
	for i, q := range requests {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":"`...)
		b = strconv.AppendInt(b, int64(i+1), 10)
		b = append(b, `","method":"`...)
		b = append(b, q.method...)
		b = append(b, `","url":"`...)
		b = append(b, q.path...)
		if q.body != nil {
			b = append(b, `","headers":{"Content-Type":"application/json"},"body":`...)
			b = append(b, q.body...)
			b = append(b, '}')
		} else {
			b = append(b, `"}`...)
		}
	}
	return append(b, `]}`...)
}

// item is one answer of a batch.
type item struct {
	ID      looseID         `json:"id"`
	Status  int             `json:"status"`
	Headers json.RawMessage `json:"headers"`
	Body    json.RawMessage `json:"body"`
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
	var read struct {
		Responses []item `json:"responses"`
	}
	read.Responses = make([]item, 0, n)
	// A field of the wrong type is passed over: the items around it are good.
	var wrongType *json.UnmarshalTypeError
	if err := json.Unmarshal(text, &read); err != nil && !errors.As(err, &wrongType) {
		return items
	}
	doubtful := make([]bool, n)
	for i := range read.Responses {
		it := &read.Responses[i]
		at := int(it.ID) - 1
		if at < 0 || at >= n || it.Status < 100 || it.Status > 599 {
			continue
		}
		if items[at] != nil && items[at].Status != it.Status {
			doubtful[at] = true
		}
		items[at] = it
	}
	for at := range items {
		if doubtful[at] {
			items[at] = nil
		}
	}
	return items
}

// dealOut gives each job its item of a batch's answer.
func (r *Reporter) dealOut(jobs []*job, whole wire.Answer, clientRequestID string) {
	now := time.Now()
	items := parseBatch(whole.Body, len(jobs))
	var longest time.Duration // what a throttled item was asked to wait
	for i, j := range jobs {
		it := items[i]
		if it == nil {
			j.failure = j.missing(whole, clientRequestID)
			r.again(j, now)
			continue
		}
		a := it.answer(whole.Header("Date"))
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
		StatusCode: whole.StatusCode, RequestID: wire.Identifier(whole.Header("request-id")), ClientRequestID: clientRequestID,
		Err: errors.New("the batch's answer holds none for this report"),
	}
	if fault, ok := wire.ParseFault(whole.Body); ok {
		e.ErrorCode = fault.Code
		e.Detail = wire.Detail(fault.Message, j.report.UserPrincipalName, j.report.Inventory.DeviceName)
	}
	return e
}

// answer makes of an item what a call alone would have got.
func (it *item) answer(date string) wire.Answer {
	headers := func(string) string { return "" }
	if it.Status >= 300 && len(it.Headers) > 0 {
		var values map[string]any
		if json.Unmarshal(it.Headers, &values) == nil {
			headers = func(name string) string {
				for key, value := range values {
					if strings.EqualFold(key, name) {
						s, _ := value.(string)
						return s
					}
				}
				return ""
			}
		}
	}
	header := func(name string) string {
		if s := headers(name); s != "" || name != "Date" {
			return s
		}
		return date
	}
	body := []byte(it.Body)
	if string(body) == "null" {
		body = nil
	}
	return wire.Answer{StatusCode: it.Status, Header: header, Body: body}
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
