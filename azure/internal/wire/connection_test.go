package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
)

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
