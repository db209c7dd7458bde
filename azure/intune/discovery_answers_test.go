package intune_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/compliance"
)

const principals = `{"value":[{"id":"` + group1 + `"}]}`

// What Microsoft Graph may answer, and whom it concerns: never a device.
func TestDiscoveryAnswers(t *testing.T) {
	entry := func(name, uri string) string { return fmt.Sprintf(`{"providerName":%q,"uri":%q}`, name, uri) }
	list := func(entries ...string) string { return `{"value":[` + strings.Join(entries, ",") + `]}` }
	const device, tenant = "PartnerDeviceDataSyncService", "PartnerTenantDataSyncService"
	for _, tc := range []struct {
		name                  string
		status                int
		principals, endpoints string
		want                  string
	}{
		{"no Intune", 200, `{"value":[]}`, "", "not_provisioned (tenant, not-sent)"},
		{"a principal that is no GUID", 200, `{"value":[{"id":"../users"}]}`, "", "not_provisioned (tenant, not-sent)"},
		{"not JSON", 200, `<html>`, "", "unexpected (tenant, not-sent)"},
		{"cut off", 200, principals, `{"value":[{"providerName":"Part`, "unexpected (tenant, not-sent)"},
		{"another type", 200, principals, `{"value":7}`, "unexpected (tenant, not-sent)"},
		{"no services", 200, principals, `{"value":[]}`, "not_provisioned (tenant, not-sent)"},
		{"other services", 200, principals, list(entry("Other", "https://a.manage.microsoft.com")), "not_provisioned (tenant, not-sent)"},
		{"half of them", 200, principals, list(entry(tenant, "https://a.manage.microsoft.com")), "not_provisioned (tenant, not-sent)"},
		{"a hostile one", 200, principals, list(entry(device, "https://evil.example/")), "unexpected (tenant, not-sent)"},
		{"a hostile one beside a good one", 200, principals, list(entry(tenant, "https://a.manage.microsoft.com"), entry(device, "http://a.manage.microsoft.com")), "unexpected (tenant, not-sent)"},
		{"forbidden", 403, `{"error":{"code":"Authorization_RequestDenied"}}`, "", "forbidden (tenant, not-sent)"},
		{"unknown", 404, "", "", "unexpected (tenant, not-sent)"},
		{"refused", 400, "", "", "unexpected (tenant, not-sent)"},
		{"in conflict", 409, "", "", "conflict (tenant, not-sent)"},
		{"a redirect", 302, "", "", "unexpected (service, not-sent)"},
		{"throttled", 429, "", "", "throttled (tenant, not-sent)"},
		{"unavailable", 500, "", "", "unavailable (service, not-sent)"},
	} {
		m := newMicrosoft(t)
		m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
			if strings.HasSuffix(s.url, "/endpoints") {
				return reply(200, tc.endpoints), nil
			}
			return reply(tc.status, tc.principals, "Location", "https://evil.example/"), nil
		}
		r := m.reporter(t, nil)
		for range 2 { // nothing of it is kept
			before := m.calls()
			_, err := r.Report(t.Context(), report1(compliance.StateCompliant))
			if diff := cmp.Diff(tc.want, summary(err)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.name, diff)
			}
			if m.calls() == before {
				t.Errorf("%s: not asked again", tc.name)
			}
		}
	}
}

// A list in pages is read to its end, or to a bound, and only at Microsoft
// Graph.
func TestDiscoveryPaging(t *testing.T) {
	page := func(m *microsoft, n int, next string) string {
		text := `{"value":[{"providerName":"Other","uri":"x"}]`
		if n == 3 {
			text = strings.TrimSuffix(m.endpoints(tenantA), "}")
		}
		return text + `,"@odata.nextLink":"` + next + `"}`
	}
	for next, want := range map[string]string{
		"https://graph.microsoft.com/v1.0/servicePrincipals/x/endpoints?$skiptoken=%d": "",
		"https://graph.microsoft.com/v1.0/servicePrincipals/x/endpoints?page=2&n=%d0":  "",
		"https://graph.microsoft.com.evil.example/v1.0/%d":                             "not_provisioned (tenant, not-sent)",
		"https://graph.microsoft.com/v1.0@evil.example/%d":                             "not_provisioned (tenant, not-sent)",
		"http://graph.microsoft.com/v1.0/%d":                                           "not_provisioned (tenant, not-sent)",
		"/v1.0/%d":                                                                     "not_provisioned (tenant, not-sent)",
	} {
		m := newMicrosoft(t)
		pages := 0
		m.hook = func(m *microsoft, s seen) (*http.Response, error) {
			if !s.is("graph") || strings.Contains(s.url, "filter") {
				return nil, nil
			}
			pages++
			return reply(200, page(m, pages, fmt.Sprintf(next, pages))), nil
		}
		_, err := m.reporter(t, nil).Report(t.Context(), report1(compliance.StateCompliant))
		got := ""
		if err != nil {
			got = summary(err)
		}
		if diff := cmp.Diff(want, got); diff != "" || pages > 10 {
			t.Errorf("%s: %d pages (-want +got):\n%s", next, pages, diff)
		}
	}
}

// A simulator's or a relay's host is trusted by code.
func TestTrustedHosts(t *testing.T) {
	for _, tc := range []struct {
		hosts []string
		want  string
	}{
		{nil, "unexpected (tenant, not-sent)"},
		{[]string{"other.example"}, "unexpected (tenant, not-sent)"},
		{[]string{"RELAY.example:8443"}, ""},
	} {
		m := newMicrosoft(t)
		relayed := 0
		m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
			if strings.HasSuffix(s.url, "/endpoints") {
				return reply(200, `{"value":[{"providerName":"PartnerDeviceDataSyncService","uri":"https://relay.example:8443/d"}]}`), nil
			}
			return nil, nil
		}
		o := &intune.Options{TrustedHosts: tc.hosts}
		o.Retry = once
		o.Transport = transport(func(req *http.Request) (*http.Response, error) {
			if req.URL.Host == "relay.example:8443" {
				relayed++
				return reply(200, `{"ErrorCode":"202"}`), nil
			}
			return m.Do(req)
		})
		r, err := intune.New(m, o)
		require.NoError(t, err)
		_, err = r.Report(t.Context(), report1(compliance.StateCompliant))
		got := ""
		if err != nil {
			got = summary(err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || (relayed == 1) != (tc.want == "") {
			t.Errorf("%v: %d at the relay (-want +got):\n%s", tc.hosts, relayed, diff)
		}
	}
}

// transport is a transport by a function.
type transport func(*http.Request) (*http.Response, error)

func (f transport) Do(req *http.Request) (*http.Response, error) { return f(req) }
