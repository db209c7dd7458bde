package azuresim

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// answer is what is sent back, and how it goes wrong on its way.
type answer struct {
	status int
	header http.Header
	body   []byte

	reset     bool
	truncated bool
	endless   bool
	pause     time.Duration
}

// exchange is one request on its way through the simulator: a request of its
// own, or one item of a batch.
type exchange struct {
	sim    *Simulator
	ctx    context.Context
	now    time.Time
	place  place
	path   string // decoded
	body   []byte // as received
	record *Request
	fault  *Fault

	id     string  // request-id, made when it is first needed
	caller *caller // of Graph; nil until the token is found good
	denied *answer // of Graph: why it is not
}

// serve answers one request. An error means that the context ended first, or
// that no such host exists.
func (s *Simulator) serve(ctx context.Context, record *Request, path string, body []byte, tooLong bool) (answer, error) {
	x := &exchange{sim: s, ctx: ctx, now: s.now(), path: path, body: body, record: record}
	record.At = x.now
	x.place = s.placeOf(record.Host, path)
	x.identifyCaller()
	x.note()
	s.ledger.enter(record)
	a, err := x.run(tooLong)
	status := a.status
	if err != nil || a.reset {
		status = 0
	}
	s.ledger.settle(func() { record.Status = status })
	if err != nil {
		return answer{}, err
	}
	if a.header.Get("Date") == "" {
		a.header.Set("Date", s.now().UTC().Format(http.TimeFormat))
	}
	return a, nil
}

// run lets the scripted fault, if any, play around the service.
func (x *exchange) run(tooLong bool) (answer, error) {
	f := x.sim.faults.pick(x.record)
	delay := x.sim.options.Latency
	if f != nil {
		x.fault = f
		x.sim.ledger.settle(func() { x.record.Fault = f.name() })
		delay += f.Delay
	}
	if delay > 0 {
		if err := wait(x.ctx, delay); err != nil {
			return answer{}, err
		}
		x.now = x.sim.now()
		x.identifyCaller() // the token may have expired meanwhile
	} else if x.ctx.Err() != nil {
		return answer{}, context.Cause(x.ctx)
	}
	if f == nil {
		a := x.dispatch(tooLong)
		return a, wait(x.ctx, 0) // a batch may have outlived its context
	}
	var a answer
	switch {
	case f.Reset == ResetBefore:
		return answer{header: http.Header{}, reset: true}, nil
	case f.answers() && !f.Acts:
		a = f.answer(x)
	default:
		a = x.dispatch(tooLong)
		if f.answers() {
			a = f.answer(x)
		}
	}
	if err := wait(x.ctx, f.AnswerDelay); err != nil {
		return answer{}, err
	}
	f.spoil(&a)
	return a, nil
}

// dispatch lets the service that the host name stands for act.
func (x *exchange) dispatch(tooLong bool) answer {
	if tooLong {
		return x.plain(http.StatusRequestEntityTooLarge, "")
	}
	switch x.place.service {
	case serviceEntra:
		return x.serveEntra()
	case serviceGraph:
		return x.serveGraph()
	case serviceIntune:
		return x.servePartner()
	default:
		return x.plain(http.StatusNotFound, "")
	}
}

// placeOf says what a request reaches: by its host, and by its path where the
// host is none of Microsoft's.
func (s *Simulator) placeOf(host, path string) place {
	if p, ok := placeOf(host); ok {
		return p
	}
	if graphPath(path) {
		return place{service: serviceGraph}
	}
	if _, ok := parsePartnerPath(path); ok {
		return place{service: serviceIntune}
	}
	return place{service: serviceEntra}
}

// identifyCaller finds out who calls a service that takes access tokens.
func (x *exchange) identifyCaller() {
	switch x.place.service {
	case serviceGraph:
		x.identify()
	case serviceIntune:
		x.identifyPartner()
	}
}

// note writes into the record who asks for which device, for faults and tests.
func (x *exchange) note() {
	switch x.place.service {
	case serviceGraph:
		if x.caller != nil {
			x.record.TenantID, x.record.ClientID = x.caller.tenant.info.ID, x.caller.claims.AppID
		}
		if r, err := parseGraphPath(x.graphPath()); err == nil {
			x.record.DeviceID = r.device()
		}
	case serviceIntune:
		x.notePartner()
	case serviceEntra:
		name, _, _ := strings.Cut(strings.Trim(x.path, "/"), "/")
		if t := x.sim.tenantByName(name); t != nil {
			x.record.TenantID = t.info.ID
		}
		if form, refusal := x.tokenForm(); refusal == nil {
			x.record.ClientID = strings.ToLower(form.Get("client_id"))
		}
		x.noteConsent()
	}
}

// requestID is the id by which Microsoft's support would find the request.
func (x *exchange) requestID() string {
	if x.id == "" {
		x.id = x.sim.random.guid()
	}
	return x.id
}

// correlationID is the client's id for the request, or else the service's.
func (x *exchange) correlationID() string {
	if id := x.record.Header.Get("Client-Request-Id"); isGUID(id) {
		return id
	}
	return x.requestID()
}

// plain answers a status with a text, or with nothing.
func (x *exchange) plain(status int, text string) answer {
	a := answer{status: status, header: http.Header{}}
	a.header.Set("Request-Id", x.requestID())
	if text != "" {
		a.header.Set("Content-Type", "text/plain; charset=utf-8")
		a.body = []byte(text)
	}
	return a
}

// wait waits by a timer, which is virtual inside a synctest bubble.
func wait(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
