package msal_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/msal"
)

func TestWhatIsRemembered(t *testing.T) {
	for _, tc := range []struct {
		name       string
		answer     func() *http.Response // nil: the network fails
		remembered bool
	}{
		{"expired secret", func() *http.Response { return refuse(401, "invalid_client", 7000222) }, true},
		{"wrong secret", func() *http.Response { return refuse(401, "invalid_client", 7000215) }, true},
		{"application missing", func() *http.Response { return refuse(400, "unauthorized_client", 700016) }, true},
		{"service principal missing", func() *http.Response { return refuse(401, "invalid_client", 7000229) }, true},
		{"consent missing", func() *http.Response { return refuse(400, "invalid_grant", 65001) }, true},
		{"a number nobody knows", func() *http.Response { return refuse(400, "invalid_request", 999999) }, true},
		{"an OAuth code alone", func() *http.Response { return reply(400, `{"error":"invalid_scope"}`) }, true},
		{"refused in a 200", func() *http.Response { return reply(200, `{"error":"invalid_scope","expires_in":1}`) }, true},
		{"throttled", func() *http.Response { return reply(429, `{"error":"invalid_request"}`) }, false},
		{"throttled with a number", func() *http.Response { return refuse(400, "invalid_request", 90055) }, false},
		{"a passing fault with status 400", func() *http.Response { return refuse(400, "invalid_request", 90033) }, false},
		{"temporarily unavailable", func() *http.Response { return reply(400, `{"error":"temporarily_unavailable"}`) }, false},
		{"fault of Entra", func() *http.Response { return refuse(500, "server_error", 90036) }, false},
		{"unavailable", func() *http.Response { return reply(503, "<html>") }, false},
		{"timeout", func() *http.Response { return reply(408, `{"error":"x"}`) }, false},
		{"a proxy's refusal", func() *http.Response { return reply(403, "<html>Blocked</html>") }, false},
		{"an answer of somebody else", func() *http.Response { return reply(200, "<html>Welcome</html>") }, false},
		{"no network", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				e := &entra{before: func(req *http.Request) error {
					if req.Method == http.MethodPost {
						if asked++; tc.answer == nil && asked == 1 {
							return errors.New("network is unreachable")
						}
					}
					return nil
				}}
				e.answer = func(n int, _ url.Values) *http.Response {
					if n == 1 {
						return tc.answer()
					}
					return nil
				}
				c := secretCredential(t, once(e))
				_, err := c.GetToken(t.Context(), forGraph())
				first, ok := errors.AsType[*msal.Error](err)
				require.True(t, ok, "error %v", err)
				if first.TokenRetryable() == tc.remembered {
					t.Errorf("retryable = %v, want %v", first.TokenRetryable(), !tc.remembered)
				}
				time.Sleep(59 * time.Second)
				_, err = c.GetToken(t.Context(), forGraph())
				if again, ok := errors.AsType[*msal.Error](err); ok != tc.remembered || ok && again.Error() != first.Error() {
					t.Errorf("second error %v, want remembered: %v", err, tc.remembered)
				}
				time.Sleep(time.Second)
				get(t, c, forGraph())
				if want := 2; e.asked() != want {
					t.Errorf("%d requests, want %d", e.asked(), want)
				}
			})
		})
	}
}

func TestRefusalsAreOfWhatWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(n int, form url.Values) *http.Response {
			if n == 1 {
				return refuse(400, "invalid_grant", 53003)
			}
			return nil
		}}
		c := secretCredential(t, once(e))
		_, err := c.GetToken(t.Context(), forGraph(withClaims))
		require.ErrorContains(t, err, "Conditional Access")
		get(t, c, forGraph(withCAE))   // not the claims
		get(t, c, forGraph(forIntune)) // not the other scope
		get(t, c, forGraph(inB))       // not the other tenant
		_, err = c.GetToken(t.Context(), forGraph(withClaims))
		require.ErrorContains(t, err, "AADSTS53003")
		require.Equal(t, 4, e.asked())
	})
}

func TestRefusalMemorySetting(t *testing.T) {
	for memory, want := range map[time.Duration]int{-1: 3, 0: 1, 10 * time.Second: 2} {
		t.Run(memory.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &entra{answer: func(int, url.Values) *http.Response { return refuse(401, "invalid_client", 7000215) }}
				o := once(e)
				o.RefusalMemory = memory
				c := secretCredential(t, o)
				for range 3 {
					_, err := c.GetToken(t.Context(), forGraph())
					require.ErrorContains(t, err, "AADSTS7000215")
					time.Sleep(6 * time.Second)
				}
				require.Equal(t, want, e.asked())
			})
		})
	}
}

// A caller that changes the error it got does not change what others get.
func TestErrorsAreCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(int, url.Values) *http.Response { return refuse(401, "invalid_client", 7000215) }}
		c := secretCredential(t, once(e))
		_, err := c.GetToken(t.Context(), forGraph())
		first, _ := errors.AsType[*msal.Error](err)
		first.Code = "changed"
		_, err = c.GetToken(t.Context(), forGraph())
		require.ErrorContains(t, err, "AADSTS7000215")
	})
}

// registered is what Entra accepts and what the host's callback answers, both
// of which change during a rotation.
type registered struct {
	mu       sync.Mutex
	accepted []string
	callback []string
	fault    error
	reads    int
}

func (r *registered) answer(_ int, form url.Values) *http.Response {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.accepted, form.Get("client_secret")) {
		return nil
	}
	return refuse(401, "invalid_client", 7000215)
}

func (r *registered) proofs(context.Context) ([]msal.Proof, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	var out []msal.Proof
	for _, s := range r.callback {
		out = append(out, msal.Secret(s))
	}
	return out, r.fault
}

func secretsOf(e *entra) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for _, f := range e.forms {
		out = append(out, f.Get("client_secret"))
	}
	return out
}

func TestRotation(t *testing.T) {
	for _, tc := range []struct {
		name               string
		accepted, callback []string
		want               []string // secrets posted for the first token
		token              string   // "": refused
		wantAgain          []string // for another tenant and then the first again, within the memory
	}{
		{name: "both valid", accepted: []string{"new", "old"}, callback: []string{"new", "old"}, want: []string{"new"}, token: "token-1", wantAgain: []string{"new"}},
		{name: "Entra does not know the new one yet", accepted: []string{"old"}, callback: []string{"new", "old"}, want: []string{"new", "old"}, token: "token-2", wantAgain: []string{"old"}},
		{name: "the old one is gone from Entra", accepted: []string{"new"}, callback: []string{"new", "old"}, want: []string{"new"}, token: "token-1", wantAgain: []string{"new"}},
		{name: "the callback still has the old one first", accepted: []string{"new"}, callback: []string{"old", "new"}, want: []string{"old", "new"}, token: "token-2", wantAgain: []string{"new"}},
		{name: "the same twice", accepted: nil, callback: []string{"old", "old"}, want: []string{"old"}, wantAgain: nil},
		{name: "none valid", accepted: nil, callback: []string{"new", "old"}, want: []string{"new", "old"}, wantAgain: nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &registered{accepted: tc.accepted, callback: tc.callback}
				e := &entra{answer: r.answer}
				c, err := msal.NewRotatingCredential(app, r.proofs, once(e))
				require.NoError(t, err)
				tk, err := c.GetToken(t.Context(), forGraph())
				if tk.Token != tc.token || (err == nil) != (tc.token != "") {
					t.Errorf("token %q, %v, want %q", tk.Token, err, tc.token)
				}
				if diff := cmp.Diff(tc.want, secretsOf(e)); diff != "" {
					t.Errorf("secrets posted (-want +got):\n%s", diff)
				}
				before := e.asked()
				c.Discard(tk.Token)
				c.GetToken(t.Context(), forGraph())
				if diff := cmp.Diff(tc.wantAgain, append([]string(nil), secretsOf(e)[before:]...)); diff != "" {
					t.Errorf("secrets posted within the memory (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// The error of a rotation in which all is refused is that of the newest.
func TestRotationTellsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(_ int, form url.Values) *http.Response {
			if form.Get("client_secret") == "new" {
				return refuse(401, "invalid_client", 7000215)
			}
			return refuse(401, "invalid_client", 7000222)
		}}
		r := &registered{callback: []string{"new", "old"}}
		c, err := msal.NewRotatingCredential(app, r.proofs, once(e))
		require.NoError(t, err)
		for range 2 {
			_, err = c.GetToken(t.Context(), forGraph())
			require.ErrorContains(t, err, "AADSTS7000215")
		}
		require.Equal(t, 2, e.asked())
	})
}

// Entra goes over to the new secret while its refusal is still remembered.
func TestRotationHasNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registered{accepted: []string{"old"}, callback: []string{"new", "old"}}
		e := &entra{answer: r.answer}
		c, err := msal.NewRotatingCredential(app, r.proofs, once(e))
		require.NoError(t, err)
		c.Discard(get(t, c, forGraph()))
		r.accepted = []string{"new"}
		c.Discard(get(t, c, forGraph()))
		get(t, c, forGraph())
		if diff := cmp.Diff([]string{"new", "old", "old", "new", "new"}, secretsOf(e)); diff != "" {
			t.Errorf("secrets posted (-want +got):\n%s", diff)
		}
	})
}

// What is not about the secret is not tried with another one.
func TestNoSecondSecretForOtherRefusals(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply func() *http.Response
	}{
		{"application missing", func() *http.Response { return refuse(400, "unauthorized_client", 700016) }},
		{"service principal missing", func() *http.Response { return refuse(401, "invalid_client", 7000229) }},
		{"throttled", func() *http.Response { return reply(429, `{"error":"invalid_client"}`) }},
		{"unavailable", func() *http.Response { return reply(503, "") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &entra{answer: func(int, url.Values) *http.Response { return tc.reply() }}
			r := &registered{callback: []string{"new", "old"}}
			c, err := msal.NewRotatingCredential(app, r.proofs, once(e))
			require.NoError(t, err)
			_, err = c.GetToken(t.Context(), forGraph())
			if diff := cmp.Diff([]string{"new"}, secretsOf(e)); err == nil || diff != "" {
				t.Errorf("error %v, secrets posted (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestRefusalEndsWithTheCredential(t *testing.T) {
	for name, code := range map[string]struct {
		oauth string
		code  int
	}{
		"secret refused":      {"invalid_client", 7000222},
		"application missing": {"unauthorized_client", 700016},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &registered{callback: []string{"old"}}
				e := &entra{answer: func(_ int, form url.Values) *http.Response {
					if form.Get("client_secret") == "new" {
						return nil
					}
					return refuse(401, code.oauth, code.code)
				}}
				c, err := msal.NewRotatingCredential(app, r.proofs, once(e))
				require.NoError(t, err)
				for range 3 {
					_, err = c.GetToken(t.Context(), forGraph())
					require.ErrorContains(t, err, fmt.Sprint(code.code))
				}
				require.Equal(t, 1, e.asked(), "remembered")
				r.callback = []string{"new"}
				require.Equal(t, "token-2", get(t, c, forGraph()), "at once, without a restart")
			})
		})
	}
}

// Tokens outlive the secret they were asked with: a rotation is no storm.
func TestRotationKeepsTokens(t *testing.T) {
	r := &registered{accepted: []string{"old", "new"}, callback: []string{"old"}}
	e := &entra{answer: r.answer}
	c, err := msal.NewRotatingCredential(app, r.proofs, over(e))
	require.NoError(t, err)
	first := get(t, c, forGraph())
	r.callback = []string{"new", "old"}
	require.Equal(t, first, get(t, c, forGraph()))
	require.Equal(t, 1, r.reads, "the callback is asked when Entra is")
	c.Discard(first)
	get(t, c, forGraph())
	r.callback = []string{"new"}
	c.Discard(get(t, c, forGraph()))
	get(t, c, forGraph())
	require.Equal(t, []string{"old", "new", "new"}, secretsOf(e))
}

func TestRotationFromSecretToCertificate(t *testing.T) {
	proof := msal.Secret("old")
	e := &entra{}
	c, err := msal.NewRotatingCredential(app, func(context.Context) ([]msal.Proof, error) { return []msal.Proof{proof}, nil }, over(e))
	require.NoError(t, err)
	c.Discard(get(t, c, forGraph()))
	proof, err = msal.Certificate(chain(t, 3), testKey())
	require.NoError(t, err)
	get(t, c, forGraph())
	if e.form(0).Get("client_secret") != "old" || e.form(1).Get("client_assertion") == "" || e.form(1).Has("client_secret") {
		t.Error("the second request is not the certificate's")
	}
}

func TestCallbackFaults(t *testing.T) {
	fault := errors.New("canary: vault says s3cr3t")
	for _, tc := range []struct {
		name      string
		proofs    []msal.Proof
		fault     error
		code      string
		retryable bool
		want      string
	}{
		{"fails", nil, fault, "", true, "callback for secrets and certificates failed"},
		{"gives none", nil, nil, "invalid_client", false, "gave none"},
		{"gives an empty secret", []msal.Proof{msal.Secret("")}, nil, "invalid_client", false, "gave an empty one"},
		{"gives a zero one", []msal.Proof{msal.Secret("a"), {}}, nil, "invalid_client", false, "gave an empty one"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &entra{}
			proofs, callback := tc.proofs, tc.fault
			c, err := msal.NewRotatingCredential(app, func(context.Context) ([]msal.Proof, error) { return proofs, callback }, over(e))
			require.NoError(t, err)
			_, err = c.GetToken(t.Context(), forGraph())
			refused, ok := errors.AsType[*msal.Error](err)
			if !ok || refused.TokenErrorCode() != tc.code || refused.TokenRetryable() != tc.retryable || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("error %v, want %q that says %q", err, tc.code, tc.want)
			}
			if errors.Is(err, fault) != (tc.fault != nil) {
				t.Errorf("errors.Is(err, the callback's) = %v", errors.Is(err, fault))
			}
			proofs, callback = []msal.Proof{msal.Secret("found")}, nil
			require.Equal(t, "token-1", get(t, c, forGraph()), "none of this is remembered")
		})
	}
}

// A callback that hangs ends with whoever waits for it.
func TestCallbackHonoursTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := msal.NewRotatingCredential(app, func(ctx context.Context) ([]msal.Proof, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, over(&entra{}))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.GetToken(ctx, forGraph())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = c.GetToken(t.Context(), forGraph())
		require.ErrorIs(t, err, context.DeadlineExceeded, "by the request's own bound")
	})
}
