package msal

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
)

// ParsePEM reads the certificates and the one private key of a PEM text, in any
// order; blocks of another kind are passed over. Where they are in two files,
// join the files with a line break between them.
//
// The key is PKCS#1 or PKCS#8 and must not be encrypted: neither encrypted
// PKCS#8 nor the old PEM encryption is read, and the error says so. Decrypt it
// once ("openssl pkcs8 -topk8 -nocrypt") and guard the file, or use PKCS#12 as
// [Certificate] shows. No error shows any of the text.
func ParsePEM(text []byte) ([]*x509.Certificate, crypto.PrivateKey, error) {
	var certs []*x509.Certificate
	var key crypto.PrivateKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, errors.New("msal: a certificate of the PEM text cannot be parsed")
			}
			certs = append(certs, c)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			if key != nil {
				return nil, nil, errors.New("msal: the PEM text holds more than one private key")
			}
			var err error
			if key, err = privateKey(block); err != nil {
				return nil, nil, err
			}
		}
	}
	switch {
	case len(certs) == 0:
		return nil, nil, errors.New("msal: the PEM text holds no certificate")
	case key == nil:
		return nil, nil, errors.New("msal: the PEM text holds no private key")
	}
	return certs, key, nil
}

// privateKey leaves out the parsers' own errors: they speak of the key.
func privateKey(block *pem.Block) (crypto.PrivateKey, error) {
	if _, old := block.Headers["DEK-Info"]; old || block.Type == "ENCRYPTED PRIVATE KEY" {
		return nil, errors.New("msal: the private key is encrypted: decrypt it first, for encrypted PEM keys are not read")
	}
	var key crypto.PrivateKey
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, errors.New("msal: the private key is not an RSA key in PKCS#1 or PKCS#8")
	}
	if err != nil {
		return nil, errors.New("msal: the private key of the PEM text cannot be parsed")
	}
	return key, nil
}
