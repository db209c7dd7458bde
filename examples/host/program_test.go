package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

const clientID = "cccccccc-0000-4000-8000-000000000001"

// microsoft is a simulator that stands for the real Microsoft under its own
// host names, with a PC and a phone in tenant A.
func microsoft(t *testing.T) *azuresim.Simulator {
	t.Helper()
	sim := azuresim.New(nil)
	sim.AddTenant(azuresim.Tenant{ID: tenantA})
	sim.AddApplication(azuresim.Application{
		ClientID: clientID, ApprovedMDM: true, Secrets: []azuresim.Secret{{Value: canarySecret}},
		Roles: []string{"Device.ReadWrite.All", "Application.Read.All", "User.Read.All", "update_device_attributes"},
	})
	sim.Consent(tenantA, clientID)
	sim.RegisterPartner(tenantA, clientID, azuresim.PartnerIOS)
	sim.Provision(tenantA, clientID)
	sim.AddUser(tenantA, azuresim.User{ID: userID, UserPrincipalName: canaryUPN})
	sim.AddDevice(tenantA, azuresim.Device{DeviceID: azure1})
	sim.AddDevice(tenantA, azuresim.Device{DeviceID: azure2, OperatingSystem: "IPhone"})
	return sim
}

func environment() map[string]string {
	return map[string]string{
		"AZURE_TENANT_ID": tenantA, "AZURE_CLIENT_ID": clientID, "AZURE_CLIENT_SECRET": canarySecret, tokenVariable: canaryToken,
	}
}

// client is somebody who shows the token.
type client struct {
	t    *testing.T
	http *http.Client
	base string
}

func (c *client) want(code int, method, path, body string) string {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	require.NoError(c.t, err)
	r.Header.Set("Authorization", "Bearer "+canaryToken)
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(r)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	require.Equal(c.t, code, resp.StatusCode, "%s %s: %s", method, path, text)
	return string(text)
}

// device is a phone or a PC that checks in.
func (c *client) checkIn(device, platform, azureID, actions string) {
	c.t.Helper()
	c.want(200, "POST", "/v1/tenants/"+tenantA+"/devices/"+device+"/check-in", fmt.Sprintf(
		`{"account":"contoso","platform":%q,"azureDeviceId":%q,"clientCode":"Success","userId":%q,"userPrincipalName":%q,"deviceName":%q,"actions":%s}`,
		platform, azureID, userID, canaryUPN, canaryName, actions))
}

func (c *client) details(device string) shownDevice {
	c.t.Helper()
	return decodeAs[shownDevice](c.t, c.want(200, "GET", "/v1/tenants/"+tenantA+"/devices/"+device, ""))
}

// started is a program that runs in virtual time.
type started struct {
	client
	log  *output
	stop func() int // answers the exit code
}

func start(t *testing.T, sim *azuresim.Simulator, store string) *started {
	t.Helper()
	network, env := newPipes(), environment()
	s := &started{client: client{t: t, http: network.client(), base: "http://host.example"}, log: &output{}}
	p := program{
		getenv: func(name string) string { return env[name] }, stdout: s.log, stderr: s.log, transport: sim.Client(),
		home:   func() (string, error) { return "", errors.New("not asked") },
		listen: func(string, string) (net.Listener, error) { return network, nil },
	}
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- p.run(ctx, []string{"-listen", "host.example:80", "-store", store}) }()
	s.stop = func() int {
		cancel()
		n := <-code
		s.http.CloseIdleConnections()
		return n
	}
	return s
}

// The life of a service: a device checks in and is reported, turns
// non-compliant and is blocked within seconds, and the service ends; what it
// was told and had not sent, the next one sends. The bubble waits for every
// goroutine, so that one that is left fails the test.
func TestHost(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store.db")
	synctest.Test(t, func(t *testing.T) {
		sim := microsoft(t)
		s := start(t, sim, store)
		s.want(200, "PUT", "/v1/tenants/"+tenantA, `{"account":"contoso","mode":"on"}`)
		s.checkIn("pc-1", "windows", azure1, `[]`)
		s.checkIn("ip-2", "ios", azure2, `["send-alert"]`)
		time.Sleep(10 * time.Second) // virtual; a phone's verdict is asked for after five
		for _, device := range []string{"pc-1", "ip-2"} {
			if d := s.details(device); d.ComplianceStatus != status.Successful || d.LastReported.State != compliance.StateCompliant {
				t.Errorf("%s: %+v", device, d)
			}
		}
		compliant := func(id string) bool {
			d, _ := sim.Device(tenantA, id)
			return d.IsCompliant != nil && *d.IsCompliant
		}
		if !compliant(azure1) || !compliant(azure2) {
			t.Errorf("compliant at Microsoft: %v, %v", compliant(azure1), compliant(azure2))
		}

		s.checkIn("pc-1", "windows", azure1, `["quarantine"]`)
		s.checkIn("ip-2", "ios", azure2, `["block-email"]`)
		time.Sleep(2 * time.Second)
		if compliant(azure1) || compliant(azure2) {
			t.Errorf("two seconds after it was said, compliant at Microsoft: %v, %v", compliant(azure1), compliant(azure2))
		}
		if page := s.want(200, "GET", "/metrics", ""); !strings.Contains(page, "devicestatus_sent_total 4\n") {
			t.Errorf("metrics:\n%s", page)
		}

		s.want(400, "GET", "/v1/tenants/"+canaryUPN+"/devices/"+canaryName, "")
		s.want(400, "GET", "/v1/devices?"+canaryName+"="+canaryUPN, "")

		// What Microsoft does not take now is not lost.
		undo := sim.Inject(azuresim.Fault{Match: azuresim.ForGraph(), Status: 503})
		s.checkIn("pc-1", "windows", azure1, `[]`)
		time.Sleep(time.Second)
		if code := s.stop(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		undo()
		if compliant(azure1) {
			t.Error("the PC is compliant before anybody could say so")
		}
		checkSilent(t, s.log.String())

		s = start(t, sim, store)
		time.Sleep(10 * time.Minute) // a device that flaps waits for its turn
		if d := s.details("pc-1"); d.ComplianceStatus != status.Successful || !compliant(azure1) {
			t.Errorf("after a restart: %+v", d)
		}
		if code := s.stop(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		checkSilent(t, s.log.String())
		require.NotContains(t, s.log.String(), `"level":"ERROR"`)
	})
}

// Requests that are under way when the program is to end are finished first,
// and those that have no end are ended.
func TestEndsWithRequestsUnderWay(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store.db")
	synctest.Test(t, func(t *testing.T) {
		sim := microsoft(t)
		s := start(t, sim, store)
		s.want(200, "PUT", "/v1/tenants/"+tenantA, `{"account":"contoso","mode":"on"}`)
		s.checkIn("pc-1", "windows", azure1, `[]`)
		time.Sleep(time.Second)
		sim.Inject(azuresim.Fault{Match: azuresim.ForGraph(), Status: 503})
		cut := make(chan error, 1)
		go func() { // nothing can be closed now, so that this goes on
			r, _ := http.NewRequestWithContext(t.Context(), "POST", s.base+"/v1/tenants/"+tenantA+"/off-board", nil)
			r.Header.Set("Authorization", "Bearer "+canaryToken)
			resp, err := s.http.Do(r)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			cut <- err
		}()
		time.Sleep(7 * time.Second)
		began := time.Now()
		if code := s.stop(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if err := <-cut; err == nil {
			t.Error("an answer that was not complete ends like one that is")
		}
		if took := time.Since(began); took > 2*time.Second { // virtual
			t.Errorf("it took %v to end", took)
		}
		checkSilent(t, s.log.String())
	})
}

// A report that is under way when the program is to end is waited for, and
// what came of it is written down: the next program does not send it again.
func TestEndsWithReportsUnderWay(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store.db")
	synctest.Test(t, func(t *testing.T) {
		sim := microsoft(t)
		s := start(t, sim, store)
		s.want(200, "PUT", "/v1/tenants/"+tenantA, `{"account":"contoso","mode":"on"}`)
		sim.Inject(azuresim.Fault{Match: azuresim.ForDevice(azure1), Times: 1, AnswerDelay: 5 * time.Second})
		s.checkIn("pc-1", "windows", azure1, `["quarantine"]`)
		time.Sleep(time.Second)
		began := time.Now()
		if code := s.stop(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if took := time.Since(began); took < 3*time.Second { // virtual
			t.Errorf("it ended after %v, and did not wait", took)
		}
		s = start(t, sim, store)
		if d := s.details("pc-1"); d.ComplianceStatus != status.Successful {
			t.Errorf("after a restart: %+v", d)
		}
		time.Sleep(10 * time.Minute)
		if n := sim.WriteCount(tenantA, azure1); n != 1 {
			t.Errorf("%d writes, want 1", n)
		}
		s.stop()
	})
}

// What keeps the program from starting is said, and nothing is left behind.
func TestDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	simulated := filepath.Join(dir, "simulated.db")
	home := func() (string, error) { return dir, nil }
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	run := func(env map[string]string, args ...string) (int, string) {
		var log output
		p := program{getenv: func(name string) string { return env[name] }, home: home, stdout: &log, stderr: &log, transport: microsoft(t).Client()}
		code := p.run(ended, args)
		return code, log.String()
	}
	if code, log := run(nil, "-listen", "127.0.0.1:0", "-store", simulated); code != 0 || !strings.Contains(log, "SIMULATED") {
		t.Errorf("exit code %d: %s", code, log)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("this is no database, and long enough to be seen as none"), 0o600))
	for _, tc := range []struct {
		name string
		env  map[string]string
		args []string
		want string
	}{
		{"wrong flags", nil, []string{"-nonsense"}, "nonsense"},
		{"the simulator's store for Microsoft", environment(), []string{"-listen", "127.0.0.1:0", "-store", simulated}, "-store says another file"},
		{"no store", nil, []string{"-listen", "127.0.0.1:0", "-store", text}, "text"},
		{"an address that is taken", nil, []string{"-listen", busy.Addr().String()}, "address already in use"},
		{"no such certificate", nil, []string{"-listen", "127.0.0.1:0", "-cert", "none.pem", "-key", "none.pem"}, "none.pem"},
	} {
		code, log := run(tc.env, tc.args...)
		if code != 1 || !strings.Contains(log, tc.want) {
			t.Errorf("%s: exit code %d: %s", tc.name, code, log)
		}
		checkSilent(t, log)
	}
}
