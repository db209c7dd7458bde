package main

import (
	"bytes"
	"context"

	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/fake"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
)

const (
	tenantA = "aaaaaaaa-0000-4000-8000-000000000001"
	tenantB = "bbbbbbbb-0000-4000-8000-000000000001"
	azure1  = "dddddddd-0000-4000-8000-000000000001"
	azure2  = "dddddddd-0000-4000-8000-000000000002"
	userID  = "eeeeeeee-0000-4000-8000-000000000001"
)

// Canaries stand where a name, a user or a secret stands: none may get out
// but in an answer to who asked.
const (
	canaryName   = "canary-device-name"
	canaryUPN    = "canary-user@contoso.example"
	canaryToken  = "canary-token-of-32-bytes-or-more"
	canarySecret = "canary-secret"
)

// output is what a program wrote, for several goroutines.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// checkSilent fails where a canary is in a text, or a line of it is no JSON.
func checkSilent(t *testing.T, log string) {
	t.Helper()
	for _, canary := range []string{canaryName, canaryUPN, canaryToken, canarySecret, "canary"} {
		if strings.Contains(strings.ToLower(log), canary) {
			t.Errorf("%s is in the log:\n%s", canary, log)
		}
	}
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is no JSON: %s", line)
		}
	}
}

// bench is a service without its program, over a reporter in memory. Nothing
// is sent unless somebody runs the engine.
type bench struct {
	t      *testing.T
	http   http.Handler
	engine *reporting.Engine
	azure  *fake.Reporter
	log    *output
	stop   func()
}

func newBench(t *testing.T, token string) *bench {
	t.Helper()
	b := &bench{t: t, azure: fake.New(nil), log: &output{}}
	log := slog.New(slog.NewJSONHandler(b.log, nil))
	var err error
	b.engine, err = reporting.New(memstore.New(nil), b.azure, &reporting.Options{Logger: log})
	require.NoError(t, err)
	require.NoError(t, b.engine.RegisterTenant(t.Context(), "contoso", tenantA))
	stopping, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	b.stop = stop
	b.http = newServer(newService(b.engine, log, stopping), token, log).Handler
	t.Cleanup(func() { checkSilent(t, b.log.String()) })
	return b
}

// do makes a request as a client on this machine does.
func (b *bench) do(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:8080"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return b.serve(r)
}

func (b *bench) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.http.ServeHTTP(w, r)
	return w
}

// want makes a request, checks the status, and answers the body.
func (b *bench) want(status int, method, path, body string) string {
	b.t.Helper()
	w := b.do(method, path, body)
	if w.Code != status {
		b.t.Errorf("%s %s: %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	return w.Body.String()
}

func decodeAs[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(text))
	require.NoError(t, d.Decode(&v), text)
	_, err := d.Token()
	require.ErrorIs(t, err, io.EOF, text)
	return v
}

// linesOf decodes an answer of one JSON object a line.
func linesOf[T any](t *testing.T, text string) []T {
	t.Helper()
	var all []T
	for line := range strings.Lines(text) {
		all = append(all, decodeAs[T](t, line))
	}
	return all
}

// pc is a check-in of a Windows device.
func pc(device, azureID, actions string) string {
	return `{"account":"contoso","tenantId":"` + tenantA + `","deviceId":"` + device + `","platform":"windows","azureDeviceId":"` + azureID +
		`","userPrincipalName":"` + canaryUPN + `","deviceName":"` + canaryName + `","actions":` + actions + `}`
}
