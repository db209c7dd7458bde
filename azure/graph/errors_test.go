package graph_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// summary is an error's kind, scope and outcome.
func summary(err error) string {
	e, ok := errors.AsType[*azure.Error](err)
	if !ok {
		return fmt.Sprintf("%T: %v", err, err)
	}
	return fmt.Sprintf("%s (%v, %v)", e.Kind, e.Scope, e.Outcome)
}

// What Microsoft's statuses and codes mean, in a call and in a batch's item.
func TestMeaningOfAnswers(t *testing.T) {
	for _, tc := range []struct {
		status int
		codes  []string
		want   string
	}{
		{401, []string{"InvalidAuthenticationToken", "Authentication_MissingOrMalformed", "Authentication_ExpiredToken", "Authorization_IdentityNotFound", "Authorization_IdentityDisabled"}, "unauthorized (tenant, refused)"},
		{403, []string{"Authorization_RequestDenied", "accessDenied"}, "forbidden (tenant, refused)"},
		{404, []string{"Request_ResourceNotFound", "Directory_ObjectNotFound"}, "device_not_found (device, refused)"},
		{400, []string{"Request_BadRequest", "Request_UnsupportedQuery", "Request_InvalidRequestUrl"}, "rejected (device, refused)"},
		{409, []string{"Directory_ConcurrencyViolation"}, "conflict (device, refused)"},
		{412, []string{"x"}, "conflict (device, refused)"},
		{423, []string{"x"}, "conflict (device, refused)"},
		{429, []string{"TooManyRequests", "activityLimitReached", "Request_ThrottledTemporarily"}, "throttled (tenant, unknown)"},
		{408, []string{"x"}, "unavailable (service, unknown)"},
		{500, []string{"UnknownError", "generalException"}, "unavailable (service, unknown)"},
		{502, []string{"UnknownError"}, "unavailable (service, unknown)"},
		{503, []string{"Service_ServiceUnavailable", "serviceNotAvailable", "Directory_ReplicaUnavailable"}, "unavailable (service, unknown)"},
		{504, []string{"UnknownError"}, "unavailable (service, unknown)"},
		{405, []string{"x"}, "rejected (device, refused)"},
		{410, []string{"x"}, "rejected (device, refused)"},
		{418, []string{"x"}, "rejected (device, refused)"},
		{302, []string{"x"}, "unexpected (service, unknown)"},
		{200, []string{"UnknownError"}, "unexpected (device, unknown)"}, // a success that says it is none
	} {
		for _, code := range tc.codes {
			s := newStub(t, inTurn(always(tc.status, fault(code))))
			_, alone := stubReporter(t, s, once).Report(t.Context(), report1(compliance.StateCompliant))
			b := batchStub(t, func(_ int, _ sent, item batchItem) string { return itemReply(item.ID, tc.status, fault(code)) }, "")
			batched := stubReporter(t, b, once).ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0].Err
			for _, err := range []error{alone, batched} {
				if diff := cmp.Diff(tc.want, summary(err)); diff != "" {
					t.Errorf("%d %s (-want +got):\n%s", tc.status, code, diff)
				}
				e, ok := errors.AsType[*azure.Error](err)
				require.True(t, ok)
				if e.StatusCode != tc.status || e.ErrorCode != code || e.RequestID != "r-1" || e.ClientRequestID == "" || e.Detail != "a sentence" || e.Op != "graph: report" {
					t.Errorf("%d %s: %#v of detail %q", tc.status, code, e, e.Detail)
				}
				if strings.Contains(e.Error(), "sentence") {
					t.Errorf("Microsoft's sentence is in %v", e)
				}
			}
		}
	}
}

// Bodies of errors in all the shapes they were met in.
func TestErrorBodies(t *testing.T) {
	for _, tc := range []struct {
		name, body         string
		code, request, say string
	}{
		{"as documented", fault("Authorization_RequestDenied"), "Authorization_RequestDenied", "r-1", "a sentence"},
		{"innererror", `{"error":{"code":"A","message":"m","innererror":{"request-id":"r-2"}}}`, "A", "r-2", "m"},
		{"nested", `{"error":{"code":"","message":"m","innerError":{"code":"B","innerError":{"code":"C","request-id":"r-3"}}}}`, "B", "r-3", "m"},
		{"no inner", `{"error":{"code":"A","message":"m"}}`, "A", "", "m"},
		{"null inner", `{"error":{"code":"A","message":"m","innerError":null}}`, "A", "", "m"},
		{"wrong types", `{"error":{"code":7,"message":["m"],"innerError":{"request-id":{}}}}`, "", "", ""},
		{"inner is text", `{"error":{"code":"A","message":"m","innerError":"gone"}}`, "", "", ""},
		{"code is prose", `{"error":{"code":"no such <b>code</b> for anna@contoso.example"}}`, "", "", ""},
		{"error is text", `{"error":"invalid_client","error_description":"AADSTS"}`, "", "", ""},
		{"not an error", `{"value":[]}`, "", "", ""},
		{"null", "null", "", "", ""},
		{"HTML", "<!DOCTYPE html><title>502</title>", "", "", ""},
		{"cut JSON", `{"error":{"code":"Autho`, "", "", ""},
		{"empty", "", "", "", ""},
		{"deep", strings.Repeat(`{"error":`, 20000), "", "", ""},
	} {
		s := newStub(t, inTurn(always(403, tc.body)))
		_, err := stubReporter(t, s, once).Report(t.Context(), report1(compliance.StateCompliant))
		if diff := cmp.Diff("forbidden (tenant, refused)", summary(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		e, ok := errors.AsType[*azure.Error](err)
		require.True(t, ok)
		if e.RequestID != tc.request || e.Detail != tc.say && tc.say != "" || e.ErrorCode != tc.code && tc.code != "" {
			t.Errorf("%s: code %q, request-id %q, detail %q", tc.name, e.ErrorCode, e.RequestID, e.Detail)
		}
		if strings.ContainsAny(e.Error(), "\n<@") {
			t.Errorf("%s: %v", tc.name, e)
		}
	}
}

// The headers name the call where the body does not.
func TestRequestIDOfTheHeader(t *testing.T) {
	for value, want := range map[string]string{"h-1": "h-1", "not an id\tat all": "r-1", "": "r-1"} {
		s := newStub(t, inTurn(always(403, fault("x"), "request-id", value)))
		_, err := stubReporter(t, s, once).Report(t.Context(), report1(compliance.StateCompliant))
		e, ok := errors.AsType[*azure.Error](err)
		require.True(t, ok)
		if e.RequestID != want {
			t.Errorf("%q: request-id %q, want %q", value, e.RequestID, want)
		}
	}
}

// An answer that breaks off or never ends is judged by its status where it has
// failed, and costs a bounded number of bytes.
func TestAnswersThatDoNotEnd(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(int) *http.Response
	}{{"cut off", cutOff}, {"endless", endless}, {"cut at once", func(status int) *http.Response {
		r := reply(status, "x")
		r.Body = io.NopCloser(broken{io.ErrUnexpectedEOF})
		return r
	}}} {
		for status, want := range map[int]string{
			400: "rejected (device, refused)", 401: "unauthorized (tenant, refused)", 403: "forbidden (tenant, refused)",
			404: "device_not_found (device, refused)", 429: "throttled (tenant, unknown)", 503: "unavailable (service, unknown)",
		} {
			read := 0
			s := newStub(t, func(int, sent) (*http.Response, error) {
				r := tc.make(status)
				r.Header.Set("Retry-After", "7")
				r.Body = &counted{r.Body, &read}
				return r, nil
			})
			_, err := stubReporter(t, s, once).Report(t.Context(), report1(compliance.StateCompliant))
			if diff := cmp.Diff(want, summary(err)); diff != "" {
				t.Errorf("%d %s (-want +got):\n%s", status, tc.name, diff)
			}
			if e, _ := errors.AsType[*azure.Error](err); e != nil && e.RetryAfter != 7*time.Second {
				t.Errorf("%d %s: %v, want the Retry-After", status, tc.name, e)
			}
			if read > 17<<20 {
				t.Errorf("%d %s: read %d bytes", status, tc.name, read)
			}
		}
		s := newStub(t, func(int, sent) (*http.Response, error) { return tc.make(200), nil })
		r := stubReporter(t, s, once)
		_, err := r.Report(t.Context(), report1(compliance.StateCompliant))
		_, verify := r.Verify(t.Context(), report1(compliance.StateCompliant))
		for _, err := range []error{err, verify} {
			e, ok := errors.AsType[*azure.Error](err)
			if !ok || e.Outcome != azure.OutcomeUnknown || e.Kind != azure.ErrUnexpected && e.Kind != azure.ErrUnavailable {
				t.Errorf("200 %s: %v", tc.name, err)
			}
		}
	}
}

type counted struct {
	io.ReadCloser
	n *int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	*c.n += n
	return n, err
}

// Only the limit of the application in all tenants concerns everybody.
func TestThrottleScope(t *testing.T) {
	for header, want := range map[string]azure.Scope{
		"Application/WriteLimit/1/2": azure.ScopeService, "application/x": azure.ScopeService, "Application": azure.ScopeService,
		"Tenant_Application/ReadWrite/9a3d526c-b3c1-4479-ba74-197b5c5751ae/0785ef7c-2d7a-4542-b048-95bcab406e0b": azure.ScopeTenant,
		"Tenant/x": azure.ScopeTenant, "": azure.ScopeTenant, "nonsense": azure.ScopeTenant,
	} {
		s := newStub(t, inTurn(always(429, fault("TooManyRequests"), "x-ms-throttle-scope", header)))
		_, alone := stubReporter(t, s, once).Report(t.Context(), report1(compliance.StateCompliant))
		b := batchStub(t, func(_ int, _ sent, item batchItem) string {
			return itemReplyWith(item.ID, 429, map[string]string{"X-MS-Throttle-Scope": header}, fault("TooManyRequests"))
		}, "")
		batched := stubReporter(t, b, once).ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0].Err
		for _, err := range []error{alone, batched} {
			if e, ok := errors.AsType[*azure.Error](err); !ok || e.Scope != want {
				t.Errorf("%q: %v, want %v", header, err, want)
			}
		}
	}
}
