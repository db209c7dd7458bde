package azuresim_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// burst sends reads until one is refused and answers how many passed.
func (w *world) burst(t testing.TB, token, method string, header http.Header) (passed int, refused reply) {
	t.Helper()
	send := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
	for name, values := range header {
		send[name] = values
	}
	for passed < 20_000 {
		refused = w.send(t, method, "https://graph.microsoft.com/v1.0"+w.devicePath(), "{}", send)
		if refused.status == 429 {
			return passed, refused
		}
		if refused.status >= 400 {
			t.Fatalf("%d %s", refused.status, refused.body)
		}
		passed++
	}
	t.Fatal("nothing was ever refused")
	return 0, reply{}
}

func TestThrottleModels(t *testing.T) {
	const limit, per = 10, 60 * time.Second
	tests := []struct {
		model   azuresim.Model
		counted bool
		first   time.Duration // the wait that the first refusal names
		// how many pass when asked again after so long, from the burst on
		after map[time.Duration]int
	}{
		{azuresim.ModelTokenBucket, false, 6 * time.Second, map[time.Duration]int{5 * time.Second: 0, 6 * time.Second: 1, 30 * time.Second: 5, 120 * time.Second: 10}},
		{azuresim.ModelFixedWindow, false, 60 * time.Second, map[time.Duration]int{59 * time.Second: 0, 60 * time.Second: 10, 119 * time.Second: 10}},
		{azuresim.ModelSlidingWindow, false, 60 * time.Second, map[time.Duration]int{59 * time.Second: 0, 60 * time.Second: 10, 300 * time.Second: 10}},
		// One refusal was counted, so one passes less.
		{azuresim.ModelTokenBucket, true, 12 * time.Second, map[time.Duration]int{6 * time.Second: 0, 12 * time.Second: 1}},
		{azuresim.ModelFixedWindow, true, 60 * time.Second, map[time.Duration]int{59 * time.Second: 0, 60 * time.Second: 10}},
		{azuresim.ModelSlidingWindow, true, 60 * time.Second, map[time.Duration]int{59 * time.Second: 0, 60 * time.Second: 10}},
	}
	for _, test := range tests {
		for wait, want := range test.after {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, &azuresim.Options{Throttle: azuresim.Throttle{
					Model: test.model, CountRefused: test.counted, TenantAppUnits: azuresim.Limit{Units: limit, Per: per},
				}})
				token := w.token(t)
				passed, refused := w.burst(t, token, http.MethodGet, nil)
				if passed != limit {
					t.Errorf("model %d: a burst of %d passed, want %d", test.model, passed, limit)
				}
				if got := refused.header.Get("Retry-After"); got != strconv.Itoa(int(test.first.Seconds())) {
					t.Errorf("model %d: Retry-After %s, want %v", test.model, got, test.first)
				}
				time.Sleep(wait)
				if passed, _ := w.burst(t, token, http.MethodGet, nil); passed != want {
					t.Errorf("model %d counting refusals %t: %v later %d passed, want %d", test.model, test.counted, wait, passed, want)
				}
			})
		}
	}
}

func TestFixedWindowStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &azuresim.Options{Throttle: azuresim.Throttle{
			Model: azuresim.ModelFixedWindow, TenantAppUnits: azuresim.Limit{Units: 10, Per: time.Minute},
		}})
		time.Sleep(45 * time.Second) // bubbles begin on a full minute
		token := w.token(t)
		passed, refused := w.burst(t, token, http.MethodGet, nil)
		if passed != 10 || refused.header.Get("Retry-After") != "15" {
			t.Errorf("%d passed, Retry-After %s", passed, refused.header.Get("Retry-After"))
		}
	})
}

// Who waits as long as Retry-After says gets through, under every model.
func TestRetryAfterIsTrue(t *testing.T) {
	for _, model := range []azuresim.Model{azuresim.ModelTokenBucket, azuresim.ModelFixedWindow, azuresim.ModelSlidingWindow} {
		for _, counted := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, &azuresim.Options{TokenLifetime: 24 * time.Hour, Throttle: azuresim.Throttle{
					Model: model, CountRefused: counted, TenantAppWrites: azuresim.Limit{Units: 7, Per: 150 * time.Second},
				}})
				token := w.token(t)
				for range 20 {
					passed, refused := w.burst(t, token, http.MethodPatch, nil)
					if passed == 0 {
						t.Fatalf("model %d counting refusals %t: refused after waiting", model, counted)
					}
					seconds, err := strconv.Atoi(refused.header.Get("Retry-After"))
					if err != nil || seconds < 1 {
						t.Fatalf("Retry-After: %q", refused.header.Get("Retry-After"))
					}
					time.Sleep(time.Duration(seconds) * time.Second)
				}
			})
		}
	}
}

func TestThrottleScopes(t *testing.T) {
	none := azuresim.Limit{Units: -1}
	five := azuresim.Limit{Units: 5, Per: time.Minute}
	unlimited := azuresim.Throttle{TenantAppUnits: none, TenantAppWrites: none, TenantWrites: none, AppUnits: none, AppWrites: none, AppCalls: none}
	with := func(change func(*azuresim.Throttle)) azuresim.Throttle {
		one := unlimited
		change(&one)
		return one
	}
	tests := []struct {
		name        string
		throttle    azuresim.Throttle
		method      string
		scope       string // up to the application
		information string
		otherTenant bool // the same application in another tenant is refused too
		otherApp    bool // another application in the same tenant is refused too
	}{
		{"tenant and application, units", with(func(t *azuresim.Throttle) { t.TenantAppUnits = five }), "GET", "Tenant_Application/ReadWrite/", "ResourceUnitLimitExceeded", false, false},
		{"tenant and application, writes", with(func(t *azuresim.Throttle) { t.TenantAppWrites = five }), "PATCH", "Tenant_Application/Write/", "WriteLimitExceeded", false, false},
		{"tenant, writes", with(func(t *azuresim.Throttle) { t.TenantWrites = five }), "PATCH", "Tenant/Write/", "WriteLimitExceeded", false, true},
		{"application, units", with(func(t *azuresim.Throttle) { t.AppUnits = five }), "GET", "Application/ReadWrite/", "ResourceUnitLimitExceeded", true, false},
		{"application, writes", with(func(t *azuresim.Throttle) { t.AppWrites = five }), "PATCH", "Application/Write/", "WriteLimitExceeded", true, false},
		{"application, calls", with(func(t *azuresim.Throttle) { t.AppCalls = five }), "GET", "Application/ReadWrite/", "ResourceUnitLimitExceeded", true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, &azuresim.Options{Throttle: test.throttle, Clock: func() time.Time { return time.Unix(1_800_000_000, 0) }})
			other := w.sim.AddTenant(azuresim.Tenant{})
			w.sim.Consent(other.ID, w.app.ClientID)
			stranger := w.sim.AddApplication(azuresim.Application{Roles: w.app.Roles, ApprovedMDM: true})
			w.sim.Consent(w.tenant.ID, stranger.ClientID)
			passed, refused := w.burst(t, w.token(t), test.method, nil)
			if passed != 5 {
				t.Errorf("%d passed, want 5", passed)
			}
			got := map[string]string{}
			for _, name := range []string{"X-Ms-Throttle-Scope", "X-Ms-Throttle-Information", "X-Ms-Throttle-Limit-Percentage"} {
				got[name] = refused.header.Get(name)
			}
			want := map[string]string{
				"X-Ms-Throttle-Scope":            test.scope + w.app.ClientID + "/" + w.tenant.ID,
				"X-Ms-Throttle-Information":      test.information,
				"X-Ms-Throttle-Limit-Percentage": "1.20",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			again := func(tenantID, clientID, secret string) bool {
				token, err := getToken(w.client, "https://login.microsoftonline.com", tenantID, clientID, secret, "https://graph.microsoft.com/.default")
				if err != nil {
					t.Fatal(err)
				}
				return w.graph(t, token, test.method, "/devices/99999999-9999-4999-8999-999999999999", "{}").status == 429
			}
			if got := again(other.ID, w.app.ClientID, "s3cret"); got != test.otherTenant {
				t.Errorf("another tenant is refused: %t, want %t", got, test.otherTenant)
			}
			if got := again(w.tenant.ID, stranger.ClientID, stranger.Secrets[0].Value); got != test.otherApp {
				t.Errorf("another application is refused: %t, want %t", got, test.otherApp)
			}
		})
	}
}

func TestPublishedQuotas(t *testing.T) {
	for seats, want := range map[int]int{49: 3500, 0: 5000, 500: 5000, 501: 8000} {
		w := newWorld(t, &azuresim.Options{LedgerLimit: -1, Clock: func() time.Time { return time.Unix(1_800_000_000, 0) }})
		w.tenant = w.sim.AddTenant(azuresim.Tenant{Seats: seats})
		w.sim.Consent(w.tenant.ID, w.app.ClientID)
		w.device = w.sim.AddDevice(w.tenant.ID, azuresim.Device{})
		if got, _ := w.burst(t, w.token(t), http.MethodGet, nil); got != want {
			t.Errorf("%d seats: %d reads passed, want %d", seats, got, want)
		}
	}
	w := newWorld(t, &azuresim.Options{LedgerLimit: -1, Clock: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	if got, _ := w.burst(t, w.token(t), http.MethodPatch, nil); got != 3000 {
		t.Errorf("%d writes passed, want 3000", got)
	}
}

func TestThrottleHeaders(t *testing.T) {
	frozen := func() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) }
	ten := azuresim.Limit{Units: 10, Per: 100 * time.Second}
	t.Run("percentage from 0.8 on", func(t *testing.T) {
		w := newWorld(t, &azuresim.Options{Clock: frozen, Throttle: azuresim.Throttle{TenantAppUnits: ten}})
		token := w.token(t)
		for i := 1; i <= 10; i++ {
			r := w.graph(t, token, http.MethodGet, w.devicePath(), "")
			want := ""
			if i > 8 {
				want = strconv.FormatFloat(float64(i)/10, 'f', 2, 64)
			}
			if got := r.header.Get("X-Ms-Throttle-Limit-Percentage"); got != want || r.header.Get("X-Ms-Resource-Unit") != "1" {
				t.Errorf("request %d: percentage %q, want %q", i, got, want)
			}
		}
	})
	t.Run("hidden", func(t *testing.T) {
		w := newWorld(t, &azuresim.Options{Clock: frozen, Throttle: azuresim.Throttle{TenantAppUnits: ten, HideHeaders: true}})
		_, refused := w.burst(t, w.token(t), http.MethodGet, nil)
		for name := range refused.header {
			if strings.HasPrefix(name, "X-Ms-Throttle") {
				t.Errorf("%s is there", name)
			}
		}
	})
	t.Run("low priority first", func(t *testing.T) {
		w := newWorld(t, &azuresim.Options{Clock: frozen, Throttle: azuresim.Throttle{TenantAppUnits: ten, LowShare: 0.5}})
		token := w.token(t)
		if got, _ := w.burst(t, token, http.MethodGet, http.Header{"X-Ms-Throttle-Priority": {"low"}}); got != 5 {
			t.Errorf("%d of priority low passed, want 5", got)
		}
		if got, _ := w.burst(t, token, http.MethodGet, http.Header{"X-Ms-Throttle-Priority": {"normal"}}); got != 5 {
			t.Errorf("%d of priority normal passed after that, want 5", got)
		}
	})
	t.Run("off", func(t *testing.T) {
		w := newWorld(t, &azuresim.Options{Clock: frozen, Throttle: azuresim.Throttle{Off: true, TenantAppUnits: ten}})
		token := w.token(t)
		for range 50 {
			if r := w.graph(t, token, http.MethodGet, w.devicePath(), ""); r.status != 200 || r.header.Get("X-Ms-Resource-Unit") != "1" {
				t.Fatalf("%d %v", r.status, r.header)
			}
		}
	})
}

func TestRetryAfterForms(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 500, time.UTC)
	const wait = 2*time.Second + 127_400*time.Microsecond
	tests := []struct {
		name string
		form azuresim.RetryAfter
		want string
	}{
		{"seconds", azuresim.RetryAfterSeconds, "3"},
		{"fraction", azuresim.RetryAfterFraction, "2.128"},
		{"RFC 1123", azuresim.RetryAfterDate(http.TimeFormat), "Sat, 31 Jan 2026 12:00:03 GMT"},
		{"RFC 850", azuresim.RetryAfterDate(time.RFC850), "Saturday, 31-Jan-26 12:00:03 GMT"},
		{"asctime", azuresim.RetryAfterDate(time.ANSIC), "Sat Jan 31 12:00:03 2026"},
		{"nonsense", azuresim.RetryAfterText("NaN"), "NaN"},
		{"absent", azuresim.RetryAfterText(""), ""},
	}
	for _, test := range tests {
		got := test.form(wait, now)
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		if !strings.Contains(test.name, "nonsense") && !strings.Contains(test.name, "fraction") && got != "" && test.name != "seconds" {
			if _, err := http.ParseTime(got); err != nil {
				t.Errorf("%s: %q is no date of HTTP's: %v", test.name, got, err)
			}
		}
	}
	if got := azuresim.RetryAfterSeconds(0, now); got != "1" {
		t.Errorf("no wait: got %q, want 1", got)
	}
	w := newWorld(t, &azuresim.Options{Throttle: azuresim.Throttle{TenantAppUnits: azuresim.Limit{Units: 1, Per: time.Hour}, RetryAfter: azuresim.RetryAfterText("")}})
	_, refused := w.burst(t, w.token(t), http.MethodGet, nil)
	if values, there := refused.header["Retry-After"]; there {
		t.Errorf("absent: %q", values)
	}
}
