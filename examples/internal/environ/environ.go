// Package environ reads how to reach the real Microsoft from the environment,
// by azidentity's names, for the programs of this module.
package environ

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/compliance"
)

// The variables.
const (
	Tenant    = "AZURE_TENANT_ID"
	Client    = "AZURE_CLIENT_ID"
	Secret    = "AZURE_CLIENT_SECRET"
	Cert      = "AZURE_CLIENT_CERTIFICATE_PATH"
	Password  = "AZURE_CLIENT_CERTIFICATE_PASSWORD"
	Authority = "AZURE_AUTHORITY_HOST"
)

// Config is how to reach the real Microsoft. It may be printed: it never shows
// what the application proves itself with.
type Config struct {
	TenantID  string // lower case
	ClientID  string // lower case
	Authority string // empty: the global cloud's
	Proof     msal.Proof

	credential func(clientID string, o *msal.Options) (*msal.Credential, error)
}

// Credential makes a credential of Proof. Of a certificate it knows the end.
func (c Config) Credential(o *msal.Options) (*msal.Credential, error) {
	return c.credential(c.ClientID, o)
}

// Read reads the configuration. False: there is none. Some of it without the
// rest is an error that names what is missing, so that a forgotten variable
// never turns a real run into a simulated one.
func Read(getenv func(string) string) (Config, bool, error) {
	var set []string
	for _, name := range []string{Tenant, Client, Secret, Cert, Password, Authority} {
		if getenv(name) != "" {
			set = append(set, name)
		}
	}
	if len(set) == 0 {
		return Config{}, false, nil
	}
	missing := Missing(getenv)
	if len(missing) > 0 {
		return Config{}, true, fmt.Errorf("half a configuration: %s set, but missing: %s", strings.Join(set, ", "), strings.Join(missing, ", "))
	}
	c := Config{TenantID: strings.ToLower(getenv(Tenant)), ClientID: strings.ToLower(getenv(Client)), Authority: getenv(Authority)}
	for _, id := range []struct{ name, value string }{{Tenant, c.TenantID}, {Client, c.ClientID}} {
		if !isGUID(id.value) {
			return Config{}, true, fmt.Errorf("%s %s is not a GUID", id.name, quote(id.value))
		}
	}
	if secret := getenv(Secret); secret != "" {
		c.Proof = msal.Secret(secret)
		c.credential = func(clientID string, o *msal.Options) (*msal.Credential, error) {
			return msal.NewClientSecretCredential(clientID, secret, o)
		}
		return c, true, nil
	}
	certs, key, err := readCertificate(getenv(Cert), getenv(Password))
	if err == nil {
		c.Proof, err = msal.Certificate(certs, key)
	}
	if err != nil {
		return Config{}, true, fmt.Errorf("%s: %w", Cert, err)
	}
	c.credential = func(clientID string, o *msal.Options) (*msal.Credential, error) {
		return msal.NewClientCertificateCredential(clientID, certs, key, o)
	}
	return c, true, nil
}

// Missing answers the variables that are needed and not set.
func Missing(getenv func(string) string) []string {
	var missing []string
	for _, name := range []string{Tenant, Client} {
		if getenv(name) == "" {
			missing = append(missing, name)
		}
	}
	switch {
	case getenv(Password) != "" && getenv(Cert) == "":
		missing = append(missing, Cert)
	case getenv(Secret) == "" && getenv(Cert) == "":
		missing = append(missing, Secret+" or "+Cert)
	}
	return missing
}

// readCertificate reads a certificate with its key: PEM by the msal package,
// anything else as PKCS#12 by azidentity.
func readCertificate(path, password string) ([]*x509.Certificate, crypto.PrivateKey, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	if strings.Contains(string(content), "-----BEGIN ") {
		return msal.ParsePEM(content)
	}
	certs, key, err := azidentity.ParseCertificates(content, []byte(password))
	if err != nil {
		hint := "check " + Password + "; PKCS#12 of the newer form, with SHA-256, is not read"
		return nil, nil, errors.New("neither PEM nor readable as PKCS#12: " + hint)
	}
	return certs, key, nil
}

// isGUID asks the library, so that there is one idea of what a GUID is.
func isGUID(id string) bool {
	return azure.Report{
		TenantID: id, DeviceID: id, Platform: azure.PlatformWindows, State: compliance.StateCompliant,
	}.Validate() == nil
}

// quote shows a value that should have been an id. Of one with an @ only the
// length is shown: it may be a person's.
func quote(value string) string {
	const most = 40
	switch {
	case strings.Contains(value, "@"):
		return fmt.Sprintf("of %d bytes", len(value))
	case len(value) > most:
		return fmt.Sprintf("%q... (%d bytes)", value[:most], len(value))
	}
	return fmt.Sprintf("%q", value)
}
