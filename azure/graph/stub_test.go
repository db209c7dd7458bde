package graph_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
)

const (
	tenantA = "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c11"
	tenantB = "8a4e7f4c-1f6d-4d0c-9a53-0f6a2f9d1c22"
	device1 = "007c8232-9489-4074-9b35-345b16f0a72d"
	object1 = "c7d8f2aa-3f0e-4c8e-8f6d-2f9d60a8a111"
)

// sent is a request as the stub received it.
type sent struct {
	method, url, body string
	header            http.Header
	at                time.Time
	req               *http.Request
}

// stub is a transport that answers what a test says, and fails the test where
// an answer's body was left open. n counts the requests from 0.
type stub struct {
	answer func(n int, s sent) (*http.Response, error)
	mu     sync.Mutex
	seen   []sent
	open   atomic.Int32
}

func newStub(t testing.TB, answer func(n int, s sent) (*http.Response, error)) *stub {
	t.Helper()
	s := &stub{answer: answer}
	t.Cleanup(func() {
		if n := s.open.Load(); n != 0 {
			t.Errorf("%d answers were left open: their connections leak", n)
		}
	})
	return s
}

func (s *stub) Do(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	r := sent{method: req.Method, url: req.URL.String(), header: req.Header.Clone(), at: time.Now(), req: req}
	if req.Body != nil {
		text, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		r.body = string(text)
	}
	s.mu.Lock()
	n := len(s.seen)
	s.seen = append(s.seen, r)
	s.mu.Unlock()
	resp, err := s.answer(n, r)
	if resp != nil {
		resp.Request = req
		if resp.Body != http.NoBody {
			s.open.Add(1)
			resp.Body = &tracked{ReadCloser: resp.Body, open: &s.open}
		}
	}
	return resp, err
}

func (s *stub) requests() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sent(nil), s.seen...)
}

type tracked struct {
	io.ReadCloser
	open *atomic.Int32
	once sync.Once
}

func (t *tracked) Close() error {
	t.once.Do(func() { t.open.Add(-1) })
	return t.ReadCloser.Close()
}

// reply is an answer with headers given as name, value, name, value.
func reply(status int, body string, header ...string) *http.Response {
	r := &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, ContentLength: int64(len(body)),
	}
	if body != "" {
		r.Body = io.NopCloser(strings.NewReader(body))
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// fault is an error body of Microsoft Graph's.
func fault(code string) string {
	return `{"error":{"code":"` + code + `","message":"a sentence","innerError":{"date":"2026-02-13T10:17:06","request-id":"r-1","client-request-id":"c-1"}}}`
}

// inTurn answers with each of several in turn, and with the last for ever.
func inTurn(each ...func() *http.Response) func(int, sent) (*http.Response, error) {
	return func(n int, _ sent) (*http.Response, error) {
		return each[min(n, len(each)-1)](), nil
	}
}

func always(status int, body string, header ...string) func() *http.Response {
	return func() *http.Response { return reply(status, body, header...) }
}

// once are retry options with which nothing is tried again.
var once = policy.RetryOptions{MaxRetries: -1}

// stubReporter answers a reporter over s with a token that never changes.
func stubReporter(t testing.TB, s policy.Transporter, retry policy.RetryOptions) *graph.Reporter {
	t.Helper()
	return reporterWith(t, staticToken{}, s, retry)
}

func reporterWith(t testing.TB, cred azcore.TokenCredential, s policy.Transporter, retry policy.RetryOptions) *graph.Reporter {
	t.Helper()
	r, err := graph.New(cred, &graph.Options{ClientOptions: azcore.ClientOptions{Transport: s, Retry: retry}})
	require.NoError(t, err)
	return r
}

func report1(state compliance.State) azure.Report {
	return azure.Report{TenantID: tenantA, DeviceID: device1, Platform: azure.PlatformWindows, State: state}
}

// numbered are reports of n devices of one tenant.
func numbered(n int, state compliance.State) []azure.Report {
	reports := make([]azure.Report, n)
	for i := range reports {
		reports[i] = report1(state)
		reports[i].DeviceID = numberedID(i)
	}
	return reports
}

func numberedID(i int) string { return fmt.Sprintf("007c8232-9489-4074-9b35-%012x", i+1) }

// onceOptions are client options with which nothing is tried again, impatient
// ones with which it is at once.
func onceOptions() azcore.ClientOptions { return azcore.ClientOptions{Retry: once} }

func impatient() azcore.ClientOptions {
	return azcore.ClientOptions{Retry: policy.RetryOptions{RetryDelay: -1}}
}

func withTransport(s policy.Transporter) azcore.ClientOptions {
	return azcore.ClientOptions{Transport: s}
}
