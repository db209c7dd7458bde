package intune_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
)

// Made once, found ever after, one for each text that Microsoft knows.
func TestEnsurePolicy(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, &intune.Options{PolicyTexts: map[azure.Platform]string{azure.PlatformAndroid: "AndroidEnterprise"}})
	const first, second, third = "66666666-0000-4000-8000-000000000001", "66666666-0000-4000-8000-000000000002", "66666666-0000-4000-8000-000000000003"
	for _, tc := range []struct {
		platform azure.Platform
		name     string
		want     intune.Policy
	}{
		{azure.PlatformMacOS, "Macs", intune.Policy{ID: first, DisplayName: "Macs", Description: "by us", Platform: "macOS"}},
		{azure.PlatformMacOS, "Other", intune.Policy{ID: first, DisplayName: "Macs", Description: "by us", Platform: "macOS"}},
		{azure.PlatformIOS, "Phones", intune.Policy{ID: second, DisplayName: "Phones", Description: "by us", Platform: "iOS"}},
		{azure.PlatformIPadOS, "Tablets", intune.Policy{ID: second, DisplayName: "Phones", Description: "by us", Platform: "iOS"}},
		{azure.PlatformAndroid, "Robots", intune.Policy{ID: third, DisplayName: "Robots", Description: "by us", Platform: "AndroidEnterprise"}},
	} {
		got, err := r.EnsurePolicy(t.Context(), tenantA, tc.platform, tc.name, "by us")
		require.NoError(t, err)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tc.platform, diff)
		}
	}
	var made []string
	for _, s := range m.of("policies") {
		if s.method == "POST" {
			made = append(made, s.body)
		}
		if want := "https://fef.8a4e7f4c.manage.microsoft.com/StatelessTenant/PartnerCompliancePolicies?api-version=1.6"; s.url != want {
			t.Errorf("%s, want %s", s.url, want)
		}
	}
	want := []string{
		`{"Description":"by us","DisplayName":"Macs","PartnerManagedCompliance":true,"Platform":"macOS"}`,
		`{"Description":"by us","DisplayName":"Phones","PartnerManagedCompliance":true,"Platform":"iOS"}`,
		`{"Description":"by us","DisplayName":"Robots","PartnerManagedCompliance":true,"Platform":"AndroidEnterprise"}`,
	}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Many at once make one: the others are told 409, and find it.
func TestEnsurePolicyAtOnce(t *testing.T) {
	m := newMicrosoft(t)
	const callers = 4
	var listed sync.WaitGroup
	listed.Add(callers)
	lists := 0
	var mu sync.Mutex
	m.hook = func(m *microsoft, s seen) (*http.Response, error) {
		if !s.is("policies") || s.method != "GET" {
			return nil, nil
		}
		mu.Lock()
		lists++
		early := lists <= callers
		mu.Unlock()
		if !early {
			return nil, nil
		}
		// None goes on before all have seen that there is no policy.
		listed.Done()
		listed.Wait()
		return reply(200, `{"value":[]}`), nil
	}
	r := m.reporter(t, nil)
	var group sync.WaitGroup
	found := make([]intune.Policy, callers)
	for i := range found {
		group.Go(func() {
			var err error
			if found[i], err = r.EnsurePolicy(t.Context(), tenantA, azure.PlatformMacOS, "Macs", ""); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, p := range found {
		if p != found[0] || p.ID == "" {
			t.Errorf("%+v and %+v", p, found[0])
		}
	}
	if n := len(m.tenants[tenantA].policies); n != 1 {
		t.Errorf("%d policies", n)
	}
	if n := m.count("discovery"); n != 2 {
		t.Errorf("a conflict cost %d calls of discovery", n-2)
	}
}

func TestPolicyFailures(t *testing.T) {
	const zero = `"00000000-0000-0000-0000-000000000000"`
	type answer struct {
		status int
		body   string
	}
	none := answer{200, `{"value":[]}`}
	for _, tc := range []struct {
		name       string
		list, made answer
		want       string
	}{
		{"204, an all-zero id", none, answer{204, `{"Id":` + zero + `}`}, "not_provisioned (tenant, refused)"},
		{"204, nothing", none, answer{204, ``}, "not_provisioned (tenant, refused)"},
		{"204 for the list as well", answer{204, ``}, answer{204, ``}, "not_provisioned (tenant, refused)"},
		{"201, an all-zero id", none, answer{201, `{"Id":` + zero + `}`}, "not_provisioned (tenant, refused)"},
		{"200, no id", none, answer{200, `{}`}, "not_provisioned (tenant, refused)"},
		{"201, not JSON", none, answer{201, `<html>`}, "unexpected (tenant, unknown)"},
		{"201, cut off", none, answer{201, `{"Id":"6666`}, "unexpected (tenant, unknown)"},
		{"201, nothing", none, answer{201, ``}, "unexpected (tenant, unknown)"},
		{"409, and it is not there", none, answer{409, ``}, "unexpected (tenant, unknown)"},
		{"400", none, answer{400, `{"error":{"code":"Bad"}}`}, "rejected (tenant, refused)"},
		{"403", none, answer{403, ``}, "forbidden (tenant, refused)"},
		{"404", none, answer{404, ``}, "unexpected (tenant, unknown)"},
		{"503", none, answer{503, ``}, "unavailable (service, unknown)"},
		{"a list that is none", answer{200, `{"value":{}}`}, answer{}, "unexpected (tenant, unknown)"},
		{"a list cut off", answer{200, `{"value":[{"Id"`}, answer{}, "unexpected (tenant, unknown)"},
		{"a list refused", answer{403, ``}, answer{}, "forbidden (tenant, refused)"},
		{"a list with an all-zero id", answer{200, `{"value":[{"Id":` + zero + `,"Platform":"macOS"}]}`}, answer{204, ``}, "not_provisioned (tenant, refused)"},
	} {
		m := newMicrosoft(t)
		m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
			switch {
			case !s.is("policies"):
				return nil, nil
			case s.method == "GET":
				return reply(tc.list.status, tc.list.body), nil
			}
			return reply(tc.made.status, tc.made.body), nil
		}
		p, err := m.reporter(t, nil).EnsurePolicy(t.Context(), tenantA, azure.PlatformMacOS, "Macs", "")
		if diff := cmp.Diff(tc.want, summary(err)); diff != "" || p != (intune.Policy{}) {
			t.Errorf("%s: %+v (-want +got):\n%s", tc.name, p, diff)
		}
	}
}

// What is not sent at all.
func TestPolicyInvalid(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	for _, p := range []azure.Platform{azure.PlatformWindows, azure.PlatformUnspecified, 99} {
		if _, err := r.EnsurePolicy(t.Context(), tenantA, p, "name", ""); summary(err) != "invalid (tenant, not-sent)" {
			t.Errorf("%v: %v", p, err)
		}
	}
	_, unnamed := r.EnsurePolicy(t.Context(), tenantA, azure.PlatformIOS, "", "")
	for _, err := range []error{unnamed, r.AssignPolicy(t.Context(), tenantA, "x')/../y", group1), r.AssignPolicy(t.Context(), tenantA, group1, upn1)} {
		if summary(err) != "invalid (tenant, not-sent)" || strings.Contains(err.Error(), "anna") {
			t.Error(err)
		}
	}
	if m.calls() != 0 {
		t.Errorf("%d calls", m.calls())
	}
}

func TestAssignPolicy(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	p, err := r.EnsurePolicy(t.Context(), tenantA, azure.PlatformMacOS, "Macs", "")
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, r.AssignPolicy(t.Context(), tenantA, strings.ToUpper(p.ID), strings.ToUpper(group1)))
	}
	if diff := cmp.Diff(map[string][]string{p.ID: {group1}}, m.tenants[tenantA].assigned); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	last := m.requests[len(m.requests)-1]
	if want := "https://fef.8a4e7f4c.manage.microsoft.com/StatelessTenant/PartnerCompliancePolicies(guid'" + p.ID + "')/Assign?api-version=1.6"; last.url != want || last.body != `{"assignments":["`+group1+`"]}` {
		t.Errorf("%s %s, want %s", last.url, last.body, want)
	}
	if err := r.AssignPolicy(t.Context(), tenantA, group1, group1); summary(err) != "unexpected (tenant, unknown)" {
		t.Errorf("a policy that is not there: %v", err)
	}
}

func TestAssignFailures(t *testing.T) {
	for _, tc := range []struct {
		status     int
		body, want string
	}{
		{200, `{"value":"{\"assignments\":[\"` + strings.ToUpper(group1) + `\"]}"}`, ""},
		{200, `{"value":"{\"assignments\":[\"` + user1 + `\",\"` + group1 + `\"]}"}`, ""},
		{200, `{"value":"{\"assignments\":[\"` + user1 + `\"]}"}`, "unexpected (tenant, unknown)"},
		{200, `{"value":"{\"assignments\":[]}"}`, "unexpected (tenant, unknown)"},
		{200, `{"value":"{\"assign`, "unexpected (tenant, unknown)"},
		{200, `{"value":"<html>"}`, "unexpected (tenant, unknown)"},
		{200, `{"value":{"assignments":["` + group1 + `"]}}`, "unexpected (tenant, unknown)"},
		{200, `{}`, "unexpected (tenant, unknown)"},
		{204, ``, "not_provisioned (tenant, refused)"},
		{204, `{"Id":"00000000-0000-0000-0000-000000000000"}`, "not_provisioned (tenant, refused)"},
		{400, ``, "rejected (tenant, refused)"},
		{409, ``, "conflict (tenant, refused)"},
		{403, ``, "forbidden (tenant, refused)"},
		{500, ``, "unavailable (service, unknown)"},
	} {
		m := newMicrosoft(t)
		m.hook = answering("policies", tc.status, tc.body)
		err := m.reporter(t, nil).AssignPolicy(t.Context(), tenantA, group1, group1)
		got := ""
		if err != nil {
			got = summary(err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%d %s (-want +got):\n%s", tc.status, tc.body, diff)
		}
	}
}
