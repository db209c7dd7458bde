package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// trusting answers a transport that trusts one certificate.
func trusting(certificate string) *http.Transport {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(certificate))
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
}
