// Package simproc lets a program in a process of its own report to a simulator
// in another one, for tests that kill or signal the program. Under Microsoft's
// own host names everything ends at the simulator.
package simproc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
)

const (
	serverVariable = "DEVICESTATUS_TEST_SERVER"
	certVariable   = "DEVICESTATUS_TEST_CERT"
)

// Environ answers the variables by which a child process finds server. It
// writes the server's certificate into folder.
func Environ(server *httptest.Server, folder string) ([]string, error) {
	file := filepath.Join(folder, "server.der")
	if err := os.WriteFile(file, server.Certificate().Raw, 0o600); err != nil {
		return nil, err
	}
	return []string{serverVariable + "=" + server.Listener.Addr().String(), certVariable + "=" + file}, nil
}

// Client answers, in a child process, a client that reaches the simulator and
// nothing else; nil where this is no child process.
func Client() (*http.Client, error) {
	address := os.Getenv(serverVariable)
	if address == "" {
		return nil, nil
	}
	der, err := os.ReadFile(os.Getenv(certVariable))
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certVariable, err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		// A name in the certificate of every httptest.Server.
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com", MinVersion: tls.VersionTLS12},
	}}, nil
}
