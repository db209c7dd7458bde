package msal_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/msal"
)

// pausing lets each request take a second, so that callers meet.
func pausing(req *http.Request) error {
	select {
	case <-time.After(time.Second):
		return nil
	case <-req.Context().Done():
		return req.Context().Err()
	}
}

func TestManyCallersMakeOneRequest(t *testing.T) {
	const callers = 64
	for _, tc := range []struct {
		name string
		// prepare brings the credential into the state in which all call.
		prepare func(t *testing.T, e *entra, c *msal.Credential)
		change  func(*entra)
		want    map[string]int
		asked   int
	}{
		{name: "cold", want: map[string]int{"token-1": callers}, asked: 1},
		{name: "expired", prepare: func(t *testing.T, _ *entra, c *msal.Credential) {
			get(t, c, forGraph())
			time.Sleep(2 * time.Hour)
		}, want: map[string]int{"token-2": callers}, asked: 2},
		{name: "under five minutes left", prepare: func(t *testing.T, _ *entra, c *msal.Credential) {
			get(t, c, forGraph())
			time.Sleep(56 * time.Minute)
		}, want: map[string]int{"token-2": callers}, asked: 2},
		{name: "discarded by one", prepare: func(t *testing.T, _ *entra, c *msal.Credential) {
			c.Discard(get(t, c, forGraph()))
		}, want: map[string]int{"token-2": callers}, asked: 2},
		{name: "refused", change: func(e *entra) {
			e.answer = func(int, url.Values) *http.Response { return refuse(401, "invalid_client", 7000222) }
		}, want: map[string]int{"msal: no token for tenant " + tenantA + ": AADSTS7000222 (401): the client secret has expired: create a new one, correlation id " +
			correlationID + ", trace id " + traceID: callers}, asked: 1},
		{name: "past the time to renew", prepare: func(t *testing.T, e *entra, c *msal.Credential) {
			e.refresh = 30 * time.Minute
			get(t, c, forGraph())
			time.Sleep(31 * time.Minute)
		}, want: map[string]int{"token-1": callers - 1, "token-2": 1}, asked: 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &entra{before: pausing}
				if tc.change != nil {
					tc.change(e)
				}
				c := secretCredential(t, once(e))
				if tc.prepare != nil {
					tc.prepare(t, e, c)
				}
				got := all(t, callers, c, forGraph())
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
				if e.asked() != tc.asked {
					t.Errorf("%d token requests, want %d", e.asked(), tc.asked)
				}
			})
		})
	}
}

// Every caller's token was rejected, and each says so whenever it finds out.
func TestDiscardByManyKeepsTheNewToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{before: pausing}
		c := secretCredential(t, over(e))
		old := get(t, c, forGraph())
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond) // before, while and after the new one comes
				c.Discard(old)
				if got := get(t, c, forGraph()); got != "token-2" {
					t.Errorf("caller %d got %q, want token-2", i, got)
				}
			})
		}
		wg.Wait()
		c.Discard("a token nobody has")
		c.Discard("")
		if got := get(t, c, forGraph()); got != "token-2" || e.asked() != 2 {
			t.Errorf("token %q after %d requests, want token-2 after 2", got, e.asked())
		}
	})
}

// A stand-in that gives the same token for everything must not keep it here.
func TestDiscardEverywhere(t *testing.T) {
	e := &entra{answer: func(n int, _ url.Values) *http.Response {
		if n <= 3 {
			return reply(200, `{"token_type":"Bearer","expires_in":3600,"access_token":"same"}`)
		}
		return nil
	}}
	c := secretCredential(t, over(e))
	requests := []func() string{
		func() string { return get(t, c, forGraph()) },
		func() string { return get(t, c, forGraph(withCAE)) },
		func() string { return get(t, c, forGraph(inB)) },
	}
	for i, request := range requests {
		if got := request(); got != "same" {
			t.Fatalf("request %d = %q", i, got)
		}
	}
	c.Discard("same")
	for i, request := range requests {
		if got := request(); got == "same" {
			t.Errorf("request %d still answers the discarded token", i)
		}
	}
}

func TestLeavingWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{before: pausing}
		c := secretCredential(t, over(e))

		first, cancel := context.WithCancel(t.Context())
		var leaver, stayer error
		var stayed string
		var wg sync.WaitGroup
		began := time.Now()
		wg.Go(func() {
			_, leaver = c.GetToken(first, forGraph())
			if waited := time.Since(began); waited != 500*time.Millisecond {
				t.Errorf("the leaver waited %s, want 500ms", waited)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			var tk azcore.AccessToken
			tk, stayer = c.GetToken(t.Context(), forGraph())
			stayed = tk.Token
		})
		time.Sleep(500 * time.Millisecond)
		cancel()
		wg.Wait()
		if !errors.Is(leaver, context.Canceled) || !strings.Contains(leaver.Error(), "canceled") {
			t.Errorf("leaver's error %v, want context.Canceled", leaver)
		}
		if stayer != nil || stayed != "token-1" || e.asked() != 1 {
			t.Errorf("stayer got %q, %v after %d requests, want token-1 after one", stayed, stayer, e.asked())
		}
	})
}

// With nobody waiting the request ends, and the next caller does not join it.
func TestAllLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hanging, ended atomic.Int32
		e := &entra{before: func(req *http.Request) error {
			if hanging.Add(1) > 1 {
				return nil
			}
			<-req.Context().Done()
			ended.Add(1)
			return req.Context().Err()
		}}
		c := secretCredential(t, over(e))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, err := c.GetToken(ctx, forGraph())
				refused, ok := errors.AsType[*msal.Error](err)
				if !ok || !errors.Is(err, context.DeadlineExceeded) || refused.TokenErrorCode() != "" || refused.TokenStatusCode() != 0 {
					t.Errorf("error %v, want the deadline's", err)
				}
			})
		}
		wg.Wait()
		if got := get(t, c, forGraph()); got != "token-1" {
			t.Errorf("token of the next caller = %q, want token-1", got)
		}
		synctest.Wait()
		if ended.Load() != 1 {
			t.Error("the abandoned request goes on")
		}
	})
}

func TestRequestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{before: func(req *http.Request) error { <-req.Context().Done(); return req.Context().Err() }}
		o := over(e)
		o.RequestTimeout = 20 * time.Second
		c := secretCredential(t, o)
		began := time.Now()
		_, err := c.GetToken(t.Context(), forGraph())
		refused, ok := errors.AsType[*msal.Error](err)
		if !ok || !errors.Is(err, context.DeadlineExceeded) || !refused.TokenRetryable() {
			t.Errorf("error %v, want a retryable deadline", err)
		}
		if waited := time.Since(began); waited != o.RequestTimeout {
			t.Errorf("gave up after %s, want %s", waited, o.RequestTimeout)
		}
	})
}

func TestEndedContextAsksNothing(t *testing.T) {
	e := &entra{}
	c := secretCredential(t, over(e))
	get(t, c, forGraph())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range []struct {
		name string
		in   func() error
	}{
		{"kept token", func() error { _, err := c.GetToken(ctx, forGraph()); return err }},
		{"no token", func() error { _, err := c.GetToken(ctx, forGraph(inB)); return err }},
	} {
		if err := r.in(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want context.Canceled", r.name, err)
		}
	}
	if e.asked() != 1 {
		t.Errorf("%d requests, want 1", e.asked())
	}
}

// MSAL shares the fetch of a tenant's metadata among its callers, with the
// context of one of them.
func TestAnotherRequestsEndIsNotMine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{before: pausing}
		c := secretCredential(t, once(e))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { c.GetToken(ctx, forGraph()) })
		synctest.Wait()
		wg.Go(func() {
			if got := get(t, c, forGraph(forIntune)); got != "token-1" {
				t.Errorf("token = %q, want token-1", got)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
	})
}

func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{refresh: 30 * time.Minute}
		c := secretCredential(t, once(e))
		tk, err := c.GetToken(t.Context(), forGraph())
		require.NoError(t, err)
		if left, renew := time.Until(tk.ExpiresOn), time.Until(tk.RefreshOn); left != time.Hour || renew != 30*time.Minute {
			t.Errorf("token expires in %s, renews in %s, want 1h and 30m", left, renew)
		}
		time.Sleep(29 * time.Minute)
		require.Equal(t, "token-1", get(t, c, forGraph()), "before RefreshOn")

		e.answer = func(int, url.Values) *http.Response { return reply(503, "busy") }
		time.Sleep(2 * time.Minute)
		require.Equal(t, "token-1", get(t, c, forGraph()), "a failed renewal takes nothing away")
		require.Equal(t, "token-1", get(t, c, forGraph()))
		require.Equal(t, 2, e.asked(), "a failed renewal is not repeated at once")
		time.Sleep(30 * time.Second)
		require.Equal(t, "token-1", get(t, c, forGraph()))
		require.Equal(t, 3, e.asked(), "it is repeated after a pause")

		e.answer = func(int, url.Values) *http.Response { return refuse(401, "invalid_client", 7000222) }
		time.Sleep(27 * time.Minute)
		require.Equal(t, "token-1", get(t, c, forGraph()), "near its end a living token is still better than none")
		time.Sleep(3 * time.Minute)
		_, err = c.GetToken(t.Context(), forGraph())
		require.ErrorContains(t, err, "AADSTS7000222")
		e.answer = nil
		time.Sleep(time.Minute)
		require.NotEqual(t, "token-1", get(t, c, forGraph()), "an expired token is never served")
	})
}

// Without refresh_in RefreshOn is left alone, so that azcore's own rule holds.
func TestNoRefreshOn(t *testing.T) {
	c := secretCredential(t, over(&entra{}))
	tk, err := c.GetToken(t.Context(), forGraph())
	require.NoError(t, err)
	if !tk.RefreshOn.IsZero() {
		t.Errorf("RefreshOn = %s, want none", tk.RefreshOn)
	}
}

// Tokens that live for less than five minutes do not make each call a request.
func TestShortLivedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{lifetime: 2 * time.Minute}
		c := secretCredential(t, over(e))
		for range 100 {
			get(t, c, forGraph())
		}
		require.Equal(t, 1, e.asked())
		time.Sleep(31 * time.Second)
		require.Equal(t, "token-2", get(t, c, forGraph()))
	})
}

func TestTenantsLeave(t *testing.T) {
	e := &entra{}
	o := over(e)
	o.MaxTenants = 2
	c := secretCredential(t, o)
	tenants := []string{tenantA, tenantB, "cccccccc-cccc-4ccc-8ccc-cccccccccccc"}
	in := func(i int) string {
		r := forGraph()
		r.TenantID = tenants[i]
		return get(t, c, r)
	}
	a, b := in(0), in(1)
	require.Equal(t, a, in(0), "A is used again, so B is the older")
	third := in(2)
	require.Equal(t, a, in(0), "A stays")
	require.Equal(t, third, in(2), "the third stays")
	require.NotEqual(t, b, in(1), "B had left")
	c.Discard(b) // of a tenant that has left: nothing
	require.Equal(t, 4, e.asked())
}

// A tenant that leaves while its token is under way still gets it.
func TestTenantLeavesWhileAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{before: pausing}
		o := over(e)
		o.MaxTenants = 1
		c := secretCredential(t, o)
		var wg sync.WaitGroup
		wg.Go(func() { get(t, c, forGraph()) })
		synctest.Wait()
		wg.Go(func() { get(t, c, forGraph(inB)) })
		wg.Wait()
		kept := get(t, c, forGraph(inB))
		require.Equal(t, 2, e.asked(), "B is kept")
		c.Discard(kept)
		get(t, c, forGraph(inB))
		require.Equal(t, 3, e.asked())
	})
}
