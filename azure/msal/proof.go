package msal

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
)

// Proof is one thing by which the application proves to Entra who it is: a
// client secret or a certificate. Make it with [Secret] or [Certificate]. The
// zero value proves nothing and is an error where it is used.
//
// A Proof is immutable, may be used by several goroutines, and never prints
// what it holds.
type Proof struct{ of sealed[*material] }

type material struct {
	kind string
	id   proofID
	cred confidential.Credential
	ends time.Time // of the key's certificate; zero: not known
}

// proofID tells one secret or certificate from another without being it.
type proofID [sha256.Size]byte

const (
	kindSecret      = "client secret"
	kindCertificate = "certificate"
	kindAssertion   = "client assertion"
)

// Secret answers the proof by a client secret: its value, not its id. Of an
// empty one the zero Proof.
func Secret(value string) Proof {
	cred, err := confidential.NewCredFromSecret(value)
	if err != nil {
		return Proof{}
	}
	return Proof{seal(&material{kind: kindSecret, id: sha256.Sum256([]byte("secret\x00" + value)), cred: cred})}
}

// Certificate answers the proof by a certificate that is registered with the
// application. One of certs must be the certificate of key, which must be an
// *rsa.PrivateKey: MSAL signs by RSA only (PS256). The other certs are its
// chain. All are sent with each assertion (x5c), which registrations by subject
// name and issuer need and others ignore.
//
// [ParsePEM] reads certs and key from PEM. From PKCS#12 (.pfx) azidentity reads
// them:
//
//	certs, key, err := azidentity.ParseCertificates(pfx, password)
//	proof, err := msal.Certificate(certs, key)
func Certificate(certs []*x509.Certificate, key crypto.PrivateKey) (Proof, error) {
	private, ok := key.(*rsa.PrivateKey)
	if !ok || private == nil || private.N == nil {
		return Proof{}, errors.New("msal: the key is not an RSA private key, which client certificates of Entra need here")
	}
	for _, c := range certs {
		if c == nil {
			return Proof{}, errors.New("msal: one of the certificates is nil")
		}
	}
	// MSAL's own texts do not show the key, but nothing promises it.
	cred, err := confidential.NewCredFromCert(certs, key)
	if err != nil {
		return Proof{}, errors.New("msal: the key belongs to none of the certificates")
	}
	sum := sha256.New()
	io.WriteString(sum, "certificate\x00")
	for _, c := range certs {
		sum.Write(c.Raw)
	}
	m := &material{kind: kindCertificate, cred: cred}
	for _, c := range certs {
		if private.PublicKey.Equal(c.PublicKey) {
			m.ends = c.NotAfter
			break
		}
	}
	sum.Sum(m.id[:0])
	return Proof{seal(m)}, nil
}

// assertion answers the proof by a callback. Its identity is the callback's,
// not that of the assertions, which are new each time.
func assertion(get func(context.Context) (string, error)) Proof {
	cred := confidential.NewCredFromAssertionCallback(
		func(ctx context.Context, _ confidential.AssertionRequestOptions) (string, error) {
			text, err := get(ctx)
			if err == nil && text == "" {
				err = errors.New("msal: empty client assertion")
			}
			if err != nil {
				exchangeOf(ctx).callback = err
				return "", errCallback
			}
			return text, nil
		})
	return Proof{seal(&material{kind: kindAssertion, cred: cred})}
}

// errCallback stands for the callback's own error, whose text is unknown.
var errCallback = errors.New("msal: the callback failed")

// String names the kind of proof and nothing else.
func (p Proof) String() string {
	if p.of == nil {
		return "msal.Proof(none)"
	}
	return "msal.Proof(" + p.of().kind + ", redacted)"
}

// GoString answers String.
func (p Proof) GoString() string { return p.String() }

// Format writes String, whatever the verb.
func (p Proof) Format(f fmt.State, _ rune) { io.WriteString(f, p.String()) }

// LogValue answers String.
func (p Proof) LogValue() slog.Value { return slog.StringValue(p.String()) }
