package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestTokensDoNotCross(t *testing.T) {
	cred, s := &forgetful{}, serve(always(204, ""))
	all := pipelines(cred, s)
	for _, tenant := range []string{tenantA, tenantB, tenantA} {
		_, _, err := send(t.Context(), t, all, tenant, "{}")
		require.NoError(t, err)
	}
	var auth, tenants []string
	for _, r := range s.seen {
		auth = append(auth, r.Auth)
	}
	for _, o := range cred.asked {
		tenants = append(tenants, o.TenantID)
		if diff := cmp.Diff([]string{"https://graph.microsoft.com/.default"}, o.Scopes); diff != "" {
			t.Errorf("scopes (-want +got)\n%s", diff)
		}
	}
	if diff := cmp.Diff([]string{"Bearer T1", "Bearer T2", "Bearer T1"}, auth); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{tenantA, tenantB}, tenants); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTenantsForgetTheOneNotUsedForLongest(t *testing.T) {
	all := pipelines(&forgetful{}, serve(always(204, "")), func(o *Options) { o.MostTenants = 2 })
	client := func(id string) *azcore.Client {
		c, err := all.Client(id)
		require.NoError(t, err)
		return c
	}
	a, b := client(tenantA), client(tenantB)
	if client(tenantA) != a {
		t.Error("a known tenant got another client")
	}
	client(tenantC) // B is the oldest now
	if client(tenantA) != a {
		t.Error("the tenant used last was forgotten")
	}
	if client(tenantB) == b {
		t.Error("the tenant not used for longest was kept")
	}
	if len(all.byID.byKey) != 2 || all.byID.order.Len() != 2 {
		t.Errorf("%d and %d are kept of 2", len(all.byID.byKey), all.byID.order.Len())
	}
	// Who holds a client that was forgotten can still use it.
	if resp, _, err := sendBy(t.Context(), t, b, "{}"); err != nil || resp.StatusCode != 204 {
		t.Errorf("got %v, %v", resp, err)
	}
}

func TestTenantsAtOnce(t *testing.T) {
	cred := &forgetful{}
	all := pipelines(cred, sender(func(*http.Request) (*http.Response, error) { return answer(204, ""), nil }),
		func(o *Options) { o.MostTenants = 3 })
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			for n := range 20 {
				id := fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", (i+n)%6)
				if resp, _, err := send(t.Context(), t, all, id, "{}"); err != nil || resp.StatusCode != 204 {
					t.Errorf("got %v, %v", resp, err)
				}
			}
		})
	}
	wait.Wait()
	if len(all.byID.byKey) != 3 || all.byID.order.Len() != 3 {
		t.Errorf("%d and %d are kept of 3", len(all.byID.byKey), all.byID.order.Len())
	}
}

// 64 callers in front of an empty cache, through the SDK's own policies.
func TestColdTenantAsksOnce(t *testing.T) {
	for _, tt := range []struct {
		why  string
		fail func(context.Context) error
		want int // status, 0 where there is no token
	}{
		{"a token", func(context.Context) error { time.Sleep(time.Second); return nil }, 204},
		{"a refusal", func(context.Context) error { time.Sleep(time.Second); return errors.New("AADSTS65001") }, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				asked := 0
				cred := &forgetful{fail: func(ctx context.Context) error {
					mu.Lock()
					asked++
					mu.Unlock()
					return tt.fail(ctx)
				}}
				all := pipelines(cred, serve(always(204, "")))
				start := time.Now()
				var wait sync.WaitGroup
				for range 64 {
					wait.Go(func() {
						resp, call, err := send(t.Context(), t, all, tenantA, "{}")
						switch {
						case tt.want != 0 && (err != nil || resp.StatusCode != tt.want):
							t.Errorf("got %v, %v", resp, err)
						case tt.want == 0 && CallFailure(t.Context(), "op", err, call).ErrorCode != "AADSTS65001":
							t.Errorf("got %v", err)
						}
					})
				}
				wait.Wait()
				if asked != 1 || time.Since(start) != time.Second {
					t.Errorf("the credential was asked %d times in %v", asked, time.Since(start))
				}
			})
		})
	}
}

// A credential that panics panics in the caller's goroutine. The SDK's bearer
// policy then believes for ever that somebody is fetching a token: without a
// new pipeline everybody would wait, whatever their contexts say.
func TestCredentialThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		cred := &forgetful{fail: func(context.Context) error {
			if broken {
				time.Sleep(time.Second)
				panic(canary)
			}
			return nil
		}}
		all := pipelines(cred, serve(always(204, "")))
		held, err := all.Client(tenantA)
		require.NoError(t, err)
		call := func(client *azcore.Client) (panicked any, err error) {
			defer func() { panicked = recover() }()
			_, _, err = sendBy(t.Context(), t, client, "{}")
			return nil, err
		}
		var wait sync.WaitGroup
		wait.Go(func() {
			if panicked, _ := call(held); panicked != canary {
				t.Errorf("the panic came out as %v", panicked)
			}
		})
		synctest.Wait()
		for range 8 {
			wait.Go(func() {
				if panicked, err := call(held); !errors.Is(err, errWrecked) || panicked != nil {
					t.Errorf("got %v, panic %v", err, panicked)
				}
			})
		}
		wait.Wait()
		if _, err := call(held); !errors.Is(err, errWrecked) {
			t.Errorf("later, by who still holds the client: %v", err)
		}
		broken = false
		fresh, err := all.Client(tenantA)
		require.NoError(t, err)
		if panicked, err := call(fresh); err != nil || panicked != nil {
			t.Errorf("by a new pipeline: %v, %v", panicked, err)
		}
		if again, _ := all.Client(tenantA); again != fresh || len(all.byID.byKey) != 1 || all.byID.order.Len() != 1 {
			t.Errorf("%d and %d are kept of one tenant", len(all.byID.byKey), all.byID.order.Len())
		}
	})
}

func TestOptionsOfTheHostReachThePipeline(t *testing.T) {
	var order []string
	note := func(name string) policy.Policy {
		return policyFunc(func(req *policy.Request) (*http.Response, error) {
			order = append(order, name+" "+req.Raw().Header.Get("Authorization"))
			return req.Next()
		})
	}
	s := serve(always(401, stale), always(204, ""))
	all := pipelines(&forgetful{}, s, func(o *Options) {
		o.Client.PerCallPolicies = []policy.Policy{note("call")}
		o.Client.PerRetryPolicies = []policy.Policy{note("try")}
	})
	_, _, err := send(t.Context(), t, all, tenantA, "{}")
	require.NoError(t, err)
	if diff := cmp.Diff([]string{"call ", "try Bearer T1", "try Bearer T2"}, order); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

type policyFunc func(*policy.Request) (*http.Response, error)

func (f policyFunc) Do(req *policy.Request) (*http.Response, error) { return f(req) }

func TestModuleVersionIsTheSDKs(t *testing.T) {
	all := pipelines(&forgetful{}, serve(always(204, "")), func(o *Options) { o.Version = "one" })
	if _, err := all.Client(tenantA); err == nil {
		t.Error("the SDK took a version that is none")
	}
	if len(all.byID.byKey) != 0 || all.byID.order.Len() != 0 {
		t.Error("a client that was not made is kept")
	}
}

// While a rejected token is replaced, each waits no longer than its own
// context allows, as for the first.
func TestWaitForReplacementEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		cred := &forgetful{fail: func(context.Context) error {
			if asked++; asked > 1 {
				time.Sleep(time.Minute)
			}
			return nil
		}}
		all := pipelines(cred, serve(always(401, stale), always(204, "")))
		var wait sync.WaitGroup
		wait.Go(func() {
			if resp, _, err := send(t.Context(), t, all, tenantA, "{}"); err != nil || resp.StatusCode != 204 {
				t.Errorf("got %v, %v", resp, err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, _, err := send(ctx, t, all, tenantA, "{}")
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 3*time.Second {
			t.Errorf("got %v after %v", err, took)
		}
		wait.Wait()
	})
}

// The SDK renews a token that expires soon while others go on with it: the gate
// must not make them wait.
func TestRenewalKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		cred := &forgetful{fail: func(context.Context) error {
			if asked++; asked > 1 {
				time.Sleep(time.Minute)
			}
			return nil
		}}
		all := pipelines(cred, serve(always(204, "")))
		if _, _, err := send(t.Context(), t, all, tenantA, "{}"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(56 * time.Minute) // of the hour that it is good for
		var wait sync.WaitGroup
		wait.Go(func() { _, _, _ = send(t.Context(), t, all, tenantA, "{}") })
		synctest.Wait()
		if asked != 2 {
			t.Fatalf("asked %d times: the SDK renews at another time than this test supposes", asked)
		}
		start := time.Now()
		if resp, _, err := send(t.Context(), t, all, tenantA, "{}"); err != nil || resp.StatusCode != 204 || time.Since(start) != 0 {
			t.Errorf("got %v, %v after %v", resp, err, time.Since(start))
		}
		wait.Wait()
	})
}
