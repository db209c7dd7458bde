package intune_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/compliance"
)

// Addresses are asked for once a day.
func TestDiscoveryKept(t *testing.T) {
	for lifetime, want := range map[time.Duration]time.Duration{0: 24 * time.Hour, time.Hour: time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			m := newMicrosoft(t)
			r := m.reporter(t, &intune.Options{DiscoveryLifetime: lifetime})
			report := func(calls int) {
				t.Helper()
				_, err := r.Report(t.Context(), report1(compliance.StateCompliant))
				require.NoError(t, err)
				if n := m.count("discovery"); n != calls {
					t.Errorf("%d calls of discovery after %v, want %d", n, time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), calls)
				}
			}
			report(2)
			report(2)
			time.Sleep(want - time.Nanosecond)
			report(2)
			time.Sleep(time.Nanosecond)
			report(4)
		})
	}
}

// They are dropped when one of them does not serve, and not for what is not
// their fault.
func TestDiscoveryDropped(t *testing.T) {
	for status, dropped := range map[int]bool{
		200: false, 400: false, 401: false, 403: false, 409: false, 429: false,
		301: true, 404: true, 410: true, 421: true, 500: true, 503: true, 0: true,
	} {
		m := newMicrosoft(t)
		r := m.reporter(t, nil)
		_, err := r.Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err)
		m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
			switch {
			case !s.is("upload"):
				return nil, nil
			case status == 0:
				return nil, context.DeadlineExceeded
			}
			return reply(status, `{"ErrorCode":"x"}`), nil
		}
		_, err = r.Report(t.Context(), report1(compliance.StateCompliant))
		require.Error(t, err)
		m.hook = nil
		_, err = r.Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err)
		if got := m.count("discovery") == 4; got != dropped {
			t.Errorf("%d: dropped %v, want %v", status, got, dropped)
		}
	}
}

// A caller that gives up says nothing of the address; nor does a tenant whose
// tokens are refused.
func TestDiscoveryKeptThroughOtherFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(t)
		cred := &failing{microsoft: m}
		r, err := intune.New(cred, optionsOf(m))
		require.NoError(t, err)
		_, err = r.Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err)

		m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
			<-s.ctx.Done()
			return nil, s.ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err = r.Report(ctx, report1(compliance.StateCompliant))
		cancel()
		require.ErrorIs(t, err, azure.ErrCanceled)

		m.hook = nil
		time.Sleep(2 * time.Hour) // the tokens have ended
		cred.partner = "AADSTS7000222: expired"
		for range 3 {
			_, err = r.Report(t.Context(), report1(compliance.StateCompliant))
			if got := summary(err); got != "unauthorized (tenant, not-sent)" {
				t.Errorf("%s", got)
			}
		}
		if n := m.count("discovery"); n != 2 {
			t.Errorf("%d calls of discovery, want 2", n)
		}
	})
}

// Of 64 callers one asks, and the others wait for its answer.
func TestDiscoveryOneInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(t)
		m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
			if s.is("discovery") {
				time.Sleep(time.Second)
			}
			return nil, nil
		}
		r := m.reporter(t, nil)
		var group sync.WaitGroup
		for _, report := range numbered(tenantA, 64) {
			group.Go(func() {
				if _, err := r.Report(t.Context(), report); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if d, u := m.count("discovery"), m.count("upload"); d != 2 || u != 64 {
			t.Errorf("%d calls of discovery and %d uploads, want 2 and 64", d, u)
		}
	})
}

// A failed lookup is everybody's who waited, each in a form of his own, and
// nobody's who comes later. Whoever gives up does so alone.
func TestDiscoveryFailureShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(t)
		m.hook = func(_ *microsoft, s seen) (*http.Response, error) {
			if !s.is("discovery") {
				return nil, nil
			}
			time.Sleep(time.Second)
			return reply(503, ""), nil
		}
		r := m.reporter(t, nil)
		var group sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			group.Go(func() {
				ctx := t.Context()
				if i == 7 {
					time.Sleep(time.Millisecond)
					short, cancel := context.WithTimeout(ctx, time.Millisecond)
					defer cancel()
					ctx = short
				}
				_, errs[i] = r.Report(ctx, report1(compliance.StateCompliant))
			})
		}
		group.Wait()
		for i, err := range errs {
			want := "unavailable (service, not-sent)"
			if i == 7 {
				want = "canceled (device, not-sent)"
			}
			if got := summary(err); got != want {
				t.Errorf("caller %d: %s, want %s", i, got, want)
			}
			if i > 0 && errs[i] == errs[0] {
				t.Error("two callers share one error")
			}
		}
		if n := m.count("discovery"); n != 1 {
			t.Errorf("%d calls of discovery, want 1", n)
		}
		m.hook = nil
		_, err := r.Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err)
	})
}
