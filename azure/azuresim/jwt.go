package azuresim

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// signingKey signs access tokens, with ES256. It follows from the seed.
type signingKey struct {
	private *ecdsa.PrivateKey
	id      string
	header  string // encoded, with its dot
}

func newSigningKey(seed uint64) *signingKey {
	var material [16]byte
	binary.BigEndian.PutUint64(material[:8], seed)
	for {
		scalar := sha256.Sum256(append([]byte("azuresim token key"), material[:]...))
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
		if err != nil {
			material[15]++ // not below the order of the curve: one chance in 2^32
			continue
		}
		id := sha256.Sum256(scalar[:])
		k := &signingKey{private: private, id: base64.RawURLEncoding.EncodeToString(id[:12])}
		header, _ := json.Marshal(map[string]string{"typ": "JWT", "alg": "ES256", "kid": k.id})
		k.header = base64.RawURLEncoding.EncodeToString(header) + "."
		return k
	}
}

// sign answers claims as a compact JWT.
func (k *signingKey) sign(claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := k.header + base64.RawURLEncoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(signed))
	der, err := k.private.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return "", err
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return "", err
	}
	var signature [64]byte
	pair.R.FillBytes(signature[:32])
	pair.S.FillBytes(signature[32:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature[:]), nil
}

// jwk is the public half as a JSON web key.
func (k *signingKey) jwk() map[string]string {
	point, _ := k.private.PublicKey.Bytes() // never fails for P-256; 4 || X || Y
	return map[string]string{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": k.id,
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]),
		"y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}
}

// jwtHeader are the header fields of a JWT that anything here looks at.
type jwtHeader struct {
	Algorithm  string   `json:"alg"`
	Type       string   `json:"typ"`
	KeyID      string   `json:"kid"`
	Thumb      string   `json:"x5t"`
	ThumbS256  string   `json:"x5t#S256"`
	CertsChain []string `json:"x5c"`
}

// parsedJWT is a JWT taken apart, its signature not yet checked.
type parsedJWT struct {
	header    jwtHeader
	payload   []byte // JSON
	signed    string
	signature []byte
}

var errNotJWT = errors.New("not a JWT")

// parseJWT takes a compact JWT apart without trusting it.
func parseJWT(token string) (parsedJWT, error) {
	head, rest, ok := strings.Cut(token, ".")
	payload, signature, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || strings.Contains(signature, ".") {
		return parsedJWT{}, errNotJWT
	}
	var p parsedJWT
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return parsedJWT{}, fmt.Errorf("%w: header: %w", errNotJWT, err)
	}
	if err := json.Unmarshal(raw, &p.header); err != nil {
		return parsedJWT{}, fmt.Errorf("%w: header: %w", errNotJWT, err)
	}
	if p.payload, err = base64.RawURLEncoding.DecodeString(payload); err != nil {
		return parsedJWT{}, fmt.Errorf("%w: payload: %w", errNotJWT, err)
	}
	if trimmed := bytes.TrimSpace(p.payload); len(trimmed) == 0 || trimmed[0] != '{' {
		return parsedJWT{}, fmt.Errorf("%w: payload is no object", errNotJWT)
	}
	if p.signature, err = base64.RawURLEncoding.DecodeString(signature); err != nil {
		return parsedJWT{}, fmt.Errorf("%w: signature: %w", errNotJWT, err)
	}
	p.signed = token[:len(head)+1+len(payload)]
	return p, nil
}

var errSignature = errors.New("the signature does not fit")

// verify checks the signature by a public key, which has to fit the algorithm
// that the header names.
func (p *parsedJWT) verify(key crypto.PublicKey) error {
	digest := sha256.Sum256([]byte(p.signed))
	switch public := key.(type) {
	case *rsa.PublicKey:
		switch p.header.Algorithm {
		case "RS256":
			if rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], p.signature) == nil {
				return nil
			}
			return errSignature
		case "PS256":
			if rsa.VerifyPSS(public, crypto.SHA256, digest[:], p.signature, nil) == nil {
				return nil
			}
			return errSignature
		}
	case *ecdsa.PublicKey:
		if p.header.Algorithm == "ES256" && public.Curve == elliptic.P256() {
			if len(p.signature) != 64 {
				return errSignature
			}
			r, s := new(big.Int).SetBytes(p.signature[:32]), new(big.Int).SetBytes(p.signature[32:])
			if ecdsa.Verify(public, digest[:], r, s) {
				return nil
			}
			return errSignature
		}
	case ed25519.PublicKey:
		if p.header.Algorithm == "EdDSA" {
			if ed25519.Verify(public, []byte(p.signed), p.signature) {
				return nil
			}
			return errSignature
		}
	}
	return fmt.Errorf("algorithm %q does not fit the key", p.header.Algorithm)
}

// thumbprint decodes x5t or x5t#S256. Libraries differ in the alphabet and the
// padding that they use.
func thumbprint(text string) ([]byte, bool) {
	text = strings.TrimRight(text, "=")
	if raw, err := base64.RawURLEncoding.DecodeString(text); err == nil {
		return raw, true
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	return raw, err == nil
}
