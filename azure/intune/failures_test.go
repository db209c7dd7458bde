package intune_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// The known ways in which integrations with these services go wrong, one test
// each.

func TestFreshTokenAnswered401(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(t)
		left := 2
		m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
			if s.is("upload") && left > 0 {
				left--
				return reply(401, ""), nil
			}
			return nil, nil
		}
		r := m.reporter(t, &intune.Options{ClientOptions: policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: 3}}})
		began := time.Now()
		receipt, err := r.Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err)
		if receipt.Attempts != 3 || time.Since(began) > 10*time.Second {
			t.Errorf("%d attempts in %v", receipt.Attempts, time.Since(began))
		}
		if n := m.count("discovery"); n != 2 {
			t.Errorf("%d calls of discovery", n)
		}
	})
}

func TestFourCallsPerReport(t *testing.T) {
	m := newMicrosoft(t)
	m.users[tenantA+" "+upn1] = user1
	r := m.reporter(t, nil)
	for i := range 10 {
		before, asks := m.calls(), len(m.asks)
		_, err := r.Report(t.Context(), named(compliance.StateCompliant, upn1))
		require.NoError(t, err)
		if calls := m.calls() - before; i > 0 && (calls != 1 || len(m.asks) != asks) {
			t.Errorf("report %d: %d calls, want 1", i, calls)
		}
	}
	for ask, n := range m.asks {
		if n != 1 {
			t.Errorf("%d tokens for %s", n, ask)
		}
	}
}

func TestSecretInTheQueryString(t *testing.T) {
	m := newMicrosoft(t)
	m.users[tenantA+" "+upn1] = user1
	r := m.reporter(t, nil)
	receipt, err := r.Report(t.Context(), named(compliance.StateCompliant, upn1))
	require.NoError(t, err)
	_, err = r.Check(t.Context(), receipt)
	require.NoError(t, err)
	require.NoError(t, r.Provision(t.Context(), tenantA, pages))
	r.Preflight(t.Context(), tenantA, azure.PlatformIOS)
	for _, s := range m.requests {
		u, err := url.Parse(s.url)
		require.NoError(t, err)
		for name := range u.Query() {
			if name != "api-version" && name != "$filter" && name != "$select" {
				t.Errorf("%s in %s", name, s.url)
			}
		}
		if strings.Contains(s.url, "SECRET") {
			t.Errorf("a secret in %s", s.url)
		}
	}
}

func TestFirstGroupOfTheTenantAssigned(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	p, err := r.EnsurePolicy(t.Context(), tenantA, azure.PlatformMacOS, "name", "")
	require.NoError(t, err)
	before := m.calls()
	for _, none := range []string{"", "All users", "00000000-0000-0000-0000-000000000000"} {
		if err := r.AssignPolicy(t.Context(), tenantA, p.ID, none); summary(err) != "invalid (tenant, not-sent)" {
			t.Errorf("group %q: %v", none, err)
		}
	}
	if m.calls() != before || m.tenants[tenantA].assigned[p.ID] != nil {
		t.Errorf("%d calls, %v assigned", m.calls()-before, m.tenants[tenantA].assigned)
	}
}

func TestFailedPolledUntilATimeout(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	receipt, err := r.Report(t.Context(), report1(compliance.StateCompliant))
	require.NoError(t, err)
	m.messages[receipt.MessageID].status, m.messages[receipt.MessageID].detail = "Failed", "why"
	for range 3 {
		receipt, err = r.Check(t.Context(), receipt)
		require.NoError(t, err)
	}
	if receipt.State != status.Failed || receipt.Failure.Detail != "why" || m.count("status") != 1 {
		t.Errorf("%+v after %d questions", receipt, m.count("status"))
	}
}

func TestPollThatGivesUpStoresNothing(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	given, err := r.Report(t.Context(), report1(compliance.StateCompliant))
	require.NoError(t, err)
	m.hook = answering("status", 503, "")
	receipt, err := r.Check(t.Context(), given)
	if err == nil || receipt.State != status.InProgress || receipt.MessageID != given.MessageID {
		t.Errorf("%+v, %v: want the receipt back, still in progress", receipt, err)
	}
	m.hook = nil
	receipt, err = r.Check(t.Context(), receipt)
	if err != nil || receipt.State != status.Successful {
		t.Errorf("%+v, %v: want the verdict", receipt, err)
	}
}

func TestProvisioningAnswers200WithAnErrorInside(t *testing.T) {
	m := newMicrosoft(t)
	m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
		switch {
		case s.is("provision"):
			return reply(200, `{"Key":"k","ContextId":"`+tenantA+`","Provisioned":0,"HttpStatusCode":400,"ErrorDetail":"partner is not enabled"}`), nil
		case s.is("policies"):
			return reply(204, `{"Id":"00000000-0000-0000-0000-000000000000"}`), nil
		}
		return nil, nil
	}
	r := m.reporter(t, nil)
	provision := r.Provision(t.Context(), tenantA, pages)
	_, policy := r.EnsurePolicy(t.Context(), tenantA, azure.PlatformMacOS, "name", "")
	assign := r.AssignPolicy(t.Context(), tenantA, group1, group1)
	for _, err := range []error{provision, policy, assign} {
		if got := summary(err); got != "not_provisioned (tenant, refused)" || !strings.Contains(err.Error(), "administrator") {
			t.Errorf("%s: %v, want it to say what to do", got, err)
		}
	}
	if e, _ := errors.AsType[*azure.Error](provision); e.Detail != "partner is not enabled" {
		t.Errorf("detail %q", e.Detail)
	}
}

func TestTenantWithWindowsOnlyNeedsNoPartner(t *testing.T) {
	m := newMicrosoft(t)
	m.hook = func(*microsoft, seen) (*http.Response, error) { return reply(403, ""), nil }
	if found := m.reporter(t, nil).Preflight(t.Context(), tenantA, azure.PlatformWindows); found != nil || m.calls() != 0 || len(m.asks) != 0 {
		t.Errorf("%v after %d calls and %d tokens, want nothing", found, m.calls(), len(m.asks))
	}
}

func TestOldIDStaysCompliant(t *testing.T) {
	const device2 = "117c8232-9489-4074-9b35-345b16f0a72d"
	m := newMicrosoft(t)
	r := m.reporter(t, nil)
	old := report1(compliance.StateCompliant)
	_, err := r.Report(t.Context(), old)
	require.NoError(t, err)
	// Registered anew: the old id is closed beside the report of the new one,
	// whether or not that is accepted.
	old.State = compliance.StateRemoved
	fresh := report1(compliance.StateCompliant)
	fresh.DeviceID = device2
	m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
		if s.is("upload") && strings.Contains(s.body, device2) {
			return reply(200, `{"ErrorCode":"9"}`), nil
		}
		return nil, nil
	}
	results := r.ReportBatch(t.Context(), []azure.Report{fresh, old})
	held := m.devices[tenantA+" "+device1]
	if results[1].Err != nil || held.DeviceManagementState != "notManaged" || held.ComplianceStatus != "notCompliant" {
		t.Errorf("%+v, %v", held, results[1].Err)
	}
}
