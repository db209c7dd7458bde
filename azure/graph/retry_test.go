package graph_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/compliance"
)

var retriedStatuses = []int{404, 408, 409, 429, 500, 502, 503, 504}

// A retried request is the first one again, byte for byte, whatever it was
// that went wrong.
func TestRetriedRequestIsIdentical(t *testing.T) {
	full := report1(compliance.StateNonCompliant)
	full.Inventory, full.Trigger = azure.Inventory{DeviceName: `"Ännas" <PC>`, OSVersion: "10.0.26100.2314"}, azure.TriggerRefresh
	fails := map[string]func() (*http.Response, error){
		"reset":     func() (*http.Response, error) { return nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET} },
		"refused":   func() (*http.Response, error) { return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED} },
		"EOF":       func() (*http.Response, error) { return nil, io.EOF },
		"truncated": func() (*http.Response, error) { return cutOff(503), nil },
		"cut 200":   func() (*http.Response, error) { return cutOff(200), nil },
		"endless":   func() (*http.Response, error) { return endless(503), nil },
		"HTML":      func() (*http.Response, error) { return reply(503, "<html>busy"), nil },
	}
	for _, status := range retriedStatuses {
		fails[http.StatusText(status)] = func() (*http.Response, error) { return reply(status, fault("x")), nil }
	}
	for name, fail := range fails {
		for _, batch := range []bool{false, true} {
			if batch && (name == http.StatusText(404) || name == "cut 200") {
				continue // of a whole batch these mean something else
			}
			synctest.Test(t, func(t *testing.T) {
				answer := func(n int, call sent) (*http.Response, error) {
					switch {
					case n < 2:
						return fail()
					case batch:
						return reply(200, `{"responses":[`+itemReply("1", 204, "null")+`]}`), nil
					}
					return reply(204, ""), nil
				}
				s := newStub(t, answer)
				r := stubReporter(t, s, policy.RetryOptions{})
				var receipt azure.Receipt
				var err error
				if batch {
					result := r.ReportBatch(t.Context(), []azure.Report{full})[0]
					receipt, err = result.Receipt, result.Err
				} else {
					receipt, err = r.Report(t.Context(), full)
				}
				require.NoError(t, err, name)
				if receipt.Attempts != 3 {
					t.Errorf("%s, batch %v: %d attempts told of 3", name, batch, receipt.Attempts)
				}
				seen := s.requests()
				require.Len(t, seen, 3, name)
				for _, again := range seen[1:] {
					if again.method != seen[0].method || again.url != seen[0].url {
						t.Errorf("%s, batch %v: %s %s after %s %s", name, batch, again.method, again.url, seen[0].method, seen[0].url)
					}
					if diff := cmp.Diff(seen[0].body, again.body); diff != "" {
						t.Errorf("%s, batch %v: body of the retry (-first +retry):\n%s", name, batch, diff)
					}
					if diff := cmp.Diff(seen[0].header, again.header); diff != "" {
						t.Errorf("%s, batch %v: headers of the retry (-first +retry):\n%s", name, batch, diff)
					}
				}
				if seen[0].header.Get("Content-Encoding") != "" {
					t.Errorf("compressed: %v", seen[0].header)
				}
			})
		}
	}
}

// cutOff is an answer that breaks off, endless one that does not end.
func cutOff(status int) *http.Response {
	r := reply(status, "x")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"error":{"co`), broken{io.ErrUnexpectedEOF}))
	r.ContentLength = 1000
	return r
}

func endless(status int) *http.Response {
	r := reply(status, "x")
	r.Body, r.ContentLength = io.NopCloser(blanks{}), -1
	return r
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// With MaxRetries -1 every request is sent exactly once.
func TestExactlyOneAttempt(t *testing.T) {
	for _, status := range append([]int{400, 401, 403, 410, 418, 501}, retriedStatuses...) {
		for _, batch := range []bool{false, true} {
			s := newStub(t, inTurn(always(status, fault("Directory_ConcurrencyViolation"))))
			r := stubReporter(t, s, once)
			want := 1
			if batch {
				require.Error(t, r.ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0].Err)
			} else {
				_, err := r.Report(t.Context(), report1(compliance.StateCompliant))
				require.Error(t, err)
			}
			if status == 400 {
				want++ // the read of the platform
				if batch {
					want++ // and the item alone
				}
			}
			if n := len(s.requests()); n != want {
				t.Errorf("%d, batch %v: %d requests, want %d", status, batch, n, want)
			}
		}
	}
	s := newStub(t, func(int, sent) (*http.Response, error) { return nil, io.EOF })
	_, err := stubReporter(t, s, once).Report(t.Context(), report1(compliance.StateCompliant))
	if n := len(s.requests()); n != 1 || !errors.Is(err, azure.ErrUnavailable) {
		t.Errorf("%d requests, %v", n, err)
	}
}

// A 404 after a registration is replication: waited for, then final.
func TestNotFoundAfterRegistration(t *testing.T) {
	for _, batch := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, &azuresim.Options{ReplicationLag: 3 * time.Second}, nil)
			device, err := w.sim.RegisterDevice(w.tenant.ID, azuresim.Device{})
			require.NoError(t, err)
			receipt, err := sendOne(t, w, w.reportOf(w.tenant, device, compliance.StateCompliant), batch)
			require.NoError(t, err)
			if receipt.Attempts < 3 {
				t.Errorf("batch %v: %d attempts", batch, receipt.Attempts)
			}

			device.DeviceID = object1 // which nobody registered
			began := time.Now()
			_, err = sendOne(t, w, w.reportOf(w.tenant, device, compliance.StateCompliant), batch)
			e, ok := errors.AsType[*azure.Error](err)
			require.True(t, ok, "%v", err)
			if e.Kind != azure.ErrDeviceNotFound || e.Outcome != azure.OutcomeRefused || e.Scope != azure.ScopeDevice || e.ErrorCode != "Request_ResourceNotFound" || e.RequestID == "" {
				t.Errorf("batch %v: %v", batch, e)
			}
			if waited := time.Since(began); waited < 3*time.Second || waited > 20*time.Second {
				t.Errorf("batch %v: final after %v", batch, waited)
			}
		})
	}
}

// An answer that is lost after Microsoft acted, or a request before it did, is
// settled by sending again.
func TestLostAnswers(t *testing.T) {
	for _, reset := range []azuresim.Reset{azuresim.ResetBefore, azuresim.ResetAfter} {
		for _, batch := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil, nil)
				w.sim.Inject(azuresim.Fault{Match: onGraph("PATCH"), Reset: reset, Times: 2})
				receipt, err := sendOne(t, w, w.report(compliance.StateNonCompliant), batch)
				require.NoError(t, err)
				want := 1
				if reset == azuresim.ResetAfter {
					want = 3
				}
				if n := w.sim.WriteCount(w.tenant.ID, w.device.DeviceID); n != want || receipt.Attempts != 3 {
					t.Errorf("reset %v, batch %v: %d writes in %d attempts", reset, batch, n, receipt.Attempts)
				}

				w.sim.Inject(azuresim.Fault{Match: onGraph("PATCH"), Reset: reset})
				_, err = sendOne(t, w, w.report(compliance.StateCompliant), batch)
				e, ok := errors.AsType[*azure.Error](err)
				require.True(t, ok, "%v", err)
				if e.Outcome != azure.OutcomeUnknown {
					t.Errorf("reset %v, batch %v: %v, want an unknown outcome", reset, batch, e)
				}
			})
		}
	}
}

// What never left was not sent, unless a try before it may have arrived.
func TestOutcomeOfBrokenCalls(t *testing.T) {
	dial := func() (*http.Response, error) { return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED} }
	read := func() (*http.Response, error) { return nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET} }
	busy := func() (*http.Response, error) { return reply(503, ""), nil }
	for _, tc := range []struct {
		name  string
		tries []func() (*http.Response, error)
		want  azure.Outcome
	}{
		{"refused", []func() (*http.Response, error){dial}, azure.OutcomeNotSent},
		{"reset", []func() (*http.Response, error){read}, azure.OutcomeUnknown},
		{"reset, then refused", []func() (*http.Response, error){read, dial}, azure.OutcomeUnknown},
		{"busy, then refused", []func() (*http.Response, error){busy, dial}, azure.OutcomeUnknown},
		{"no name", []func() (*http.Response, error){func() (*http.Response, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "graph.microsoft.com", IsNotFound: true}
		}}, azure.OutcomeNotSent},
	} {
		for _, batch := range []bool{false, true} {
			s := newStub(t, func(n int, _ sent) (*http.Response, error) { return tc.tries[min(n, len(tc.tries)-1)]() })
			retry := policy.RetryOptions{MaxRetries: int32(len(tc.tries) - 1), RetryDelay: -1}
			if len(tc.tries) == 1 {
				retry = once
			}
			r := stubReporter(t, s, retry)
			_, err := r.Report(t.Context(), report1(compliance.StateCompliant))
			if batch {
				err = r.ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0].Err
			}
			e, ok := errors.AsType[*azure.Error](err)
			require.True(t, ok, "%v", err)
			if e.Outcome != tc.want || e.Kind != azure.ErrUnavailable || e.Scope != azure.ScopeService {
				t.Errorf("%s, batch %v: %v, want %v", tc.name, batch, e, tc.want)
			}
		}
	}
}

// An item's unknown outcome stays unknown when it cannot be sent again.
func TestOutcomeOfAnItemThatCannotBeSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(t, inTurn(always(200, `{"responses":[`+itemReply("1", 503, "null")+","+itemReply("2", 409, "null")+`]}`)))
		cred := &recorder{give: func(_ context.Context, n int, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
			if n > 0 {
				return azcore.AccessToken{}, errors.New("AADSTS7000222: expired")
			}
			return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Millisecond)}, nil
		}}
		var got []string
		for _, result := range reporterWith(t, cred, s, policy.RetryOptions{}).ReportBatch(t.Context(), numbered(2, compliance.StateCompliant)) {
			got = append(got, summary(result.Err))
		}
		if diff := cmp.Diff([]string{"unauthorized (tenant, unknown)", "unauthorized (tenant, not-sent)"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// The host's own list of statuses is taken as it is.
func TestOwnStatusCodes(t *testing.T) {
	s := newStub(t, inTurn(always(404, ""), always(204, "")))
	_, err := stubReporter(t, s, policy.RetryOptions{StatusCodes: []int{}}).Report(t.Context(), report1(compliance.StateCompliant))
	if !errors.Is(err, azure.ErrDeviceNotFound) || len(s.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
	s = newStub(t, inTurn(always(418, ""), always(204, "")))
	_, err = stubReporter(t, s, policy.RetryOptions{StatusCodes: []int{418}, RetryDelay: -1}).Report(t.Context(), report1(compliance.StateCompliant))
	if err != nil || len(s.requests()) != 2 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
}
