package wire

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
)

const someURL = "https://graph.microsoft.com/v1.0/devices"

func TestSend(t *testing.T) {
	type sent struct{ Method, ID, Accept, Type, Priority, Body string }
	for _, tc := range []struct {
		name string
		q    Request
		want sent
	}{
		{"a question", Request{Method: http.MethodGet}, sent{Method: "GET", ID: "id-1", Accept: "application/json"}},
		{"a body", Request{Method: http.MethodPut, Body: []byte(`{"a":1}`)}, sent{Method: "PUT", ID: "id-1", Type: "application/json", Body: `{"a":1}`}},
		{"a priority", Request{Method: http.MethodPatch, Body: []byte(`{}`), Priority: "high"}, sent{Method: "PATCH", ID: "id-1", Type: "application/json", Priority: "high", Body: `{}`}},
	} {
		var got sent
		all := pipelines(&forgetful{}, sender(func(req *http.Request) (*http.Response, error) {
			got = sent{Method: req.Method, ID: req.Header.Get("client-request-id"), Accept: req.Header.Get("Accept"), Type: req.Header.Get("Content-Type"), Priority: req.Header.Get("x-ms-throttle-priority")}
			if req.Body != nil {
				text, err := io.ReadAll(req.Body)
				if err != nil {
					return nil, err
				}
				got.Body = string(text)
			}
			return answer(200, `{"b":2}`, "Date", "now"), nil
		}))
		tc.q.Op, tc.q.Tenant, tc.q.URL, tc.q.ClientRequestID = "op", tenantA, someURL, "id-1"
		a, tries, failure := all.Send(t.Context(), tc.q)
		if failure != nil || tries != 1 || a.StatusCode != 200 || string(a.Body) != `{"b":2}` || a.Header.Get("Date") != "now" || a.ClientRequestID != "id-1" {
			t.Errorf("%s: %+v, %d, %v", tc.name, a, tries, failure)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// Refusals are answers, and the body goes out whole again with each try.
func TestSendTriesAgain(t *testing.T) {
	for _, tc := range []struct {
		name   string
		retry  *policy.RetryOptions
		bodies int
		status int
	}{
		{"by the pipeline", nil, 2, 204},
		{"by its own rule", &policy.RetryOptions{StatusCodes: []int{418}}, 1, 503},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := serve(always(503, ""), always(204, ""))
			a, tries, failure := pipelines(&forgetful{}, s).Send(t.Context(), Request{
				Op: "op", Tenant: tenantA, Method: http.MethodPut, URL: someURL, Body: []byte(`{"a":1}`), Retry: tc.retry,
			})
			if failure != nil || a.StatusCode != tc.status || tries != tc.bodies || len(s.seen) != tc.bodies {
				t.Errorf("%s: status %d, %d tries, %d requests, %v", tc.name, a.StatusCode, tries, len(s.seen), failure)
			}
			for _, one := range s.seen {
				if one.Body != `{"a":1}` {
					t.Errorf("%s: sent %q", tc.name, one.Body)
				}
			}
		})
	}
}

// broken is a body that breaks off.
type broken struct{ io.Reader }

func (broken) Close() error { return nil }

func breaksOff(status int, text string, length int64) func() *http.Response {
	return func() *http.Response {
		r := answer(status, "")
		r.Body = broken{io.MultiReader(strings.NewReader(text), errorReader{})}
		r.ContentLength = length
		return r
	}
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestSendPartialAnswers(t *testing.T) {
	whole := func(length int64) func() *http.Response {
		return func() *http.Response {
			r := answer(200, "abc")
			r.ContentLength = length
			return r
		}
	}
	for _, tc := range []struct {
		name    string
		partial bool
		answer  func() *http.Response
		body    string
		fails   bool
	}{
		{"whole, of a length that is told", true, whole(3), "abc", false},
		{"whole, of one that is not", true, whole(-1), "abc", false},
		{"breaks off", true, breaksOff(200, "abc", 10), "", false},
		{"breaks off, of a length not told", true, breaksOff(200, "abc", -1), "", false},
		{"longer than it says is longer than it is", true, whole(4), "", false},
		{"too long", true, always(200, strings.Repeat("x", 2<<20)), "", false},
		{"a refusal is read", true, always(404, "abc"), "abc", false},
		{"where it matters", false, breaksOff(200, "abc", 10), "", true},
	} {
		synctest.Test(t, func(t *testing.T) {
			all := pipelines(&forgetful{}, serve(tc.answer), once, func(o *Options) { o.MostAnswer = 1 << 20 })
			a, _, failure := all.Send(t.Context(), Request{Op: "op", Tenant: tenantA, Method: http.MethodGet, URL: someURL, Partial: tc.partial})
			if (failure != nil) != tc.fails || string(a.Body) != tc.body {
				t.Errorf("%s: %.10q, %v", tc.name, a.Body, failure)
			}
			if tc.fails && (failure.Kind != azure.ErrUnavailable || failure.Outcome != azure.OutcomeUnknown) {
				t.Errorf("%s: %v", tc.name, failure)
			}
		})
	}
}

func TestSendFails(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		name    string
		ctx     context.Context
		url     string
		refuse  bool
		kind    azure.Kind
		outcome azure.Outcome
	}{
		{"a context that is over", over, someURL, false, azure.ErrCanceled, azure.OutcomeNotSent},
		{"no token", t.Context(), someURL, true, azure.ErrUnauthorized, azure.OutcomeNotSent},
		{"no address", t.Context(), "https://", false, azure.ErrUnavailable, azure.OutcomeNotSent},
		{"plain http", t.Context(), "http://graph.microsoft.com", false, azure.ErrUnavailable, azure.OutcomeNotSent},
	} {
		s, cred := serve(always(204, "")), &forgetful{}
		if tc.refuse {
			cred.fail = func(context.Context) error { return errors.New("AADSTS700016: no") }
		}
		a, tries, failure := pipelines(cred, s, once).Send(tc.ctx, Request{Op: "op", Tenant: tenantA, Method: http.MethodGet, URL: tc.url, ClientRequestID: "id-1"})
		if failure == nil || failure.Kind != tc.kind || failure.Outcome != tc.outcome || failure.Op != "op" || failure.ClientRequestID != "id-1" {
			t.Errorf("%s: %v, want %s, %s", tc.name, failure, tc.kind, tc.outcome)
		}
		if tries != 0 || len(s.seen) != 0 || a.StatusCode != 0 {
			t.Errorf("%s: %d tries, %d requests, status %d", tc.name, tries, len(s.seen), a.StatusCode)
		}
	}
}

// A context that ends while the answer is awaited leaves the outcome unknown.
func TestSendCanceledMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		all := pipelines(&forgetful{}, sender(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}))
		_, tries, failure := all.Send(ctx, Request{Op: "op", Tenant: tenantA, Method: http.MethodGet, URL: someURL})
		if failure == nil || failure.Kind != azure.ErrCanceled || failure.Outcome != azure.OutcomeUnknown || tries != 1 {
			t.Errorf("%v after %d tries", failure, tries)
		}
	})
}
