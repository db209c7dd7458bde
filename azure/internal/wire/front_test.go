package wire

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
)

const stale = `{"error":{"code":"InvalidAuthenticationToken","message":"m"}}`

func TestRejectedToken(t *testing.T) {
	const text = `{"isManaged":true}`
	ok := always(204, "")
	no := always(401, stale)
	for _, tt := range []struct {
		why       string
		answers   []func() *http.Response
		change    func(*Options)
		plain     bool
		status    int
		seen      []seen
		discarded []string
	}{
		{
			why: "accepted", answers: []func() *http.Response{ok}, status: 204,
			seen: []seen{{"Bearer T1", text, 0}},
		},
		{
			why: "a new token at once", answers: []func() *http.Response{no, ok}, status: 204,
			seen:      []seen{{"Bearer T1", text, 0}, {"Bearer T2", text, 0}},
			discarded: []string{"T1"},
		},
		{
			why: "a fresh one is rejected too: once more after a pause", answers: []func() *http.Response{no, no, ok}, status: 204,
			seen:      []seen{{"Bearer T1", text, 0}, {"Bearer T2", text, 0}, {"Bearer T3", text, 2 * time.Second}},
			discarded: []string{"T1", "T2"},
		},
		{
			why: "then it is an answer, and the last token is forgotten as well", answers: []func() *http.Response{no}, status: 401,
			seen:      []seen{{"Bearer T1", text, 0}, {"Bearer T2", text, 0}, {"Bearer T3", text, 2 * time.Second}},
			discarded: []string{"T1", "T2", "T3"},
		},
		{
			why: "one attempt and no more, but the token is forgotten", answers: []func() *http.Response{no}, change: once, status: 401,
			seen: []seen{{"Bearer T1", text, 0}}, discarded: []string{"T1"},
		},
		{
			why:     "the application is not known in the tenant: no token helps",
			answers: []func() *http.Response{always(401, `{"error":{"code":"authorization_identitynotfound"}}`)}, status: 401,
			seen: []seen{{"Bearer T1", text, 0}}, discarded: []string{"T1"},
		},
		{
			why:     "the application is switched off in the tenant: no token helps",
			answers: []func() *http.Response{no, always(401, `{"error":{"code":"Authorization_IdentityDisabled"}}`)}, status: 401,
			seen: []seen{{"Bearer T1", text, 0}, {"Bearer T2", text, 0}}, discarded: []string{"T1", "T2"},
		},
		{
			why: "a page of HTML", answers: []func() *http.Response{always(401, "<html>"), ok}, status: 204,
			seen: []seen{{"Bearer T1", text, 0}, {"Bearer T2", text, 0}}, discarded: []string{"T1"},
		},
		{
			why: "a credential that cannot forget answers what it has", answers: []func() *http.Response{no, no, ok}, plain: true, status: 204,
			seen: []seen{{"Bearer T1", text, 0}, {"Bearer T1", text, 0}, {"Bearer T1", text, 2 * time.Second}},
		},
		{
			why:     "another refusal after the new token is that refusal",
			answers: []func() *http.Response{no, always(403, "")}, status: 403,
			seen: []seen{{"Bearer T1", text, 0}, {"Bearer T2", text, 0}}, discarded: []string{"T1"},
		},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cred, s := &forgetful{}, serve(tt.answers...)
				change := tt.change
				if change == nil {
					change = func(*Options) {}
				}
				all := pipelines(cred, s, change)
				if tt.plain {
					all = pipelines(plain{cred}, s, change)
				}
				resp, call, err := send(t.Context(), t, all, tenantA, text)
				require.NoError(t, err)
				if resp.StatusCode != tt.status {
					t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
				}
				if diff := cmp.Diff(tt.seen, s.seen); diff != "" {
					t.Errorf("requests (-want +got)\n%s", diff)
				}
				if diff := cmp.Diff(tt.discarded, cred.discarded); diff != "" {
					t.Errorf("discarded (-want +got)\n%s", diff)
				}
				if call.Attempts() != len(tt.seen) {
					t.Errorf("%d attempts counted of %d", call.Attempts(), len(tt.seen))
				}
				// The answer can still be read.
				if payload, err := runtime.Payload(resp); err != nil || tt.status == 401 && len(payload) == 0 {
					t.Errorf("payload %q, %v", payload, err)
				}
			})
		})
	}
}

func TestPauseEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(always(401, stale))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, call, err := send(ctx, t, pipelines(&forgetful{}, s), tenantA, "{}")
		got := CallFailure(ctx, "op", err, call)
		if got.Kind != azure.ErrCanceled || got.Outcome != azure.OutcomeUnknown || !errors.Is(got, context.DeadlineExceeded) {
			t.Errorf("got %v", got)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("waited %v", took)
		}
	})
}

// A body that cannot be rewound must not be sent half.
func TestBodyThatCannotBeRewound(t *testing.T) {
	s := serve(always(401, stale))
	all := pipelines(&forgetful{}, s)
	client, err := all.Client(tenantA)
	require.NoError(t, err)
	req, err := runtime.NewRequest(t.Context(), http.MethodPatch, "https://graph.microsoft.com/v1.0/devices")
	require.NoError(t, err)
	require.NoError(t, req.SetBody(&brittle{Reader: strings.NewReader("{}"), good: 3}, "application/json"))
	if _, err := client.Pipeline().Do(req); !errors.Is(err, errBrittle) {
		t.Errorf("got %v", err)
	}
	if len(s.seen) != 1 {
		t.Errorf("%d requests were sent", len(s.seen))
	}
}

var errBrittle = errors.New("cannot go back")

// brittle seeks a few times and then fails: twice to learn its length and once
// for the first attempt.
type brittle struct {
	*strings.Reader
	good int
}

func (b *brittle) Seek(offset int64, whence int) (int64, error) {
	if b.good--; b.good < 0 {
		return 0, errBrittle
	}
	return b.Reader.Seek(offset, whence)
}

func (*brittle) Close() error { return nil }

func TestClaimsChallenge(t *testing.T) {
	// A text whose base64 has each of the letters that the alphabets differ
	// in, and padding.
	const claims = `{"access_token":{"nbf":{"essential":true,"value":"1>?~ÿþ>>>???"}}}`
	std := base64.StdEncoding.EncodeToString([]byte(claims))
	require.True(t, strings.ContainsAny(std, "+/") && strings.HasSuffix(std, "="), "the text shows no difference: %s", std)
	challenge := func(value string) string {
		return `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", claims="` + value + `"`
	}
	for _, tt := range []struct {
		why     string
		headers []string
		claims  string // "" where none must be asked for
	}{
		{"standard, padded", []string{challenge(std)}, claims},
		{"standard, not padded", []string{challenge(strings.TrimRight(std, "="))}, claims},
		{"url-safe, padded", []string{challenge(base64.URLEncoding.EncodeToString([]byte(claims)))}, claims},
		{"url-safe, not padded", []string{challenge(base64.RawURLEncoding.EncodeToString([]byte(claims)))}, claims},
		{"behind another challenge in the same line", []string{`PoP realm="x", nonce="y", ` + challenge(base64.RawURLEncoding.EncodeToString([]byte(claims)))}, claims},
		{"in a line of its own behind another", []string{`PoP nonce="y"`, challenge(base64.RawURLEncoding.EncodeToString([]byte(claims)))}, claims},
		{"no base64 at all: the 401 it is", []string{challenge("not base64!")}, ""},
		{"base64 of no JSON: the 401 it is", []string{challenge("abcd")}, ""},
		{"base64 of JSON that is no object", []string{challenge(base64.StdEncoding.EncodeToString([]byte(`"x"`)))}, ""},
		{"empty", []string{challenge("")}, ""},
		{"no claims", []string{`Bearer error="invalid_token"`}, ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var pairs []string
				for _, h := range tt.headers {
					pairs = append(pairs, "WWW-Authenticate", h)
				}
				cred, s := &forgetful{}, serve(always(401, stale, pairs...), always(204, ""))
				resp, _, err := send(t.Context(), t, pipelines(cred, s, once), tenantA, `{"a":1}`)
				require.NoError(t, err)
				want, status := []seen{{"Bearer T1", `{"a":1}`, 0}}, 401
				asked := []string{""}
				if tt.claims != "" {
					// Even where there is to be one attempt: a challenge is no failure.
					want, status = append(want, seen{"Bearer T2", `{"a":1}`, 0}), 204
					asked = append(asked, tt.claims)
				}
				if resp.StatusCode != status {
					t.Errorf("status %d, want %d", resp.StatusCode, status)
				}
				if diff := cmp.Diff(want, s.seen); diff != "" {
					t.Errorf("requests (-want +got)\n%s", diff)
				}
				var got []string
				for _, o := range cred.asked {
					got = append(got, o.Claims)
					if !o.EnableCAE || o.TenantID != tenantA {
						t.Errorf("asked with %+v", o)
					}
				}
				if diff := cmp.Diff(asked, got); diff != "" {
					t.Errorf("claims (-want +got)\n%s", diff)
				}
			})
		})
	}
}

func TestMendClaims(t *testing.T) {
	url, std := base64.RawURLEncoding.EncodeToString([]byte(`{"a":"?>"}`)), base64.StdEncoding.EncodeToString([]byte(`{"a":"?>"}`))
	for _, tt := range []struct{ why, in, want string }{
		{"nothing to mend", `Bearer realm="x"`, `Bearer realm="x"`},
		{"empty", ``, ``},
		{"one", `Bearer claims="` + url + `", x="y"`, `Bearer claims="` + std + `", x="y"`},
		{"two", `Bearer claims="` + url + `", PoP claims="` + url + `"`, `Bearer claims="` + std + `", PoP claims="` + std + `"`},
		{"one good, one not", `Bearer claims="!", Bearer claims="` + url + `"`, `Bearer claims="", Bearer claims="` + std + `"`},
		{"spaces within the quotes", `claims=" ` + url + ` "`, `claims="` + std + `"`},
		{"not closed", `claims="` + url, `claims="` + url},
		{"the mark at the end", `claims="`, `claims="`},
	} {
		if got := mendClaims(tt.in); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.why, got, tt.want)
		}
	}
}

func FuzzMendClaims(f *testing.F) {
	f.Add(`Bearer error="insufficient_claims", claims="eyJhIjoiPz4ifQ"`)
	f.Add(`claims="`)
	f.Add(`PoP claims="!!", Bearer claims="e30="`)
	f.Add(`claims="0claims="0`)
	f.Fuzz(func(t *testing.T, header string) {
		got := mendClaims(header)
		if again := mendClaims(got); again != got {
			t.Fatalf("%q, mended again, becomes %q", got, again)
		}
		const mark = `claims="`
		if !strings.Contains(header, mark) && got != header {
			t.Fatalf("%q without claims became %q", header, got)
		}
		// What is left can be read by whoever knows the standard form alone.
		for rest := got; ; {
			_, after, found := strings.Cut(rest, mark)
			if !found {
				break
			}
			value, tail, closed := strings.Cut(after, `"`)
			if !closed {
				break
			}
			if _, err := base64.StdEncoding.DecodeString(value); err != nil {
				t.Fatalf("%q of %q: %v", value, header, err)
			}
			rest = tail
		}
	})
}

// What the SDK's retry policy makes of it, seen by its waits.
func TestRetryWaitsAsMicrosoftAsks(t *testing.T) {
	for _, tt := range []struct {
		why    string
		header []string
		least  time.Duration
		most   time.Duration
	}{
		{"whole seconds", []string{"Retry-After", "7"}, 7 * time.Second, 7 * time.Second},
		{"a fraction", []string{"Retry-After", "2.128"}, 2128 * time.Millisecond, 2128 * time.Millisecond},
		{"an old form of date", []string{"Date", "Sat, 31 Jan 2026 10:00:00 GMT", "Retry-After", "Saturday, 31-Jan-26 10:00:09 GMT"}, 9 * time.Second, 9 * time.Second},
		{"a server whose clock is off", []string{"Date", "Sat, 31 Jan 2032 10:00:00 GMT", "Retry-After", "Sat, 31 Jan 2032 10:00:09 GMT"}, 9 * time.Second, 9 * time.Second},
		{"both forms", []string{"Retry-After", "7", "Retry-After-Ms", "1"}, 7 * time.Second, 7 * time.Second},
		{"milliseconds alone", []string{"x-ms-retry-after-ms", "5500"}, 5500 * time.Millisecond, 5500 * time.Millisecond},
		{"nonsense: the SDK backs off", []string{"Retry-After", "NaN"}, 640 * time.Millisecond, 1040 * time.Millisecond},
		{"nothing: the SDK backs off", nil, 640 * time.Millisecond, 1040 * time.Millisecond},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(always(429, "", tt.header...), always(204, ""))
				resp, _, err := send(t.Context(), t, pipelines(&forgetful{}, s), tenantA, "{}")
				require.NoError(t, err)
				if resp.StatusCode != 204 || len(s.seen) != 2 {
					t.Fatalf("status %d after %d requests", resp.StatusCode, len(s.seen))
				}
				if at := s.seen[1].At; at < tt.least || at > tt.most {
					t.Errorf("came back after %v, want %v to %v", at, tt.least, tt.most)
				}
			})
		})
	}
	t.Run("a long one is surfaced, not slept", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start, s := time.Now(), serve(always(503, "", "Retry-After", "3600"))
			resp, _, err := send(t.Context(), t, pipelines(&forgetful{}, s), tenantA, "{}")
			require.NoError(t, err)
			if time.Since(start) != 0 || len(s.seen) != 1 {
				t.Errorf("slept %v, sent %d", time.Since(start), len(s.seen))
			}
			if got := Failure("op", Answer{StatusCode: resp.StatusCode, Header: resp.Header}); got.RetryAfter != time.Hour {
				t.Errorf("the error says %v", got.RetryAfter)
			}
		})
	})
}

// Many callers whose token is rejected at once: everybody gets through, and
// nobody's newer token is thrown away.
func TestManyRejectedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &forgetful{}
		all := pipelines(cred, sender(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if req.Header.Get("Authorization") == "Bearer T1" {
				return answer(401, stale), nil
			}
			return answer(204, ""), nil
		}))
		var wait sync.WaitGroup
		for range 64 {
			wait.Go(func() {
				resp, _, err := send(t.Context(), t, all, tenantA, "{}")
				if err != nil || resp.StatusCode != 204 {
					t.Errorf("got %v, %v", resp, err)
				}
			})
		}
		wait.Wait()
		if cred.given != 2 {
			t.Errorf("%d tokens were fetched, want 2", cred.given)
		}
	})
}

func TestNoTokenIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		cred := &forgetful{fail: func(context.Context) error { asked++; return errors.New("AADSTS7000222: " + canary) }}
		s := serve(always(204, ""))
		_, call, err := send(t.Context(), t, pipelines(cred, s), tenantA, "{}")
		got := CallFailure(t.Context(), "op", err, call)
		if got.ErrorCode != "AADSTS7000222" || got.Outcome != azure.OutcomeNotSent || strings.Contains(got.Error(), canary) {
			t.Errorf("got %v", got)
		}
		if asked != 1 || len(s.seen) != 0 {
			t.Errorf("asked %d times, sent %d", asked, len(s.seen))
		}
	})
}

// A refusal of the new token, after a call that Microsoft may have applied.
func TestTokenRefusedBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		cred := &forgetful{fail: func(context.Context) error {
			if asked++; asked > 1 {
				return errors.New("AADSTS7000222")
			}
			return nil
		}}
		s := serve(always(503, ""), always(401, stale))
		_, call, err := send(t.Context(), t, pipelines(cred, s), tenantA, "{}")
		got := CallFailure(t.Context(), "op", err, call)
		if got.ErrorCode != "AADSTS7000222" || got.Outcome != azure.OutcomeUnknown {
			t.Errorf("got %v", got)
		}
	})
}

func TestTryTimeoutCoversTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &forgetful{fail: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		all := pipelines(cred, serve(always(204, "")), func(o *Options) {
			o.Client.Retry = policy.RetryOptions{MaxRetries: -1, TryTimeout: 3 * time.Second}
		})
		start := time.Now()
		_, call, err := send(t.Context(), t, all, tenantA, "{}")
		got := CallFailure(t.Context(), "op", err, call)
		if got.Kind != azure.ErrUnavailable || got.Outcome != azure.OutcomeNotSent || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %v", got, time.Since(start))
		}
	})
}
