package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// transport is the last step of every pipeline. It counts attempts, follows no
// redirect, bounds every answer, lets a 503 be followed by a new connection,
// and keeps the text of its errors from the SDK's log.
type transport struct {
	policy.Transporter
	most    int64
	scratch sync.Pool // of *[mostInMemory]byte
}

// NewTransport wraps t, or a client of its own where t is nil, so that no
// answer is longer than most bytes and no redirect is followed: a token must
// not travel to where an answer points. Of an *http.Client a copy is taken and
// its CheckRedirect replaced; any other transporter must not follow redirects
// by itself.
func NewTransport(t policy.Transporter, most int64) policy.Transporter {
	switch client := t.(type) {
	case nil:
		t = newClient()
	case *http.Client:
		if client == nil {
			t = newClient()
			break
		}
		own := *client
		own.CheckRedirect = stay
		t = &own
	}
	return &transport{Transporter: t, most: most}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// newClient answers the client used where the host brings none: the standard
// library's transport, with more idle connections to the one host there is, a
// bound on how long an answer may take to begin, and pings that find out dead
// connections.
func newClient() *http.Client {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	// A host may have put something else in its place.
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		t = standard.Clone()
	}
	t.MaxIdleConnsPerHost = 16
	t.ResponseHeaderTimeout = 100 * time.Second
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{}
	}
	t.TLSClientConfig.MinVersion = max(t.TLSClientConfig.MinVersion, tls.VersionTLS12)
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second}
	return &http.Client{Transport: t, CheckRedirect: stay}
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
	resp, err := t.Transporter.Do(req)
	if err == nil && resp == nil {
		err = errors.New("neither an answer nor an error")
	}
	if err != nil {
		return nil, sealed{err}
	}
	if resp.Body != nil && resp.Body != http.NoBody {
		resp.Body = &bounded{body: resp.Body, left: t.most}
		if err := readWhole(req, resp); err != nil {
			return nil, sealed{err}
		}
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		// Microsoft asks for a new connection after a 503: the one in use may
		// lead to a server that is going away.
		if pool, ok := t.Transporter.(interface{ CloseIdleConnections() }); ok {
			pool.CloseIdleConnections()
		}
	}
	return resp, nil
}

// readWhole reads an answer's body where the SDK would make too much of one
// that breaks off: it does not try a PATCH again then, whatever the status. An
// error is told by its status, even if the body is cut off or has no end; the
// answer to a PATCH that breaks off is a broken call like any other. What is
// left is read where it is used.
func readWhole(req *http.Request, resp *http.Response) error {
	failed := resp.StatusCode >= 300
	if !failed && req.Method != http.MethodPatch {
		return nil
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	switch {
	case err == nil:
	case !failed || req.Context().Err() != nil:
		return err
	default:
		text = nil
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// sealed is an error of a transport, whose text may hold anything, as it goes
// through the policies of the SDK, which log it.
type sealed struct{ err error }

func (s sealed) Error() string { return cause(s.err).Error() }
func (s sealed) Unwrap() error { return s.err }

// mostInMemory bounds the requests that inMemory reads, in bytes; a full batch
// is a tenth of it.
const mostInMemory = 64 << 10

// inMemory gives req a body of a type that net/http knows to be in memory. For
// any other it writes the header first and the body in a second packet, which
// for bodies of sixty bytes nearly doubles the cost of a call. What is sent is
// what the policies before left in req.
func (t *transport) inMemory(req *http.Request, c *Call) error {
	if req.Body == nil || req.ContentLength <= 0 || req.ContentLength > mostInMemory {
		return nil
	}
	scratch, _ := t.scratch.Get().(*[mostInMemory]byte)
	if scratch == nil {
		scratch = new([mostInMemory]byte)
	}
	defer t.scratch.Put(scratch)
	text := scratch[:req.ContentLength]
	if _, err := io.ReadFull(req.Body, text); err != nil {
		return err
	}
	// The call's own bytes spare a copy, unless a host's policy changed them.
	if c != nil && bytes.Equal(text, c.payload) {
		text = c.payload
	} else {
		text = bytes.Clone(text)
	}
	req.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// bounded reads a body up to its bound and then fails: an answer cut short
// must not look like a whole one.
type bounded struct {
	body io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		n = int(b.left)
		b.left = 0
		return n, ErrTooLong
	}
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		err = sealed{err}
	}
	return n, err
}

func (b *bounded) Close() error { return b.body.Close() }
