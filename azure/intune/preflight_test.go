package intune_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
)

// told writes findings down, one a line: check, state, what was seen.
func told(findings []azure.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(strings.TrimPrefix(f.Check, "intune: ") + ": " + f.State.String() + ": " + f.Saw + "\n")
	}
	return b.String()
}

const healthy = `token for Microsoft Graph: passed: a token until 2000-01-01T01:00:00Z
token for the partner services: passed: a token until 2000-01-01T01:00:00Z
credential's end: not-possible: this kind of credential does not say when it ends
clock: passed: differs from Microsoft's by 0s
look up users: passed: permitted: a user that does not exist was answered 404
addresses of the services: passed: both services are published
report devices: passed: permitted: a message that does not exist was answered 404
manage policies: passed: every platform in use has one
partner in the tenant: passed: state enabled, last heartbeat 2000-01-01T00:00:00Z
partner in the tenant, ios: passed: onboarded, 1 assignments
partner in the tenant, macos: passed: onboarded, 1 assignments
`

// Each thing that can be missing, and the findings that change by it.
func TestPreflight(t *testing.T) {
	const partners = "/complianceManagementPartners"
	partner := func(text string) func(*microsoft, seen) (*http.Response, error) {
		return func(_ *microsoft, s seen) (*http.Response, error) {
			if strings.HasSuffix(s.url, partners) {
				return reply(200, `{"value":[`+text+`]}`), nil
			}
			return nil, nil
		}
	}
	for _, tc := range []struct {
		name  string
		hook  func(*microsoft, seen) (*http.Response, error)
		cred  failing
		o     intune.Options
		want  map[string]string // by the line's beginning; "": the line is gone
		extra string
	}{
		{name: "all is well"},
		{
			name: "no token for Graph", cred: failing{graph: "AADSTS7000222: expired"},
			want: map[string]string{
				"token for Microsoft Graph": "failed: unauthorized (AADSTS7000222): no token: the client secret has expired: make a new one",
				"clock":                     "not-possible: not checked, since token for Microsoft Graph failed",
				"look up users":             "not-possible: not checked, since token for Microsoft Graph failed",
				"addresses of the services": "not-possible: not checked, since token for Microsoft Graph failed",
				"report devices":            "not-possible: not checked, since token for Microsoft Graph failed",
				"manage policies":           "not-possible: not checked, since token for Microsoft Graph failed",
				"partner in the tenant:":    "not-possible: not checked, since token for Microsoft Graph failed",
				"partner in the tenant, i":  "", "partner in the tenant, m": "",
			},
		},
		{
			name: "no token for the services", cred: failing{partner: "AADSTS65001: consent"},
			want: map[string]string{
				"token for the partner services": "failed: unauthorized (AADSTS65001): no token: an administrator of the tenant has not consented to the application",
				"report devices":                 "not-possible: not checked, since token for the partner services failed",
				"manage policies":                "not-possible: not checked, since token for the partner services failed",
			},
		},
		{
			name: "Graph throttles", hook: func(_ *microsoft, s seen) (*http.Response, error) {
				if strings.Contains(s.url, "/users/") {
					return reply(429, ""), nil
				}
				return nil, nil
			},
			want: map[string]string{"look up users": "not-possible: throttled (429)"},
		},
		{
			name: "no permission to look up users", hook: func(_ *microsoft, s seen) (*http.Response, error) {
				if strings.Contains(s.url, "/users/") {
					return reply(403, `{"error":{"code":"Authorization_RequestDenied"}}`), nil
				}
				return nil, nil
			},
			want: map[string]string{"look up users": "failed: forbidden (403 Authorization_RequestDenied)"},
		},
		{
			name: "Graph out of reach", hook: func(_ *microsoft, s seen) (*http.Response, error) {
				if s.is("graph") {
					return nil, context.DeadlineExceeded
				}
				return nil, nil
			},
			want: map[string]string{
				"clock":                     "not-possible: not checked, since look up users failed",
				"look up users":             "failed: unavailable: no answer within the time limit of one try",
				"addresses of the services": "failed: unavailable: no answer within the time limit of one try",
				"report devices":            "not-possible: not checked, since addresses of the services failed",
				"manage policies":           "not-possible: not checked, since addresses of the services failed",
				"partner in the tenant:":    "failed: unavailable: no answer within the time limit of one try",
				"partner in the tenant, i":  "", "partner in the tenant, m": "",
			},
		},
		{
			name: "no permission to discover", hook: answering("discovery", 403, `{"error":{"code":"Authorization_RequestDenied"}}`),
			want: map[string]string{
				"addresses of the services": "failed: forbidden (403 Authorization_RequestDenied)",
				"report devices":            "not-possible: not checked, since addresses of the services failed",
				"manage policies":           "not-possible: not checked, since addresses of the services failed",
			},
		},
		{
			name: "no device service", hook: answering("discovery", 200, `{"value":[{"id":"`+group1+`","providerName":"PartnerTenantDataSyncService","uri":"https://fef.8a4e7f4c.manage.microsoft.com/StatelessTenant"}]}`),
			want: map[string]string{
				"addresses of the services": "failed: the tenant publishes no PartnerDeviceDataSyncService",
				"report devices":            "not-possible: not checked, since addresses of the services failed",
			},
		},
		{
			name: "no tenant service", hook: answering("discovery", 200, `{"value":[{"id":"`+group1+`","providerName":"PartnerDeviceDataSyncService","uri":"https://fef.8a4e7f4c.manage.microsoft.com/StatelessDevice"}]}`),
			want: map[string]string{
				"addresses of the services": "failed: the tenant publishes no PartnerTenantDataSyncService",
				"manage policies":           "not-possible: not checked, since addresses of the services failed",
			},
		},
		{
			name: "no permission to report", hook: answering("status", 403, ""),
			want: map[string]string{"report devices": "failed: forbidden (403)"},
		},
		{
			name: "the services out of reach", hook: func(_ *microsoft, s seen) (*http.Response, error) {
				if !s.is("graph") {
					return nil, context.DeadlineExceeded
				}
				return nil, nil
			},
			want: map[string]string{
				"report devices":  "failed: unavailable: no answer within the time limit of one try",
				"manage policies": "failed: unavailable: no answer within the time limit of one try",
			},
		},
		{
			name: "no permission to manage policies", hook: answering("policies", 403, ""),
			want: map[string]string{"manage policies": "failed: forbidden (403)"},
		},
		{
			name: "policies missing", hook: answering("policies", 200, `{"value":[{"Id":"`+group1+`","Platform":"macos"}]}`),
			want: map[string]string{"manage policies": "failed: no policy for ios"},
		},
		{
			name: "no permission to see partners", hook: func(_ *microsoft, s seen) (*http.Response, error) {
				if strings.HasSuffix(s.url, partners) {
					return reply(403, `{"error":{"code":"Forbidden"}}`), nil
				}
				return nil, nil
			},
			want: map[string]string{"partner in the tenant:": "failed: forbidden (403 Forbidden)", "partner in the tenant, i": "", "partner in the tenant, m": ""},
		},
		{
			name: "no partner", hook: partner(""),
			want: map[string]string{"partner in the tenant:": "failed: the tenant has no such compliance partner", "partner in the tenant, i": "", "partner in the tenant, m": ""},
		},
		{
			name: "another partner", o: intune.Options{PartnerID: user1},
			want: map[string]string{"partner in the tenant:": "failed: the tenant has no such compliance partner", "partner in the tenant, i": "", "partner in the tenant, m": ""},
		},
		{
			name: "a partner that is unwell", hook: partner(`{"partnerState":"unresponsive","lastHeartbeatDateTime":"1999-12-30T00:00:00Z","iosOnboarded":true}`),
			want: map[string]string{
				"partner in the tenant:":   "failed: state unresponsive, last heartbeat 1999-12-30T00:00:00Z",
				"partner in the tenant, i": "failed: onboarded, assigned to nobody",
				"partner in the tenant, m": "failed: not onboarded",
			},
		},
		{
			name: "an old heartbeat", hook: partner(`{"partnerState":"enabled","lastHeartbeatDateTime":"1999-12-30T00:00:00Z","iosOnboarded":true,"iosEnrollmentAssignments":[{},{}],"macOsOnboarded":true,"macOsEnrollmentAssignments":[{}]}`),
			want: map[string]string{
				"partner in the tenant:":   "failed: state enabled, last heartbeat 1999-12-30T00:00:00Z",
				"partner in the tenant, i": "passed: onboarded, 2 assignments",
			},
		},
		{
			name: "no heartbeat", hook: partner(`{"partnerState":"enabled","lastHeartbeatDateTime":"0001-01-01T00:00:00Z","iosOnboarded":true,"iosEnrollmentAssignments":[{}],"macOsOnboarded":true,"macOsEnrollmentAssignments":[{}]}`),
			want: map[string]string{"partner in the tenant:": "failed: state enabled, no heartbeat"},
		},
		{
			name: "two partners", hook: partner(`{"id":"a","partnerState":"enabled","lastHeartbeatDateTime":"2000-01-01T00:00:00Z"},{"id":"<b>","partnerState":"<x>"}`),
			want: map[string]string{"partner in the tenant:": "", "partner in the tenant, i": "", "partner in the tenant, m": ""},
			extra: "partner in the tenant a: passed: state enabled, last heartbeat 2000-01-01T00:00:00Z\n" +
				"partner in the tenant a, ios: failed: not onboarded\npartner in the tenant a, macos: failed: not onboarded\n" +
				"partner in the tenant : failed: state , no heartbeat\n" +
				"partner in the tenant , ios: failed: not onboarded\npartner in the tenant , macos: failed: not onboarded\n",
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMicrosoft(t)
			for _, p := range []string{"iOS", "macOS"} {
				tenant := m.tenantOf(tenantA)
				tenant.policies = append(tenant.policies, map[string]any{"Id": group1, "Platform": p})
			}
			m.hook = tc.hook
			tc.cred.microsoft = m
			tc.o.Transport, tc.o.Retry = m, once
			r, err := intune.New(&tc.cred, &tc.o)
			require.NoError(t, err)
			before := m.tenants[tenantA].policies
			found := r.Preflight(t.Context(), strings.ToUpper(tenantA), azure.PlatformWindows, azure.PlatformIOS, azure.PlatformMacOS)
			var want strings.Builder
			for line := range strings.Lines(healthy) {
				for start, text := range tc.want {
					if strings.HasPrefix(line, start) {
						check, _, _ := strings.Cut(line, ": ")
						line = check + ": " + text + "\n"
						if text == "" {
							line = ""
						}
						break
					}
				}
				want.WriteString(line)
			}
			want.WriteString(tc.extra)
			if diff := cmp.Diff(want.String(), told(found)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.name, diff)
			}
			for _, f := range found {
				if (f.State == azure.CheckPassed) != (f.Advice == "") {
					t.Errorf("%s: %s is %v with the advice %q", tc.name, f.Check, f.State, f.Advice)
				}
			}
			for _, s := range m.requests {
				if s.method != "GET" {
					t.Errorf("%s: %s %s writes", tc.name, s.method, s.url)
				}
			}
			if diff := cmp.Diff(before, m.tenants[tenantA].policies); diff != "" {
				t.Errorf("%s: something changed:\n%s", tc.name, diff)
			}
		})
	}
}

// A tenant that is none, and a caller that has gone.
func TestPreflightWithoutCalls(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	if diff := cmp.Diff("tenant: failed: the tenant's id is not a GUID\n", told(r.Preflight(t.Context(), upn1, azure.PlatformIOS))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, f := range r.Preflight(ctx, tenantA, azure.PlatformIOS) {
		if f.State != azure.CheckNotPossible {
			t.Errorf("%s: %v: %s", f.Check, f.State, f.Saw)
		}
	}
	if m.calls() != 0 {
		t.Errorf("%d calls", m.calls())
	}
}

// A clock that is wrong is found, from whatever Graph answers.
func TestPreflightClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(t)
		late := transport(func(req *http.Request) (*http.Response, error) {
			resp, err := m.Do(req)
			if err == nil {
				resp.Header.Set("Date", time.Now().Add(-6*time.Minute).UTC().Format(http.TimeFormat))
			}
			return resp, err
		})
		o := &intune.Options{}
		o.Transport, o.Retry = late, once
		r, err := intune.New(m, o)
		require.NoError(t, err)
		if got := told(r.Preflight(t.Context(), tenantA, azure.PlatformIOS)); !strings.Contains(got, "clock: failed: this machine's clock differs from Microsoft's by 6m0s\n") {
			t.Error(got)
		}
	})
}
