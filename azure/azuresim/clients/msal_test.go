package clients_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

func TestMSAL(t *testing.T) {
	w := newWorld(t)
	secret, err := confidential.NewCredFromSecret("s3cret")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := confidential.NewCredFromCert([]*x509.Certificate{w.cert}, w.key)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.sim.UpdateApplication(w.app.ClientID, func(a *azuresim.Application) {
		a.Federated = []azuresim.FederatedCredential{{
			Issuer: "https://cluster.example", Subject: "system:serviceaccount:mdm", Audience: "api://AzureADTokenExchange",
			Keys: map[string]crypto.PublicKey{"": public},
		}}
	})
	workload := confidential.NewCredFromAssertionCallback(func(context.Context, confidential.AssertionRequestOptions) (string, error) {
		claims, err := json.Marshal(map[string]any{
			"iss": "https://cluster.example", "sub": "system:serviceaccount:mdm", "aud": "api://AzureADTokenExchange",
			"exp": time.Now().Add(time.Hour).Unix(),
		})
		if err != nil {
			return "", err
		}
		signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
		return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(signed))), nil
	})
	credentials := map[string]struct {
		credential confidential.Credential
		options    []confidential.Option
	}{
		"secret":                 {credential: secret},
		"certificate":            {credential: cert},
		"certificate with chain": {credential: cert, options: []confidential.Option{confidential.WithX5C()}},
		"workload identity":      {credential: workload},
		"with capabilities":      {credential: secret, options: []confidential.Option{confidential.WithClientCapabilities([]string{"CP1"})}},
	}
	for _, v := range w.ways(t) {
		for name, c := range credentials {
			for _, discovery := range []bool{true, false} {
				t.Run(v.name+", "+name, func(t *testing.T) {
					options := append([]confidential.Option{confidential.WithHTTPClient(v.client), confidential.WithInstanceDiscovery(discovery)}, c.options...)
					client, err := confidential.New(v.authority+"/"+w.tenant.ID, w.app.ClientID, c.credential, options...)
					if err != nil {
						t.Fatal(err)
					}
					first, err := client.AcquireTokenByCredential(t.Context(), []string{v.scope})
					if err != nil {
						t.Fatal(err)
					}
					if !w.works(t, v, first.AccessToken) {
						t.Error("Graph refuses the token")
					}
					cached, err := client.AcquireTokenByCredential(t.Context(), []string{v.scope})
					if err != nil || cached.AccessToken != first.AccessToken {
						t.Errorf("the token was not cached: %v", err)
					}
				})
			}
		}
	}
}

func TestMSALReadsRefusals(t *testing.T) {
	w := newWorld(t)
	wrong, err := confidential.NewCredFromSecret("wrong")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range w.ways(t) {
		client, err := confidential.New(v.authority+"/"+w.tenant.ID, w.app.ClientID, wrong, confidential.WithHTTPClient(v.client), confidential.WithInstanceDiscovery(false))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.AcquireTokenByCredential(t.Context(), []string{v.scope}); err == nil || !strings.Contains(err.Error(), "AADSTS7000215") {
			t.Errorf("%s: %v", v.name, err)
		}
		client, err = confidential.New(v.authority+"/99999999-9999-4999-8999-999999999999", w.app.ClientID, wrong, confidential.WithHTTPClient(v.client), confidential.WithInstanceDiscovery(false))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.AcquireTokenByCredential(t.Context(), []string{v.scope}); err == nil || !strings.Contains(err.Error(), "AADSTS90002") {
			t.Errorf("%s, unknown tenant: %v", v.name, err)
		}
	}
}

func TestMSALAnswersAChallenge(t *testing.T) {
	w := newWorld(t)
	secret, err := confidential.NewCredFromSecret("s3cret")
	if err != nil {
		t.Fatal(err)
	}
	v := w.ways(t)[0]
	client, err := confidential.New(v.authority+"/"+w.tenant.ID, w.app.ClientID, secret,
		confidential.WithHTTPClient(v.client), confidential.WithClientCapabilities([]string{"CP1"}))
	if err != nil {
		t.Fatal(err)
	}
	first, err := client.AcquireTokenByCredential(t.Context(), []string{v.scope})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	w.sim.Challenge(w.tenant.ID, w.app.ClientID, azuresim.ClaimsStandard)
	if w.works(t, v, first.AccessToken) {
		t.Fatal("the revoked token works")
	}
	// The claims as a client takes them out of WWW-Authenticate. The clock may
	// have moved on by a second, after which any new token will do.
	claims, err := json.Marshal(map[string]any{"access_token": map[string]any{"nbf": map[string]any{"essential": true, "value": now}}})
	if err != nil {
		t.Fatal(err)
	}
	second, err := client.AcquireTokenByCredential(t.Context(), []string{v.scope}, confidential.WithClaims(string(claims)))
	if err != nil {
		t.Fatal(err)
	}
	if second.AccessToken == first.AccessToken {
		t.Error("MSAL gave the token from its cache in spite of the claims")
	}
	var sent bool
	for _, r := range w.sim.Requests() {
		sent = sent || strings.Contains(string(r.Body), "nbf") && strings.Contains(string(r.Body), "CP1")
	}
	if !sent {
		t.Error("capability and claims did not travel together")
	}
}
