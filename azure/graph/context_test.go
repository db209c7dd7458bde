package graph_test

import (
	"context"
	"errors"
	"net/http"
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

// When the caller's context ends, the call returns at that moment, in whatever
// phase it is, and says what is known.
func TestContextEnds(t *testing.T) {
	const limit = 5 * time.Second
	for _, tc := range []struct {
		name    string
		fault   azuresim.Fault
		outcome azure.Outcome
		writes  int
	}{
		{"during discovery", azuresim.Fault{Match: azuresim.ForDiscovery(), Delay: time.Hour}, azure.OutcomeNotSent, 0},
		{"during the token", azuresim.Fault{Match: azuresim.ForTokens(), Delay: time.Hour}, azure.OutcomeNotSent, 0},
		{"during the token's body", azuresim.Fault{Match: azuresim.ForTokens(), BodyPause: time.Hour}, azure.OutcomeNotSent, 0},
		{"during the call", azuresim.Fault{Match: azuresim.ForGraph(), Delay: time.Hour}, azure.OutcomeUnknown, 0},
		{"during the answer", azuresim.Fault{Match: azuresim.ForGraph(), AnswerDelay: time.Hour}, azure.OutcomeUnknown, 1},
		{"during an error's body", azuresim.Fault{Match: azuresim.ForGraph(), Status: 400, Code: "x", BodyPause: time.Hour}, azure.OutcomeUnknown, 0},
		{"during an endless body", azuresim.Fault{Match: azuresim.ForGraph(), Status: 503, Body: "x", BodyPause: time.Second, Endless: true}, azure.OutcomeUnknown, 0},
		{"during a wait", azuresim.Fault{Match: azuresim.ForGraph(), Status: 429, RetryAfter: "50"}, azure.OutcomeUnknown, 0},
		{"during a pause for the token", azuresim.Fault{Match: azuresim.ForGraph(), Status: 401, Code: "InvalidAuthenticationToken", Delay: 2 * time.Second}, azure.OutcomeUnknown, 0},
	} {
		for _, batch := range []bool{false, true} {
			for _, cancel := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, nil, nil)
					w.sim.Inject(tc.fault)
					ctx, stop := context.WithTimeout(t.Context(), limit)
					cause := context.DeadlineExceeded
					if cancel {
						var end context.CancelFunc
						ctx, end = context.WithCancel(t.Context())
						time.AfterFunc(limit, end)
						cause = context.Canceled
					}
					defer stop()
					began := time.Now()
					var err error
					if batch {
						err = w.reporter.ReportBatch(ctx, []azure.Report{w.report(compliance.StateCompliant)})[0].Err
					} else {
						_, err = w.reporter.Report(ctx, w.report(compliance.StateCompliant))
					}
					if waited := time.Since(began); waited != limit {
						t.Errorf("%s, batch %v: returned after %v, want %v", tc.name, batch, waited, limit)
					}
					e, ok := errors.AsType[*azure.Error](err)
					require.True(t, ok, "%v", err)
					if !errors.Is(err, azure.ErrCanceled) || !errors.Is(err, cause) || e.Scope != azure.ScopeDevice {
						t.Errorf("%s, batch %v: %v, want canceled by %v", tc.name, batch, err, cause)
					}
					if e.Outcome != tc.outcome {
						t.Errorf("%s, batch %v: %v, want %v", tc.name, batch, e, tc.outcome)
					}
					if n := w.sim.WriteCount(w.tenant.ID, w.device.DeviceID); n != tc.writes {
						t.Errorf("%s, batch %v: %d writes, want %d", tc.name, batch, n, tc.writes)
					}
				})
			}
		}
	}
}

// A context that ended before the call sends nothing, and asks for no token.
func TestContextEndedBefore(t *testing.T) {
	s := newStub(t, nil)
	cred := &recorder{}
	r := reporterWith(t, cred, s, policy.RetryOptions{})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, stop := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer stop()
	for cause, ctx := range map[error]context.Context{context.Canceled: canceled, context.DeadlineExceeded: late} {
		var errs []error
		for _, state := range []compliance.State{compliance.StateCompliant, compliance.StateRemoved} {
			_, err := r.Report(ctx, report1(state))
			errs = append(errs, err)
			for _, result := range r.ReportBatch(ctx, numbered(45, state)) {
				errs = append(errs, result.Err)
			}
		}
		_, err := r.Verify(ctx, report1(compliance.StateCompliant))
		errs = append(errs, err)
		_, err = r.DeleteObject(ctx, report1(compliance.StateRemoved))
		errs = append(errs, err)
		for _, err := range errs {
			if diff := cmp.Diff("canceled (device, not-sent)", summary(err)); diff != "" || !errors.Is(err, cause) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
	}
	if n := len(s.requests()) + len(cred.asked()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// A removal that ends between its steps keeps the first in its receipt.
func TestContextEndsBetweenTheSteps(t *testing.T) {
	for _, batch := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			w.sim.Inject(azuresim.Fault{Match: onGraph("DELETE"), Delay: time.Hour})
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			var receipt azure.Receipt
			var err error
			if batch {
				result := w.reporter.ReportBatch(ctx, []azure.Report{w.report(compliance.StateRemoved)})[0]
				receipt, err = result.Receipt, result.Err
			} else {
				receipt, err = w.reporter.Report(ctx, w.report(compliance.StateRemoved))
			}
			if diff := cmp.Diff("canceled (device, unknown)", summary(err)); diff != "" || receipt.Removal != azure.RemovalMarked {
				t.Errorf("batch %v: %+v (-want +got):\n%s", batch, receipt, diff)
			}
		})
	}
}

// While the token endpoint hangs, every caller returns at its own deadline.
func TestHangingTokenEndpoint(t *testing.T) {
	for name, hang := range map[string]func(w *world) azcore.TokenCredential{
		"endpoint": func(w *world) azcore.TokenCredential {
			w.sim.Inject(azuresim.Fault{Match: azuresim.ForTokens(), Delay: 10 * time.Hour})
			return w.credential(t)
		},
		"credential": func(*world) azcore.TokenCredential {
			return &recorder{give: func(ctx context.Context, _ int, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
				<-ctx.Done()
				return azcore.AccessToken{}, ctx.Err()
			}}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			r, err := graph.New(hang(w), &graph.Options{ClientOptions: azcore.ClientOptions{Transport: w.sim.Client()}})
			require.NoError(t, err)
			began := time.Now()
			var wg sync.WaitGroup
			for i := range 64 {
				// In an order that has callers arrive before and after those who
				// are more patient; below the minute that a token request may take.
				limit := time.Duration(i*37%64+1) * 500 * time.Millisecond
				wg.Go(func() {
					ctx, stop := context.WithTimeout(t.Context(), limit)
					defer stop()
					_, err := r.Report(ctx, w.report(compliance.StateCompliant))
					if diff := cmp.Diff("canceled (device, not-sent)", summary(err)); diff != "" {
						t.Errorf("%s (-want +got):\n%s", name, diff)
					}
					if waited := time.Since(began); waited != limit {
						t.Errorf("%s: returned after %v, want %v", name, waited, limit)
					}
				})
			}
			wg.Wait()
		})
	}
}

// The renewal of a token that hangs past the old token's end holds nobody
// beyond its own deadline.
func TestHangingRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t, inTurn(always(204, "")))
		cred := &recorder{give: func(ctx context.Context, n int, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
			if n == 0 {
				return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour), RefreshOn: time.Now().Add(30 * time.Minute)}, nil
			}
			<-ctx.Done()
			return azcore.AccessToken{}, ctx.Err()
		}}
		r := reporterWith(t, cred, s, once)
		_, err := r.Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err)
		time.Sleep(59 * time.Minute)
		patient, end := context.WithCancel(t.Context())
		defer end()
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = r.Report(patient, report1(compliance.StateCompliant)) })
		synctest.Wait()
		_, err = r.Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err, "the old token still lives")
		time.Sleep(2 * time.Minute)
		began := time.Now()
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		wg.Go(func() { time.Sleep(time.Hour); end() })
		_, err = r.Report(ctx, report1(compliance.StateCompliant))
		if waited := time.Since(began); waited != 5*time.Second || !errors.Is(err, azure.ErrCanceled) {
			t.Errorf("returned after %v with %v", waited, err)
		}
		wg.Wait()
	})
}

// A try has a limit of its own where the host sets one; it is not the caller's
// end.
func TestTryTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t, func(n int, r sent) (*http.Response, error) {
			if n == 0 {
				<-r.req.Context().Done()
				return nil, r.req.Context().Err()
			}
			return reply(204, ""), nil
		})
		receipt, err := stubReporter(t, s, policy.RetryOptions{TryTimeout: time.Second}).Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err)
		if receipt.Attempts != 2 {
			t.Errorf("%d attempts", receipt.Attempts)
		}
		s = newStub(t, func(_ int, r sent) (*http.Response, error) {
			<-r.req.Context().Done()
			return nil, r.req.Context().Err()
		})
		_, err = stubReporter(t, s, policy.RetryOptions{MaxRetries: -1, TryTimeout: time.Second}).Report(t.Context(), report1(compliance.StateCompliant))
		if diff := cmp.Diff("unavailable (service, unknown)", summary(err)); diff != "" || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}
