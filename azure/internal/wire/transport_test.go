package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
)

func request(ctx context.Context, t testing.TB, method, url, text string) *http.Request {
	t.Helper()
	var r io.Reader
	if text != "" {
		r = strings.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, r)
	require.NoError(t, err)
	return req
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var elsewhere atomic.Int32
	trap := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		t.Errorf("somebody else got %q", r.Header.Get("Authorization"))
	}))
	defer trap.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, trap.URL, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	asked := false
	host := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { asked = true; return nil }}
	defer host.CloseIdleConnections()
	for _, tt := range []struct {
		why string
		t   policy.Transporter
	}{
		{"the client of this package", nil},
		{"no client in the interface", (*http.Client)(nil)},
		{"a client of the host's, whose own rule is to follow", host},
	} {
		t.Run(tt.why, func(t *testing.T) {
			transporter := NewTransport(tt.t, 100)
			if pool, ok := transporter.(*transport).Transporter.(interface{ CloseIdleConnections() }); ok {
				defer pool.CloseIdleConnections()
			}
			req := request(t.Context(), t, http.MethodPatch, server.URL, "{}")
			req.Header.Set("Authorization", "Bearer T1")
			resp, err := transporter.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusTemporaryRedirect {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	if asked || elsewhere.Load() != 0 {
		t.Error("a redirect was followed")
	}
	if err := host.CheckRedirect(nil, nil); err != nil {
		t.Error("the host's own client was changed")
	}
}

func TestAnswersAreBounded(t *testing.T) {
	const most = 10
	for _, tt := range []struct {
		why    string
		status int
		body   io.Reader
		want   string
		err    error
	}{
		{"empty", 200, strings.NewReader(""), "", nil},
		{"exactly the bound", 200, strings.NewReader("0123456789"), "0123456789", nil},
		{"one byte more", 200, strings.NewReader("0123456789x"), "0123456789", ErrTooLong},
		{"one byte at a time", 200, iotest.OneByteReader(strings.NewReader("0123456789x")), "0123456789", ErrTooLong},
		{"without an end", 200, endless{}, "aaaaaaaaaa", ErrTooLong},
		{"the bound, with the end in the same read", 200, iotest.DataErrReader(strings.NewReader("0123456789")), "0123456789", nil},
		{"broken off", 200, io.MultiReader(strings.NewReader("0123"), iotest.ErrReader(io.ErrUnexpectedEOF)), "0123", io.ErrUnexpectedEOF},
		{"a refusal is told by its status: one byte more", 404, strings.NewReader("0123456789x"), "0123456789", nil},
		{"a refusal without an end", 503, endless{}, "aaaaaaaaaa", nil},
		{"a refusal broken off", 429, io.MultiReader(strings.NewReader("0123"), iotest.ErrReader(io.ErrUnexpectedEOF)), "0123", nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			transport := NewTransport(sender(func(*http.Request) (*http.Response, error) {
				// A length that lies must not matter.
				return &http.Response{StatusCode: tt.status, ContentLength: 3, Body: io.NopCloser(tt.body)}, nil
			}), most)
			resp, err := transport.Do(request(t.Context(), t, http.MethodGet, "https://graph.microsoft.com", ""))
			require.NoError(t, err)
			got, err := io.ReadAll(resp.Body)
			if string(got) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("read %q, %v; want %q, %v", got, err, tt.want, tt.err)
			}
			if _, again := resp.Body.Read(make([]byte, 5)); tt.err == ErrTooLong && !errors.Is(again, ErrTooLong) {
				t.Errorf("reading on gives %v", again)
			}
			require.NoError(t, resp.Body.Close())
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// What becomes of such answers in the whole pipeline.
func TestAnswersCutShort(t *testing.T) {
	inBubble := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
	inBubble("an acceptance", func(t *testing.T) {
		s := serve(func() *http.Response {
			resp := answer(200, "")
			resp.Body = io.NopCloser(endless{})
			return resp
		})
		_, call, err := send(t.Context(), t, pipelines(&forgetful{}, s, once), tenantA, "{}")
		got := CallFailure(t.Context(), "op", err, call)
		if got.Kind != azure.ErrUnexpected || got.Outcome != azure.OutcomeUnknown || !errors.Is(got, ErrTooLong) {
			t.Errorf("got %v", got)
		}
	})
	inBubble("a refusal keeps its status and its wait", func(t *testing.T) {
		s := serve(func() *http.Response {
			resp := answer(429, "", "Retry-After", "90")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"error":{"co`), iotest.ErrReader(io.ErrUnexpectedEOF)))
			return resp
		})
		resp, _, err := send(t.Context(), t, pipelines(&forgetful{}, s), tenantA, "{}")
		require.NoError(t, err)
		payload, err := runtime.Payload(resp)
		require.NoError(t, err)
		got := Failure("op", Answer{StatusCode: resp.StatusCode, Header: resp.Header, Body: payload})
		if got.Kind != azure.ErrThrottled || got.RetryAfter.Seconds() != 90 {
			t.Errorf("got %v", got)
		}
	})
}

func TestAttemptsAreCounted(t *testing.T) {
	broken := errors.New("broken")
	transport := NewTransport(sender(func(*http.Request) (*http.Response, error) { return nil, broken }), 10)
	call := NewCall(t.Context(), "id", nil)
	for range 2 {
		if _, err := transport.Do(request(call, t, http.MethodGet, "https://x", "")); !errors.Is(err, broken) || err.Error() != "the connection broke" {
			t.Errorf("got %v", err)
		}
	}
	if call.Attempts() != 2 {
		t.Errorf("%d attempts", call.Attempts())
	}
	t.Run("an ended context sends nothing and is not counted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		call := NewCall(ctx, "id", nil)
		transport := NewTransport(sender(func(*http.Request) (*http.Response, error) {
			t.Error("sent")
			return nil, broken
		}), 10)
		if _, err := transport.Do(request(call, t, http.MethodGet, "https://x", "")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if call.Attempts() != 0 {
			t.Errorf("%d attempts", call.Attempts())
		}
	})
	t.Run("a body that cannot be read is not counted", func(t *testing.T) {
		call := NewCall(t.Context(), "id", nil)
		req := request(call, t, http.MethodPatch, "https://x", "{}")
		req.Body = io.NopCloser(iotest.ErrReader(broken))
		if _, err := transport.Do(req); err != broken || call.Attempts() != 0 {
			t.Errorf("got %v after %d attempts", err, call.Attempts())
		}
	})
	t.Run("a request that is no call of this package", func(t *testing.T) {
		if _, err := transport.Do(request(t.Context(), t, http.MethodGet, "https://x", "")); !errors.Is(err, broken) || err.Error() != "the connection broke" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("neither an answer nor an error", func(t *testing.T) {
		transport := NewTransport(sender(func(*http.Request) (*http.Response, error) { return nil, nil }), 10)
		if resp, err := transport.Do(request(t.Context(), t, http.MethodGet, "https://x", "")); resp != nil || err == nil {
			t.Errorf("got %v, %v", resp, err)
		}
		all := pipelines(&forgetful{}, sender(func(*http.Request) (*http.Response, error) { return nil, nil }), once)
		_, call, err := send(t.Context(), t, all, tenantA, "{}")
		if got := CallFailure(t.Context(), "op", err, call); got.Kind != azure.ErrUnavailable || got.Outcome != azure.OutcomeUnknown {
			t.Errorf("got %v", got)
		}
	})
	t.Run("an answer without a body", func(t *testing.T) {
		for _, status := range []int{204, 401, 429, 503} {
			all := pipelines(&forgetful{}, sender(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status}, nil
			}), once)
			resp, _, err := send(t.Context(), t, all, tenantA, "{}")
			if err != nil || resp.StatusCode != status {
				t.Errorf("%d: got %v, %v", status, resp, err)
			}
		}
	})
}

func TestBodyIsInMemory(t *testing.T) {
	payload := []byte(`{"isManaged":true}`)
	for _, tt := range []struct {
		why    string
		policy func(*http.Request) // of the host's, before the transport
		body   string
		same   bool // the payload's own bytes
		err    error
	}{
		{"the call's own", nil, string(payload), true, nil},
		{"another of the same length", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"isManaged":null}`))
		}, `{"isManaged":null}`, false, nil},
		{"another, with its length", func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(`{}`)), 2
		}, `{}`, false, nil},
		{"one byte at a time", func(r *http.Request) {
			r.Body = io.NopCloser(iotest.OneByteReader(bytes.NewReader(payload)))
		}, string(payload), true, nil},
		{"longer than its length: half a document must not be sent", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(string(payload) + " "))
		}, "", false, errOtherLength},
		{"shorter than its length", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{}`))
		}, "", false, errOtherLength},
		{"nothing, with a length", func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("")) }, "", false, errOtherLength},
		{"of no known length: as it is", func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("abc")), -1
		}, "abc", false, nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var got *http.Request
			transport := NewTransport(sender(func(req *http.Request) (*http.Response, error) {
				got = req
				return answer(204, ""), nil
			}), 10)
			call := NewCall(t.Context(), "id", payload)
			req := request(call, t, http.MethodPatch, "https://x", string(payload))
			if tt.policy != nil {
				tt.policy(req)
			}
			_, err := transport.Do(req)
			if err != tt.err {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if tt.err != nil {
				if got != nil || call.Attempts() != 0 {
					t.Error("sent nevertheless")
				}
				return
			}
			if tt.same {
				if shared := bytesOf(t, got.Body); &shared[0] != &payload[0] {
					t.Error("the payload was copied")
				}
			}
			text, err := io.ReadAll(got.Body)
			if err != nil || string(text) != tt.body {
				t.Errorf("sent %q, %v; want %q", text, err, tt.body)
			}
			if got.ContentLength > 0 {
				// What net/http takes when it sends the request again on another
				// connection.
				again, err := got.GetBody()
				require.NoError(t, err)
				if text, _ := io.ReadAll(again); string(text) != tt.body {
					t.Errorf("sent again: %q, want %q", text, tt.body)
				}
			}
		})
	}
	t.Run("beyond what is read: as it is", func(t *testing.T) {
		for _, n := range []int{mostInMemory, mostInMemory + 1} {
			large := strings.Repeat("x", n)
			var text []byte
			transport := NewTransport(sender(func(req *http.Request) (_ *http.Response, err error) {
				text, err = io.ReadAll(req.Body)
				return answer(204, ""), err
			}), 10)
			_, err := transport.Do(request(t.Context(), t, http.MethodPost, "https://x", large))
			if err != nil || string(text) != large {
				t.Errorf("%d bytes arrived of %d, %v", len(text), n, err)
			}
		}
	})
}

// bytesOf looks into the body, as net/http does, for the bytes that it shares.
func bytesOf(t *testing.T, body io.ReadCloser) []byte {
	t.Helper()
	inner, ok := reflect.ValueOf(body).Field(0).Interface().(*bytes.Reader)
	require.True(t, ok, "net/http does not know a %T to be in memory", body)
	var shared keeper
	_, err := inner.WriteTo(&shared)
	require.NoError(t, err)
	_, err = inner.Seek(0, io.SeekStart)
	require.NoError(t, err)
	return shared
}

type keeper []byte

func (k *keeper) Write(p []byte) (int, error) {
	*k = p
	return len(p), nil
}

// The scratch space is shared: what one call sends must not be another's.
func TestBodiesAtOnce(t *testing.T) {
	transport := NewTransport(sender(func(req *http.Request) (*http.Response, error) {
		text, err := io.ReadAll(req.Body)
		return answer(200, string(text)), err
	}), 1000)
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			text := strings.Repeat(string(rune('a'+i%26)), 100+i)
			resp, err := transport.Do(request(t.Context(), t, http.MethodPost, "https://x", text))
			if err != nil {
				t.Error(err)
				return
			}
			if got, _ := io.ReadAll(resp.Body); string(got) != text {
				t.Errorf("%q was sent as %q", text, got)
			}
		})
	}
	wait.Wait()
}

func TestNewConnectionAfter503(t *testing.T) {
	const busy = `{"error":{"code":"serviceNotAvailable"}}`
	for _, tt := range []struct {
		why      string
		body     string
		protocol func(*http.Protocols)
	}{
		{"HTTP/1, without a body", "", func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"HTTP/1, with a body", busy, func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"HTTP/2, without a body", "", func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }},
		{"HTTP/2, with a body", busy, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var protocols http.Protocols
				tt.protocol(&protocols)
				served := 0
				network := make(pipes)
				server := &http.Server{Protocols: &protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if want := map[bool]int{true: 1, false: 2}[protocols.HTTP1()]; r.ProtoMajor != want {
						t.Errorf("over %s", r.Proto)
					}
					// The second is refused: an accepted one keeps the connection.
					if served++; served == 2 {
						w.WriteHeader(http.StatusServiceUnavailable)
						_, _ = io.WriteString(w, tt.body)
					}
				})}
				go func() { _ = server.Serve(network) }()
				defer server.Close()
				client, opened := newDirect(), 0
				inner := client.Transport
				inner.Proxy, inner.Protocols = nil, &protocols
				inner.DialContext = func(context.Context, string, string) (net.Conn, error) {
					opened++
					near, far := net.Pipe()
					network <- far
					return near, nil
				}
				defer client.CloseIdleConnections()
				transport := NewTransport(client, 1000)
				var got []int
				for range 3 {
					resp, err := transport.Do(request(t.Context(), t, http.MethodPatch, "http://graph", "{}"))
					require.NoError(t, err)
					_, err = runtime.Payload(resp) // as the SDK reads every answer
					require.NoError(t, err)
					synctest.Wait() // net/http gives a connection back in its own time
					got = append(got, opened)
				}
				if diff := cmp.Diff([]int{1, 1, 2}, got); diff != "" {
					t.Errorf("connections after each request (-want +got)\n%s", diff)
				}
			})
		})
	}
	t.Run("a transport that keeps none", func(t *testing.T) {
		transport := NewTransport(sender(func(*http.Request) (*http.Response, error) { return answer(503, "x"), nil }), 10)
		resp, err := transport.Do(request(t.Context(), t, http.MethodGet, "https://x", ""))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, resp.Body.Close())
	})
}

// pipes is a network in memory: each connection sent is accepted.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error {
	close(p)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// The SDK logs what a transport's errors say.
func TestTransportErrorsSayNothingOfTheirs(t *testing.T) {
	broken := errors.New(canary)
	fails := NewTransport(sender(func(*http.Request) (*http.Response, error) { return nil, broken }), 10)
	_, err := fails.Do(request(t.Context(), t, http.MethodGet, "https://x", ""))
	if !errors.Is(err, broken) || strings.Contains(err.Error(), canary) {
		t.Errorf("got %v", err)
	}
	breaks := NewTransport(sender(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.ErrReader(broken))}, nil
	}), 10)
	for _, method := range []string{http.MethodGet, http.MethodPatch} {
		resp, err := breaks.Do(request(t.Context(), t, method, "https://x", ""))
		if (err != nil) != (method == http.MethodPatch) {
			t.Errorf("%s: got %v", method, err)
		}
		if err == nil {
			_, err = io.ReadAll(resp.Body)
		}
		if !errors.Is(err, broken) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: got %v", method, err)
		}
	}
}

// A PATCH whose acceptance breaks off is tried again, as a broken call is: to
// send it twice is harmless.
func TestPatchIsTriedAgainWhenItsAnswerBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(func() *http.Response {
			resp := answer(200, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"a`), iotest.ErrReader(io.ErrUnexpectedEOF)))
			return resp
		}, always(204, ""))
		resp, call, err := send(t.Context(), t, pipelines(&forgetful{}, s), tenantA, "{}")
		if err != nil || resp.StatusCode != 204 || call.Attempts() != 2 {
			t.Errorf("got %v, %v after %d attempts", resp, err, call.Attempts())
		}
	})
}

// A program may put anything in http.DefaultTransport.
func TestOwnClientIsNotTheDefaultOne(t *testing.T) {
	inner := newDirect().Transport
	if inner == http.DefaultTransport {
		t.Error("shares connections with the whole program")
	}
	if inner.Proxy == nil || inner.ResponseHeaderTimeout == 0 || inner.TLSClientConfig.MinVersion != tls.VersionTLS12 {
		t.Errorf("%+v", inner)
	}
}

func TestOwnClientSpeaksHTTP2(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	client := newDirect()
	defer client.CloseIdleConnections()
	inner := client.Transport
	inner.Proxy, inner.TLSClientConfig.RootCAs = nil, x509.NewCertPool()
	inner.TLSClientConfig.RootCAs.AddCert(server.Certificate())
	resp, err := NewTransport(client, 100).Do(request(t.Context(), t, http.MethodGet, server.URL, ""))
	require.NoError(t, err)
	if got, err := runtime.Payload(resp); err != nil || string(got) != "HTTP/2.0" {
		t.Errorf("over %q, %v", got, err)
	}
}

func TestRealNetworkFaults(t *testing.T) {
	// Each fault as the operating system and net/http give it, through the
	// whole pipeline.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "https://" + listener.Addr().String()
	require.NoError(t, listener.Close())

	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()

	hangsUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer hangsUp.Close()

	for _, tt := range []struct {
		why, url, text string
		outcome        azure.Outcome
	}{
		{"nobody listens", nobody, "connection refused", azure.OutcomeNotSent},
		{"nobody's certificate", untrusted.URL, "the server's certificate is not trusted", azure.OutcomeNotSent},
		{"hangs up", hangsUp.URL, "the connection was closed without an answer", azure.OutcomeUnknown},
	} {
		t.Run(tt.why, func(t *testing.T) {
			own := newDirect()
			own.Proxy = nil
			defer own.CloseIdleConnections()
			all := pipelines(&forgetful{}, own, once, func(o *Options) { o.Client.InsecureAllowCredentialWithHTTP = true })
			client, err := all.Client(tenantA)
			require.NoError(t, err)
			call := NewCall(t.Context(), "id", nil)
			req, err := runtime.NewRequest(call, http.MethodPatch, tt.url+"/"+canary)
			require.NoError(t, err)
			_, err = client.Pipeline().Do(req)
			got := CallFailure(t.Context(), "op", err, call)
			if got.Err == nil || got.Err.Error() != tt.text || got.Outcome != tt.outcome || strings.Contains(got.Error(), canary) {
				t.Errorf("got %v", got)
			}
		})
	}
	t.Run("credentials do not travel in the clear", func(t *testing.T) {
		all := pipelines(&forgetful{}, sender(func(*http.Request) (*http.Response, error) {
			t.Error("sent")
			return answer(204, ""), nil
		}))
		client, err := all.Client(tenantA)
		require.NoError(t, err)
		call := NewCall(t.Context(), "id", nil)
		req, err := runtime.NewRequest(call, http.MethodGet, "http://graph.microsoft.com/")
		require.NoError(t, err)
		_, err = client.Pipeline().Do(req)
		if got := CallFailure(t.Context(), "op", err, call); got.Outcome != azure.OutcomeNotSent {
			t.Errorf("got %v", got)
		}
	})
}

// What is read of an answer to a PATCH is the whole of it, whatever pieces it
// comes in; one without a body is told by http.NoBody.
func TestReadAll(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		why  string
		body io.Reader
		want string
		err  error
	}{
		{"nothing", strings.NewReader(""), "", nil},
		{"one byte", strings.NewReader("a"), "a", nil},
		{"byte by byte", iotest.OneByteReader(strings.NewReader("abc")), "abc", nil},
		{"the end with the text", iotest.DataErrReader(strings.NewReader("abc")), "abc", nil},
		{"broken at once", iotest.ErrReader(broken), "", broken},
		{"broken behind a byte", io.MultiReader(strings.NewReader("a"), iotest.ErrReader(broken)), "a", broken},
	} {
		got, err := readAll(tt.body)
		if string(got) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: %q, %v", tt.why, got, err)
		}
	}
	transport := NewTransport(sender(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 204, Body: io.NopCloser(strings.NewReader(""))}, nil
	}), 10)
	resp, err := transport.Do(request(t.Context(), t, http.MethodPatch, "http://graph", "{}"))
	require.NoError(t, err)
	if resp.Body != http.NoBody {
		t.Errorf("the body is a %T", resp.Body)
	}
}
