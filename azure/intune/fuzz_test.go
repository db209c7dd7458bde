package intune_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// wellFormed holds an error against what every error of the channel keeps.
func wellFormed(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	e, ok := errors.AsType[*azure.Error](err)
	if !ok || e.Kind == "" || e.Scope == azure.ScopeUnspecified || e.Outcome == azure.OutcomeUnspecified {
		t.Fatalf("%T: %v", err, err)
	}
	if text := e.Error(); len(text) > 2000 || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		t.Errorf("%q", text)
	}
	if len([]rune(e.Detail)) > 500 {
		t.Errorf("a detail of %d bytes", len(e.Detail))
	}
}

// Whatever the verdict, only 202 is an acceptance.
func FuzzVerdict(f *testing.F) {
	for _, body := range []string{`{"ErrorCode":"202"}`, `{"ErrorCode":202}`, `{"ErrorCode":"x","ErrorDetail":{}}`, `{"ErrorCode":4e2}`, `[]`, ``, `{"errorcode":"202","ErrorCode":1}`} {
		f.Add(uint16(200), body)
	}
	f.Fuzz(func(t *testing.T, code uint16, body string) {
		code = 200 + code%400
		m := newMicrosoft(t)
		m.hook = answering("upload", int(code), body)
		receipt, err := m.reporter(t, nil).Report(t.Context(), report1(compliance.StateCompliant))
		wellFormed(t, err)
		if err == nil && (code > 299 || !strings.Contains(strings.ToLower(body), "errorcode") || receipt.State != status.InProgress) {
			t.Errorf("%d %q was taken for an acceptance", code, body)
		}
		if err != nil && receipt.Channel != "" {
			t.Errorf("%+v beside %v", receipt, err)
		}
	})
}

// Whatever the status, the receipt stays that of its message.
func FuzzStatus(f *testing.F) {
	for _, body := range []string{`{"Status":"Completed"}`, `{"Status":"Failed","ErrorCode":4,"ErrorDetail":"x"}`, `{"Status":"Processing"}`, `{"Status":7}`, `{"Status":"Failed","ErrorCode":"429"}`} {
		f.Add(uint16(0), body)
	}
	f.Add(uint16(204), ``)
	f.Fuzz(func(t *testing.T, code uint16, body string) {
		code = 200 + code%400
		m := newMicrosoft(t)
		m.hook = answering("status", int(code), body)
		given := pending()
		got, err := m.reporter(t, nil).Check(t.Context(), given)
		wellFormed(t, err)
		if got.MessageID != given.MessageID || got.Channel != given.Channel || err != nil && (got.State != given.State || got.Failure != nil) {
			t.Errorf("%+v, %v", got, err)
		}
		if (got.State == status.Failed) != (got.Failure != nil) || got.State == status.Successful && !strings.Contains(body, "Completed") && !strings.Contains(body, `\u`) {
			t.Errorf("%q: %+v", body, got)
		}
		if got.Failure != nil {
			wellFormed(t, got.Failure)
		}
	})
}

// Whatever discovery answers, no token goes elsewhere: the stub sees to that.
func FuzzDiscovery(f *testing.F) {
	f.Add(`{"value":[{"id":"`+group1+`"}]}`, `{"value":[{"providerName":"PartnerDeviceDataSyncService","uri":"https://evil.example"}]}`)
	f.Add(`{"value":[{"id":"`+group1+`"}]}`, `{"value":[{"providerName":"PartnerDeviceDataSyncService","uri":"https://fef.8a4e7f4c.manage.microsoft.com/StatelessDevice"}],"@odata.nextLink":"https://graph.microsoft.com/v1.0/x"}`)
	f.Add(`{"value":null}`, ``)
	f.Fuzz(func(t *testing.T, principals, endpoints string) {
		m := newMicrosoft(t)
		m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
			switch {
			case strings.Contains(s.url, "filter"):
				return reply(200, principals), nil
			case s.is("graph"):
				return reply(200, endpoints), nil
			}
			return reply(200, `{"ErrorCode":"202"}`), nil
		}
		o := optionsOf(m)
		o.Transport = transport(func(req *http.Request) (*http.Response, error) {
			host := req.URL.Hostname()
			if req.URL.Scheme != "https" || host != "graph.microsoft.com" && host != "manage.microsoft.com" && !strings.HasSuffix(host, ".manage.microsoft.com") {
				t.Errorf("a token went to %s", req.URL)
			}
			return m.hook(m, seen{url: req.URL.String(), method: req.Method})
		})
		r := reporterOf(t, m, o)
		_, err := r.Report(t.Context(), report1(compliance.StateCompliant))
		wellFormed(t, err)
	})
}

// Whatever a lookup answers, what is sent as UserId is a GUID.
func FuzzUser(f *testing.F) {
	for _, body := range []string{`{"responses":[{"id":"1","status":200,"body":{"id":"` + user1 + `"}}]}`, `{"responses":[{"id":"1","status":404,"headers":{"Retry-After":"3","X":null}}]}`, `{"responses":[{}]}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		m := newMicrosoft(t)
		m.hook = answering("users", 200, body)
		_, err := m.reporter(t, nil).Report(t.Context(), named(compliance.StateCompliant, upn1))
		wellFormed(t, err)
		if err == nil && len(m.devices[tenantA+" "+device1].UserID) != 36 {
			t.Errorf("UserId %q", m.devices[tenantA+" "+device1].UserID)
		}
	})
}

// Whatever the tenant service and Graph say of a tenant's set-up.
func FuzzTenantAnswers(f *testing.F) {
	for _, body := range []string{`{"Provisioned":1,"HttpStatusCode":200}`, `{"Id":"` + group1 + `"}`, `{"value":[{"Id":"` + group1 + `","Platform":"ios"}]}`,
		`{"value":"{\"assignments\":[\"` + group1 + `\"]}"}`, `{"value":[{"partnerState":"enabled","lastHeartbeatDateTime":"2026-01-01T00:00:00Z"}]}`} {
		f.Add(uint16(0), body)
	}
	f.Fuzz(func(t *testing.T, code uint16, body string) {
		code = 200 + code%400
		m := newMicrosoft(t)
		m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
			if s.is("discovery") {
				return nil, nil
			}
			return reply(int(code), body), nil
		}
		r := m.reporter(t, nil)
		p, err := r.EnsurePolicy(t.Context(), tenantA, azure.PlatformIOS, "name", "")
		wellFormed(t, err)
		if err == nil && len(p.ID) != 36 {
			t.Errorf("%+v of %q", p, body)
		}
		wellFormed(t, r.Provision(t.Context(), tenantA, pages))
		wellFormed(t, r.Deprovision(t.Context(), tenantA))
		wellFormed(t, r.AssignPolicy(t.Context(), tenantA, group1, group1))
		for _, finding := range r.Preflight(t.Context(), tenantA, azure.PlatformIOS) {
			if strings.ContainsFunc(finding.Check+finding.Saw, func(c rune) bool { return !unicode.IsPrint(c) }) {
				t.Errorf("%+v", finding)
			}
		}
	})
}
