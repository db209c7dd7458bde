package graph_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/compliance"
)

// leaky is a transport whose errors say everything that it knows.
type leaky struct{ *http.Client }

func (l leaky) Do(req *http.Request) (*http.Response, error) {
	resp, err := l.Client.Do(req)
	if err == nil {
		return resp, nil
	}
	return nil, fmt.Errorf("%s %s with %s: %w; %s %s", req.Method, req.URL, req.Header.Get("Authorization"), err, canaryUPN, canaryName)
}

const (
	canaryUPN  = "canary.user@example.com"
	canaryName = "Canary's secret laptop"
)

// Neither the secret, nor a token, nor the names of the user and the device
// come out anywhere but in the request's body: not in errors however printed,
// logs, addresses, receipts or findings. Microsoft and the transport repeat
// them on purpose.
func TestNothingLeaks(t *testing.T) {
	var mu sync.Mutex
	var out bytes.Buffer
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&out, format+"\n", args...)
	}
	azlog.SetListener(func(event azlog.Event, text string) { note("%s: %s", event, text) })
	defer azlog.SetListener(nil)

	w := newWorld(t, nil, nil)
	echo := fmt.Sprintf("user %s of device %q (%s)", canaryUPN, canaryName, strings.ToUpper(canaryUPN))
	r := w.newReporter(t, &graph.Options{ClientOptions: azcore.ClientOptions{Transport: leaky{w.sim.Client()}, Retry: once}})
	report := w.report(compliance.StateNonCompliant)
	report.UserPrincipalName = canaryUPN
	report.Inventory = azure.Inventory{DeviceName: canaryName, OSVersion: "10.0"}

	show := func(receipt azure.Receipt, err error) {
		note("%v %+v %#v %s", receipt, receipt, receipt, err)
		note("%v %+v %#v", report, report, report)
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			mu.Lock()
			slog.New(handler).Info("reported", "report", report, "receipt", receipt, "error", err, "inventory", report.Inventory)
			mu.Unlock()
		}
		text, jsonErr := json.Marshal(receipt)
		require.NoError(t, jsonErr)
		note("%s", text)
		if e, ok := errors.AsType[*azure.Error](err); ok {
			note("%+v %#v", e, e)
			text, jsonErr := json.Marshal(e)
			require.NoError(t, jsonErr)
			note("%s", text)
		}
	}
	for _, fault := range []azuresim.Fault{
		{},
		{Status: 400, Code: "Request_BadRequest", Message: echo},
		{Status: 403, Code: "Authorization_RequestDenied", Message: echo},
		{Status: 429, Code: "TooManyRequests", Message: echo, RetryAfter: "1"},
		{Status: 500, Body: "<html>" + echo, ContentType: "text/html"},
		{Status: 302, Header: http.Header{"Location": {"https://evil.example/?" + canaryUPN}}},
		{Reset: azuresim.ResetBefore},
		{Reset: azuresim.ResetAfter},
	} {
		fault.Match = azuresim.ForGraph()
		remove := w.sim.Inject(fault)
		show(r.Report(t.Context(), report))
		for _, result := range r.ReportBatch(t.Context(), []azure.Report{report, {UserPrincipalName: canaryUPN, TenantID: canaryUPN}}) {
			show(result.Receipt, result.Err)
		}
		verification, err := r.Verify(t.Context(), report)
		note("%+v %#v", verification, verification)
		show(azure.Receipt{}, err)
		note("%+v", r.Preflight(t.Context(), w.tenant.ID, azure.PlatformWindows))
		remove()
	}
	w.sim.UpdateApplication(w.app.ClientID, func(a *azuresim.Application) { a.Secrets = []azuresim.Secret{{Value: "another"}} })
	fresh := w.newReporter(t, &graph.Options{ClientOptions: azcore.ClientOptions{Transport: leaky{w.sim.Client()}, Retry: once}})
	show(fresh.Report(t.Context(), report))

	text := out.String()
	tokens := w.tokens()
	if len(tokens) < 10 || len(text) < 10_000 {
		t.Fatalf("only %d requests and %d bytes of output: the test looks at nothing", len(tokens), len(text))
	}
	canaries := map[string]string{"the secret": worldSecret, "the user": canaryUPN, "the device's name": canaryName, "part of the user": "canary.user"}
	for i, token := range tokens {
		canaries[fmt.Sprintf("token %d", i)] = strings.TrimPrefix(token, "Bearer ")
	}
	for name, canary := range canaries {
		if at := strings.Index(strings.ToLower(text), strings.ToLower(canary)); canary != "" && at >= 0 {
			t.Errorf("%s came out: ...%.200s", name, text[max(0, at-100):])
		}
	}
	for _, req := range w.sim.Requests() {
		for name, canary := range canaries {
			if strings.Contains(req.Path+"?"+req.Query, canary) && canary != "" {
				t.Errorf("%s stands in the address of %s %s", name, req.Method, req.Path)
			}
		}
	}
}
