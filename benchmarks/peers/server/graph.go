package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

// graph answers for all sessions.
type graph struct{ sessions sync.Map }

func (g *graph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	found, ok := g.sessions.Load(name)
	if !ok {
		found, _ = g.sessions.LoadOrStore(name, newSession())
	}
	s := found.(*session)
	switch {
	case r.Method == http.MethodPut && rest == "script":
		var script talk.Script
		if err := json.NewDecoder(r.Body).Decode(&script); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.follow(script)
	case r.Method == http.MethodGet && rest == "seen":
		g.sessions.Delete(name)
		_ = json.NewEncoder(w).Encode(s.check())
	case r.Header.Get("Authorization") != "Bearer "+talk.Token:
		write(w, &talk.Answer{Status: http.StatusUnauthorized})
	case r.Method == http.MethodPatch:
		s.patch(w, r, rest)
	case r.Method == http.MethodPost && rest == "v1.0/$batch":
		s.batch(w, r)
	default:
		write(w, &talk.Answer{Status: http.StatusNotFound})
	}
}

// follow begins a script.
func (s *session) follow(script talk.Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script, s.tokens, s.filled = script, float64(script.Burst), time.Now()
}

// write gives an answer that is not success. Without a body it has an error as
// Graph words it.
func write(w http.ResponseWriter, a *talk.Answer) {
	if a.Reset {
		panic(http.ErrAbortHandler)
	}
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	body := a.Body
	if body == "" {
		code := strings.ReplaceAll(http.StatusText(a.Status), " ", "")
		body = `{"error":{"code":"` + code + `","message":"said by the server of the benchmark"}}`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, body)
}

func (s *session) patch(w http.ResponseWriter, r *http.Request, path string) {
	c := call{path: path, gzip: r.Header.Get("Content-Encoding") == "gzip"}
	var err error
	if c.body, err = io.ReadAll(r.Body); err != nil {
		return
	}
	if a := s.take(&c, nil); a != nil {
		write(w, a)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *session) batch(w http.ResponseWriter, r *http.Request) {
	c := call{batch: true, gzip: r.Header.Get("Content-Encoding") == "gzip"}
	var err error
	if c.body, err = io.ReadAll(r.Body); err != nil {
		return
	}
	text, _ := c.text()
	ids := itemIDs(text)
	a := s.take(&c, ids)
	if a == nil && len(ids) == 0 {
		a = &talk.Answer{Status: http.StatusBadRequest}
	}
	if a != nil {
		write(w, a)
		return
	}
	answer := append(make([]byte, 0, 120*len(ids)+32), `{"responses":[`...)
	for i := range ids {
		at := len(ids) - 1 - i // Graph's answers come in any order
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = append(append(answer, `{"id":"`...), ids[at]...)
		if c.refused != nil && c.refused[at] {
			answer = append(append(answer, `","status":429,"headers":{"Retry-After":"`...), s.itemRetryAfter()...)
			answer = append(answer, `","Content-Type":"application/json"},"body":{"error":{"code":"TooManyRequests","message":"throttled"}}}`...)
			continue
		}
		answer = append(answer, `","status":204,"headers":{"x-ms-resource-unit":"1"},"body":null}`...)
	}
	answer = append(answer, `]}`...)
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(answer))}
	_, _ = w.Write(answer)
}
