package msal_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/msal"
)

func block(kind string, der []byte, headers ...string) []byte {
	b := &pem.Block{Type: kind, Bytes: der}
	if len(headers) > 0 {
		b.Headers = map[string]string{headers[0]: headers[1]}
	}
	return pem.EncodeToMemory(b)
}

func TestParsePEM(t *testing.T) {
	certs := chain(t, 1)
	cert := append(block("CERTIFICATE", certs[1].Raw), block("CERTIFICATE", certs[0].Raw)...)
	pkcs1 := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(testKey()))
	der, err := x509.MarshalPKCS8PrivateKey(testKey())
	require.NoError(t, err)
	pkcs8 := block("PRIVATE KEY", der)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(curve)
	require.NoError(t, err)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, []byte("\n")) }

	for _, tc := range []struct {
		name string
		text []byte
		want string // of the error; "" for none
	}{
		{"certificate and PKCS#8", join(cert, pkcs8), ""},
		{"key first, PKCS#1", join(pkcs1, cert), ""},
		{"with other blocks and bag attributes", join([]byte("Bag Attributes\n    localKeyID: 01"), cert, block("DH PARAMETERS", []byte{1}), pkcs8), ""},
		{"nothing", nil, "no certificate"},
		{"not PEM", []byte("0\x82\x01"), "no certificate"},
		{"no key", cert, "no private key"},
		{"no certificate", pkcs8, "no certificate"},
		{"two keys", join(cert, pkcs8, pkcs1), "more than one private key"},
		{"PKCS#8 encrypted", join(cert, block("ENCRYPTED PRIVATE KEY", der)), "encrypted"},
		{"old encryption", join(cert, block("RSA PRIVATE KEY", der, "DEK-Info", "DES-EDE3-CBC,00")), "encrypted"},
		{"curve", join(cert, block("EC PRIVATE KEY", sec1)), "not an RSA key"},
		{"broken key", join(cert, block("PRIVATE KEY", []byte("canary"))), "private key of the PEM text cannot be parsed"},
		{"broken PKCS#1", join(cert, block("RSA PRIVATE KEY", []byte("canary"))), "private key of the PEM text cannot be parsed"},
		{"broken certificate", join(block("CERTIFICATE", []byte("canary")), pkcs8), "certificate of the PEM text cannot be parsed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, key, err := msal.ParsePEM(tc.text)
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "canary") || got != nil || key != nil {
					t.Errorf("error %v, want one that says %q", err, tc.want)
				}
				return
			}
			require.NoError(t, err)
			if len(got) != 2 || !got[0].Equal(certs[1]) || !got[1].Equal(certs[0]) || !testKey().Equal(key.(*rsa.PrivateKey)) {
				t.Error("certificates and key are not those of the text, in its order")
			}
			if _, err := msal.Certificate(got, key); err != nil {
				t.Errorf("Certificate: %v", err)
			}
		})
	}
}

// A key on a curve parses as PKCS#8 and is refused where it would be used.
func TestCurveKeyInPKCS8(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(curve)
	require.NoError(t, err)
	certs, key, err := msal.ParsePEM(append(block("CERTIFICATE", chain(t, 1)[1].Raw), block("PRIVATE KEY", der)...))
	require.NoError(t, err)
	_, err = msal.Certificate(certs, key)
	require.ErrorContains(t, err, "not an RSA private key")
}

func FuzzParsePEM(f *testing.F) {
	f.Add(quickPEM(f))
	f.Add(block("ENCRYPTED PRIVATE KEY", []byte("x")))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		certs, key, err := msal.ParsePEM(text)
		if err != nil {
			if certs != nil || key != nil || strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 200 {
				t.Errorf("with error %q: %v, %v", err, certs, key != nil)
			}
			return
		}
		if len(certs) == 0 || key == nil {
			t.Error("no error and nothing found")
		}
		msal.Certificate(certs, key) // must not panic, whatever parsed
	})
}

// quickPEM answers a certificate and its key on a curve: RSA keys take too long
// to make under the fuzzer's instrumentation.
func quickPEM(t testing.TB) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return append(block("CERTIFICATE", cert), block("PRIVATE KEY", key)...)
}
