package graph_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/compliance"
)

// What the generated Graph SDK for Go (1.89.0) was seen to do wrong, one
// subtest each.
func TestFaultsOfTheGeneratedSDK(t *testing.T) {
	t.Run("a throttled PATCH is sent again as plain JSON labelled gzip", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStub(t, inTurn(always(429, "", "Retry-After", "1"), always(204, "")))
			_, err := stubReporter(t, s, policy.RetryOptions{}).Report(t.Context(), report1(compliance.StateCompliant))
			require.NoError(t, err)
			for _, r := range s.requests() {
				if r.body != `{"isManaged":true,"isCompliant":true}` || r.header.Get("Content-Encoding") != "" {
					t.Errorf("sent %q, encoded %q", r.body, r.header.Get("Content-Encoding"))
				}
			}
		})
	})
	t.Run("every body of 60 bytes is compressed", func(t *testing.T) {
		s := newStub(t, inTurn(always(204, "")))
		_, err := stubReporter(t, s, once).Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err)
		if r := s.requests()[0]; r.header.Get("Content-Encoding") != "" || r.req.ContentLength != int64(len(r.body)) || len(r.body) > 60 {
			t.Errorf("sent %q of length %d, encoded %q", r.body, r.req.ContentLength, r.header.Get("Content-Encoding"))
		}
	})
	t.Run("its batch helper panics at an answer with an id, the responses or a status missing", func(t *testing.T) {
		for _, body := range []string{`{"responses":null}`, `{"responses":[{"status":204}]}`, `{"responses":[{"id":"1"}]}`, `{"responses":[]}`, `{"responses":[null]}`} {
			s := newStub(t, inTurn(always(200, body)))
			results := stubReporter(t, s, once).ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))
			require.Len(t, results, 1)
			require.ErrorIs(t, results[0].Err, azure.ErrUnexpected, body)
		}
	})
	t.Run("items answered 429 in a batch are never retried", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := batchStub(t, func(n int, _ sent, item batchItem) string {
				return itemReply(item.ID, []int{429, 204}[n], "null")
			}, "")
			require.NoError(t, stubReporter(t, s, policy.RetryOptions{}).ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0].Err)
		})
	})
	t.Run("500, 502, 408 and broken connections are never retried", func(t *testing.T) {
		for _, fail := range []func() (*http.Response, error){
			func() (*http.Response, error) { return reply(500, ""), nil },
			func() (*http.Response, error) { return reply(502, ""), nil },
			func() (*http.Response, error) { return reply(408, ""), nil },
			func() (*http.Response, error) { return nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET} },
			func() (*http.Response, error) { return nil, io.EOF },
		} {
			synctest.Test(t, func(t *testing.T) {
				s := newStub(t, func(n int, _ sent) (*http.Response, error) {
					if n == 0 {
						return fail()
					}
					return reply(204, ""), nil
				})
				_, err := stubReporter(t, s, policy.RetryOptions{}).Report(t.Context(), report1(compliance.StateCompliant))
				require.NoError(t, err)
			})
		}
	})
	t.Run("nonsense in Retry-After means an immediate retry", func(t *testing.T) {
		for _, nonsense := range []string{"-1", "NaN", "1e300", "soon", "0"} {
			synctest.Test(t, func(t *testing.T) {
				s := newStub(t, inTurn(always(429, "", "Retry-After", nonsense), always(204, "")))
				began := time.Now()
				_, err := stubReporter(t, s, policy.RetryOptions{}).Report(t.Context(), report1(compliance.StateCompliant))
				require.NoError(t, err)
				if waited := time.Since(began); waited < 640*time.Millisecond {
					t.Errorf("%q: waited %v", nonsense, waited)
				}
			})
		}
	})
	t.Run("a Retry-After of 86400 blocks a goroutine for a day", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStub(t, inTurn(always(429, "", "Retry-After", "86400")))
			began := time.Now()
			_, err := stubReporter(t, s, policy.RetryOptions{}).Report(t.Context(), report1(compliance.StateCompliant))
			require.ErrorIs(t, err, azure.ErrThrottled)
			if waited := time.Since(began); waited != 0 {
				t.Errorf("returned after %v", waited)
			}
		})
	})
}

// Under the published quota no device of a fleet is lost: each report is
// either accepted, and then it is at Microsoft, or handed back as throttled
// with the wait to go by.
func TestNoDeviceIsLostToThrottling(t *testing.T) {
	for _, model := range []azuresim.Model{azuresim.ModelTokenBucket, azuresim.ModelFixedWindow, azuresim.ModelSlidingWindow} {
		synctest.Test(t, func(t *testing.T) {
			const fleet = 4000 // more than the 3,000 that 150 seconds allow
			w := newWorld(t, &azuresim.Options{LedgerLimit: -1, Throttle: azuresim.Throttle{Model: model}}, nil)
			reports := w.reports(fleet, compliance.StateNonCompliant)
			rounds := 0
			for left := reports; len(left) > 0; rounds++ {
				if rounds > 100 {
					t.Fatalf("%d of %d are left", len(left), fleet)
				}
				var again []azure.Report
				var wait time.Duration
				for i, result := range w.reporter.ReportBatch(t.Context(), left) {
					if result.Err == nil {
						continue
					}
					e, ok := errors.AsType[*azure.Error](result.Err)
					require.True(t, ok)
					require.ErrorIs(t, e, azure.ErrThrottled)
					again = append(again, left[i])
					wait = max(wait, e.RetryAfter)
				}
				time.Sleep(wait)
				left = again
			}
			for _, report := range reports {
				d, _ := w.sim.Device(report.TenantID, report.DeviceID)
				if d.IsCompliant == nil || *d.IsCompliant || !*d.IsManaged {
					t.Fatalf("device %s is lost", report.DeviceID)
				}
			}
			t.Logf("model %v: %d rounds", model, rounds)
		})
	}
}
