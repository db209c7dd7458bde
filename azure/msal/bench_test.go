package msal_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"testing"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"github.com/mdmkit/devicestatus/azure/msal"
)

func tenantNumber(i int) string { return fmt.Sprintf("%08x-0000-4000-8000-000000000001", i+1) }

// A token from memory, of one tenant among many: the same at any number.
func BenchmarkGetTokenCached(b *testing.B) {
	for _, tenants := range []int{1, 1_000, 10_000} {
		b.Run(fmt.Sprint(tenants), func(b *testing.B) {
			c := secretCredential(b, over(&entra{}))
			r := forGraph(withCAE)
			for i := range tenants {
				r.TenantID = tenantNumber(i)
				get(b, c, r)
			}
			r.TenantID = tenantNumber(tenants / 2)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.GetToken(context.Background(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The same with one MSAL client for all tenants, for comparison.
func BenchmarkOneMSALClient(b *testing.B) {
	for _, tenants := range []int{1, 1_000, 10_000} {
		b.Run(fmt.Sprint(tenants), func(b *testing.B) {
			cred, err := confidential.NewCredFromSecret("canary-secret")
			if err != nil {
				b.Fatal(err)
			}
			client, err := confidential.New("https://login.microsoftonline.com/"+tenantNumber(0), app, cred,
				confidential.WithHTTPClient(bare{&entra{}}), confidential.WithInstanceDiscovery(false))
			if err != nil {
				b.Fatal(err)
			}
			get := func(i int) {
				if _, err := client.AcquireTokenByCredential(context.Background(), []string{graph}, confidential.WithTenantID(tenantNumber(i))); err != nil {
					b.Fatal(err)
				}
			}
			for i := range tenants {
				get(i)
			}
			b.ReportAllocs()
			for b.Loop() {
				get(tenants / 2)
			}
		})
	}
}

type bare struct{ *entra }

func (bare) CloseIdleConnections() {}

func (b bare) Do(req *http.Request) (*http.Response, error) { return b.entra.Do(req) }

// Many callers of one credential at once.
func BenchmarkGetTokenParallel(b *testing.B) {
	c := secretCredential(b, over(&entra{}))
	r := forGraph(withCAE)
	get(b, c, r)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			c.GetToken(context.Background(), r)
		}
	})
}

// What a kept tenant weighs, beside its tokens' text, and what a cold one costs.
func BenchmarkGetTokenCold(b *testing.B) {
	e := &forgetful{}
	o := over(e)
	o.MaxTenants = 1 << 30
	c, err := msal.NewClientSecretCredential(app, "canary-secret", o)
	if err != nil {
		b.Fatal(err)
	}
	r := forGraph(withCAE)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r.TenantID = tenantNumber(n)
		get(b, c, r)
		n++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/tenant")
	runtime.KeepAlive(c)
}

// forgetful is entra without a memory of what was asked.
type forgetful struct{ n int }

func (f *forgetful) Do(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet {
		return metadata(req), nil
	}
	f.n++
	return (&entra{}).issue(f.n), nil
}
