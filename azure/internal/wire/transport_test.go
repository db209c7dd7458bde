package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
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
