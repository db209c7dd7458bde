package msal_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/msal"
)

// simulated is a world with one application in tenant A.
type simulated struct {
	sim    *azuresim.Simulator
	device azuresim.Device
}

func simulate(app1 azuresim.Application, o *azuresim.Options) *simulated {
	s := &simulated{sim: azuresim.New(o)}
	s.sim.AddTenant(azuresim.Tenant{ID: tenantA})
	s.sim.AddTenant(azuresim.Tenant{ID: tenantB})
	app1.ClientID, app1.Roles = app, []string{"Device.ReadWrite.All"}
	s.sim.AddApplication(app1)
	s.sim.Consent(tenantA, app)
	s.device = s.sim.AddDevice(tenantA, azuresim.Device{})
	return s
}

// read asks Graph for the device with the token, and answers the status and
// the claims of a challenge.
func (s *simulated) read(t testing.TB, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://graph.microsoft.com/v1.0/devices(deviceId='"+s.device.DeviceID+"')", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.sim.Client().Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	return resp.StatusCode
}

func (s *simulated) options() *msal.Options { return once(s.sim.Client()) }

func (s *simulated) asked() int { return s.sim.Count(azuresim.ForTokens()) }

func TestSimulatedSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(azuresim.Application{Secrets: []azuresim.Secret{{Value: "canary-secret", Expires: time.Now().Add(90 * time.Minute)}}},
			&azuresim.Options{Latency: 100 * time.Millisecond})
		c := secretCredential(t, s.options())

		came := all(t, 64, c, forGraph(withCAE))
		if len(came) != 1 || s.asked() != 1 {
			t.Fatalf("64 callers got %d answers by %d requests, want one by one", len(came), s.asked())
		}
		first := keysOf(came)[0]
		require.Equal(t, 200, s.read(t, first))

		s.sim.Challenge(tenantA, app, azuresim.ClaimsURLSafe)
		require.Equal(t, 401, s.read(t, first))
		claims := `{"access_token":{"nbf":{"essential":true,"value":"` + unixNow() + `"}}}`
		request := forGraph(withCAE)
		request.Claims = claims
		came = all(t, 64, c, request)
		if len(came) != 1 || s.asked() != 2 {
			t.Fatalf("64 challenged callers got %d answers by %d requests, want one by one more", len(came), s.asked())
		}
		require.Equal(t, 200, s.read(t, keysOf(came)[0]))

		time.Sleep(time.Hour)
		require.Equal(t, 401, s.read(t, first))
		require.Equal(t, 200, s.read(t, get(t, c, forGraph(withCAE))))

		time.Sleep(time.Hour)
		came = all(t, 64, c, forGraph(withCAE))
		if len(came) != 1 || s.asked() != 4 {
			t.Errorf("64 refused callers made %d requests and got %q, want one", s.asked()-3, keysOf(came))
		}
		requireCode(t, c, forGraph(), "AADSTS7000222", 401)
	})
}

func unixNow() string {
	b, _ := json.Marshal(time.Now().Unix())
	return string(b)
}

func requireCode(t testing.TB, c azcore.TokenCredential, o policy.TokenRequestOptions, code string, status int) *msal.Error {
	t.Helper()
	_, err := c.GetToken(t.Context(), o)
	got, ok := errors.AsType[*msal.Error](err)
	require.True(t, ok, "error %v", err)
	require.Equal(t, code, got.Code, err)
	require.Equal(t, status, got.StatusCode, err)
	require.NotEmpty(t, got.CorrelationID)
	require.NotEmpty(t, got.TraceID)
	return got
}

func TestSimulatedRefusals(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*azuresim.Simulator)
		code   string
		status int
	}{
		{"wrong secret", func(s *azuresim.Simulator) {
			s.UpdateApplication(app, func(a *azuresim.Application) { a.Secrets[0].Value = "another" })
		}, "AADSTS7000215", 401},
		{"application gone", func(s *azuresim.Simulator) { s.RemoveApplication(app) }, "AADSTS700016", 400},
		{"consent withdrawn", func(s *azuresim.Simulator) { s.RevokeConsent(tenantA, app) }, "AADSTS7000229", 401},
		{"application disabled", func(s *azuresim.Simulator) { s.DisableApplication(tenantA, app, true) }, "AADSTS7000112", 400},
		{"tenant gone", func(s *azuresim.Simulator) { s.RemoveTenant(tenantA) }, "AADSTS90002", 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := simulate(azuresim.Application{Secrets: []azuresim.Secret{{Value: "canary-secret"}}}, nil)
			c := secretCredential(t, s.options())
			c.Discard(get(t, c, forGraph()))
			tc.change(s.sim)
			first := requireCode(t, c, forGraph(), tc.code, tc.status)
			if first.TokenRetryable() || requireCode(t, c, forGraph(), tc.code, tc.status).TraceID != first.TraceID || s.asked() != 2 {
				t.Errorf("%d requests, want the second refusal to be remembered", s.asked())
			}
		})
	}
}

func TestSimulatedCertificate(t *testing.T) {
	certs := chain(t, 11)
	leaf, root := certs[1], certs[0]
	roots := x509.NewCertPool()
	roots.AddCert(root)
	for _, tc := range []struct {
		name string
		app  azuresim.Application
		code string
	}{
		{"registered", azuresim.Application{Certificates: []*x509.Certificate{leaf}}, ""},
		{"by subject name and issuer, which needs x5c", azuresim.Application{SubjectNames: []azuresim.SubjectName{{Subject: "devicestatus", Roots: roots}}}, ""},
		{"not registered", azuresim.Application{Certificates: []*x509.Certificate{root}}, "AADSTS700027"},
		{"another subject", azuresim.Application{SubjectNames: []azuresim.SubjectName{{Subject: "other", Roots: roots}}}, "AADSTS700030"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := simulate(tc.app, &azuresim.Options{RefuseReplayedAssertions: true})
			read, key, err := msal.ParsePEM(pemOf(t, certs, testKey()))
			require.NoError(t, err)
			c, err := msal.NewClientCertificateCredential(app, read, key, s.options())
			require.NoError(t, err)
			if tc.code != "" {
				requireCode(t, c, forGraph(), tc.code, 401)
				return
			}
			for range 2 {
				token := get(t, c, forGraph())
				require.Equal(t, 200, s.read(t, token))
				c.Discard(token)
			}
			require.Equal(t, 2, s.asked(), "each assertion is a new one")
		})
	}
}

// A rotation seen from both ends, the certificate taking over from a secret.
func TestSimulatedRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(azuresim.Application{Secrets: []azuresim.Secret{{Value: "old"}}}, nil)
		certs := chain(t, 12)
		certProof, err := msal.Certificate(certs, testKey())
		require.NoError(t, err)
		proofs := []msal.Proof{msal.Secret("old")}
		c, err := msal.NewRotatingCredential(app, func(context.Context) ([]msal.Proof, error) { return proofs, nil }, s.options())
		require.NoError(t, err)
		renew := func() int {
			before := s.asked()
			c.Discard(get(t, c, forGraph()))
			require.Equal(t, 200, s.read(t, get(t, c, forGraph())))
			return s.asked() - before
		}
		require.Equal(t, 2, renew(), "first token and a renewal")
		proofs = []msal.Proof{certProof, msal.Secret("old")}
		require.Equal(t, 2, renew(), "Entra does not know the certificate yet: refused once, then the old one")
		require.Equal(t, 1, renew(), "the refusal is remembered")
		s.sim.UpdateApplication(app, func(a *azuresim.Application) { a.Certificates = certs[1:] })
		require.Equal(t, 1, renew())
		time.Sleep(time.Minute)
		s.sim.UpdateApplication(app, func(a *azuresim.Application) { a.Secrets = nil })
		require.Equal(t, 1, renew(), "then the certificate is taken, and the secret is gone")
		proofs = []msal.Proof{msal.Secret("old"), certProof}
		require.Equal(t, 2, renew(), "a callback with the old one in front still works")
	})
}

func TestSimulatedWorkloadIdentity(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	s := simulate(azuresim.Application{Federated: []azuresim.FederatedCredential{{
		Issuer: "https://oidc.example/cluster", Subject: "system:serviceaccount:mdm:status", Keys: map[string]crypto.PublicKey{"1": key.Public()}}}}, nil)
	subject := "system:serviceaccount:mdm:status"
	c, err := msal.NewClientAssertionCredential(app, func(context.Context) (string, error) {
		return sign(t, key, map[string]any{"iss": "https://oidc.example/cluster", "sub": subject, "aud": "api://AzureADTokenExchange",
			"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}), nil
	}, s.options())
	require.NoError(t, err)
	token := get(t, c, forGraph())
	require.Equal(t, 200, s.read(t, token))
	c.Discard(token)
	subject = "system:serviceaccount:other:pod"
	requireCode(t, c, forGraph(), "AADSTS700213", 401)
}

// Over a real socket, at an authority that Microsoft does not know.
func TestSimulatedOnLoopback(t *testing.T) {
	for _, disable := range []bool{true, false} {
		s := simulate(azuresim.Application{Secrets: []azuresim.Secret{{Value: "canary-secret"}}}, nil)
		l, err := s.sim.Listen("127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		client := l.Client()
		t.Cleanup(client.CloseIdleConnections)
		o := over(client)
		o.Cloud, o.DisableInstanceDiscovery = cloud.Configuration{ActiveDirectoryAuthorityHost: l.URL()}, disable
		c := secretCredential(t, o)
		r := forGraph()
		r.Scopes = []string{l.URL() + "/.default"}
		came := all(t, 64, c, r)
		if len(came) != 1 || s.asked() != 1 {
			t.Errorf("instance discovery off %v: 64 callers got %d answers by %d requests, want one by one: %q", disable, len(came), s.asked(), keysOf(came)[0])
		}
	}
}

func TestSimulatedThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simulate(azuresim.Application{Secrets: []azuresim.Secret{{Value: "canary-secret"}}}, nil)
		c := secretCredential(t, over(s.sim.Client()))
		s.sim.Inject(azuresim.Fault{Match: azuresim.ForTokens(), Times: 1, Status: 429, RetryAfter: "60"})
		_, err := c.GetToken(t.Context(), forGraph())
		got, ok := errors.AsType[*msal.Error](err)
		if !ok || got.StatusCode != 429 || got.RetryAfter != time.Minute || !got.TokenRetryable() {
			t.Errorf("error %v, want 429 with a minute", err)
		}
		s.sim.Inject(azuresim.Fault{Match: azuresim.ForTokens(), Times: 1, Reset: azuresim.ResetBefore})
		s.sim.Inject(azuresim.Fault{Match: azuresim.ForTokens(), Times: 1, Truncated: true})
		require.Equal(t, 200, s.read(t, get(t, c, forGraph())), "a broken connection and half an answer are retried")
	})
}

func TestSimulatedClouds(t *testing.T) {
	sim := azuresim.New(nil)
	a := sim.AddApplication(azuresim.Application{ClientID: app, Secrets: []azuresim.Secret{{Value: "canary-secret"}}})
	for _, tc := range []struct {
		cloud azuresim.Cloud
		azure cloud.Configuration
		scope string
	}{
		{azuresim.CloudGlobal, cloud.AzurePublic, "https://graph.microsoft.com/.default"},
		{azuresim.CloudUSGov, cloud.AzureGovernment, "https://graph.microsoft.us/.default"},
		{azuresim.CloudDoD, cloud.AzureGovernment, "https://dod-graph.microsoft.us/.default"},
		{azuresim.CloudChina, cloud.AzureChina, "https://microsoftgraph.chinacloudapi.cn/.default"},
	} {
		tenant := sim.AddTenant(azuresim.Tenant{Cloud: tc.cloud})
		sim.Consent(tenant.ID, a.ClientID)
		o := once(sim.Client())
		o.Cloud, o.TenantID = tc.azure, tenant.ID
		c := secretCredential(t, o)
		r := forGraph()
		r.Scopes = []string{tc.scope}
		get(t, c, r)
		if tc.cloud == azuresim.CloudGlobal {
			continue
		}
		o.Cloud = cloud.AzurePublic
		requireCode(t, secretCredential(t, o), r, "AADSTS90002", 400)
	}
}

func sign(t testing.TB, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]string{"alg": "RS256", "kid": "1", "typ": "JWT"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	require.NoError(t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}
