package azuresim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

func TestTransportRefusesOtherHosts(t *testing.T) {
	transport := azuresim.New(nil).Transport()
	tests := map[string]bool{
		"https://login.microsoftonline.com/": true, "https://login.windows.net/": true, "https://sts.windows.net/": true,
		"https://login.microsoft.com/": true, "https://eastus.login.microsoft.com/": true, "https://login.microsoftonline.us/": true,
		"https://login.usgovcloudapi.net/": true, "https://login.partner.microsoftonline.cn/": true, "https://login.chinacloudapi.cn/": true,
		"https://graph.microsoft.com/": true, "https://GRAPH.microsoft.com:443/": true, "https://graph.microsoft.us/": true,
		"https://dod-graph.microsoft.us/": true, "https://microsoftgraph.chinacloudapi.cn/": true,
		"https://fef.msua01.manage.microsoft.com/": true, "https://x.manage.microsoft.us/": true,

		"https://example.com/": false, "https://127.0.0.1/": false, "https://[::1]:1/": false, "https://localhost/": false,
		"https://graph.microsoft.com.example/": false, "https://evilmanage.microsoft.com/": false, "https://manage.microsoft.com/": false,
		"https://xgraph.microsoft.com/": false, "http://graph.microsoft.com/": false, "https:///": false,
	}
	for address, known := range tests {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if (err == nil) != known {
			t.Errorf("%s: %v, want it known: %t", address, err, known)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
	}
}

// closer notices that a request body was closed.
type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error {
	c.closed = true
	return nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("no more") }

func TestTransportKeepsTheContractOfRoundTripper(t *testing.T) {
	w := newWorld(t, nil)
	body := &closer{Reader: strings.NewReader("{}")}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "https://graph.microsoft.com/v1.0"+w.devicePath(), body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + w.token(t)}, "Content-Type": {"application/json"}}
	before := req.Header.Clone()
	resp, err := w.sim.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if !body.closed || resp.Request != req || resp.Body == nil || resp.ContentLength != 0 || resp.Header.Get("Date") == "" {
		t.Errorf("closed %t, %+v", body.closed, resp)
	}
	if diff := cmp.Diff(before, req.Header); diff != "" {
		t.Errorf("the request was changed\n%s", diff)
	}
	req.Header.Set("Authorization", "changed later")
	all := w.sim.Requests()
	if got := all[len(all)-1].Header.Get("Authorization"); got == "changed later" {
		t.Error("the ledger changed with the caller's header")
	}

	for address, reader := range map[string]io.Reader{"https://graph.microsoft.com/": failing{}, "https://example.com/": strings.NewReader("x")} {
		body = &closer{Reader: reader}
		req, err = http.NewRequestWithContext(t.Context(), http.MethodPost, address, body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.sim.Transport().RoundTrip(req); err == nil || !body.closed {
			t.Errorf("%s: %v, body closed: %t", address, err, body.closed)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, err = http.NewRequestWithContext(ctx, http.MethodGet, "https://graph.microsoft.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Method, req.Header = "", nil // both may be left out
	if _, err := w.sim.Transport().RoundTrip(req); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}

func TestHandlerBehindAnyName(t *testing.T) {
	w := newWorld(t, nil)
	l := w.listen(t)
	plain, err := w.sim.ListenPlain("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plain.Close(); err != nil {
			t.Error(err)
		}
		if err := plain.Close(); err != nil {
			t.Errorf("closed again: %v", err)
		}
	})
	if plain.CertPool() != nil || plain.CertPEM() != nil || !strings.HasPrefix(plain.URL(), "http://127.0.0.1:") {
		t.Errorf("plain: %s", plain.URL())
	}
	if l.CertPool() == nil || !bytes.HasPrefix(l.CertPEM(), []byte("-----BEGIN CERTIFICATE-----")) {
		t.Error("no certificate to trust")
	}
	token, err := getToken(http.DefaultClient, plain.URL(), w.tenant.ID, w.app.ClientID, "s3cret", plain.URL()+"/.default")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := report(http.DefaultClient, plain.URL(), token, w.device.DeviceID)
	if err != nil || resp.StatusCode != 204 {
		t.Errorf("plain: %v %v", resp, err)
	}
	http.DefaultClient.CloseIdleConnections()
	// A token for one address is not for another, and not for Microsoft's names.
	for address, want := range map[string]int{l.URL(): 401, "https://graph.microsoft.com": 401} {
		resp, err := report(w.client, address, token, w.device.DeviceID)
		if err != nil || resp.StatusCode != want {
			t.Errorf("%s with a token for %s: %v %v", address, plain.URL(), resp, err)
		}
	}
	if _, err := w.sim.Listen("127.0.0.1:http-no-such-port"); err == nil {
		t.Error("a port that is none was accepted")
	}
	if err := plain.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLedger(t *testing.T) {
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, &azuresim.Options{Clock: func() time.Time { return noon }, LedgerLimit: 4})
	token := w.token(t)
	w.send(t, http.MethodPatch, "https://graph.microsoft.com/v1.0"+w.devicePath()+"?a=b", `{"isManaged":true}`,
		http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "X-Canary": {"here"}})
	want := []azuresim.Request{
		{
			Number: 1, At: noon, Method: "POST", Scheme: "https", Host: "login.microsoftonline.com", Path: "/" + w.tenant.ID + "/oauth2/v2.0/token",
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: []byte(w.secretForm().Encode()),
			TenantID: w.tenant.ID, ClientID: w.app.ClientID, Status: 200,
		},
		{
			Number: 2, At: noon, Method: "PATCH", Scheme: "https", Host: "graph.microsoft.com", Path: "/v1.0" + w.devicePath(), Query: "a=b",
			Header: http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "X-Canary": {"here"}},
			Body:   []byte(`{"isManaged":true}`), TenantID: w.tenant.ID, ClientID: w.app.ClientID, DeviceID: w.device.DeviceID, Status: 204,
		},
	}
	if diff := cmp.Diff(want, w.sim.Requests()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for range 5 {
		w.graph(t, token, http.MethodGet, w.devicePath(), "")
	}
	for range 3 {
		w.graph(t, token, http.MethodPost, "/$batch", batchOf(patchItem("1", w.device.DeviceID, `{}`)))
	}
	var numbers []int
	for _, r := range w.sim.Requests() {
		numbers = append(numbers, r.Number)
	}
	if diff := cmp.Diff([]int{7, 8, 9, 10}, numbers); diff != "" {
		t.Errorf("the ring (-want +got)\n%s", diff)
	}
	counts := map[string]int{}
	for name, match := range map[string]azuresim.Match{
		"all": nil, "reads": azuresim.ForMethod("GET"), "writes": azuresim.ForMethod("POST", "PATCH"), "items": azuresim.ForItems(), "batches": azuresim.ForBatches(),
		"device": azuresim.ForDevice(strings.ToUpper(w.device.DeviceID)), "tenant": azuresim.ForTenant(w.tenant.ID),
		"application": azuresim.ForApplication(w.app.ClientID), "tokens": azuresim.ForTokens(), "graph": azuresim.ForGraph(),
	} {
		counts[name] = w.sim.Count(match)
	}
	if diff := cmp.Diff(map[string]int{
		"all": 7, "reads": 1, "writes": 6, "items": 3, "batches": 3, "device": 4, "tenant": 7, "application": 7, "tokens": 0, "graph": 7,
	}, counts); diff != "" {
		t.Errorf("counts (-want +got)\n%s", diff)
	}
	if got := w.sim.Received(); got != 10 {
		t.Errorf("received %d", got)
	}
	w.sim.ResetLedger()
	w.graph(t, token, http.MethodGet, w.devicePath(), "")
	if all := w.sim.Requests(); len(all) != 1 || all[0].Number != 11 {
		t.Errorf("after a reset: %v", all)
	}

	off := newWorld(t, &azuresim.Options{LedgerLimit: -1})
	off.token(t)
	if len(off.sim.Requests()) != 0 || off.sim.Received() != 1 {
		t.Errorf("switched off: %v, %d received", off.sim.Requests(), off.sim.Received())
	}
}

func TestHistoryIsBounded(t *testing.T) {
	w := newWorld(t, &azuresim.Options{HistoryLimit: 3})
	token := w.token(t)
	for i := range 10 {
		w.graph(t, token, http.MethodPatch, w.devicePath(), fmt.Sprintf(`{"displayName":"%d"}`, i))
	}
	type line struct {
		Number, Request    int
		Client, Body, Name string
	}
	var got []line
	for _, write := range w.sim.Writes(w.tenant.ID, w.device.DeviceID) {
		got = append(got, line{write.Number, write.Request, write.ClientID, write.Body, write.After.DisplayName})
	}
	want := []line{
		{8, 9, w.app.ClientID, `{"displayName":"7"}`, "7"},
		{9, 10, w.app.ClientID, `{"displayName":"8"}`, "8"},
		{10, 11, w.app.ClientID, `{"displayName":"9"}`, "9"},
	}
	if diff := cmp.Diff(want, got); diff != "" || w.sim.WriteCount(w.tenant.ID, w.device.DeviceID) != 10 {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Secrets and tokens do not appear when the things that hold them are printed.
func TestNothingSecretIsPrinted(t *testing.T) {
	const canary = "c4n4ry"
	request := azuresim.Request{Header: http.Header{"Authorization": {canary}}, Body: []byte(canary), Path: "/users('" + canary + "')", Query: canary}
	secret := azuresim.Secret{Value: canary}
	app := azuresim.Application{Secrets: []azuresim.Secret{secret}}
	var logged strings.Builder
	log := slog.New(slog.NewTextHandler(&logged, nil))
	for _, v := range []any{request, &request, secret, app, []azuresim.Request{request}} {
		for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(form, v); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprint([]byte(canary))) {
				t.Errorf("%s of %T: %s", form, v, text)
			}
		}
		log.Info("v", "v", v)
	}
	if strings.Contains(logged.String(), canary) {
		t.Errorf("logged: %s", logged.String())
	}
}

func TestOneSeedOneWorld(t *testing.T) {
	run := func(seed uint64) []azuresim.Request {
		noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
		w := newWorld(t, &azuresim.Options{Seed: seed, Clock: func() time.Time { return noon }})
		w.graph(t, w.token(t), http.MethodPost, "/$batch", batchOf(patchItem("1", w.device.DeviceID, `{}`), patchItem("2", w.device.DeviceID, `{"displayName":"x"}`)))
		return w.sim.Requests()
	}
	if diff := cmp.Diff(run(1), run(1)); diff != "" {
		t.Errorf("one seed, two runs\n%s", diff)
	}
	if cmp.Equal(run(1), run(2)) {
		t.Error("two seeds, one run")
	}
}

func TestConcurrentUse(t *testing.T) {
	w := newWorld(t, &azuresim.Options{LedgerLimit: 50, ReadLag: time.Nanosecond, HistoryLimit: 10})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			token := w.token(t)
			d := w.sim.AddDevice(w.tenant.ID, azuresim.Device{})
			for n := range 20 {
				remove := w.sim.Inject(azuresim.Fault{Match: azuresim.ForDevice(d.DeviceID), Times: 1, Header: http.Header{"X-Test": {"1"}}})
				w.graph(t, token, http.MethodPatch, w.devicePath(), fmt.Sprintf(`{"displayName":"%d"}`, n))
				w.graph(t, token, http.MethodPost, "/$batch", batchOf(
					patchItem("1", w.device.DeviceID, `{"extensionAttributes":{"extensionAttribute1":"x"}}`), patchItem("2", d.DeviceID, `{}`)))
				w.graph(t, token, http.MethodGet, "/devices?$filter="+url.QueryEscape("displayName eq '3'"), "")
				w.sim.UpdateDevice(w.tenant.ID, w.device.DeviceID, func(d *azuresim.Device) { d.MDMAppID = fmt.Sprint(i) })
				w.sim.UpdateApplication(w.app.ClientID, func(a *azuresim.Application) { a.Name = fmt.Sprint(i) })
				w.sim.Consent(w.tenant.ID, w.app.ClientID)
				w.sim.Challenge(w.tenant.ID, w.app.ClientID, azuresim.ClaimsStandard)
				_, _ = w.sim.Device(w.tenant.ID, w.device.DeviceID)
				_ = w.sim.Requests()
				_ = w.sim.Writes(w.tenant.ID, w.device.DeviceID)
				remove()
			}
			w.sim.RemoveDevice(w.tenant.ID, d.DeviceID)
		})
	}
	wg.Wait()
	if got := w.sim.WriteCount(w.tenant.ID, w.device.DeviceID); got != 320 {
		t.Errorf("%d writes, want 320", got)
	}
}
