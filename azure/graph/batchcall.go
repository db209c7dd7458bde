package graph

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
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
		Op: opBatch, Tenant: key.tenant, Method: http.MethodPost, At: wire.Under(r.base, "/$batch"), Body: appendBatch(jobs),
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
			j.broken(j.batchRefusal(answer))
		}
	}
}

// batchRefusal answers why a batch was refused as a whole. Where the batch
// itself was not found or not allowed, that says nothing of its devices.
func (j *job) batchRefusal(a wire.Answer) *azure.Error {
	e := j.refusal(a)
	if e.Kind == azure.ErrDeviceNotFound || e.Kind == azure.ErrRejected && a.StatusCode != http.StatusRequestEntityTooLarge {
		e.Kind, e.Scope = azure.ErrUnexpected, azure.ScopeTenant
	}
	return e
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

// dealOut gives each job its item of a batch's answer.
func (r *Reporter) dealOut(jobs []*job, whole wire.Answer, clientRequestID string) {
	now := time.Now()
	items := parseBatch(whole.Body, len(jobs))
	var headers []map[string]any // read when first needed
	var throttled []*job
	var longest time.Duration // that one of them was asked to wait
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
		if !r.retries(j, a) {
			j.answered(a, now)
			continue
		}
		j.failure = j.refusal(a)
		if j.failure.Kind == azure.ErrThrottled {
			throttled = append(throttled, j)
			longest = max(longest, j.failure.RetryAfter)
			continue
		}
		r.again(j, now)
	}
	for _, j := range throttled {
		j.failure.RetryAfter = longest
		r.again(j, now)
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

// retries reports whether an item's answer is one after which the request is
// sent again: as the SDK's retry policy decides it for a call.
func (r *Reporter) retries(j *job, a wire.Answer) bool {
	if own := r.retry.ShouldRetry; own != nil {
		return own(itemResponse(a), nil)
	}
	codes := r.retry.StatusCodes
	if j.final() {
		codes = r.final.StatusCodes
	}
	return slices.Contains(codes, a.StatusCode)
}

// again lets a job wait to be sent once more, or ends it with its failure
// where it was sent often enough or would have to wait too long.
func (r *Reporter) again(j *job, now time.Time) {
	limits := withDefaults(r.retry)
	wait := j.failure.RetryAfter
	if j.tries >= int(limits.MaxRetries) || wait > limits.MaxRetryDelay {
		j.broken(j.failure)
		return
	}
	j.tries++
	if wait == 0 {
		wait = backOff(limits, j.tries)
	}
	j.due = now.Add(wait)
}
