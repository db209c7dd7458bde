package azuresim

import (
	"net/http"
	"sync"
)

// strays are requests that went to hosts or schemes that are not simulated.
type strays struct {
	mu  sync.Mutex
	all []Request
}

// Strays answers the requests that [Simulator.Transport] refused because
// Microsoft would not have received them: to other hosts, or not over https.
// They show whether a client sends its token wherever it is told to.
func (s *Simulator) Strays() []Request {
	s.strays.mu.Lock()
	defer s.strays.mu.Unlock()
	return append([]Request(nil), s.strays.all...)
}

// astray notes one.
func (s *Simulator) astray(req *http.Request, body []byte) {
	r := Request{
		At: s.now(), Method: method(req), Scheme: req.URL.Scheme, Host: req.URL.Host,
		Path: req.URL.EscapedPath(), Query: req.URL.RawQuery, Header: req.Header.Clone(), Body: body,
	}
	s.strays.mu.Lock()
	defer s.strays.mu.Unlock()
	if len(s.strays.all) < defaultLedgerLimit {
		s.strays.all = append(s.strays.all, r)
	}
}
