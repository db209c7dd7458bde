package clients_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

func TestAzidentity(t *testing.T) {
	w := newWorld(t)
	for _, v := range w.ways(t) {
		for _, disabled := range []bool{true, false} {
			options := azcore.ClientOptions{Transport: v.client, Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: v.authority}}
			secret, err := azidentity.NewClientSecretCredential(w.tenant.ID, w.app.ClientID, "s3cret",
				&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: disabled})
			if err != nil {
				t.Fatal(err)
			}
			certificate, err := azidentity.NewClientCertificateCredential(w.tenant.ID, w.app.ClientID, []*x509.Certificate{w.cert}, w.key,
				&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: disabled, SendCertificateChain: true})
			if err != nil {
				t.Fatal(err)
			}
			for name, credential := range map[string]azcore.TokenCredential{"secret": secret, "certificate": certificate} {
				token, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{v.scope}, EnableCAE: true})
				if err != nil {
					t.Errorf("%s, %s: %v", v.name, name, err)
					continue
				}
				if !w.works(t, v, token.Token) {
					t.Errorf("%s, %s: Graph refuses the token", v.name, name)
				}
			}
		}
	}
}

func TestAzidentityReadsRefusals(t *testing.T) {
	w := newWorld(t)
	v := w.ways(t)[0]
	credential, err := azidentity.NewClientSecretCredential(w.tenant.ID, w.app.ClientID, "wrong",
		&azidentity.ClientSecretCredentialOptions{ClientOptions: azcore.ClientOptions{Transport: v.client}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{v.scope}})
	failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err)
	if !ok || failed.RawResponse.StatusCode != http.StatusUnauthorized || !strings.Contains(failed.Error(), "AADSTS7000215") {
		t.Errorf("%v", err)
	}
}

// azcore's bearer policy answers a claims challenge by itself.
func TestAzcoreAnswersAChallenge(t *testing.T) {
	w := newWorld(t)
	v := w.ways(t)[0]
	credential, err := azidentity.NewClientSecretCredential(w.tenant.ID, w.app.ClientID, "s3cret",
		&azidentity.ClientSecretCredentialOptions{ClientOptions: azcore.ClientOptions{Transport: v.client}})
	if err != nil {
		t.Fatal(err)
	}
	pipeline := runtime.NewPipeline("test", "v0.0.0", runtime.PipelineOptions{
		PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(credential, []string{v.scope}, nil)},
	}, &policy.ClientOptions{Transport: v.client})
	get := func(ctx context.Context) int {
		req, err := runtime.NewRequest(ctx, http.MethodGet, "https://graph.microsoft.com/v1.0/devices(deviceId='"+w.device.DeviceID+"')")
		if err != nil {
			t.Fatal(err)
		}
		resp, err := pipeline.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	if got := get(t.Context()); got != 200 {
		t.Fatalf("before: %d", got)
	}
	w.sim.Challenge(w.tenant.ID, w.app.ClientID, azuresim.ClaimsStandard)
	if got := get(t.Context()); got != 200 {
		t.Errorf("after the challenge: %d", got)
	}
	if got := w.sim.Count(azuresim.ForTokens()); got != 2 {
		t.Errorf("%d token requests, want 2", got)
	}
}
