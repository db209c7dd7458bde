package azuresim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

func TestFaults(t *testing.T) {
	const errorInside = `{"error":{"code":"Later","message":"m"}}`
	type outcome struct {
		Status int
		Code   string
		Body   string // only where the test names one
		Header map[string]string
		Writes int
	}
	tests := []struct {
		name  string
		fault azuresim.Fault
		want  outcome
	}{
		{"instead of acting", azuresim.Fault{Status: 503, Code: "serviceNotAvailable", Message: "m"}, outcome{Status: 503, Code: "serviceNotAvailable"}},
		{"after acting", azuresim.Fault{Status: 429, Code: "TooManyRequests", Acts: true, RetryAfter: "1e300"},
			outcome{Status: 429, Code: "TooManyRequests", Header: map[string]string{"Retry-After": "1e300"}, Writes: 1}},
		{"status alone", azuresim.Fault{Status: 500}, outcome{Status: 500}},
		{"success with an error inside", azuresim.Fault{Status: 200, Code: "Later", Message: "m"}, outcome{Status: 200, Code: "Later"}},
		{"body as written", azuresim.Fault{Status: 400, Body: errorInside}, outcome{Status: 400, Code: "Later", Body: errorInside, Header: map[string]string{"Content-Type": "application/json"}}},
		{"HTML", azuresim.Fault{Status: 502, Body: "<html>"}, outcome{Status: 502, Body: "<html>", Header: map[string]string{"Content-Type": "text/html"}}},
		{"HTML, and acting", azuresim.Fault{Status: 502, Acts: true, Body: "<html>"}, outcome{Status: 502, Body: "<html>", Writes: 1}},
		{"wrong type", azuresim.Fault{Status: 401, Code: "x", ContentType: "text/plain"}, outcome{Status: 401, Code: "x", Header: map[string]string{"Content-Type": "text/plain"}}},
		{"redirect", azuresim.Fault{Status: 307, Header: http.Header{"location": {"https://graph.microsoft.com/v1.0/elsewhere"}}},
			outcome{Status: 307, Header: map[string]string{"Location": "https://graph.microsoft.com/v1.0/elsewhere"}}},
		{"header added", azuresim.Fault{Header: http.Header{"X-Test": {"1"}}}, outcome{Status: 204, Header: map[string]string{"X-Test": "1"}, Writes: 1}},
		{"header taken away", azuresim.Fault{Header: http.Header{"Request-Id": nil}}, outcome{Status: 204, Header: map[string]string{"Request-Id": ""}, Writes: 1}},
		{"nothing", azuresim.Fault{}, outcome{Status: 204, Writes: 1}},
		{"not this device", azuresim.Fault{Match: azuresim.ForDevice("99999999-9999-4999-8999-999999999999"), Status: 500}, outcome{Status: 204, Writes: 1}},
		{"this tenant", azuresim.Fault{Match: azuresim.All(azuresim.ForGraph(), func(r *azuresim.Request) bool { return r.TenantID != "" }), Status: 500}, outcome{Status: 500}},
		{"token service only", azuresim.Fault{Match: azuresim.ForDiscovery(), Status: 500}, outcome{Status: 204, Writes: 1}},
	}
	for _, test := range tests {
		for _, way := range []string{"in process", "loopback"} {
			t.Run(test.name+", "+way, func(t *testing.T) {
				w := newWorld(t, nil)
				token := w.token(t)
				if way == "loopback" {
					w.listen(t)
				}
				w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				w.sim.Inject(test.fault)
				r := w.graph(t, token, http.MethodPatch, w.devicePath(), `{"isCompliant":true}`)
				got := outcome{Status: r.status, Code: r.code(), Writes: w.sim.WriteCount(w.tenant.ID, w.device.DeviceID)}
				if test.want.Body != "" {
					got.Body = r.body
				}
				for name := range test.want.Header {
					if got.Header == nil {
						got.Header = map[string]string{}
					}
					got.Header[name] = r.header.Get(name)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		}
	}
}

// listen moves the world's client to a listener on loopback, with production
// addresses.
func (w *world) listen(t testing.TB) *azuresim.Loopback {
	t.Helper()
	l, err := w.sim.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.client = l.Client()
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestResets(t *testing.T) {
	for _, way := range []string{"in process", "loopback"} {
		for reset, writes := range map[azuresim.Reset]int{azuresim.ResetBefore: 0, azuresim.ResetAfter: 1} {
			w := newWorld(t, nil)
			token := w.token(t)
			if way == "loopback" {
				w.listen(t)
			}
			w.sim.Inject(azuresim.Fault{Name: "cut", Reset: reset, Times: 1})
			_, err := w.try(t, http.MethodPatch, "https://graph.microsoft.com/v1.0"+w.devicePath(), `{}`,
				http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}})
			if err == nil {
				t.Fatalf("%s, %d: an answer came", way, reset)
			}
			if way == "in process" && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%s, %d: %v", way, reset, err)
			}
			if got := w.sim.WriteCount(w.tenant.ID, w.device.DeviceID); got != writes {
				t.Errorf("%s, %d: %d writes, want %d", way, reset, got, writes)
			}
			all := w.sim.Requests()
			if last := all[len(all)-1]; last.Status != 0 || last.Fault != "cut" {
				t.Errorf("the ledger says %v, fault %q", last, last.Fault)
			}
		}
	}
}

func TestSpoiltBodies(t *testing.T) {
	for _, way := range []string{"in process", "loopback"} {
		t.Run("truncated, "+way, func(t *testing.T) {
			w := newWorld(t, nil)
			token := w.token(t)
			if way == "loopback" {
				w.listen(t)
			}
			w.sim.Inject(azuresim.Fault{Truncated: true})
			r, err := w.try(t, http.MethodGet, "https://graph.microsoft.com/v1.0"+w.devicePath(), "", http.Header{"Authorization": {"Bearer " + token}})
			if !errors.Is(err, io.ErrUnexpectedEOF) || r.status != 200 || len(r.body) == 0 || strings.HasSuffix(r.body, "}") {
				t.Errorf("%v, %d bytes", err, len(r.body))
			}
		})
		t.Run("endless, "+way, func(t *testing.T) {
			w := newWorld(t, nil)
			token := w.token(t)
			if way == "loopback" {
				w.listen(t)
			}
			w.sim.Inject(azuresim.Fault{Endless: true})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://graph.microsoft.com/v1.0"+w.devicePath(), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			resp, err := w.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.CopyN(io.Discard, resp.Body, 4<<20)
			if err != nil || resp.ContentLength != -1 {
				t.Errorf("%d bytes of %d, then %v", n, resp.ContentLength, err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
			if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
				t.Error("a closed body was read")
			}
		})
	}
	t.Run("slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			token := w.token(t)
			w.sim.Inject(azuresim.Fault{BodyPause: time.Second})
			started := time.Now()
			r := w.graph(t, token, http.MethodGet, w.devicePath(), "")
			if passed := time.Since(started); passed != 8*time.Second || !strings.HasSuffix(r.body, "}") {
				t.Errorf("%v passed, %d bytes", passed, len(r.body))
			}
			w.sim.ClearFaults()
			w.sim.Inject(azuresim.Fault{BodyPause: time.Minute, Endless: true})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://graph.microsoft.com/v1.0"+w.devicePath(), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			resp, err := w.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("an endless slow body ended with %v", err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestSlowBodyOverLoopback(t *testing.T) {
	w := newWorld(t, nil)
	token := w.token(t)
	w.listen(t)
	w.sim.Inject(azuresim.Fault{BodyPause: time.Microsecond})
	if r := w.graph(t, token, http.MethodGet, w.devicePath(), ""); r.status != 200 || !strings.HasSuffix(r.body, "}") {
		t.Errorf("%d %s", r.status, r.body)
	}
	w.sim.ClearFaults()
	w.sim.Inject(azuresim.Fault{BodyPause: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://graph.microsoft.com/v1.0"+w.devicePath(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("a body of eight hours ended with %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestFaultsTakeTurns(t *testing.T) {
	w := newWorld(t, nil)
	token := w.token(t)
	status := func() int { return w.graph(t, token, http.MethodPatch, w.devicePath(), `{}`).status }
	w.sim.Inject(azuresim.Fault{Skip: 1, Times: 2, Status: 500})
	remove := w.sim.Inject(azuresim.Fault{Status: 503})
	var got []int
	for range 5 {
		got = append(got, status())
	}
	remove()
	remove()
	got = append(got, status())
	// The first request passes the first fault and meets the second.
	if diff := cmp.Diff([]int{503, 500, 500, 503, 503, 204}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	w.sim.Inject(azuresim.Fault{Status: 500})
	w.sim.ClearFaults()
	if got := status(); got != 204 {
		t.Errorf("after ClearFaults: %d", got)
	}
}

func TestDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &azuresim.Options{Latency: time.Second})
		token := w.token(t)
		w.sim.Inject(azuresim.Fault{Match: azuresim.ForGraph(), Delay: 2 * time.Second, AnswerDelay: 4 * time.Second})
		send := func(timeout time.Duration) (passed time.Duration, err error) {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodPatch, "https://graph.microsoft.com/v1.0"+w.devicePath(), strings.NewReader(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
			started := time.Now()
			resp, err := w.client.Do(req)
			if err == nil {
				err = resp.Body.Close()
			}
			return time.Since(started), err
		}
		tests := []struct {
			timeout, passed time.Duration
			failed          bool
			writes          int
		}{
			{10 * time.Second, 7 * time.Second, false, 1},
			{3*time.Second - 1, 3*time.Second - 1, true, 1}, // before acting
			{6 * time.Second, 6 * time.Second, true, 2},     // acted, but nobody learns of it
		}
		for _, test := range tests {
			passed, err := send(test.timeout)
			if passed != test.passed || (err != nil) != test.failed || test.failed && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("timeout %v: %v passed, %v", test.timeout, passed, err)
			}
			if got := w.sim.WriteCount(w.tenant.ID, w.device.DeviceID); got != test.writes {
				t.Errorf("timeout %v: %d writes, want %d", test.timeout, got, test.writes)
			}
		}
		if _, err := send(0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no time at all: %v", err)
		}
	})
}
