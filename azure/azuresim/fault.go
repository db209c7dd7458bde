package azuresim

import (
	"encoding/json"
	"maps"
	"net/http"
	"sync"
	"time"
)

// Reset says when a connection breaks.
type Reset uint8

// The moments at which a connection breaks.
const (
	ResetNever  Reset = iota
	ResetBefore       // before acting: nothing happened at Microsoft
	ResetAfter        // after acting: a write is applied, its answer is lost
)

// Fault is something that goes wrong on script. What is left out goes right:
// a Fault with a Delay alone delays, a Fault with a Header alone serves the
// request and adds the header.
//
// Where Status is set, it is answered instead of acting, before any check of
// the token or the request; with Acts the request is served first and its
// answer thrown away.
//
// The items of a batch are offered to the faults one by one, after the batch
// as a whole. For an item, Reset leaves its answer out of the batch, and
// Truncated, Endless, BodyPause and Batch mean nothing.
type Fault struct {
	// Name shows in the ledger.
	Name string
	// Match chooses the requests. Nil: every one.
	Match Match
	// Skip lets that many matching requests pass first.
	Skip int
	// Times is how many requests it hits after that. Zero: all, until removed.
	Times int

	// Delay is waited before acting, AnswerDelay between acting and the
	// answer. Both end early with the request's context.
	Delay       time.Duration
	AnswerDelay time.Duration

	// Status is answered; zero: what acting gives.
	Status int
	// Acts serves the request before Status is answered in its place.
	Acts bool
	// Code and Message make the body an error of Graph's. With Status 200 that
	// is a success which carries an error inside.
	Code    string
	Message string
	// AADSTS makes the body a refusal of the token service with this number;
	// Status, where zero, becomes the one that goes with it.
	AADSTS int
	// Body is the answer's body in place of anything else, ContentType its
	// type; either may be set alone. An empty body is written "" with Status
	// and neither Code nor AADSTS.
	Body        string
	ContentType string
	// Header is added to the answer and replaces what is there; a name with no
	// value removes it. Retry-After, Location and WWW-Authenticate go here.
	Header http.Header
	// RetryAfter is the text of the Retry-After header. Empty: untouched.
	RetryAfter string

	// Reset breaks the connection instead of answering.
	Reset Reset
	// Truncated promises the whole body and breaks off in its middle.
	Truncated bool
	// Endless never ends the body.
	Endless bool
	// BodyPause is waited before each eighth of the body.
	BodyPause time.Duration

	// Batch spoils the answer of a batch that was served.
	Batch *BatchFault
	// Partner makes the answer a failure in the words of the Intune partner
	// service that was called; it means nothing to other requests.
	Partner *PartnerFault
}

// BatchFault is what goes wrong with the answer of a batch.
type BatchFault struct {
	// Status is that of the batch as a whole, with its responses inside; zero:
	// 200. Some deployments answer 424.
	Status int
	// Doubled are items that are answered twice, NoStatus items whose answer
	// has no status.
	Doubled  Match
	NoStatus Match
	// Unknown is how many answers are added to ids that nobody asked for.
	Unknown int
	// NullResponses writes null for the list of answers.
	NullResponses bool
}

// faults are the scripted faults in the order in which they were injected.
type faults struct {
	mu     sync.Mutex
	active []*activeFault
}

type activeFault struct {
	fault   Fault
	matched int
}

// Inject adds a fault. The first fault that matches a request hits it, alone.
// The function that Inject answers removes the fault; it may be called at any
// time and more than once.
func (s *Simulator) Inject(f Fault) (remove func()) {
	if f.Header != nil {
		f.Header = f.Header.Clone()
	}
	added := &activeFault{fault: f}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.active = append(s.faults.active, added)
	return func() {
		s.faults.mu.Lock()
		defer s.faults.mu.Unlock()
		s.faults.remove(added)
	}
}

// ClearFaults removes all faults.
func (s *Simulator) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.active = nil
}

func (f *faults) remove(gone *activeFault) {
	kept := make([]*activeFault, 0, len(f.active))
	for _, a := range f.active {
		if a != gone {
			kept = append(kept, a)
		}
	}
	f.active = kept
}

// pick finds the fault that hits a request; nil: none.
func (f *faults) pick(r *Request) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.active {
		if a.fault.Match != nil && !a.fault.Match(r) {
			continue
		}
		a.matched++
		if a.matched <= a.fault.Skip {
			continue
		}
		if a.fault.Times > 0 && a.matched >= a.fault.Skip+a.fault.Times {
			f.remove(a)
		}
		return &a.fault
	}
	return nil
}

func (f *Fault) name() string {
	if f.Name == "" {
		return "unnamed"
	}
	return f.Name
}

// answers tells whether the fault brings an answer of its own.
func (f *Fault) answers() bool { return f.Status != 0 || f.AADSTS != 0 || f.Partner != nil }

// answer is the fault's own answer.
func (f *Fault) answer(x *exchange) answer {
	switch {
	case f.Partner != nil && x.place.service == serviceIntune:
		return f.Partner.answer(x, f.Status)
	case f.AADSTS != 0:
		message := f.Message
		if message == "" {
			message = aadstsMessage(f.AADSTS, x.record.ClientID)
		}
		a := (&tokenError{number: f.AADSTS, message: message}).answer(x)
		if f.Status != 0 {
			a.status = f.Status
		}
		return a
	case f.Code != "" || f.Message != "":
		return x.graphError(f.Status, f.Code, f.Message)
	default:
		return x.plain(f.Status, "")
	}
}

// spoil changes an answer, its own or a served one.
func (f *Fault) spoil(a *answer) {
	if f.Body != "" {
		a.body = []byte(f.Body)
		if f.ContentType == "" && a.header.Get("Content-Type") == "" {
			kind := "text/html"
			if json.Valid(a.body) {
				kind = "application/json"
			}
			a.header.Set("Content-Type", kind)
		}
	}
	if f.ContentType != "" {
		a.header.Set("Content-Type", f.ContentType)
	}
	if f.RetryAfter != "" {
		a.header.Set("Retry-After", f.RetryAfter)
	}
	for name, values := range maps.All(f.Header) {
		name = http.CanonicalHeaderKey(name)
		if len(values) == 0 {
			a.header.Del(name)
			continue
		}
		a.header[name] = values
	}
	a.reset = f.Reset != ResetNever
	a.truncated, a.endless, a.pause = f.Truncated, f.Endless, f.BodyPause
}
