package azuresim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// world is the smallest thing to test against: one of everything.
type world struct {
	sim    *azuresim.Simulator
	client *http.Client
	tenant azuresim.Tenant
	app    azuresim.Application
	device azuresim.Device
}

// newWorld makes one. t is only asked to fail the test.
func newWorld(t testing.TB, o *azuresim.Options) *world {
	t.Helper()
	w := &world{sim: azuresim.New(o)}
	w.client = w.sim.Client()
	w.tenant = w.sim.AddTenant(azuresim.Tenant{Domain: "contoso.example"})
	w.app = w.sim.AddApplication(azuresim.Application{
		Secrets: []azuresim.Secret{{Value: "s3cret"}}, Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true,
	})
	w.sim.Consent(w.tenant.ID, w.app.ClientID)
	w.device = w.sim.AddDevice(w.tenant.ID, azuresim.Device{DisplayName: "PC-1"})
	return w
}

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// code is the error code of a Graph error, or the error of a token refusal.
func (r reply) code() string {
	var graph struct {
		Error struct{ Code string }
	}
	if json.Unmarshal([]byte(r.body), &graph) == nil && graph.Error.Code != "" {
		return graph.Error.Code
	}
	var token struct{ Error string }
	_ = json.Unmarshal([]byte(r.body), &token)
	return token.Error
}

func (w *world) send(t testing.TB, method, address, body string, header http.Header) reply {
	t.Helper()
	r, err := w.try(t, method, address, body, header)
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	return r
}

func (w *world) try(t testing.TB, method, address, body string, header http.Header) (reply, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header.Clone()
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text)}, err
}

// form sends a token request.
func (w *world) form(t testing.TB, tenant string, form url.Values) reply {
	t.Helper()
	return w.send(t, http.MethodPost, "https://login.microsoftonline.com/"+tenant+"/oauth2/v2.0/token", form.Encode(),
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
}

// token gets an access token for Graph.
func (w *world) token(t testing.TB, extra ...string) string {
	t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {w.app.ClientID}, "client_secret": {"s3cret"},
		"scope": {"https://graph.microsoft.com/.default"},
	}
	for i := 0; i+1 < len(extra); i += 2 {
		form.Set(extra[i], extra[i+1])
	}
	r := w.form(t, w.tenant.ID, form)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("no token: %d %s", r.status, r.body)
	}
	return answer.AccessToken
}

// graph sends a Graph request with a token and a JSON body.
func (w *world) graph(t testing.TB, token, method, path, body string) reply {
	t.Helper()
	header := http.Header{"Authorization": {"Bearer " + token}}
	if body != "" {
		header.Set("Content-Type", "application/json")
	}
	return w.send(t, method, "https://graph.microsoft.com/v1.0"+path, body, header)
}

func (w *world) devicePath() string { return "/devices(deviceId='" + w.device.DeviceID + "')" }

func TestReportOneDevice(t *testing.T) {
	w := newWorld(t, nil)
	token := w.token(t)
	if r := w.graph(t, token, http.MethodPatch, w.devicePath(), `{"isManaged":true,"isCompliant":false}`); r.status != 204 || r.body != "" {
		t.Fatalf("PATCH: %d %s", r.status, r.body)
	}
	r := w.graph(t, token, http.MethodGet, w.devicePath()+"?$select=id,isCompliant,isManaged,displayName", "")
	want := `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#devices/$entity","id":"` + w.device.ObjectID +
		`","isCompliant":false,"isManaged":true,"displayName":"PC-1"}`
	if r.status != 200 || r.body != want {
		t.Fatalf("GET: %d\n got %s\nwant %s", r.status, r.body, want)
	}
	if got := w.sim.WriteCount(w.tenant.ID, w.device.DeviceID); got != 1 {
		t.Errorf("writes: got %d, want 1", got)
	}
	batch := `{"requests":[{"id":"1","method":"PATCH","url":"` + w.devicePath() + `","headers":{"Content-Type":"application/json"},"body":{"isCompliant":true}}]}`
	r = w.graph(t, token, http.MethodPost, "/$batch", batch)
	if r.status != 200 || !strings.Contains(r.body, `"status":204`) {
		t.Fatalf("$batch: %d %s", r.status, r.body)
	}
	if r := w.graph(t, token, http.MethodDelete, w.devicePath(), ""); r.status != 204 {
		t.Fatalf("DELETE: %d %s", r.status, r.body)
	}
	if r := w.graph(t, token, http.MethodGet, w.devicePath(), ""); r.status != 404 || r.code() != "Request_ResourceNotFound" {
		t.Fatalf("GET after DELETE: %d %s", r.status, r.body)
	}
	var methods []string
	for _, write := range w.sim.Writes(w.tenant.ID, w.device.DeviceID) {
		methods = append(methods, write.Method)
	}
	if got := strings.Join(methods, " "); got != "PATCH PATCH DELETE" {
		t.Errorf("history: got %q", got)
	}
}

func TestLoopbackServesBoth(t *testing.T) {
	w := newWorld(t, nil)
	l, err := w.sim.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	w.client = l.Client()
	t.Cleanup(w.client.CloseIdleConnections)
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {w.app.ClientID}, "client_secret": {"s3cret"},
		"scope": {l.URL() + "/.default"},
	}
	r := w.send(t, http.MethodPost, l.URL()+"/"+w.tenant.ID+"/oauth2/v2.0/token", form.Encode(),
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil || r.status != 200 {
		t.Fatalf("token: %d %s", r.status, r.body)
	}
	r = w.send(t, http.MethodPatch, l.URL()+"/v1.0"+w.devicePath(), `{"isCompliant":true}`,
		http.Header{"Authorization": {"Bearer " + answer.AccessToken}, "Content-Type": {"application/json"}})
	if r.status != 204 {
		t.Fatalf("PATCH: %d %s", r.status, r.body)
	}
	if _, err := w.sim.Listen("0.0.0.0:0"); err == nil {
		t.Error("an address that is not loopback was accepted")
	}
	if _, err := w.client.Get("https://example.com/"); err == nil {
		t.Error("a host that is not simulated was reached")
	}
}
