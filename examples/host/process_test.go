package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/examples/internal/simproc"
)

// The program as a process: it listens, serves, and a signal ends it in peace,
// having said nothing that is somebody's.
func TestProcess(t *testing.T) {
	sim := microsoft(t)
	written := make(chan struct{}, 100)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sim.ServeHTTP(w, r)
		written <- struct{}{}
	}))
	defer server.Close()
	where, err := simproc.Environ(server, t.TempDir())
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self, "-listen", "127.0.0.1:0", "-store", filepath.Join(t.TempDir(), "store.db"))
	child.Env = append(os.Environ(), where...)
	for name, value := range environment() {
		child.Env = append(child.Env, name+"="+value)
	}
	stderr, err := child.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	defer func() { _ = child.Process.Kill() }() // where the test ends early

	lines := bufio.NewScanner(stderr)
	var log strings.Builder
	address := ""
	for address == "" && lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		var line struct{ Msg, Address string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line), lines.Text())
		address = line.Address
	}
	require.NotEmpty(t, address, log.String())
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		for lines.Scan() {
			log.WriteString(lines.Text() + "\n")
		}
	}()

	c := client{t: t, http: http.DefaultClient, base: "http://" + address}
	c.want(200, "PUT", "/v1/tenants/"+tenantA, `{"account":"contoso","mode":"on"}`)
	compliant := func(is bool) bool {
		d, _ := sim.Device(tenantA, azure1)
		return d.IsCompliant != nil && *d.IsCompliant == is
	}
	for _, say := range []struct {
		actions   string
		compliant bool
	}{{`[]`, true}, {`["quarantine"]`, false}} {
		c.checkIn("pc-1", "windows", azure1, say.actions)
		for !compliant(say.compliant) {
			select {
			case <-written:
			case <-t.Context().Done():
				t.FailNow()
			}
		}
	}
	require.NoError(t, child.Process.Signal(syscall.SIGTERM))
	<-rest
	require.NoError(t, child.Wait())
	checkSilent(t, log.String())
	require.Contains(t, log.String(), `"msg":"ended"`)
}

// TestMain lets the test's program be the host itself.
func TestMain(m *testing.M) {
	microsoft, err := simproc.Client()
	if err != nil {
		panic(err)
	}
	if microsoft == nil {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	p := program{getenv: os.Getenv, home: os.UserConfigDir, stdout: os.Stdout, stderr: os.Stderr, transport: microsoft}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
