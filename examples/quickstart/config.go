package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/mdmkit/devicestatus/azure/msal"
)

// The variables, by azidentity's names.
const (
	envTenant    = "AZURE_TENANT_ID"
	envClient    = "AZURE_CLIENT_ID"
	envSecret    = "AZURE_CLIENT_SECRET"
	envCert      = "AZURE_CLIENT_CERTIFICATE_PATH"
	envPassword  = "AZURE_CLIENT_CERTIFICATE_PASSWORD"
	envAuthority = "AZURE_AUTHORITY_HOST"
)

// config is how to reach the real Microsoft. It may be printed: a Proof never
// shows what it holds.
type config struct {
	tenantID  string // lower case
	clientID  string
	proof     msal.Proof
	authority string // empty: the global cloud's
}

// readConfig reads the configuration from the environment. False: there is
// none. Some of it without the rest is an error that names what is missing, so
// that a forgotten variable never turns a real run into a simulated one.
func readConfig(getenv func(string) string) (config, bool, error) {
	var set []string
	for _, name := range []string{envTenant, envClient, envSecret, envCert, envPassword, envAuthority} {
		if getenv(name) != "" {
			set = append(set, name)
		}
	}
	if len(set) == 0 {
		return config{}, false, nil
	}
	missing := missingOf(getenv)
	if len(missing) > 0 {
		return config{}, true, fmt.Errorf("half a configuration: %s set, but missing: %s", strings.Join(set, ", "), strings.Join(missing, ", "))
	}
	c := config{
		tenantID: strings.ToLower(getenv(envTenant)), clientID: strings.ToLower(getenv(envClient)),
		authority: getenv(envAuthority),
	}
	for _, id := range []struct{ name, value string }{{envTenant, c.tenantID}, {envClient, c.clientID}} {
		if !isGUID(id.value) {
			return config{}, true, fmt.Errorf("%s %s is not a GUID", id.name, quote(id.value))
		}
	}
	if secret := getenv(envSecret); secret != "" {
		c.proof = msal.Secret(secret)
		return c, true, nil
	}
	var err error
	c.proof, err = readCertificate(getenv(envCert), getenv(envPassword))
	if err != nil {
		err = fmt.Errorf("%s: %w", envCert, err)
	}
	return c, true, err
}

func missingOf(getenv func(string) string) []string {
	var missing []string
	for _, name := range []string{envTenant, envClient} {
		if getenv(name) == "" {
			missing = append(missing, name)
		}
	}
	switch {
	case getenv(envPassword) != "" && getenv(envCert) == "":
		missing = append(missing, envCert)
	case getenv(envSecret) == "" && getenv(envCert) == "":
		missing = append(missing, envSecret+" or "+envCert)
	}
	return missing
}

// readCertificate reads a certificate with its key: PEM by the msal package,
// anything else as PKCS#12 by azidentity.
func readCertificate(path, password string) (msal.Proof, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return msal.Proof{}, err
	}
	if strings.Contains(string(content), "-----BEGIN ") {
		certs, key, err := msal.ParsePEM(content)
		if err != nil {
			return msal.Proof{}, err
		}
		return msal.Certificate(certs, key)
	}
	certs, key, err := azidentity.ParseCertificates(content, []byte(password))
	if err != nil {
		hint := "check " + envPassword + "; PKCS#12 of the newer form, with SHA-256, is not read"
		return msal.Proof{}, errors.New("neither PEM nor readable as PKCS#12: " + hint)
	}
	return msal.Certificate(certs, key)
}
