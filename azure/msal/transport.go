package msal

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
)

const (
	module  = "devicestatus-msal"
	version = "v0.1.0" // in the User-Agent of azcore's telemetry only

	// mostAnswer bounds what is read of one answer. Those of Entra are a few kB.
	mostAnswer = 1 << 20
)

// exchange is what became of the HTTP calls of one acquisition. It travels in
// the context through MSAL, whose own errors show bodies and addresses.
type exchange struct {
	called     bool  // a request was tried
	posted     bool  // it was the one for the token, not for metadata
	err        error // of the last request: there was no usable answer
	callback   error // of the assertion callback
	status     int   // of the last answer
	retryAfter time.Duration
	answer     answer
}

type exchangeKey struct{}

func withExchange(ctx context.Context, x *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// exchangeOf never answers nil, so that a request without one is no crash.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// pipelined is MSAL's HTTP client over azcore's pipeline.
type pipelined struct{ pipeline runtime.Pipeline }

func newPipelined(o *Options, a authority) (pipelined, error) {
	options := o.ClientOptions
	options.APIVersion = ""
	options.Transport = newGuard(o.Transport, a)
	client, err := azcore.NewClient(module, version, runtime.PipelineOptions{}, &options)
	if err != nil {
		return pipelined{}, fmt.Errorf("msal: %w", err)
	}
	return pipelined{client.Pipeline()}, nil
}

// CloseIdleConnections does nothing: the transport is the caller's.
func (p pipelined) CloseIdleConnections() {}

// Do sends what MSAL built, with its headers, through the pipeline.
func (p pipelined) Do(r *http.Request) (*http.Response, error) {
	req, err := runtime.NewRequest(r.Context(), r.Method, r.URL.String())
	if err != nil {
		return nil, err
	}
	if r.Body != nil && r.Body != http.NoBody {
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return nil, err
		}
		if err := req.SetBody(streaming.NopCloser(bytes.NewReader(body)), r.Header.Get("Content-Type")); err != nil {
			return nil, err
		}
	}
	h := req.Raw().Header
	for name, values := range r.Header {
		if _, there := h[name]; !there {
			h[name] = values
		}
	}
	return p.pipeline.Do(req)
}

// guard is the last link before the network: it says where a secret may go,
// how much of an answer is read, and what azcore's retry policy sees of
// Retry-After; and it notes the exchange.
type guard struct {
	next      policy.Transporter
	authority authority
	// sealed: how next treats redirects is not known.
	sealed bool
}

func newGuard(next policy.Transporter, a authority) *guard {
	g := &guard{next: next, authority: a}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	switch t := next.(type) {
	case nil:
		client := &http.Client{CheckRedirect: stay}
		// A program may have put another kind of transport in its place.
		if own, ok := http.DefaultTransport.(*http.Transport); ok {
			own = own.Clone()
			if own.TLSClientConfig == nil {
				own.TLSClientConfig = &tls.Config{}
			}
			own.TLSClientConfig.MinVersion = tls.VersionTLS12
			client.Transport = own
		}
		g.next = client
	case *http.Client:
		client := *t
		client.CheckRedirect = stay
		g.next = &client
	default:
		g.sealed = true
	}
	return g
}

// final is a failure that another try would not mend.
type final string

func (f final) Error() string { return string(f) }
func (final) NonRetriable()   {}

const (
	errDestination = final("msal: the metadata of the authority names a token endpoint elsewhere, to which no secret is sent")
	errTooLong     = final("msal: the answer is too long")
)

func (g *guard) Do(req *http.Request) (*http.Response, error) {
	x := exchangeOf(req.Context())
	*x = exchange{called: true, posted: req.Method == http.MethodPost}
	resp, err := g.do(req)
	if err != nil {
		x.err = err
		return nil, unanswered{err}
	}
	return resp, nil
}

// unanswered is a transport's error as azcore may log it: without its text,
// which holds the address and whatever else the transport put there.
type unanswered struct{ cause error }

func (u unanswered) Error() string { return noAnswer(u.cause) }
func (u unanswered) Unwrap() error { return u.cause }

func (g *guard) do(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" || req.Method != http.MethodGet && !g.authority.trusts(req.URL.Host) {
		return nil, errDestination
	}
	if g.sealed {
		req.GetBody = nil // without it net/http cannot post the body again after a 307 or 308
	}
	resp, err := g.next.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	resp.Body.Close()
	if err != nil {
		return nil, errors.Join(errCutOff, err)
	}
	if len(body) > mostAnswer {
		return nil, errTooLong
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))

	x := exchangeOf(req.Context())
	x.status = resp.StatusCode
	x.retryAfter = retryAfter(resp.Header)
	if resp.StatusCode != http.StatusOK || mentionsError(body) {
		x.answer = parseAnswer(body)
	}
	mendRetryAfter(resp.Header, x.retryAfter)
	return resp, nil
}

var errCutOff = errors.New("msal: the answer was cut off")

// mendRetryAfter writes the wait in the one form of which azcore's retry policy
// reads fractions; it takes broken seconds and the older dates for nothing and
// would come back too early.
func mendRetryAfter(h http.Header, wait time.Duration) {
	h.Del("Retry-After")
	h.Del("X-Ms-Retry-After-Ms")
	h.Del("Retry-After-Ms")
	if wait > 0 {
		ms := (wait + time.Millisecond - 1) / time.Millisecond
		h.Set("Retry-After-Ms", strconv.FormatInt(int64(ms), 10))
	}
}
