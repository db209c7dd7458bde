package msal_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/msal"
)

func TestExpiresOn(t *testing.T) {
	certs := chain(t, 7)
	root, leaf := certs[0], certs[1]
	leaf.NotAfter, root.NotAfter = leaf.NotAfter.AddDate(0, 0, -1), root.NotAfter.AddDate(1, 0, 0)
	byCertificate, err := msal.NewClientCertificateCredential(clientID, certs, testKey(), over(&entra{}))
	require.NoError(t, err)
	byAssertion, err := msal.NewClientAssertionCredential(clientID, func(context.Context) (string, error) { return "", nil }, over(&entra{}))
	require.NoError(t, err)
	called := false
	rotating, err := msal.NewRotatingCredential(clientID, func(context.Context) ([]msal.Proof, error) {
		called = true
		proof, err := msal.Certificate(certs, testKey())
		return []msal.Proof{proof}, err
	}, over(&entra{}))
	require.NoError(t, err)

	// The certificate that the key belongs to, wherever in the chain it stands.
	if got, known := byCertificate.ExpiresOn(); !known || !got.Equal(leaf.NotAfter) {
		t.Errorf("by certificate: %v, %v; want %v", got, known, leaf.NotAfter)
	}
	for name, c := range map[string]*msal.Credential{
		"secret": secretCredential(t, over(&entra{})), "assertion": byAssertion, "rotating": rotating, "zero": {}, "nil": nil,
	} {
		if got, known := c.ExpiresOn(); known || !got.IsZero() {
			t.Errorf("%s: %v, %v; want not known", name, got, known)
		}
	}
	if called {
		t.Error("the callback was called")
	}
}
