package azuresim

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// Loopback is a simulator that listens on this machine, under one address that
// is Entra, Graph and the Intune partner services at once.
type Loopback struct {
	address string
	scheme  string
	pem     []byte
	pool    *x509.CertPool
	server  *http.Server
	served  chan error
}

// Listen serves the simulator over TLS on a loopback address such as
// 127.0.0.1:0, with a certificate of its own that was made for this listener.
// It refuses any address that is not loopback. Close ends it.
func (s *Simulator) Listen(address string) (*Loopback, error) {
	return s.listen(address, true)
}

// ListenPlain is Listen without TLS, for what cannot trust a certificate.
// MSAL and the Azure SDK refuse such an authority.
func (s *Simulator) ListenPlain(address string) (*Loopback, error) {
	return s.listen(address, false)
}

func (s *Simulator) listen(address string, secure bool) (*Loopback, error) {
	if !isLoopbackHost(address) {
		return nil, fmt.Errorf("azuresim: %q is no loopback address", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("azuresim: %w", err)
	}
	l := &Loopback{
		address: listener.Addr().String(), scheme: "http", served: make(chan error, 1),
		server: &http.Server{
			Handler: s, ReadHeaderTimeout: 30 * time.Second,
			ErrorLog: log.New(io.Discard, "", 0), // broken connections are often meant here
		},
	}
	if secure {
		l.scheme = "https"
		certificate, err := l.certify()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("azuresim: %w", err), listener.Close())
		}
		l.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	go func() {
		if secure {
			l.served <- l.server.ServeTLS(listener, "", "")
			return
		}
		l.served <- l.server.Serve(listener)
	}()
	return l, nil
}

// certify makes the listener's certificate, good for a year from now.
func (l *Loopback) certify() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "azuresim on loopback"},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		// Not an authority: whoever trusts it trusts this listener alone.
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	l.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	l.pool = x509.NewCertPool()
	l.pool.AppendCertsFromPEM(l.pem)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// URL is the address, such as https://127.0.0.1:41234, without a slash at its
// end: the authority host, and the Graph endpoint.
func (l *Loopback) URL() string { return l.scheme + "://" + l.address }

// CertPool trusts the listener's certificate and nothing else; nil without TLS.
func (l *Loopback) CertPool() *x509.CertPool { return l.pool }

// CertPEM is the listener's certificate for clients outside this process; nil
// without TLS. Its key never leaves the process.
func (l *Loopback) CertPEM() []byte { return l.pem }

// Client answers a client that trusts the listener and reaches nothing but it:
// requests to the listener's own address, and over TLS also those to
// Microsoft's production host names, end there; all others fail.
// So MSAL works with instance discovery left on, which asks
// login.microsoftonline.com about unknown authorities.
func (l *Loopback) Client() *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if _, known := placeOf(address); !known && address != l.address {
			return nil, fmt.Errorf("azuresim: %q is not simulated", address)
		}
		var d net.Dialer
		return d.DialContext(ctx, network, l.address)
	}
	t := &http.Transport{
		DialContext: dial, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
	}
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		secured := tls.Client(conn, &tls.Config{RootCAs: l.pool, ServerName: "localhost", MinVersion: tls.VersionTLS12})
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return secured, nil
	}
	return &http.Client{Transport: t}
}

// Close ends the listener and breaks its connections. It returns when the
// listener is gone, and may be called more than once.
func (l *Loopback) Close() error { return l.end(l.server.Close()) }

// Shutdown ends the listener and lets requests under way finish until the
// context ends.
func (l *Loopback) Shutdown(ctx context.Context) error { return l.end(l.server.Shutdown(ctx)) }

func (l *Loopback) end(err error) error {
	served := <-l.served
	l.served <- served
	if served != nil && !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
