package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// transport is the last step of every pipeline. It counts attempts, follows no
// redirect, bounds every answer, lets a 503 be followed by a new connection,
// and keeps the text of its errors from the SDK's log.
type transport struct {
	policy.Transporter
	most    int64
	scratch sync.Pool   // of *[mostInMemory + 1]byte
	leave   atomic.Bool // the connections at hand, before the next request
}

// NewTransport wraps t, or a client of its own where t is nil, so that no
// answer is longer than most bytes and no redirect is followed: a token must
// not travel to where an answer points. Of an *http.Client a copy is taken and
// its CheckRedirect replaced; any other transporter must not follow redirects
// by itself.
func NewTransport(t policy.Transporter, most int64) policy.Transporter {
	switch client := t.(type) {
	case nil:
		t = newDirect()
	case *http.Client:
		if client == nil {
			t = newDirect()
			break
		}
		own := *client
		own.CheckRedirect = stay
		t = &own
	}
	return &transport{Transporter: t, most: most}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// direct sends requests without an http.Client around the transport. Of what a
// client does nothing is wanted here: no redirect is followed, there are no
// cookies, and time is limited by contexts. But it copies each request's header
// in case there will be a redirect.
type direct struct{ *http.Transport }

func (d direct) Do(req *http.Request) (*http.Response, error) { return d.RoundTrip(req) }

// newDirect answers what is used where the host brings no transport: as the
// standard library's, with more idle connections to the one host there is, a
// bound on how long an answer may take to begin, and pings that find out dead
// connections. Compressed answers are not asked for: to ask costs every call a
// header map, and most answers are empty, a full batch's a few kilobytes. It is
// not taken from http.DefaultTransport, which a program may have replaced by
// anything.
func newDirect() direct {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return direct{&http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		ResponseHeaderTimeout: 100 * time.Second,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}}
}

func (t *transport) Do(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err // so that what did not leave is not counted
	}
	c := callOf(req.Context())
	if err := t.inMemory(req, c); err != nil {
		return nil, err
	}
	if c != nil {
		c.attempts.Add(1)
	}
	if t.leave.Load() && t.leave.Swap(false) {
		if pool, ok := t.Transporter.(interface{ CloseIdleConnections() }); ok {
			pool.CloseIdleConnections()
		}
	}
	resp, err := t.Transporter.Do(req)
	switch {
	case err != nil:
		return nil, sealed{err}
	case resp == nil:
		return nil, sealed{errNeither}
	}
	// Microsoft asks for a new connection after a 503: the one that brought it
	// may lead to a server that is going away. It is idle, and can be closed,
	// when its answer has been read.
	var read func()
	if resp.StatusCode == http.StatusServiceUnavailable {
		read = func() { t.leave.Store(true) }
	}
	if resp.Body == nil || resp.Body == http.NoBody {
		if read != nil {
			read()
		}
		return resp, nil
	}
	resp.Body = &bounded{body: resp.Body, left: t.most, refusal: resp.StatusCode >= 300, read: read}
	if req.Method == http.MethodPatch {
		// The SDK does not try a PATCH again whose answer breaks off: to it,
		// this is a call that broke.
		text, err := readAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		resp.Body = http.NoBody
		if len(text) > 0 {
			resp.Body = io.NopCloser(bytes.NewReader(text))
		}
	}
	return resp, nil
}

// readAll is io.ReadAll at next to no cost where there is nothing to read.
// HTTP/2 does not say by http.NoBody that an answer has none.
func readAll(body io.Reader) ([]byte, error) {
	first := make([]byte, 1)
	switch _, err := io.ReadFull(body, first); err {
	case nil:
		return io.ReadAll(io.MultiReader(bytes.NewReader(first), body))
	case io.EOF:
		return nil, nil
	default:
		return nil, err
	}
}

var errNeither = errors.New("neither an answer nor an error")

// sealed is an error of a transport, whose text may hold anything, on its way
// through the policies of the SDK, which log it.
type sealed struct{ err error }

func (s sealed) Error() string { return cause(s.err).Error() }
func (s sealed) Unwrap() error { return s.err }

// mostInMemory bounds the requests that inMemory reads, in bytes; a full batch
// is a tenth of it.
const mostInMemory = 64 << 10

var errOtherLength = errors.New("the request's body is not as long as its Content-Length")

// inMemory gives req a body of a type that net/http knows to be in memory. For
// any other it writes the header first and the body in a second packet, which
// for bodies of sixty bytes nearly doubles the cost of a call. What is sent is
// what the policies before left in req.
func (t *transport) inMemory(req *http.Request, c *Call) error {
	if req.Body == nil || req.ContentLength <= 0 || req.ContentLength > mostInMemory {
		return nil
	}
	scratch, _ := t.scratch.Get().(*[mostInMemory + 1]byte)
	if scratch == nil {
		scratch = new([mostInMemory + 1]byte)
	}
	defer t.scratch.Put(scratch)
	// One byte more than there should be: a host's policy may have changed the
	// body and left the length.
	n, err := io.ReadFull(req.Body, scratch[:req.ContentLength+1])
	switch {
	case err == nil, err == io.ErrUnexpectedEOF && int64(n) != req.ContentLength, err == io.EOF:
		return errOtherLength
	case err != io.ErrUnexpectedEOF:
		return err
	}
	text := scratch[:n]
	// The call's own bytes spare a copy, unless a host's policy changed them.
	if c != nil && bytes.Equal(text, c.payload) {
		text = c.payload
	} else {
		changed := bytes.Clone(text)
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(changed)), nil }
		text = changed
	}
	req.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// bounded reads a body up to its bound and then fails: an acceptance cut short
// must not look like a whole one. A refusal is told by its status and header,
// so that what is missing of its body must not hide these.
type bounded struct {
	body    io.ReadCloser
	left    int64
	refusal bool
	failed  error  // how reading ended, but for the end itself
	read    func() // called when body is closed; may be nil
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), ErrTooLong
	}
	b.left -= int64(n)
	switch {
	case err == nil || err == io.EOF:
	case b.refusal:
		err, b.failed = io.EOF, io.EOF
	case err == ErrTooLong:
		b.failed = err
	default:
		err = sealed{err}
		b.failed = err
	}
	return n, err
}

func (b *bounded) Close() error {
	err := b.body.Close()
	if b.read != nil {
		b.read()
	}
	return err
}
