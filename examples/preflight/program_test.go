package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/examples/internal/environ"
)

const (
	tenantA  = "aaaaaaaa-0000-4000-8000-000000000001"
	clientID = "cccccccc-0000-4000-8000-000000000001"
	secret   = "canary-secret"
)

type ended struct {
	code           int
	stdout, stderr string
}

// runWith runs the program with an environment and a way to "the real
// Microsoft"; without one, a call to it fails the test.
func runWith(ctx context.Context, t *testing.T, env map[string]string, to policy.Transporter, args ...string) ended {
	t.Helper()
	if to == nil {
		to = nobody{t}
	}
	var stdout, stderr bytes.Buffer
	p := program{getenv: func(name string) string { return env[name] }, stdout: &stdout, stderr: &stderr, transport: to}
	code := p.run(ctx, args)
	return ended{code, stdout.String(), stderr.String()}
}

type nobody struct{ t *testing.T }

func (n nobody) Do(req *http.Request) (*http.Response, error) {
	n.t.Errorf("a request to %s, want none", req.URL.Host)
	return nil, errors.New("nobody is there")
}

// microsoft is a simulator that stands for the real Microsoft under its own
// host names, with a tenant whose only devices are PCs.
func microsoft(certs ...*x509.Certificate) *azuresim.Simulator {
	sim := azuresim.New(nil)
	sim.AddTenant(azuresim.Tenant{ID: tenantA})
	sim.AddApplication(azuresim.Application{
		ClientID: clientID, Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true,
		Secrets: []azuresim.Secret{{Value: secret}}, Certificates: certs,
	})
	sim.Consent(tenantA, clientID)
	return sim
}

func secretEnv(extra ...string) map[string]string {
	env := map[string]string{environ.Tenant: tenantA, environ.Client: clientID, environ.Secret: secret}
	for i := 0; i < len(extra); i += 2 {
		env[extra[i]] = extra[i+1]
	}
	return env
}

// The whole output of some runs. With UPDATE_GOLDEN=1 the files are written
// anew.
func TestGolden(t *testing.T) {
	for _, tc := range []struct {
		name string
		code int
		args []string
	}{
		{"help", exitPassed, []string{"-h"}},
		{"contoso", exitPassed, nil},
		{"fabrikam", exitFailed, []string{"-simulate", "fabrikam", "-platforms", "ios, macOS"}},
		{"tailspin", exitFailed, []string{"-simulate", "tailspin", "-platforms", "windows"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := runWith(t.Context(), t, nil, nil, tc.args...)
			require.Equal(t, tc.code, got.code, got.stderr)
			require.Empty(t, got.stderr)
			text := steady(got.stdout)
			path := filepath.Join("testdata", tc.name+".golden")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			if diff := cmp.Diff(string(want), text); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			for line := range strings.Lines(text) {
				if len(line) > 121 {
					t.Errorf("a line of %d characters: %s", len(line), line)
				}
			}
		})
	}
}

// steady takes out of an output what no two runs have in common.
func steady(text string) string {
	for _, change := range []struct{ pattern, with string }{
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`, "yyyy-mm-ddThh:mm:ssZ"},
		{`Microsoft's by -?[01]s`, "Microsoft's by 0s"},
	} {
		text = regexp.MustCompile(change.pattern).ReplaceAllString(text, change.with)
	}
	return text
}

func TestExitCodes(t *testing.T) {
	for _, tc := range []struct {
		name   string
		env    map[string]string
		args   []string
		change func(*azuresim.Simulator)
		code   int
		stdout string // a part of it
		stderr string
	}{
		{name: "PCs only, all well", env: secretEnv(), args: []string{"-platforms", "windows"}, code: exitPassed, stdout: "4 passed, 0 failed, 2 not possible"},
		{name: "phones, nothing set up", env: secretEnv(), args: []string{"-platforms", "ios"}, code: exitFailed, stdout: "FAILED        intune: partner in the tenant"},
		{name: "a wrong secret", env: secretEnv(environ.Secret, "canary-wrong"), args: []string{"-platforms", "windows"}, code: exitFailed, stdout: "AADSTS7000215"},
		{
			name: "no permission to write", env: secretEnv(), args: []string{"-platforms", "windows"}, code: exitFailed, stdout: "403 Authorization_RequestDenied",
			change: func(s *azuresim.Simulator) { s.Consent(tenantA, clientID, "Device.Read.All") },
		},
		{
			name: "Graph is not there", env: secretEnv(), args: []string{"-platforms", "windows"}, code: exitFailed, stdout: "unavailable",
			change: func(s *azuresim.Simulator) {
				s.Inject(azuresim.Fault{Match: azuresim.ForGraph(), Reset: azuresim.ResetBefore})
			},
		},
		{
			name: "throttled is not possible to tell", env: secretEnv(), args: []string{"-platforms", "windows"}, code: exitPassed, stdout: "2 passed, 0 failed, 4 not possible",
			change: func(s *azuresim.Simulator) {
				s.Inject(azuresim.Fault{Match: azuresim.ForGraph(), Status: 429, RetryAfter: "3600"})
			},
		},
		{
			name: "a cloud without the partner services", env: secretEnv(environ.Authority, "https://login.partner.microsoftonline.cn"), args: []string{"-platforms", "ios"},
			code: exitFailed, stdout: "router: a channel for ios",
		},
		{name: "half a configuration", env: map[string]string{environ.Tenant: tenantA}, code: exitNotRun, stderr: "preflight: half a configuration: AZURE_TENANT_ID set, but missing: AZURE_CLIENT_ID"},
		{name: "an authority that nobody knows", env: secretEnv(environ.Authority, "https://login.example"), code: exitNotRun, stderr: "login.example"},
		{name: "both", env: secretEnv(), args: []string{"-simulate", "contoso"}, code: exitNotRun, stderr: "one of the two"},
		{name: "no such simulated tenant", args: []string{"-simulate", "initech"}, code: exitNotRun, stderr: `-simulate "initech": there are contoso, fabrikam and tailspin`},
		{name: "no such platform", args: []string{"-platforms", "windows,BeOS"}, code: exitNotRun, stderr: `unknown Platform "BeOS"`},
		{name: "no platform", args: []string{"-platforms", ""}, code: exitNotRun, stderr: `-platforms "" holds a blank`},
		{name: "unknown flag", args: []string{"-nonsense"}, code: exitNotRun, stderr: "-nonsense; -h says more"},
		{name: "argument", args: []string{"contoso"}, code: exitNotRun, stderr: `unexpected argument "contoso"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got ended
			synctest.Test(t, func(t *testing.T) { // retries take virtual time
				sim := microsoft()
				if tc.change != nil {
					tc.change(sim)
				}
				got = runWith(t.Context(), t, tc.env, sim.Client(), tc.args...)
			})
			if got.code != tc.code || !strings.Contains(got.stdout, tc.stdout) || !strings.Contains(got.stderr, tc.stderr) || (tc.stderr == "") != (got.stderr == "") {
				t.Errorf("exit code %d, want %d with %q and %q:\n%s%s", got.code, tc.code, tc.stdout, tc.stderr, got.stdout, got.stderr)
			}
			if strings.Contains(got.stdout+got.stderr, "canary") {
				t.Errorf("a secret is printed:\n%s%s", got.stdout, got.stderr)
			}
			if strings.Contains(got.stdout, "SIMULATED") {
				t.Errorf("SIMULATED is said of the real Microsoft:\n%s", got.stdout)
			}
		})
	}
}

// A certificate's end is told a month ahead. The certificate is of now: the
// simulator and the program look at the same clock.
func TestCertificateEnds(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for _, tc := range []struct {
		days int
		code int
		want string
	}{{90, exitPassed, "passed        graph: credential's end"}, {7, exitFailed, "FAILED        graph: credential's end"}} {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "preflight"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, tc.days),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		require.NoError(t, err)
		cert, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
		path := filepath.Join(t.TempDir(), "app.pem")
		require.NoError(t, os.WriteFile(path, text, 0o600))

		env := map[string]string{environ.Tenant: tenantA, environ.Client: clientID, environ.Cert: path}
		got := runWith(t.Context(), t, env, microsoft(cert).Client(), "-platforms", "windows")
		if got.code != tc.code || !strings.Contains(got.stdout, tc.want) {
			t.Errorf("%d days: exit code %d, want %q:\n%s%s", tc.days, got.code, tc.want, got.stdout, got.stderr)
		}
	}
}

// Looking changes nothing at Microsoft.
func TestNothingIsWritten(t *testing.T) {
	sim := microsoft()
	device := sim.AddDevice(tenantA, azuresim.Device{OperatingSystem: "Windows"})
	runWith(t.Context(), t, secretEnv(), sim.Client())
	if n := sim.WriteCount(tenantA, device.DeviceID); n != 0 || len(sim.Devices(tenantA)) != 1 || len(sim.PartnerMessages(tenantA)) != 0 {
		t.Errorf("%d writes, %d devices, %d messages", n, len(sim.Devices(tenantA)), len(sim.PartnerMessages(tenantA)))
	}
}

func TestJSON(t *testing.T) {
	got := runWith(t.Context(), t, nil, nil, "-json", "-simulate", "fabrikam")
	require.Equal(t, exitFailed, got.code, got.stderr)
	states := map[string]int{}
	for decoder := json.NewDecoder(strings.NewReader(got.stdout)); decoder.More(); {
		var line struct {
			Simulated                         bool
			Tenant, Check, State, Saw, Advice string
		}
		require.NoError(t, decoder.Decode(&line))
		states[line.State]++
		if !line.Simulated || line.Tenant == "" || line.Check == "" || line.Saw == "" || (line.Advice == "") != (line.State == "passed") {
			t.Errorf("%+v", line)
		}
	}
	if diff := cmp.Diff(map[string]int{"passed": 10, "failed": 6, "not-possible": 3}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := runWith(ctx, t, secretEnv(), nil)
	if got.code != exitNotRun || got.stderr != "preflight: interrupted\n" || got.stdout != "" {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestOutputFails(t *testing.T) {
	for _, args := range [][]string{nil, {"-json"}} {
		var stderr bytes.Buffer
		p := program{getenv: func(string) string { return "" }, stdout: brokenPipe{}, stderr: &stderr}
		if code := p.run(t.Context(), args); code != exitNotRun || !strings.Contains(stderr.String(), "broken pipe") {
			t.Errorf("%v: exit code %d, stderr %q", args, code, stderr.String())
		}
	}
}
