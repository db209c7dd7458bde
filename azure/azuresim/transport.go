package azuresim

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// Transport answers a round tripper that serves Microsoft's production host
// names in process: the Entra authorities, Graph and the Intune services of
// every cloud. It refuses any other host with an error, so that no test
// reaches the network by accident. It honours the context of a request,
// starts no goroutine, and works inside a testing/synctest bubble.
func (s *Simulator) Transport() http.RoundTripper { return transport{s} }

type transport struct{ sim *Simulator }

// RoundTrip answers one request.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body, tooLong, err := t.sim.readBody(req.Body)
	if err != nil {
		return nil, err
	}
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	if _, known := placeOf(req.URL.Host); !known {
		t.sim.astray(req, body)
		return nil, fmt.Errorf("azuresim: %q is no host that is simulated", req.URL.Host)
	}
	if req.URL.Scheme != "https" {
		t.sim.astray(req, body)
		return nil, fmt.Errorf("azuresim: %q: Microsoft answers https only", req.URL.Scheme)
	}
	record := &Request{
		Method: method(req), Scheme: req.URL.Scheme, Host: host,
		Path: req.URL.EscapedPath(), Query: req.URL.RawQuery,
		Header: req.Header.Clone(), Body: body,
	}
	ctx := req.Context()
	a, err := t.sim.serve(ctx, record, req.URL.Path, body, tooLong)
	if err != nil {
		return nil, err
	}
	if a.reset {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return a.response(ctx, req), nil
}

func method(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}

// readBody reads a request body up to the limit and closes it.
func (s *Simulator) readBody(body io.ReadCloser) (read []byte, tooLong bool, err error) {
	if body == nil || body == http.NoBody {
		return nil, false, nil
	}
	defer body.Close()
	read, err = io.ReadAll(io.LimitReader(body, s.options.MaxBodyBytes+1))
	if err != nil {
		return nil, false, err
	}
	if int64(len(read)) > s.options.MaxBodyBytes {
		return read[:s.options.MaxBodyBytes], true, nil
	}
	return read, false, nil
}

// response makes an answer a response of net/http's.
func (a *answer) response(ctx context.Context, req *http.Request) *http.Response {
	bodyAllowed := a.status != http.StatusNoContent && a.status != http.StatusNotModified && req.Method != http.MethodHead
	response := &http.Response{
		Status:     fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Request: req, Body: http.NoBody, ContentLength: 0,
	}
	if !bodyAllowed {
		return response
	}
	if a.endless {
		response.ContentLength = -1
	} else {
		response.ContentLength = int64(len(a.body))
		a.header.Set("Content-Length", fmt.Sprint(len(a.body)))
	}
	if len(a.body) > 0 || a.endless {
		response.Body = &body{ctx: ctx, rest: a.body, answer: a, piece: a.piece()}
		if a.truncated {
			response.Body.(*body).rest = a.body[:len(a.body)/2]
		}
	}
	return response
}

// filler is what an endless body goes on with: blanks are no error in JSON.
var filler = strings.Repeat(" ", 4096)

// piece is how much of the body is sent between two pauses.
func (a *answer) piece() int {
	if a.pause <= 0 {
		return max(len(a.body), 1)
	}
	return max((len(a.body)+7)/8, 1)
}

// body reads an answer, with its pauses and its early or missing end.
type body struct {
	ctx    context.Context
	rest   []byte
	answer *answer
	piece  int
	left   int // of the current piece
	closed bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if err := b.ctx.Err(); err != nil {
		return 0, context.Cause(b.ctx)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if len(b.rest) == 0 {
		switch {
		case b.answer.endless:
			if err := wait(b.ctx, b.answer.pause); err != nil {
				return 0, err
			}
			b.left = 0
			return copy(p, filler), nil
		case b.answer.truncated:
			return 0, io.ErrUnexpectedEOF
		default:
			return 0, io.EOF
		}
	}
	if b.left == 0 {
		if err := wait(b.ctx, b.answer.pause); err != nil {
			return 0, err
		}
		b.left = b.piece
	}
	n := copy(p, b.rest[:min(b.left, len(b.rest))])
	b.rest, b.left = b.rest[n:], b.left-n
	return n, nil
}

func (b *body) Close() error {
	b.closed = true
	return nil
}
