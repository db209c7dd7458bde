package azuresim

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Request is one request as the simulator received it. Matchers of faults see
// it before it is answered, the ledger keeps it with its outcome. Matchers must
// not change it.
type Request struct {
	// Number counts the requests from 1 in the order in which they arrived.
	// The items of a batch carry the number of their batch.
	Number int
	// At is when the request arrived.
	At time.Time

	Method string
	Scheme string // https, or http from a plain listener
	Host   string // as the client named it, with a port if it named one
	Path   string // escaped, as received; of a batch item its url up to the question mark
	Query  string // without its question mark
	Header http.Header
	Body   []byte // as received: not decompressed

	// TenantID and ClientID are who asks. For Graph they are known when the
	// token's signature is right; a token request is taken at its word.
	TenantID string
	ClientID string
	// DeviceID is the deviceId or object id that the path names, in lower case;
	// for a partner message and for its status the first device of its Content.
	DeviceID string
	// MessageID is the id of the partner message that the path names, in lower
	// case.
	MessageID string
	// ItemID is the id of a batch item as the client wrote it; empty outside a
	// batch.
	ItemID string

	// Status is what was answered; zero: no answer yet, or none at all.
	Status int
	// Fault is the name of the fault that was injected; "unnamed" if it has none.
	Fault string
	// Items are the requests inside a batch, in the order in which they were
	// worked on.
	Items []Request
}

// String names the request without what may be secret: no path, header or body.
func (r Request) String() string {
	return fmt.Sprintf("#%d %s %s -> %d", r.Number, r.Method, r.Host, r.Status)
}

// GoString is String.
func (r Request) GoString() string { return r.String() }

// LogValue is String, for log/slog.
func (r Request) LogValue() slog.Value { return slog.StringValue(r.String()) }

// ledger keeps the newest requests in a ring.
type ledger struct {
	mu    sync.Mutex
	limit int // negative: off
	total int
	ring  []*Request
	next  int // where the ring goes on once it is full
}

// enter gives a request its number and, unless the ledger is off, keeps it.
func (l *ledger) enter(r *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	r.Number = l.total
	switch {
	case l.limit < 0:
	case len(l.ring) < l.limit:
		l.ring = append(l.ring, r)
	default:
		l.ring[l.next] = r
		l.next = (l.next + 1) % l.limit
	}
}

// settle writes what became of a request that was entered.
func (l *ledger) settle(write func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	write()
}

// Requests answers the requests that the ledger holds, in the order in which
// they arrived. Bodies and headers are shared and must not be changed.
func (s *Simulator) Requests() []Request {
	l := &s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Request, len(l.ring))
	for i, r := range l.ring {
		all[i] = *r
		all[i].Items = slices.Clone(r.Items)
	}
	slices.SortFunc(all, func(a, b Request) int { return a.Number - b.Number })
	return all
}

// Count answers how many requests of the ledger fit, the items of batches
// included. Nil counts all.
func (s *Simulator) Count(match Match) int {
	n := 0
	for _, r := range s.Requests() {
		if match == nil || match(&r) {
			n++
		}
		for i := range r.Items {
			if match == nil || match(&r.Items[i]) {
				n++
			}
		}
	}
	return n
}

// Received answers how many requests ever came in, the items of batches not
// counted, whatever the ledger still holds.
func (s *Simulator) Received() int {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ledger.total
}

// ResetLedger forgets the requests; their numbers go on.
func (s *Simulator) ResetLedger() {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.ledger.ring, s.ledger.next = nil, 0
}
