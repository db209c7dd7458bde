package intune_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/intune"
)

const (
	client1  = "11111111-2222-4333-8444-555555555555"
	redirect = "https://mdm.example/consent?from=azure"
)

// consents answers Consents in the global cloud and in memory.
func consents(t *testing.T) *intune.Consents {
	t.Helper()
	c, err := intune.NewConsents(client1, redirect, cloud.Configuration{}, nil)
	require.NoError(t, err)
	return c
}

// ask begins a consent and answers the query with which Microsoft returns.
func ask(t *testing.T, c *intune.Consents, account, tenant string) url.Values {
	t.Helper()
	at, err := c.URL(t.Context(), account, tenant)
	require.NoError(t, err)
	u, err := url.Parse(at)
	require.NoError(t, err)
	return url.Values{"tenant": {tenant}, "state": {u.Query().Get("state")}, "admin_consent": {"True"}}
}

func TestConsentURL(t *testing.T) {
	for authority, host := range map[string]string{"": "login.microsoftonline.com", cloud.AzureGovernment.ActiveDirectoryAuthorityHost: "login.microsoftonline.us"} {
		c, err := intune.NewConsents(client1, redirect, cloud.Configuration{ActiveDirectoryAuthorityHost: authority}, nil)
		require.NoError(t, err)
		states := map[string]bool{}
		for range 3 {
			at, err := c.URL(t.Context(), "account-7", strings.ToUpper(tenantA))
			require.NoError(t, err)
			u, err := url.Parse(at)
			require.NoError(t, err)
			q := u.Query()
			states[q.Get("state")] = len(q.Get("state")) >= 22
			q.Del("state")
			want := url.Values{"client_id": {client1}, "redirect_uri": {redirect}}
			if diff := cmp.Diff(want, q); diff != "" || u.Scheme+"://"+u.Host+u.Path != "https://"+host+"/"+tenantA+"/adminconsent" {
				t.Errorf("%s (-want +got):\n%s", at, diff)
			}
			if strings.Contains(at, "account-7") {
				t.Errorf("the account stands in %s", at)
			}
		}
		if len(states) != 3 || states[""] {
			t.Errorf("states %v", states)
		}
	}
}

func TestConsentRefusesInput(t *testing.T) {
	for _, tc := range [][2]string{{"", redirect}, {"client", redirect}, {client1, ""}, {client1, "http://mdm.example/"}, {client1, "https://"}, {client1, "%"}} {
		if c, err := intune.NewConsents(tc[0], tc[1], cloud.Configuration{}, nil); err == nil || c != nil {
			t.Errorf("%q: taken", tc)
		}
	}
	c := consents(t)
	for _, tc := range [][2]string{{"", tenantA}, {"account", ""}, {"account", "common"}, {"account", upn1}, {"account", tenantA + "/x"}} {
		if at, err := c.URL(t.Context(), tc[0], tc[1]); err == nil || at != "" || strings.Contains(err.Error(), "anna") {
			t.Errorf("%q: %s, %v", tc, at, err)
		}
	}
}

func TestConsentCheck(t *testing.T) {
	with := func(key, value string) func(url.Values) { return func(q url.Values) { q.Set(key, value) } }
	for _, tc := range []struct {
		name    string
		account string
		change  func(url.Values)
		want    error
		text    string
	}{
		{"granted", "account", with("x", "y"), nil, ""},
		{"granted, in upper case", "account", with("tenant", strings.ToUpper(tenantA)), nil, ""},
		{"another account", "other", with("x", "y"), intune.ErrConsentForeign, ""},
		{"no account", "", with("x", "y"), intune.ErrConsentForeign, ""},
		{"another tenant", "account", with("tenant", tenantB), intune.ErrConsentForeign, ""},
		{"no tenant", "account", func(q url.Values) { q.Del("tenant") }, intune.ErrConsentForeign, ""},
		{"a tenant beside it", "account", func(q url.Values) { q["tenant"] = []string{tenantB, tenantA} }, intune.ErrConsentForeign, ""},
		{"no state", "account", func(q url.Values) { q.Del("state") }, intune.ErrConsentUnknown, ""},
		{"a forged state", "account", with("state", "AAAAAAAAAAAAAAAAAAAAAAAAAA"), intune.ErrConsentUnknown, ""},
		{"refused", "account", with("error", "access_denied"), intune.ErrConsentRefused, "intune: consent refused: access_denied"},
		{"refused with a sentence", "account", func(q url.Values) {
			q.Set("error", "access_denied")
			q.Set("error_description", "anna@contoso.example declined")
		}, intune.ErrConsentRefused, "intune: consent refused: access_denied"},
		{"refused in odd words", "account", with("error", "<script>\n"), intune.ErrConsentRefused, "intune: consent refused"},
		{"refused without a word", "account", with("error", ""), intune.ErrConsentRefused, "intune: consent refused"},
	} {
		c := consents(t)
		q := ask(t, c, "account", tenantA)
		tc.change(q)
		got, err := c.Check(t.Context(), tc.account, q)
		if !errors.Is(err, tc.want) || (tc.want == nil) != (got == tenantA) {
			t.Errorf("%s: %q, %v; want %v", tc.name, got, err, tc.want)
		}
		if tc.text != "" && err.Error() != tc.text {
			t.Errorf("%s: %q, want %q", tc.name, err, tc.text)
		}
		// Whatever came of it, the state is used up.
		if q.Get("state") != "" && tc.want != intune.ErrConsentUnknown {
			if got, err := c.Check(t.Context(), "account", q); !errors.Is(err, intune.ErrConsentUnknown) || got != "" {
				t.Errorf("%s, again: %q, %v", tc.name, got, err)
			}
		}
	}
}

// Two administrators at once are not mixed up.
func TestConsentsApart(t *testing.T) {
	c := consents(t)
	a, b := ask(t, c, "account-a", tenantA), ask(t, c, "account-b", tenantB)
	if _, err := c.Check(t.Context(), "account-a", b); !errors.Is(err, intune.ErrConsentForeign) {
		t.Errorf("%v", err)
	}
	if got, err := c.Check(t.Context(), "account-a", a); err != nil || got != tenantA {
		t.Errorf("%q, %v", got, err)
	}
}

func TestConsentTenMinutes(t *testing.T) {
	for wait, want := range map[time.Duration]error{10*time.Minute - 1: nil, 10 * time.Minute: intune.ErrConsentUnknown} {
		synctest.Test(t, func(t *testing.T) {
			c := consents(t)
			q := ask(t, c, "account", tenantA)
			time.Sleep(wait)
			ask(t, c, "account", tenantB) // sweeps what has ended
			if _, err := c.Check(t.Context(), "account", q); !errors.Is(err, want) {
				t.Errorf("after %v: %v, want %v", wait, err, want)
			}
		})
	}
}

// Of two redirects with one state at the same time one is taken.
func TestConsentSingleUseAtOnce(t *testing.T) {
	c := consents(t)
	q := ask(t, c, "account", tenantA)
	var taken atomic.Int32
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			if _, err := c.Check(t.Context(), "account", q); err == nil {
				taken.Add(1)
			}
		})
	}
	group.Wait()
	if n := taken.Load(); n != 1 {
		t.Errorf("taken %d times", n)
	}
}

// shelf is a ConsentStore of the host's that does not forget by itself.
type shelf struct {
	err  error
	kept map[string]intune.PendingConsent
}

func (s *shelf) Put(_ context.Context, state string, p intune.PendingConsent) error {
	s.kept[state] = p
	return s.err
}

func (s *shelf) Take(_ context.Context, state string) (intune.PendingConsent, bool, error) {
	p, ok := s.kept[state]
	return p, ok, s.err
}

// A store of the host's serves replicas; its errors come through, and the ten
// minutes are held even if it keeps everything.
func TestConsentStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{kept: map[string]intune.PendingConsent{}}
		one, err := intune.NewConsents(client1, redirect, cloud.Configuration{}, s)
		require.NoError(t, err)
		two, err := intune.NewConsents(client1, redirect, cloud.Configuration{}, s)
		require.NoError(t, err)
		q := ask(t, one, "account", tenantA)
		if diff := cmp.Diff(intune.PendingConsent{Account: "account", TenantID: tenantA, Expires: time.Now().Add(10 * time.Minute)}, s.kept[q.Get("state")]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		got, err := two.Check(t.Context(), "account", q)
		if err != nil || got != tenantA {
			t.Errorf("%q, %v", got, err)
		}
		s.kept[""] = s.kept[q.Get("state")]
		if _, err := two.Check(t.Context(), "account", url.Values{"tenant": {tenantA}}); !errors.Is(err, intune.ErrConsentUnknown) {
			t.Errorf("an empty state: %v", err)
		}
		time.Sleep(10 * time.Minute)
		if _, err := two.Check(t.Context(), "account", q); !errors.Is(err, intune.ErrConsentUnknown) {
			t.Errorf("%v", err)
		}
		s.err = errors.New("the store is away")
		if at, err := one.URL(t.Context(), "account", tenantA); !errors.Is(err, s.err) || at != "" {
			t.Errorf("%s, %v", at, err)
		}
		if got, err := one.Check(t.Context(), "account", q); !errors.Is(err, s.err) || got != "" {
			t.Errorf("%s, %v", got, err)
		}
	})
}
