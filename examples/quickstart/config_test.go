package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/examples/internal/environ"
)

const pfx = "../internal/environ/testdata/app.pfx" // the password is "example"

// The variables, in short.
const (
	envTenant    = environ.Tenant
	envClient    = environ.Client
	envSecret    = environ.Secret
	envCert      = environ.Cert
	envPassword  = environ.Password
	envAuthority = environ.Authority
)

// pemFile writes a new certificate with its key.
func pemFile(t *testing.T) (path string, cert *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "quickstart"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	secretKey, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secretKey})...)
	path = filepath.Join(t.TempDir(), "app.pem")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path, cert
}

func TestBadConfiguration(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	require.NoError(t, os.WriteFile(empty, []byte("-----BEGIN CERTIFICATE-----\nnothing\n"), 0o600))
	nonsense := filepath.Join(dir, "nonsense")
	require.NoError(t, os.WriteFile(nonsense, []byte("canary-file"), 0o600))
	base := func(extra ...string) map[string]string {
		env := map[string]string{envTenant: tenantA, envClient: clientID}
		for i := 0; i < len(extra); i += 2 {
			env[extra[i]] = extra[i+1]
		}
		return env
	}
	for _, tc := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"tenant by its domain", base(envTenant, "contoso.example", envSecret, secret), `AZURE_TENANT_ID "contoso.example" is not a GUID`},
		{"client id", base(envClient, "my app", envSecret, secret), `AZURE_CLIENT_ID "my app" is not a GUID`},
		{"no such certificate", base(envCert, filepath.Join(dir, "none")), "AZURE_CLIENT_CERTIFICATE_PATH: open "},
		{"PEM without a certificate", base(envCert, empty), "AZURE_CLIENT_CERTIFICATE_PATH: msal: the PEM text holds no certificate"},
		{"neither PEM nor PKCS#12", base(envCert, nonsense), "neither PEM nor readable as PKCS#12: check AZURE_CLIENT_CERTIFICATE_PASSWORD"},
		{"a wrong password", base(envCert, pfx, envPassword, "canary-password"), "neither PEM nor readable as PKCS#12: check AZURE_CLIENT_CERTIFICATE_PASSWORD"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := runWith(t.Context(), t, tc.env, nil)
			if got.code != exitFailure || !strings.Contains(got.stderr, tc.want) || got.stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr, want %q in it: %s", got.code, got.stdout, tc.want, got.stderr)
			}
			for _, canary := range []string{secret, "canary-password", "canary-file"} {
				if strings.Contains(got.stderr, canary) {
					t.Errorf("%s is printed: %s", canary, got.stderr)
				}
			}
		})
	}
}

// Each kind of credential is accepted by a Microsoft that knows it.
func TestCredentials(t *testing.T) {
	pemPath, pemCert := pemFile(t)
	content, err := os.ReadFile(pfx)
	require.NoError(t, err)
	pfxCerts, _, err := azidentity.ParseCertificates(content, []byte("example"))
	require.NoError(t, err)
	ids := map[string]string{envTenant: strings.ToUpper(tenantA), envClient: clientID}
	for _, tc := range []struct {
		name string
		env  map[string]string
		app  azuresim.Application
	}{
		{"secret", map[string]string{envSecret: secret}, withSecret()},
		{"PEM", map[string]string{envCert: pemPath}, azuresim.Application{Certificates: []*x509.Certificate{pemCert}}},
		{"PKCS#12", map[string]string{envCert: pfx, envPassword: "example"}, azuresim.Application{Certificates: pfxCerts}},
		{"the secret goes before the certificate", map[string]string{envSecret: secret, envCert: pemPath}, withSecret()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, value := range ids {
				tc.env[name] = value
			}
			sim := microsoft(t, nil, tc.app)
			got := runWith(t.Context(), t, tc.env, sim.Client(), "-apply", "-fleet", writeFleet(t, windows(tenantA, "1", "none")))
			if got.code != exitSuccess || sim.WriteCount(tenantA, azureID("1")) != 1 {
				t.Errorf("exit code %d, %d writes:\n%s%s", got.code, sim.WriteCount(tenantA, azureID("1")), got.stdout, got.stderr)
			}
		})
	}
}

// AZURE_AUTHORITY_HOST chooses the cloud, Microsoft Graph included.
func TestClouds(t *testing.T) {
	const device = "dddddddd-0000-4000-8000-0000000000c1"
	for cloud, authority := range map[azuresim.Cloud]string{
		azuresim.CloudGlobal: "https://login.microsoftonline.com/",
		azuresim.CloudUSGov:  "https://login.microsoftonline.us",
		azuresim.CloudChina:  "https://login.partner.microsoftonline.cn/",
	} {
		t.Run(string(cloud), func(t *testing.T) {
			sim := microsoft(t, nil, withSecret())
			tenant := sim.AddTenant(azuresim.Tenant{Cloud: cloud})
			sim.Consent(tenant.ID, clientID)
			sim.AddDevice(tenant.ID, azuresim.Device{DeviceID: device})
			env := map[string]string{envTenant: tenant.ID, envClient: clientID, envSecret: secret, envAuthority: authority}
			got := runWith(t.Context(), t, env, sim.Client(), "-apply", "-fleet", writeFleet(t, tenant.ID+",PC,windows,"+device+",,,none,,,"))
			if got.code != exitSuccess || sim.WriteCount(tenant.ID, device) != 1 || !strings.Contains(got.stdout, authority) {
				t.Errorf("exit code %d:\n%s%s", got.code, got.stdout, got.stderr)
			}
		})
	}
}
