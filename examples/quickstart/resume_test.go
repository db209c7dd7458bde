package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/examples/internal/simproc"
)

// isReport tells reports from questions and tokens.
func isReport(r *http.Request) bool {
	return r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/token")
}

// stopper interrupts a run once Microsoft was told of some devices.
type stopper struct {
	*resumable
	after int
	stop  context.CancelFunc
}

func (s stopper) Do(req *http.Request) (*http.Response, error) {
	resp, err := s.sim.Client().Do(req)
	if isReport(req) && s.told() >= s.after {
		s.stop()
	}
	return resp, err
}

// A run that is interrupted writes down what was under way; the next one sends
// the rest and nothing twice, and one after it nothing.
func TestInterruptedAndRunAgain(t *testing.T) {
	for _, after := range []int{1, 60} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			r := newResumable(t)
			args := []string{"-apply", "-store", filepath.Join(dir, "store.db"), "-fleet", writeFleet(t, r.rows...)}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			got := runWith(ctx, t, secretEnv(), stopper{r, after, stop}, args...)
			require.Equal(t, exitPartial, got.code, got.stderr)
			require.Contains(t, got.stdout, "Interrupted. Run it again")
			first := r.told()
			if first < after || first == len(r.ids) {
				t.Errorf("interrupted after %d of %d devices, want %d and not all", first, len(r.ids), after)
			}

			got = runWith(t.Context(), t, secretEnv(), r.sim.Client(), args...)
			require.Equal(t, exitSuccess, got.code, got.stderr)
			if diff := cmp.Diff(r.want, r.holds()); diff != "" {
				t.Errorf("after %d devices: Azure holds (-want +got):\n%s", after, diff)
			}
			for host, n := range r.writes() {
				if n != 1 {
					t.Errorf("after %d devices: Microsoft was told of %s %d times, want once", after, host, n)
				}
			}

			r.sim.ResetLedger()
			got = runWith(t.Context(), t, secretEnv(), nil, args...)
			require.Equal(t, exitSuccess, got.code, got.stderr)
			require.Contains(t, got.stdout, "0 to Entra for tokens, 0 to Microsoft for 0 reports")
			require.Contains(t, got.stdout, "There was nothing to send")
		})
	}
}

// What cannot get through in this run is not waited for.
func TestEndsWithoutWaiting(t *testing.T) {
	const phone = tenantA + ",IP-6,ios,dddddddd-0000-4000-8000-000000000006,Success,,none,,,"
	for _, tc := range []struct {
		name string
		env  map[string]string
		row  string
	}{
		{"refused", secretEnv(), phone},
		{"the tenant does not let in", with(secretEnv(), envSecret, "wrong"), windows(tenantA, "1", "none")},
		{"waits for its user", secretEnv(), tenantA + ",PC-1,windows," + azureID("1") + ",Account_Logged_Out,,none,,,"},
	} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			runWith(t.Context(), t, tc.env, microsoft(t, nil, withSecret()).Client(),
				"-apply", "-store", filepath.Join(dir, "store.db"), "-fleet", writeFleet(t, tc.row))
			if took := time.Since(began); took > 10*time.Second { // virtual
				t.Errorf("%s: it took %v", tc.name, took)
			}
		})
	}
}

// deadly is Microsoft on loopback, where the n-th report is the last that the
// program lives to send: it is answered before or after it was worked on.
type deadly struct {
	http.Handler
	n     int64
	after bool
	seen  atomic.Int64
	due   chan struct{} // now the program has to die
}

func (d *deadly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isReport(r) || d.seen.Add(1) != d.n {
		d.Handler.ServeHTTP(w, r)
		return
	}
	if d.after {
		d.Handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	_, _ = io.Copy(io.Discard, r.Body) // only then does the server see that the connection is gone
	close(d.due)
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// A process that dies at any moment loses nothing: what it had written down as
// accepted is not sent again, all else is.
func TestKilledAndRunAgain(t *testing.T) {
	for _, tc := range []struct {
		name   string
		report int64
		after  bool
	}{
		{"at its first report", 1, false},
		// Seven phones and two batches may be under way at first, so that by
		// then something is written down.
		{"before a report was worked on", 11, false},
		{"after a report was worked on", 11, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newResumable(t)
			store := filepath.Join(t.TempDir(), "store.db")
			args := []string{"-apply", "-store", store, "-fleet", writeFleet(t, r.rows...)}
			d := &deadly{Handler: r.sim, n: tc.report, after: tc.after, due: make(chan struct{})}
			kill(t, d, args)

			settled, writes := confirmed(t, store), r.writes()
			if tc.report > 1 && len(settled) == 0 || len(settled) == len(r.ids) {
				t.Errorf("%d of %d devices were confirmed when it died", len(settled), len(r.ids))
			}
			// By its clock a minute has passed, so that nothing is the dead
			// process's any more.
			ahead := func() time.Time { return time.Now().Add(time.Minute) }
			got := runAt(t.Context(), t, ahead, secretEnv(), r.sim.Client(), args...)
			require.Equal(t, exitSuccess, got.code, got.stderr+got.stdout)
			if diff := cmp.Diff(r.want, r.holds()); diff != "" {
				t.Errorf("Azure holds (-want +got):\n%s", diff)
			}
			after := r.writes()
			for host := range settled {
				if after[host] != writes[host] {
					t.Errorf("%s was confirmed, and sent again", host)
				}
			}
			if all := confirmed(t, store); len(all) != len(r.ids) {
				t.Errorf("%d of %d devices are confirmed", len(all), len(r.ids))
			}
		})
	}
}

// kill runs the program in a process of its own and kills it when d says so.
func kill(t *testing.T, d *deadly, args []string) {
	t.Helper()
	server := httptest.NewUnstartedServer(d)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // connections break here
	server.StartTLS()
	defer server.Close()
	child := childOf(t, server, args)
	require.NoError(t, child.Start())
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	select {
	case <-d.due:
		require.NoError(t, child.Process.Kill())
		require.ErrorContains(t, <-ended, "killed")
	case err := <-ended:
		require.FailNow(t, "the child ended by itself", "%v", err)
	}
}

func childOf(t *testing.T, server *httptest.Server, args []string) *exec.Cmd {
	t.Helper()
	where, err := simproc.Environ(server, t.TempDir())
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self, args...)
	child.Env = append(os.Environ(), where...)
	for name, value := range secretEnv() {
		child.Env = append(child.Env, name+"="+value)
	}
	var out bytes.Buffer
	child.Stdout, child.Stderr = &out, &out
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the child said:\n%s", out.String())
		}
	})
	return child
}

// TestMain lets the test's program be the quickstart itself, for the tests that
// kill it.
func TestMain(m *testing.M) {
	microsoft, err := simproc.Client()
	if err != nil {
		panic(err)
	}
	if microsoft == nil {
		os.Exit(m.Run())
	}
	p := program{getenv: os.Getenv, home: os.UserConfigDir, stdout: os.Stdout, stderr: os.Stderr, transport: microsoft}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}
