package environ

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/msal"
)

const (
	tenantA  = "aaaaaaaa-0000-4000-8000-000000000001"
	clientID = "cccccccc-0000-4000-8000-000000000001"
	secret   = "canary-secret"
	pfx      = "testdata/app.pfx" // the password is "example"
)

// Every subset of the variables: the simulator only where none is set, and
// never a half of what is needed.
func TestEverySubsetOfVariables(t *testing.T) {
	names := []string{Tenant, Client, Secret, Cert, Password, Authority}
	values := []string{tenantA, clientID, secret, pfx, "example", "https://login.microsoftonline.us"}
	for set := range 1 << len(names) {
		env := map[string]string{}
		for i, name := range names {
			if set&(1<<i) != 0 {
				env[name] = values[i]
			}
		}
		has := func(name string) bool { return env[name] != "" }
		whole := has(Tenant) && has(Client) && (has(Secret) || has(Cert)) && (has(Cert) || !has(Password))
		// A certificate without its password cannot be read, unless the secret
		// goes before it.
		readable := has(Secret) || has(Password)

		_, real, err := Read(func(name string) string { return env[name] })
		if real != (set != 0) {
			t.Errorf("%v: real %v", env, real)
		}
		if want := set == 0 || whole && readable; (err == nil) != want {
			t.Errorf("%v: error %v", env, err)
		}
		if err == nil {
			continue
		}
		if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "example") {
			t.Errorf("the error shows a secret: %v", err)
		}
		for _, name := range []string{Tenant, Client} {
			if !has(name) && !strings.Contains(err.Error(), "missing: "+name) && !strings.Contains(err.Error(), ", "+name) {
				t.Errorf("%v: %v; want %s named as missing", env, err, name)
			}
		}
	}
}

// A configuration that is printed by mistake shows no secret.
func TestConfigurationHidesSecrets(t *testing.T) {
	env := map[string]string{Tenant: tenantA, Client: clientID, Secret: secret}
	c, _, err := Read(func(name string) string { return env[name] })
	require.NoError(t, err)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v", c, c, c)
	if strings.Contains(out.String(), secret) {
		t.Errorf("printed: %s", out.String())
	}
}

// A certificate is known by its end, a secret is not.
func TestCredential(t *testing.T) {
	for name, want := range map[string]bool{Secret: false, Cert: true} {
		env := map[string]string{Tenant: strings.ToUpper(tenantA), Client: clientID, name: secret}
		if name == Cert {
			env[Cert], env[Password] = pfx, "example"
		}
		c, real, err := Read(func(name string) string { return env[name] })
		require.NoError(t, err)
		require.True(t, real)
		cred, err := c.Credential(&msal.Options{})
		require.NoError(t, err)
		if _, known := cred.ExpiresOn(); known != want || c.TenantID != tenantA {
			t.Errorf("%s: end known %v, want %v; tenant %s", name, known, want, c.TenantID)
		}
	}
}
