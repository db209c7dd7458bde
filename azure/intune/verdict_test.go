package intune_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// A 200 is no acceptance: the verdict in its body is.
func TestVerdict(t *testing.T) {
	const refused, none = "rejected (device, refused)", "unexpected (device, unknown)"
	for _, tc := range []struct{ body, want, code string }{
		{`{"ErrorCode":"202"}`, "", ""},
		{`{"ErrorCode":202}`, "", ""},
		{`{"ErrorCode":"\u0032\u00302"}`, "", ""},
		{`{"Key":1,"errorcode":"202","ErrorDetail":{"x":1}}`, "", ""},
		{`{"ErrorCode":"InvalidDevice","ErrorDetail":"a sentence"}`, refused, "InvalidDevice"},
		{`{"ErrorCode":17}`, refused, "17"},
		{`{"ErrorCode":"2020"}`, refused, "2020"},
		{`{"ErrorCode":"200"}`, refused, "200"},
		{`{"ErrorCode":-202}`, refused, "-202"},
		{`{"ErrorCode":400}`, refused, "400"},
		{`{"ErrorCode":"404"}`, refused, "404"},
		{`{"ErrorCode":{"a":"202"}}`, refused, ""},
		{`{"ErrorCode":true}`, refused, "true"},
		{`{"ErrorCode":"401"}`, "unauthorized (tenant, refused)", "401"},
		{`{"ErrorCode":403}`, "forbidden (tenant, refused)", "403"},
		{`{"ErrorCode":"429"}`, "throttled (tenant, unknown)", "429"},
		{`{"ErrorCode":"503"}`, "unavailable (service, unknown)", "503"},
		{`{}`, none, ""},
		{`{"ErrorCode":null}`, none, ""},
		{`{"ErrorCode":""}`, none, ""},
		{`null`, none, ""},
		{`[]`, none, ""},
		{`202`, none, ""},
		{`<html>202</html>`, none, ""},
		{`{"ErrorCode":"202"`, none, ""},
		{``, none, ""},
	} {
		m := newMicrosoft(t)
		m.hook = answering("upload", http.StatusOK, tc.body)
		receipt, err := m.reporter(t, nil).Report(t.Context(), report1(compliance.StateCompliant))
		got := ""
		if err != nil {
			got = summary(err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.body, diff)
		}
		if e, ok := errors.AsType[*azure.Error](err); ok && (e.ErrorCode != tc.code || e.StatusCode != 200 || e.ClientRequestID == "" || receipt.Channel != "") {
			t.Errorf("%s: %v, want the code %q; receipt %+v", tc.body, e, tc.code, receipt)
		}
	}
}

// The sentence beside a refusal is the administrator's, without the names of
// the report; what is no sentence is shown as it came.
func TestRefusalDetail(t *testing.T) {
	for body, want := range map[string]string{
		`{"ErrorCode":"9","ErrorDetail":"ANNA-PHONE of anna@contoso.example is unknown"}`: "[redacted] of [redacted] is unknown",
		`{"ErrorCode":"9","ErrorDetail":{"why":"unknown"}}`:                               `{"why":"unknown"}`,
		`{"ErrorCode":"9","ErrorDetail":null}`:                                            "",
		`{"ErrorCode":"9"}`:                                                               "",
	} {
		m := newMicrosoft(t)
		m.hook = answering("upload", http.StatusOK, body)
		report := report1(compliance.StateCompliant)
		report.Inventory.DeviceName = "Anna-Phone"
		_, err := m.reporter(t, nil).Report(t.Context(), report)
		if e, ok := errors.AsType[*azure.Error](err); !ok || e.Detail != want {
			t.Errorf("%s: %v, want the detail %q", body, err, want)
		}
	}
}

// What the HTTP status says where there is no verdict.
func TestUploadStatus(t *testing.T) {
	for status, want := range map[int]string{
		204: "unexpected (device, unknown)", 302: "unexpected (service, unknown)", 400: "rejected (device, refused)",
		401: "unauthorized (tenant, refused)", 403: "forbidden (tenant, refused)", 404: "unexpected (tenant, unknown)",
		409: "conflict (device, refused)", 429: "throttled (tenant, unknown)", 500: "unavailable (service, unknown)", 503: "unavailable (service, unknown)",
	} {
		m := newMicrosoft(t)
		m.hook = answering("upload", status, "", "Retry-After", "7", "Location", "https://evil.example/")
		_, err := m.reporter(t, nil).Report(t.Context(), report1(compliance.StateCompliant))
		if diff := cmp.Diff(want, summary(err)); diff != "" {
			t.Errorf("%d (-want +got):\n%s", status, diff)
		}
		if e, _ := errors.AsType[*azure.Error](err); e == nil || e.RetryAfter != 7*time.Second || m.count("upload") != 1 {
			t.Errorf("%d: %v after %d uploads", status, err, m.count("upload"))
		}
	}
}

// breaking is a body whose connection breaks at its end.
type breaking struct{ io.ReadCloser }

func (b breaking) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// An answer that breaks off is none.
func TestVerdictCutOff(t *testing.T) {
	m := newMicrosoft(t)
	m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
		if !s.is("upload") {
			return nil, nil
		}
		resp := reply(200, `{"ErrorCode":"2`)
		resp.Body = breaking{resp.Body}
		return resp, nil
	}
	_, err := m.reporter(t, nil).Report(t.Context(), report1(compliance.StateCompliant))
	if diff := cmp.Diff("unavailable (service, unknown)", summary(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
