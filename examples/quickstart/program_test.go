package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/status"
)

const (
	tenantA  = "aaaaaaaa-0000-4000-8000-000000000001"
	tenantB  = "bbbbbbbb-0000-4000-8000-000000000001"
	clientID = "cccccccc-0000-4000-8000-000000000001"
	userID   = "eeeeeeee-0000-4000-8000-000000000001"
	secret   = "canary-secret"
)

// ended is what a run left behind.
type ended struct {
	code           int
	stdout, stderr string
}

// runWith runs the program with an environment and a way to "the real
// Microsoft"; without one, a call to it fails the test.
func runWith(ctx context.Context, t *testing.T, env map[string]string, to policy.Transporter, args ...string) ended {
	t.Helper()
	return runAt(ctx, t, nil, env, to, args...)
}

// runAt is runWith by another clock than the machine's.
func runAt(ctx context.Context, t *testing.T, clock func() time.Time, env map[string]string, to policy.Transporter, args ...string) ended {
	t.Helper()
	if to == nil {
		to = nobody{t}
	}
	var stdout, stderr bytes.Buffer
	p := program{getenv: func(name string) string { return env[name] }, home: tempDir(t), stdout: &stdout, stderr: &stderr, transport: to, clock: clock}
	code := p.run(ctx, args)
	return ended{code, stdout.String(), stderr.String()}
}

// tempDir is a user's folder for settings: the default store lies in it.
func tempDir(t *testing.T) func() (string, error) {
	dir := t.TempDir()
	return func() (string, error) { return dir, nil }
}

type nobody struct{ t *testing.T }

func (n nobody) Do(req *http.Request) (*http.Response, error) {
	n.t.Errorf("a request to %s, want none", req.URL.Host)
	return nil, errors.New("nobody is there")
}

// writeFleet writes a fleet file with all columns; a row is its values.
func writeFleet(t *testing.T, rows ...string) string {
	t.Helper()
	const head = "tenant,device,platform,azure_device_id,client_code,user,actions,device_name,os_version,last_check_in\n"
	path := filepath.Join(t.TempDir(), "fleet.csv")
	require.NoError(t, os.WriteFile(path, []byte(head+strings.Join(rows, "\n")), 0o600))
	return path
}

func azureID(n string) string { return "dddddddd-0000-4000-8000-00000000000" + n }

// windows is a row of a registered Windows device.
func windows(tenant, n, actions string) string {
	return tenant + ",PC-" + n + ",windows," + azureID(n) + ",,canary-user@contoso.example," + actions + ",canary-name,10.0.26100.1,"
}

// microsoft is a simulator that stands for the real Microsoft under its own
// host names, with an application and devices 1 to 5 in tenant A.
func microsoft(t *testing.T, o *azuresim.Options, app azuresim.Application) *azuresim.Simulator {
	t.Helper()
	sim := azuresim.New(o)
	sim.AddTenant(azuresim.Tenant{ID: tenantA})
	sim.AddTenant(azuresim.Tenant{ID: tenantB})
	app.ClientID, app.ApprovedMDM = clientID, true
	app.Roles = []string{"Device.ReadWrite.All", "Application.Read.All", "User.Read.All", "update_device_attributes"}
	sim.AddApplication(app)
	sim.Consent(tenantA, clientID)
	sim.RegisterPartner(tenantA, clientID, azuresim.PartnerIOS)
	sim.AddUser(tenantA, azuresim.User{ID: userID, UserPrincipalName: "canary-user@a.example"})
	for _, n := range []string{"1", "2", "3", "4", "5"} {
		sim.AddDevice(tenantA, azuresim.Device{DeviceID: azureID(n)})
	}
	return sim
}

func withSecret() azuresim.Application {
	return azuresim.Application{Secrets: []azuresim.Secret{{Value: secret}}}
}

func secretEnv() map[string]string {
	return map[string]string{envTenant: tenantA, envClient: clientID, envSecret: secret}
}

func TestExitCodes(t *testing.T) {
	good, other := windows(tenantA, "1", "none"), windows(tenantB, "2", "none")
	absent := windows(tenantA, "9", "none")
	phone := tenantA + ",IP-6,ios," + azureID("6") + ",Success," + userID + ",none,,,"
	broken := windows("contoso", "3", "none")
	dir := t.TempDir()
	t.Parallel()
	for _, tc := range []struct {
		name   string
		env    map[string]string
		args   []string
		rows   []string // of -fleet, unless args say one
		code   int
		stderr string // a part of it
	}{
		{name: "simulated, a fleet of one's own", rows: []string{good, other, absent}, code: exitSuccess},
		{name: "simulated, nothing to send", rows: []string{tenantA + ",IP-1,ios,,User_Cancelled," + userID + ",none,,,"}, code: exitSuccess},
		{name: "simulated, a phone", rows: []string{phone}, code: exitSuccess},
		{name: "simulated, a phone without a user", rows: []string{good, strings.Replace(phone, userID, "", 1)}, code: exitPartial},
		{name: "simulated, some rows bad", rows: []string{good, broken}, code: exitPartial, stderr: `fleet.csv:3: tenant: "contoso" is not a GUID; the row is not used`},
		{name: "simulated, a row mended", rows: []string{strings.Replace(good, "none", "nonsense", 1)}, code: exitPartial, stderr: `fleet.csv:2: actions: "nonsense" is not an action; the device counts as non-compliant`},
		{name: "simulated, all rows bad", rows: []string{broken}, code: exitFailure, stderr: "1 row, and none that can be used"},
		{name: "help", args: []string{"-h"}, code: exitSuccess},
		{name: "unknown flag", args: []string{"-nonsense"}, code: exitFailure, stderr: "-nonsense"},
		{name: "argument", args: []string{"fleet.csv"}, code: exitFailure, stderr: `unexpected argument "fleet.csv"`},
		{name: "no such file", args: []string{"-fleet", filepath.Join(dir, "none.csv")}, code: exitFailure, stderr: "none.csv: "},
		{name: "a folder", args: []string{"-fleet", dir}, code: exitFailure, stderr: "quickstart: " + dir},
		{name: "apply to nobody", args: []string{"-apply"}, code: exitFailure, stderr: "missing: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH"},
		{name: "half a configuration", env: map[string]string{envTenant: tenantA}, code: exitFailure, stderr: "AZURE_TENANT_ID set, but missing: AZURE_CLIENT_ID"},
		{name: "shown", env: secretEnv(), rows: []string{good}, code: exitSuccess},
		{name: "shown, a row of another tenant", env: secretEnv(), rows: []string{good, other, windows(tenantB, "3", "none")}, code: exitPartial,
			stderr: `fleet.csv:3: tenant: "` + tenantB + `", here and in 2 rows in all, is not AZURE_TENANT_ID, which is "` + tenantA + `"; the rows are not used`},
		{name: "shown, the included fleet, whose tenants are made up", env: secretEnv(), code: exitFailure, stderr: "200 rows, and none that can be used"},
		{name: "shown, an authority that nobody knows", env: with(secretEnv(), envAuthority, "https://login.example"), rows: []string{good}, code: exitFailure, stderr: "login.example"},
		{name: "sent", env: secretEnv(), args: []string{"-apply"}, rows: []string{good}, code: exitSuccess},
		{name: "sent, one device unknown", env: secretEnv(), args: []string{"-apply"}, rows: []string{good, absent}, code: exitPartial},
		{name: "sent, all devices unknown", env: secretEnv(), args: []string{"-apply"}, rows: []string{absent}, code: exitFailure},
		{name: "sent with a wrong secret", env: with(secretEnv(), envSecret, "wrong-canary"), args: []string{"-apply"}, rows: []string{good}, code: exitFailure},
		{name: "sent, a phone that the partner is not set up for", env: secretEnv(), args: []string{"-apply"}, rows: []string{phone}, code: exitFailure},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := tc.args
			if tc.rows != nil {
				args = append(args, "-fleet", writeFleet(t, tc.rows...))
			}
			var got ended
			if tc.env == nil {
				got = runWith(t.Context(), t, tc.env, nil, args...)
			} else {
				// Waiting for a device that may be on its way takes virtual time.
				synctest.Test(t, func(t *testing.T) {
					got = runWith(t.Context(), t, tc.env, microsoft(t, nil, withSecret()).Client(), args...)
				})
			}
			if got.code != tc.code || !strings.Contains(got.stderr, tc.stderr) {
				t.Errorf("exit code %d, want %d; stderr, want %q in it:\n%s", got.code, tc.code, tc.stderr, got.stderr)
			}
			if (tc.stderr == "") != (got.stderr == "") {
				t.Errorf("stderr is %q", got.stderr)
			}
			if tc.env == nil && got.code != exitFailure && tc.name != "help" && strings.Count(got.stdout, "SIMULATED") < 4 {
				t.Errorf("SIMULATED is not said:\n%s", got.stdout)
			}
			if tc.env != nil && strings.Contains(got.stdout, "SIMULATED") {
				t.Errorf("SIMULATED is said of the real Microsoft:\n%s", got.stdout)
			}
			for _, canary := range []string{"canary-secret", "wrong-canary", "canary-user", "canary-name"} {
				if strings.Contains(got.stdout+got.stderr, canary) {
					t.Errorf("%s is printed", canary)
				}
			}
		})
	}
}

func with(env map[string]string, name, value string) map[string]string {
	env[name] = value
	return env
}

// What is shown without -apply costs no request, and says what -apply would do.
func TestShowSendsNothing(t *testing.T) {
	claim := tenantA + ",PC-old,windows," + azureID("3") + ",,,quarantine,,,"
	fleet := writeFleet(t, windows(tenantA, "1", "retire"), windows(tenantA, "2", "none"), windows(tenantA, "3", "none"), claim)
	for _, tc := range []struct {
		args    []string
		removal string
	}{
		{nil, "isManaged false, isCompliant false would be sent; the directory object stays."},
		{[]string{"-delete-objects"}, "isManaged false, isCompliant false would be sent, and the DIRECTORY OBJECT WOULD BE DELETED unless it is hybrid-joined."},
	} {
		const (
			compliant = "isManaged true, isCompliant true, the device's name and version would be sent."
			conflict  = "isManaged true, isCompliant false, the device's name and version would be sent. Another record claims the same Azure id."
		)
		table := runWith(t.Context(), t, secretEnv(), nil, append(tc.args, "-fleet", fleet)...)
		require.Equal(t, exitSuccess, table.code, table.stderr)
		for _, want := range []string{tc.removal, compliant, conflict, "NOT SENT  SUMMARY", "(report-only)", "0 to Entra for tokens, 0 to Microsoft for 3 reports"} {
			if !strings.Contains(table.stdout, want) {
				t.Errorf("%q is not said:\n%s", want, table.stdout)
			}
		}
		lines := decodeLines(t, runWith(t.Context(), t, secretEnv(), nil, append(tc.args, "-json", "-fleet", fleet)...).stdout)
		var got []string
		for _, line := range lines {
			got = append(got, line.WouldSend)
			if err := line.Details.Validate(); err != nil || line.Simulated {
				t.Errorf("%s: %v, simulated %v", line.Device, err, line.Simulated)
			}
		}
		if diff := cmp.Diff([]string{tc.removal, compliant, conflict, conflict}, got); diff != "" {
			t.Errorf("-json says (-want +got):\n%s", diff)
		}
	}
}

// What is sent reaches Microsoft as it is shown.
func TestApply(t *testing.T) {
	for _, tc := range []struct {
		name    string
		args    []string
		deleted bool
	}{
		{"objects stay", nil, false},
		{"objects are deleted", []string{"-delete-objects"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sim := microsoft(t, nil, withSecret())
			fleet := writeFleet(t, windows(tenantA, "1", "none"), windows(tenantA, "2", "send-alert;quarantine"), windows(tenantA, "3", "retire"),
				tenantA+",PC-4,windows,"+azureID("4")+",Account_Logged_Out,,none,,,", tenantA+",IP-5,ios,,User_Cancelled,"+userID+",quarantine,,,")
			got := runWith(t.Context(), t, secretEnv(), sim.Client(), append(tc.args, "-apply", "-fleet", fleet)...)
			require.Equal(t, exitSuccess, got.code, got.stderr)

			type held struct{ managed, compliant, deleted bool }
			holds := map[string]held{}
			for _, n := range []string{"1", "2", "3"} {
				d, _ := sim.Device(tenantA, azureID(n))
				require.NotNil(t, d.IsManaged, n)
				holds[n] = held{*d.IsManaged, *d.IsCompliant, !d.DeletedAt.IsZero()}
			}
			want := map[string]held{"1": {true, true, false}, "2": {true, false, false}, "3": {false, false, tc.deleted}}
			if diff := cmp.Diff(want, holds, cmp.AllowUnexported(held{})); diff != "" {
				t.Errorf("Microsoft holds (-want +got):\n%s", diff)
			}
			d, _ := sim.Device(tenantA, azureID("1"))
			if d.DisplayName != "canary-name" || d.OperatingSystemVersion != "10.0.26100.1" {
				t.Errorf("name and version at Microsoft are %q and %q", d.DisplayName, d.OperatingSystemVersion)
			}
			if n := sim.WriteCount(tenantA, azureID("4")) + sim.WriteCount(tenantA, azureID("5")); n != 0 {
				t.Errorf("%d writes of a held device and a phone, want none", n)
			}
		})
	}
}

// Two records that claim one Azure id: the stricter standing is sent, once,
// and both show the other, until one of them is retired.
func TestConflict(t *testing.T) {
	claim := func(device, actions string) string {
		return tenantA + "," + device + ",windows," + azureID("1") + ",,," + actions + ",,,"
	}
	for _, tc := range []struct {
		old              string
		managed, allowed bool
		conflict         bool
	}{
		{"quarantine", true, false, true},
		{"send-alert", true, true, true},
		{"retire", true, true, false},
	} {
		sim := microsoft(t, nil, withSecret())
		fleet := writeFleet(t, claim("PC-new", "none"), claim("PC-old", tc.old))
		got := runWith(t.Context(), t, secretEnv(), sim.Client(), "-apply", "-delete-objects", "-json", "-fleet", fleet)
		require.Equal(t, exitSuccess, got.code, got.stderr)
		d, _ := sim.Device(tenantA, azureID("1"))
		if n := sim.WriteCount(tenantA, azureID("1")); n != 1 || *d.IsManaged != tc.managed || *d.IsCompliant != tc.allowed || !d.DeletedAt.IsZero() {
			t.Errorf("%s: %d writes, managed %v, compliant %v, deleted %v", tc.old, n, *d.IsManaged, *d.IsCompliant, d.DeletedAt)
		}
		if d := decodeLines(t, got.stdout)[0].Details; d.Conflict != tc.conflict || d.ComplianceStatus != status.Successful {
			t.Errorf("%s: conflict %v, %v", tc.old, d.Conflict, d.ComplianceStatus)
		}
	}
}

func decodeLines(t *testing.T, text string) []jsonLine {
	t.Helper()
	var lines []jsonLine
	for decoder := json.NewDecoder(strings.NewReader(text)); decoder.More(); {
		var line jsonLine
		require.NoError(t, decoder.Decode(&line))
		lines = append(lines, line)
	}
	return lines
}

func TestJSON(t *testing.T) {
	t.Parallel()
	got := runWith(t.Context(), t, nil, nil, "-json")
	require.Equal(t, exitSuccess, got.code, got.stderr)
	lines := decodeLines(t, got.stdout)
	require.Len(t, lines, 200)
	for _, line := range lines {
		if err := line.Details.Validate(); err != nil || !line.Simulated || line.Explanation == "" {
			t.Errorf("%s: %v; simulated %v; %q", line.Device, err, line.Simulated, line.Explanation)
		}
	}
	if !strings.Contains(got.stderr, "SIMULATED  SUMMARY") {
		t.Errorf("stderr has no summary:\n%s", got.stderr)
	}
}

// cutter cuts the run off, as Ctrl-C does, when it sees a batch.
type cutter struct {
	to     *http.Client
	cancel context.CancelFunc
	after  bool // the batch has been worked on
	seen   atomic.Int64
}

func (c *cutter) Do(req *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(req.URL.Path, "/$batch") {
		return c.to.Do(req)
	}
	c.seen.Add(1)
	if c.after {
		if resp, err := c.to.Do(req.WithContext(context.WithoutCancel(req.Context()))); err == nil {
			resp.Body.Close()
		}
	}
	c.cancel()
	return nil, req.Context().Err()
}

func TestInterrupted(t *testing.T) {
	fleet := writeFleet(t, windows(tenantA, "1", "none"), windows(tenantA, "2", "retire"))
	t.Run("before it began", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		got := runWith(ctx, t, secretEnv(), nil, "-apply", "-json", "-fleet", fleet)
		require.Equal(t, exitFailure, got.code)
		require.Empty(t, got.stdout)
		require.Contains(t, got.stderr, "interrupted while the fleet was read; nothing was sent")
	})
	t.Run("while an answer was awaited", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := &cutter{to: microsoft(t, nil, withSecret()).Client(), cancel: cancel, after: true}
		got := runWith(ctx, t, secretEnv(), c, "-apply", "-json", "-fleet", fleet)
		require.Equal(t, exitFailure, got.code)
		require.EqualValues(t, 1, c.seen.Load())
		for _, line := range decodeLines(t, got.stdout) {
			if blank := line.Details.Blank.ReportTime.String(); blank != "no-answer" || line.Details.Validate() != nil {
				t.Errorf("%s: %s, want no-answer", line.Device, blank)
			}
		}
	})
}

// brokenPipe is an output that cannot be written.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestOutputFails(t *testing.T) {
	fleet := writeFleet(t, windows(tenantA, "1", "none"))
	for _, args := range [][]string{{"-fleet", fleet}, {"-fleet", fleet, "-json"}} {
		var stderr bytes.Buffer
		p := program{getenv: func(string) string { return "" }, home: tempDir(t), stdout: brokenPipe{}, stderr: &stderr}
		if code := p.run(t.Context(), args); code != exitPartial || !strings.Contains(stderr.String(), "broken pipe") {
			t.Errorf("%v: exit code %d, stderr %q", args, code, stderr.String())
		}
	}
}

// The progress is for a terminal only, and leaves nothing behind on it.
func TestProgress(t *testing.T) {
	fleet := writeFleet(t, windows(tenantA, "1", "none"), windows(tenantA, "2", "retire"))
	for _, terminal := range []bool{true, false} {
		var stderr bytes.Buffer
		p := program{getenv: func(string) string { return "" }, home: tempDir(t), stdout: &bytes.Buffer{}, stderr: &stderr, terminal: terminal}
		require.Equal(t, exitSuccess, p.run(t.Context(), []string{"-fleet", fleet}))
		if got := strings.Contains(stderr.String(), "2 of 2"); got != terminal {
			t.Errorf("terminal %v: progress %v", terminal, got)
		}
		if last := regexp.MustCompile(`\r *\r$`); terminal && !last.MatchString(stderr.String()) {
			t.Errorf("the progress line is not taken away: %q", stderr.String())
		}
	}
}
