package intune_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
)

var pages = intune.Provisioning{EnrollmentURL: "https://mdm.example/enroll", RemediationURL: "https://mdm.example/why"}

// Provisioned, again, and off: what is sent and what stands then.
func TestProvision(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	upper := strings.ToUpper(tenantA)
	require.NoError(t, r.Provision(t.Context(), upper, pages))
	require.NoError(t, r.Provision(t.Context(), tenantA, pages))
	if n := m.tenants[tenantA].provisioned; n != 1 {
		t.Errorf("provisioned %d", n)
	}
	require.NoError(t, r.Deprovision(t.Context(), tenantA))
	require.NoError(t, r.Deprovision(t.Context(), tenantA))
	if n := m.tenants[tenantA].provisioned; n != 2 {
		t.Errorf("provisioned %d", n)
	}
	const on = `{"PartnerEnrollmentUrl":"https://mdm.example/enroll","PartnerRemediationUrl":"https://mdm.example/why","Provisioned":1}`
	var got []string
	for _, s := range m.of("provision") {
		if want := "https://fef.8a4e7f4c.manage.microsoft.com/StatelessTenant/PartnerTenants(guid'" + tenantA + "')?api-version=1.6"; s.url != want || s.method != "PUT" {
			t.Errorf("%s %s, want %s", s.method, s.url, want)
		}
		got = append(got, s.body)
	}
	if diff := cmp.Diff([]string{on, on, `{"Provisioned":2}`, `{"Provisioned":2}`}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Every failure, those inside a 200 among them.
func TestProvisionFailures(t *testing.T) {
	const refused = "not_provisioned (tenant, refused)"
	for _, tc := range []struct {
		status    int
		body      string
		want      string
		code      int
		deprovion string // where it differs
	}{
		{200, `{"Provisioned":1,"HttpStatusCode":200,"ErrorDetail":null}`, "", 0, refused},
		{200, `{"Provisioned":1}`, "", 0, refused},
		{200, `{"Provisioned":2,"HttpStatusCode":200,"ErrorDetail":""}`, refused, 200, "none"},
		{200, `{"Provisioned":0,"HttpStatusCode":200,"ErrorDetail":null}`, refused, 200, ""},
		{200, `{"Provisioned":1,"HttpStatusCode":403,"ErrorDetail":null}`, refused, 403, ""},
		{200, `{"Provisioned":1,"HttpStatusCode":200,"ErrorDetail":"a sentence"}`, refused, 200, ""},
		{200, `{"Provisioned":1,"HttpStatusCode":200,"ErrorDetail":{"Code":1}}`, refused, 200, ""},
		{200, `{"Provisioned":0,"HttpStatusCode":500,"ErrorDetail":"later"}`, "unavailable (service, unknown)", 500, ""},
		{200, `{"Provisioned":0,"HttpStatusCode":429,"ErrorDetail":"later"}`, "throttled (tenant, unknown)", 429, ""},
		{200, `{}`, "unexpected (tenant, unknown)", 200, ""},
		{200, `{"HttpStatusCode":200}`, "unexpected (tenant, unknown)", 200, ""},
		{200, `{"Provisioned":"1"}`, "unexpected (tenant, unknown)", 200, ""},
		{200, `{"Provisioned":1`, "unexpected (tenant, unknown)", 200, ""},
		{200, `<html>`, "unexpected (tenant, unknown)", 200, ""},
		{204, ``, "unexpected (tenant, unknown)", 204, ""},
		{400, `{"error":{"code":"BadRequest"}}`, "rejected (tenant, refused)", 400, ""},
		{401, ``, "unauthorized (tenant, refused)", 401, ""},
		{403, ``, "forbidden (tenant, refused)", 403, ""},
		{404, ``, "unexpected (tenant, unknown)", 404, ""},
		{409, ``, "conflict (tenant, refused)", 409, ""},
		{429, ``, "throttled (tenant, unknown)", 429, ""},
		{503, ``, "unavailable (service, unknown)", 503, ""},
	} {
		m := newMicrosoft(t)
		m.hook = answering("provision", tc.status, tc.body)
		r := m.reporter(t, nil)
		off := tc.want
		switch tc.deprovion {
		case "none":
			off = ""
		case "":
		default:
			off = tc.deprovion
		}
		for want, err := range map[*string]error{&tc.want: r.Provision(t.Context(), tenantA, pages), &off: r.Deprovision(t.Context(), tenantA)} {
			got := ""
			if err != nil {
				got = summary(err)
			}
			if diff := cmp.Diff(*want, got); diff != "" {
				t.Errorf("%d %s (-want +got):\n%s", tc.status, tc.body, diff)
			}
			if e, ok := errors.AsType[*azure.Error](err); ok && tc.code != 0 && e.StatusCode != tc.code {
				t.Errorf("%d %s: %v, want status %d", tc.status, tc.body, e, tc.code)
			}
		}
	}
}

// What is refused before anything is sent.
func TestProvisionInvalid(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	for _, p := range []intune.Provisioning{
		{}, {EnrollmentURL: pages.EnrollmentURL}, {RemediationURL: pages.RemediationURL},
		{EnrollmentURL: "http://mdm.example", RemediationURL: pages.RemediationURL},
		{EnrollmentURL: pages.EnrollmentURL, RemediationURL: "https://"}, {EnrollmentURL: "%", RemediationURL: "mdm.example"},
	} {
		if got := summary(r.Provision(t.Context(), tenantA, p)); got != "invalid (tenant, not-sent)" {
			t.Errorf("%+v: %s", p, got)
		}
	}
	if err := r.Provision(t.Context(), tenantA, intune.Provisioning{}); !strings.Contains(err.Error(), "EnrollmentURL") || !strings.Contains(err.Error(), "RemediationURL") {
		t.Errorf("%v, want both pages named", err)
	}
	for _, id := range []string{"", "contoso.example", upn1, tenantA + "/.."} {
		errs := []error{r.Provision(t.Context(), id, pages), r.Deprovision(t.Context(), id), r.AssignPolicy(t.Context(), id, group1, group1)}
		_, err := r.EnsurePolicy(t.Context(), id, azure.PlatformIOS, "name", "")
		for _, err := range append(errs, err) {
			if got := summary(err); got != "invalid (tenant, not-sent)" || strings.Contains(err.Error(), "anna") {
				t.Errorf("tenant %q: %v", id, err)
			}
		}
	}
	if m.calls() != 0 {
		t.Errorf("%d calls", m.calls())
	}
}

// Without the tenant service nothing can be set up, and the administrator who
// adds it is not kept waiting for a day.
func TestProvisionWithoutService(t *testing.T) {
	m := newMicrosoft(t)
	m.hook = answering("discovery", 200, `{"value":[{"id":"`+group1+`","providerName":"PartnerDeviceDataSyncService","uri":"https://a.manage.microsoft.com"}]}`)
	r := m.reporter(t, nil)
	err := r.Provision(t.Context(), tenantA, pages)
	if got := summary(err); got != "not_provisioned (tenant, not-sent)" || !strings.Contains(err.Error(), "PartnerTenantDataSyncService") {
		t.Errorf("%v", err)
	}
	m.hook = nil
	require.NoError(t, r.Provision(t.Context(), tenantA, pages))
}
