package graph_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
)

// tokens are the bearer tokens of the calls to Microsoft Graph, in order.
func (w *world) tokens() []string {
	var all []string
	for _, r := range w.graphRequests() {
		all = append(all, r.Header.Get("Authorization"))
	}
	return all
}

// A 401 is answered with a new token, at once and then once more after a
// pause: Microsoft rejects a fresh token now and then.
func TestRejectedToken(t *testing.T) {
	for rejections, want := range map[int]struct {
		calls, tokens int
		waited        time.Duration
		ok            bool
	}{
		1: {2, 2, 0, true},
		2: {3, 3, 2 * time.Second, true},
		9: {3, 3, 2 * time.Second, false},
	} {
		for _, batch := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil, nil)
				match := onGraph("PATCH")
				if batch {
					match = azuresim.ForBatches()
				}
				w.sim.Inject(azuresim.Fault{Match: match, Status: 401, Code: "InvalidAuthenticationToken", Times: rejections})
				began := time.Now()
				receipt, err := sendOne(t, w, w.report(compliance.StateCompliant), batch)
				waited := time.Since(began)
				if want.ok {
					require.NoError(t, err)
					if receipt.Attempts != want.calls {
						t.Errorf("%d attempts told of %d", receipt.Attempts, want.calls)
					}
				} else if diff := cmp.Diff("unauthorized (tenant, refused)", summary(err)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if got := len(w.graphRequests()); got != want.calls {
					t.Errorf("%d rejections, batch %v: %d calls, want %d", rejections, batch, got, want.calls)
				}
				if got := w.sim.Count(azuresim.ForTokens()); got != want.tokens {
					t.Errorf("%d rejections, batch %v: %d token requests, want %d", rejections, batch, got, want.tokens)
				}
				if waited != want.waited {
					t.Errorf("%d rejections, batch %v: waited %v, want %v", rejections, batch, waited, want.waited)
				}
				first := w.graphRequests()[0]
				for _, again := range w.graphRequests()[1:] {
					if string(again.Body) != string(first.Body) || again.Path != first.Path {
						t.Errorf("the request changed: %s %s", again.Path, again.Body)
					}
				}
			})
		}
	}
}

// Where the application itself is not accepted, another token is not either.
func TestApplicationUnknownInTenant(t *testing.T) {
	for code, act := range map[string]func(w *world){
		"Authorization_IdentityNotFound": func(w *world) { w.sim.RevokeConsent(w.tenant.ID, w.app.ClientID) },
		"Authorization_IdentityDisabled": func(w *world) { w.sim.DisableApplication(w.tenant.ID, w.app.ClientID, true) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			_, err := w.reporter.Report(t.Context(), w.report(compliance.StateCompliant))
			require.NoError(t, err)
			act(w)
			began := time.Now()
			_, err = w.reporter.Report(t.Context(), w.report(compliance.StateCompliant))
			if diff := cmp.Diff("unauthorized (tenant, refused)", summary(err)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", code, diff)
			}
			if e, _ := errors.AsType[*azure.Error](err); e.ErrorCode != code || e.StatusCode != 401 {
				t.Errorf("%v, want %s", e, code)
			}
			if n := len(w.graphRequests()); n != 2 || time.Since(began) != 0 {
				t.Errorf("%s: %d calls after %v, want one more than before, at once", code, n, time.Since(began))
			}
		})
	}
}

// A claims challenge is answered with a token that carries the claims, in
// whatever base64 it was written, even where nothing is retried.
func TestClaimsChallenge(t *testing.T) {
	for _, encoding := range []azuresim.ClaimsEncoding{
		azuresim.ClaimsStandard, azuresim.ClaimsStandardUnpadded, azuresim.ClaimsURLSafe, azuresim.ClaimsURLSafeUnpadded,
	} {
		for _, retry := range []policy.RetryOptions{{}, once} {
			for _, batch := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, nil, &graph.Options{ClientOptions: azcore.ClientOptions{Retry: retry}})
					_, err := sendOne(t, w, w.report(compliance.StateCompliant), batch)
					require.NoError(t, err)
					time.Sleep(time.Minute)
					w.sim.Challenge(w.tenant.ID, w.app.ClientID, encoding)
					receipt, err := sendOne(t, w, w.report(compliance.StateNonCompliant), batch)
					require.NoError(t, err)
					if receipt.Attempts != 2 || w.sim.Count(azuresim.ForTokens()) != 2 {
						t.Errorf("encoding %v, batch %v: %d attempts, %d token requests", encoding, batch, receipt.Attempts, w.sim.Count(azuresim.ForTokens()))
					}
					calls := w.graphRequests()
					if string(calls[1].Body) != string(calls[2].Body) {
						t.Errorf("the request changed from %s to %s", calls[1].Body, calls[2].Body)
					}
					claims := 0
					for _, r := range w.sim.Requests() {
						if strings.HasSuffix(r.Path, "/token") && strings.Contains(string(r.Body), "nbf") {
							claims++
						}
					}
					if claims != 1 {
						t.Errorf("%d token requests with the claims", claims)
					}
				})
			}
		}
	}
}

// Characters that differ between the two alphabets of base64 reach the
// credential as they were meant.
func TestClaimsReachTheCredential(t *testing.T) {
	const claims = `{"access_token":{"x":{"essential":true,"value":"??>>~~ÿÿ"}}}`
	for _, text := range []string{
		"eyJhY2Nlc3NfdG9rZW4iOnsieCI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiPz8+Pn5+w7/DvyJ9fX0=",
		"eyJhY2Nlc3NfdG9rZW4iOnsieCI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiPz8-Pn5-w7_DvyJ9fX0=",
		"eyJhY2Nlc3NfdG9rZW4iOnsieCI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiPz8-Pn5-w7_DvyJ9fX0",
		"eyJhY2Nlc3NfdG9rZW4iOnsieCI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiPz8+Pn5+w7/DvyJ9fX0",
	} {
		s := newStub(t, inTurn(always(401, fault("InvalidAuthenticationToken"),
			"WWW-Authenticate", `Bearer realm="", error="insufficient_claims", claims="`+text+`"`), always(204, "")))
		cred := &recorder{}
		_, err := reporterWith(t, cred, s, once).Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err)
		if diff := cmp.Diff([]string{"", claims}, cred.claims()); diff != "" {
			t.Errorf("claims (-want +got):\n%s", diff)
		}
	}
}

// A challenge that nobody can read is the 401 that it comes with.
func TestUnreadableChallenge(t *testing.T) {
	for _, header := range []string{
		`Bearer error="insufficient_claims", claims="%%%"`, `Bearer error="insufficient_claims", claims=""`,
		`Bearer error="insufficient_claims", claims="abc`, `Bearer`, `Negotiate`, `,,,`, `claims="!"`,
	} {
		s := newStub(t, inTurn(always(401, fault("InvalidAuthenticationToken"), "WWW-Authenticate", header)))
		_, err := stubReporter(t, s, once).Report(t.Context(), report1(compliance.StateCompliant))
		if diff := cmp.Diff("unauthorized (tenant, refused)", summary(err)); diff != "" || len(s.requests()) != 1 {
			t.Errorf("%s: %d requests (-want +got):\n%s", header, len(s.requests()), diff)
		}
	}
}

// recorder is a credential that notes what it is asked.
type recorder struct {
	mu   sync.Mutex
	asks []policy.TokenRequestOptions
	give func(ctx context.Context, n int, o policy.TokenRequestOptions) (azcore.AccessToken, error)
}

func (r *recorder) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	r.mu.Lock()
	n := len(r.asks)
	r.asks = append(r.asks, o)
	r.mu.Unlock()
	if r.give != nil {
		return r.give(ctx, n, o)
	}
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func (r *recorder) asked() []policy.TokenRequestOptions {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]policy.TokenRequestOptions(nil), r.asks...)
}

func (r *recorder) claims() []string {
	var all []string
	for _, o := range r.asked() {
		all = append(all, o.Claims)
	}
	return all
}

// A token refusal carries its AADSTS number, and nothing of Entra's answer.
func TestTokenRefusals(t *testing.T) {
	for _, tc := range []struct {
		number string
		say    string
	}{
		{"AADSTS7000215", "the client secret is wrong"}, {"AADSTS7000222", "the client secret has expired"},
		{"AADSTS700016", "the application is not in this tenant"}, {"AADSTS90002", "the tenant does not exist"},
		{"AADSTS700027", "the certificate is not registered"}, {"AADSTS700024", "clock"}, {"AADSTS53003", "Conditional Access"},
		{"AADSTS7000112", "disabled"}, {"AADSTS65001", "consented"}, {"AADSTS999999", "refused"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			number := 0
			for _, c := range tc.number[len("AADSTS"):] {
				number = number*10 + int(c-'0')
			}
			w.sim.Inject(azuresim.Fault{Match: azuresim.ForTokens(), AADSTS: number})
			_, byMSAL := w.reporter.Report(t.Context(), w.report(compliance.StateCompliant))
			batched := w.reporter.ReportBatch(t.Context(), []azure.Report{w.report(compliance.StateCompliant)})[0].Err

			sdk := &recorder{give: func(context.Context, int, policy.TokenRequestOptions) (azcore.AccessToken, error) {
				return azcore.AccessToken{}, errors.New("ClientSecretCredential authentication failed. \nPOST https://login.microsoftonline.com/x/oauth2/v2.0/token\n" +
					"--------\nRESPONSE 401: 401 Unauthorized\n--------\n{\n  \"error\": \"invalid_client\",\n  \"error_description\": \"" + tc.number + ": canary-sentence. Trace ID: x\",\n  \"error_codes\": [1]\n}")
			}}
			s := newStub(t, nil)
			_, bySDK := reporterWith(t, sdk, s, policy.RetryOptions{}).Report(t.Context(), report1(compliance.StateCompliant))
			for _, err := range []error{byMSAL, batched, bySDK} {
				e, ok := errors.AsType[*azure.Error](err)
				require.True(t, ok, "%v", err)
				if diff := cmp.Diff("unauthorized (tenant, not-sent)", summary(err)); diff != "" || e.ErrorCode != tc.number {
					t.Errorf("%v, want %s (-want +got):\n%s", e, tc.number, diff)
				}
				if !strings.Contains(e.Error(), tc.say) || strings.Contains(e.Error(), "canary") || strings.Contains(e.Error(), "login.") {
					t.Errorf("%v, want it to say %q and nothing of Entra's text", e, tc.say)
				}
			}
			if n := len(w.graphRequests()) + len(s.requests()); n != 0 {
				t.Errorf("%d calls without a token", n)
			}
			if n := len(sdk.asked()); n != 1 {
				t.Errorf("the credential was asked %d times", n)
			}
		})
	}
}

// Entra being away is not a fault of the tenant's.
func TestTokenEndpointFails(t *testing.T) {
	for _, tc := range []struct {
		fault azuresim.Fault
		want  string
	}{
		{azuresim.Fault{Status: 503}, "unavailable (service, not-sent)"},
		{azuresim.Fault{Status: 500, Body: "<html>"}, "unavailable (service, not-sent)"},
		{azuresim.Fault{Reset: azuresim.ResetBefore}, "unavailable (service, not-sent)"},
		{azuresim.Fault{Truncated: true}, "unavailable (service, not-sent)"},
		{azuresim.Fault{Status: 429, RetryAfter: "77"}, "throttled (tenant, not-sent)"},
		{azuresim.Fault{AADSTS: 90033}, "unavailable"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			tc.fault.Match = azuresim.ForTokens()
			w.sim.Inject(tc.fault)
			_, err := w.reporter.Report(t.Context(), w.report(compliance.StateCompliant))
			if !strings.HasPrefix(summary(err), tc.want) {
				t.Errorf("%+v: %v, want %s", tc.fault, err, tc.want)
			}
			if e, ok := errors.AsType[*azure.Error](err); tc.fault.Status == 429 && (!ok || e.RetryAfter != 77*time.Second) {
				t.Errorf("%v, want the Retry-After", err)
			}
		})
	}
}

// A refused token after a request that may have arrived leaves the outcome
// unknown.
func TestTokenRefusedBetweenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t, inTurn(always(503, "")))
		cred := &recorder{give: func(_ context.Context, n int, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
			if n > 0 {
				return azcore.AccessToken{}, errors.New("AADSTS7000222: expired")
			}
			return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Millisecond)}, nil
		}}
		_, err := reporterWith(t, cred, s, policy.RetryOptions{}).Report(t.Context(), report1(compliance.StateCompliant))
		if diff := cmp.Diff("unauthorized (tenant, unknown)", summary(err)); diff != "" || len(s.requests()) != 1 {
			t.Errorf("after %d requests (-want +got):\n%s", len(s.requests()), diff)
		}
	})
}

// A token is used until it ends, by everybody, and asked for once by all who
// find it missing.
func TestOneTokenForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &azuresim.Options{Latency: 100 * time.Millisecond}, nil)
		var wg sync.WaitGroup
		everybody := func() {
			for range 64 {
				wg.Go(func() {
					_, err := w.reporter.Report(t.Context(), w.report(compliance.StateCompliant))
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		for i, event := range []func(){
			func() {},
			func() { time.Sleep(2 * time.Hour) }, // expired
			func() { time.Sleep(time.Minute); w.sim.Challenge(w.tenant.ID, w.app.ClientID, azuresim.ClaimsURLSafe) },
		} {
			event()
			everybody()
			if n := w.sim.Count(azuresim.ForTokens()); n != i+1 {
				t.Errorf("%d token requests after event %d, want %d", n, i, i+1)
			}
		}
	})
}
