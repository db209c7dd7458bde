package azuresim

import (
	"net"
	"net/http"
	"strconv"
	"strings"
)

// ServeHTTP answers one request. Microsoft's host names in the Host header
// choose the service. Under any other name, such as a loopback address, one
// address is everything at once: paths below /v1.0/ and /beta/ are Graph's,
// those that end in a resource of the Intune partner services are theirs, all
// others Entra's.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	read, tooLong, err := s.readBody(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	scheme := "https"
	if r.TLS == nil {
		scheme = "http"
	}
	record := &Request{
		Method: r.Method, Scheme: scheme, Host: r.Host,
		Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		Header: r.Header, Body: read,
	}
	a, err := s.serve(r.Context(), record, r.URL.Path, read, tooLong)
	if err != nil || a.reset {
		panic(http.ErrAbortHandler) // breaks the connection or the HTTP/2 stream
	}
	a.write(w, r)
}

// write sends an answer, with all that goes wrong on its way.
func (a *answer) write(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	for name, values := range a.header {
		header[name] = values
	}
	bodyAllowed := a.status != http.StatusNoContent && a.status != http.StatusNotModified && r.Method != http.MethodHead
	if bodyAllowed && !a.endless {
		header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	if a.header.Get("Content-Type") == "" {
		header["Content-Type"] = nil // net/http must not guess one
	}
	w.WriteHeader(a.status)
	if !bodyAllowed {
		return
	}
	rest := a.body
	if a.truncated {
		rest = rest[:len(rest)/2]
	}
	ctx := r.Context()
	if a.pause > 0 {
		_ = http.NewResponseController(w).Flush() // the headers are not slow
	}
	for piece := a.piece(); len(rest) > 0; {
		if wait(ctx, a.pause) != nil {
			panic(http.ErrAbortHandler)
		}
		n := min(piece, len(rest))
		if _, err := w.Write(rest[:n]); err != nil {
			panic(http.ErrAbortHandler)
		}
		rest = rest[n:]
		if a.pause > 0 || a.truncated || a.endless {
			_ = http.NewResponseController(w).Flush()
		}
	}
	for a.endless {
		if wait(ctx, a.pause) != nil {
			panic(http.ErrAbortHandler)
		}
		if _, err := w.Write([]byte(filler)); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	if a.truncated {
		panic(http.ErrAbortHandler)
	}
}

// isLoopbackHost tells whether a host, with or without a port, is this
// machine.
func isLoopbackHost(hostport string) bool {
	host := hostOnly(hostport)
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
