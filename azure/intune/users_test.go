package intune_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/compliance"
)

// named is a report of a user whose object id the host does not know.
func named(state compliance.State, upn string) azure.Report {
	r := report1(state)
	r.UserID, r.UserPrincipalName = "", upn
	return r
}

// The name is asked for in a batch's body and stands in no address.
func TestUserLookup(t *testing.T) {
	for upn, want := range map[string]string{
		upn1:                      `/users('anna@contoso.example')?$select=id`,
		"o'brien@contoso.example": `/users('o%27%27brien@contoso.example')?$select=id`,
		"anna_fabrikam.example#EXT#@contoso.example":  `/users('anna_fabrikam.example%23EXT%23@contoso.example')?$select=id`,
		"a/b?c%41@contoso.example":                    `/users('a%2Fb%3Fc%2541@contoso.example')?$select=id`,
		"安娜@contoso.example":                          `/users('%E5%AE%89%E5%A8%9C@contoso.example')?$select=id`,
		`x')?$select=id","method":"DELETE@c.example"`: `/users('x%27%27%29%3F$select=id%22%2C%22method%22:%22DELETE@c.example%22')?$select=id`,
	} {
		m := newMicrosoft(t)
		m.users[tenantA+" "+upn] = user1
		_, err := m.reporter(t, nil).Report(t.Context(), named(compliance.StateCompliant, upn))
		require.NoError(t, err, upn)
		var body struct {
			Requests []map[string]string `json:"requests"`
		}
		require.NoError(t, json.Unmarshal([]byte(m.of("users")[0].body), &body))
		got := body.Requests[0]["url"]
		// PathEscape leaves what a path may hold; the apostrophe is doubled.
		got, want = strings.ReplaceAll(got, "''", "%27%27"), strings.ReplaceAll(want, "''", "%27%27")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", upn, diff)
		}
		for _, s := range m.requests {
			if strings.Contains(s.url, "contoso") || strings.Contains(fmt.Sprint(s.header), "contoso") {
				t.Errorf("%s stands in %s %v", upn, s.url, s.header)
			}
		}
		if got := m.devices[tenantA+" "+device1].UserID; got != user1 {
			t.Errorf("%s: UserId is %q, want %q in lower case", upn, got, user1)
		}
	}
}

// An id is believed for a day, whatever the letter case of the name, and
// nobody is asked about a user whose id is given.
func TestUserKept(t *testing.T) {
	for lifetime, want := range map[time.Duration]time.Duration{0: 24 * time.Hour, time.Minute: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			m := newMicrosoft(t)
			m.users[tenantA+" "+upn1] = user1
			r := m.reporter(t, &intune.Options{UserLifetime: lifetime})
			report := func(upn string, lookups int) {
				t.Helper()
				_, err := r.Report(t.Context(), named(compliance.StateCompliant, upn))
				require.NoError(t, err)
				if n := m.count("users"); n != lookups {
					t.Errorf("%d lookups, want %d", n, lookups)
				}
			}
			report(upn1, 1)
			report("ANNA@contoso.example", 1)
			time.Sleep(want - 1)
			report(upn1, 1)
			time.Sleep(time.Nanosecond)
			report(upn1, 2)
			given := named(compliance.StateCompliant, "other@contoso.example")
			given.UserID = user1
			_, err := r.Report(t.Context(), given)
			require.NoError(t, err)
			if n := m.count("users"); n != 2 {
				t.Errorf("%d lookups, want 2", n)
			}
		})
	}
}

// Of the names kept, the one not used for longest goes first.
func TestUsersBounded(t *testing.T) {
	m := newMicrosoft(t)
	r := m.reporter(t, &intune.Options{MaxUsers: 2})
	for i, upn := range []string{"a@c.example", "b@c.example", "a@c.example", "c@c.example", "a@c.example", "b@c.example"} {
		m.users[tenantA+" "+upn] = user1
		_, err := r.Report(t.Context(), named(compliance.StateCompliant, upn))
		require.NoError(t, err)
		if want := [...]int{1, 2, 2, 3, 3, 4}[i]; m.count("users") != want {
			t.Errorf("%d lookups after %d reports, want %d", m.count("users"), i+1, want)
		}
	}
}

// One lookup of one name at a time.
func TestUserOneInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(t)
		m.users[tenantA+" "+upn1] = user1
		m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
			if s.is("users") {
				time.Sleep(time.Second)
			}
			return nil, nil
		}
		r := m.reporter(t, nil)
		var group sync.WaitGroup
		for _, report := range numbered(tenantA, 64) {
			report.UserID, report.UserPrincipalName = "", upn1
			group.Go(func() {
				if _, err := r.Report(t.Context(), report); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if n := m.count("users"); n != 1 {
			t.Errorf("%d lookups, want 1", n)
		}
	})
}

// A user whom the tenant does not know concerns his device alone.
func TestUserNotFound(t *testing.T) {
	m := newMicrosoft(t)
	_, err := m.reporter(t, nil).Report(t.Context(), named(compliance.StateNonCompliant, upn1))
	e, ok := errors.AsType[*azure.Error](err)
	require.True(t, ok)
	if got := summary(err); got != "user_not_found (device, not-sent)" || !errors.Is(err, azure.ErrUserNotFound) || m.count("upload") != 0 {
		t.Errorf("%s after %d uploads", got, m.count("upload"))
	}
	if strings.Contains(err.Error()+e.Detail, "anna") || e.StatusCode != 404 || e.ErrorCode != "Request_ResourceNotFound" {
		t.Errorf("%v with %q", e, e.Detail)
	}
}

// What a lookup may be answered, and whom it concerns.
func TestUserAnswers(t *testing.T) {
	item := func(status int, body string) string {
		return fmt.Sprintf(`{"responses":[{"id":"1","status":%d,"headers":{"retry-after":"9","X":1},"body":%s}]}`, status, body)
	}
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"not JSON", 200, "<html>", "unexpected (device, not-sent)"},
		{"cut off", 200, `{"responses":[{"id":"1"`, "unexpected (device, not-sent)"},
		{"no item", 200, `{"responses":[]}`, "unexpected (device, not-sent)"},
		{"another's item", 200, `{"responses":[{"id":"2","status":200,"body":{"id":"` + user1 + `"}}]}`, "unexpected (device, not-sent)"},
		{"two items", 200, `{"responses":[{"id":"1","status":200,"body":{"id":"` + user1 + `"}},{"id":"1","status":404}]}`, "unexpected (device, not-sent)"},
		{"an id that is none", 200, item(200, `{"id":"anna"}`), "unexpected (device, not-sent)"},
		{"the zero id", 200, item(200, `{"id":"00000000-0000-0000-0000-000000000000"}`), "unexpected (device, not-sent)"},
		{"no id", 200, item(200, `{}`), "unexpected (device, not-sent)"},
		{"a list", 200, item(200, `[]`), "unexpected (device, not-sent)"},
		{"a name that Graph does not take", 200, item(400, `{"error":{"code":"Request_BadRequest"}}`), "rejected (device, not-sent)"},
		{"no permission", 200, item(403, `{"error":{"code":"Authorization_RequestDenied"}}`), "forbidden (tenant, not-sent)"},
		{"throttled", 200, item(429, `{}`), "throttled (tenant, not-sent)"},
		{"unavailable", 200, item(503, `null`), "unavailable (service, not-sent)"},
		{"a batch refused", 400, "", "unexpected (tenant, not-sent)"},
		{"a batch throttled", 429, "", "throttled (tenant, not-sent)"},
		{"a batch unavailable", 502, "", "unavailable (service, not-sent)"},
	} {
		m := newMicrosoft(t)
		m.hook = answering("users", tc.status, tc.body)
		_, err := m.reporter(t, nil).Report(t.Context(), named(compliance.StateNonCompliant, upn1))
		if diff := cmp.Diff(tc.want, summary(err)); diff != "" || m.count("upload") != 0 {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if e, _ := errors.AsType[*azure.Error](err); strings.HasSuffix(tc.name, "throttled") && tc.status == 200 && e.RetryAfter != 9*time.Second {
			t.Errorf("%s: %v, want the item's Retry-After", tc.name, err)
		}
	}
}

// Where the lookup fails, a lock-out goes by the last known id; a claim of
// compliance waits.
func TestUserLastKnown(t *testing.T) {
	for state, sent := range map[compliance.State]bool{
		compliance.StateNonCompliant: true, compliance.StateRemoved: true, compliance.StateCompliant: false,
	} {
		for _, why := range []string{"unavailable", "gone"} {
			synctest.Test(t, func(t *testing.T) {
				m := newMicrosoft(t)
				m.users[tenantA+" "+upn1] = user1
				r := m.reporter(t, nil)
				_, err := r.Report(t.Context(), named(compliance.StateCompliant, upn1))
				require.NoError(t, err)
				time.Sleep(25 * time.Hour)
				want := "user_not_found (device, not-sent)"
				delete(m.users, tenantA+" "+upn1)
				if why == "unavailable" {
					m.hook, want = answering("users", 503, ""), "unavailable (service, not-sent)"
				}
				_, err = r.Report(t.Context(), named(state, upn1))
				switch {
				case sent && err != nil:
					t.Errorf("%v while the user is %s: %v", state, why, err)
				case sent && (m.devices[tenantA+" "+device1].UserID != user1 || m.devices[tenantA+" "+device1].ComplianceStatus != "notCompliant"):
					t.Errorf("%v: %+v", state, m.devices[tenantA+" "+device1])
				case !sent && summary(err) != want:
					t.Errorf("%v while the user is %s: %v, want %s", state, why, err, want)
				}
			})
		}
	}
}

// Another tenant's, or another user's, id is not a last known one.
func TestUserNeverKnown(t *testing.T) {
	m := newMicrosoft(t)
	m.users[tenantB+" "+upn1] = user1
	r := m.reporter(t, nil)
	report := named(compliance.StateCompliant, upn1)
	report.TenantID = tenantB
	_, err := r.Report(t.Context(), report)
	require.NoError(t, err)
	_, err = r.Report(t.Context(), named(compliance.StateNonCompliant, upn1))
	require.ErrorIs(t, err, azure.ErrUserNotFound)
}
