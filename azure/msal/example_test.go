package msal_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/msal"
)

const (
	contoso  = "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
	fabrikam = "9c9b3a07-6e2f-4f0b-8b5e-6d0b6a0b3a11"
	clientID = "22222222-2222-4222-8222-222222222222"
)

// simulatedEntra stands for Microsoft, so that the examples run offline. Leave
// Transport out to reach the real one.
func simulatedEntra(a azuresim.Application) (*azuresim.Simulator, *msal.Options) {
	sim := azuresim.New(nil)
	a.ClientID, a.Roles = clientID, []string{"Device.ReadWrite.All"}
	sim.AddApplication(a)
	for _, id := range []string{contoso, fabrikam} {
		sim.AddTenant(azuresim.Tenant{ID: id})
		sim.Consent(id, clientID)
	}
	return sim, &msal.Options{ClientOptions: azcore.ClientOptions{Transport: sim.Client()}}
}

// One credential serves every customer's tenant, each named by the request.
// A channel does that for you; azcore's pipelines use the same method.
func ExampleNewClientSecretCredential() {
	sim, options := simulatedEntra(azuresim.Application{Secrets: []azuresim.Secret{{Value: "the secret's value"}}})
	cred, err := msal.NewClientSecretCredential(clientID, "the secret's value", options)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, tenant := range []string{contoso, fabrikam, contoso} {
		token, err := cred.GetToken(context.Background(), policy.TokenRequestOptions{
			TenantID: tenant, Scopes: []string{"https://graph.microsoft.com/.default"}, EnableCAE: true,
		})
		fmt.Println(tenant, len(token.Token) > 0, err)
	}
	fmt.Println("token requests:", sim.Count(azuresim.ForTokens()))
	fmt.Println(cred) // never the secret
	// Output:
	// 6babcaad-604b-40ac-a9d7-9fd97c0b779f true <nil>
	// 9c9b3a07-6e2f-4f0b-8b5e-6d0b6a0b3a11 true <nil>
	// 6babcaad-604b-40ac-a9d7-9fd97c0b779f true <nil>
	// token requests: 2
	// msal.Credential(client id 22222222-2222-4222-8222-222222222222, client secret, login.microsoftonline.com)
}

// A certificate and its key from one PEM file.
func ExampleNewClientCertificateCredential() {
	file, registered := pemFile()
	_, options := simulatedEntra(azuresim.Application{Certificates: registered})
	options.TenantID = contoso

	certs, key, err := msal.ParsePEM(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	cred, err := msal.NewClientCertificateCredential(clientID, certs, key, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}})
	fmt.Println(time.Until(token.ExpiresOn) > 59*time.Minute, err)
	// Output: true <nil>
}

// Workload identity: the platform signs, the application holds no secret.
func ExampleNewClientAssertionCredential() {
	_, options := simulatedEntra(azuresim.Application{})
	options.TenantID = contoso
	cred, err := msal.NewClientAssertionCredential(clientID, func(context.Context) (string, error) {
		return "", errors.New("open /var/run/secrets/azure/tokens/azure-identity-token: no such file")
		// In a pod: text, err := os.ReadFile(os.Getenv("AZURE_FEDERATED_TOKEN_FILE")); return string(text), err
	}, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}})
	fmt.Println(err)
	// Output: msal: no token for tenant 6babcaad-604b-40ac-a9d7-9fd97c0b779f: the client assertion callback failed
}

// A rotation without a restart: the callback reads what the application has
// now, the newest first.
func ExampleNewRotatingCredential() {
	sim, options := simulatedEntra(azuresim.Application{Secrets: []azuresim.Secret{{Value: "of last year"}}})
	options.TenantID = contoso

	inVault := []string{"of last year"}
	cred, err := msal.NewRotatingCredential(clientID, func(context.Context) ([]msal.Proof, error) {
		var proofs []msal.Proof
		for _, secret := range inVault {
			proofs = append(proofs, msal.Secret(secret))
		}
		return proofs, nil
	}, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fresh := func() {
		token, err := cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}})
		fmt.Println(err == nil, sim.Count(azuresim.ForTokens()))
		cred.Discard(token.Token)
	}
	fresh()
	inVault = []string{"of this year", "of last year"} // Entra does not know the new one yet
	fresh()
	sim.UpdateApplication(clientID, func(a *azuresim.Application) { a.Secrets = []azuresim.Secret{{Value: "of this year"}} })
	inVault = []string{"of this year"}
	fresh()
	// Output:
	// true 1
	// true 3
	// true 4
}

// What a refusal tells.
func ExampleError() {
	sim, options := simulatedEntra(azuresim.Application{Secrets: []azuresim.Secret{{Value: "value"}}})
	sim.RevokeConsent(contoso, clientID)
	cred, err := msal.NewClientSecretCredential(clientID, "value", options)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = cred.GetToken(context.Background(), policy.TokenRequestOptions{TenantID: contoso, Scopes: []string{"https://graph.microsoft.com/.default"}})
	if refused, ok := errors.AsType[*msal.Error](err); ok {
		refused.CorrelationID, refused.TraceID = "", "" // they differ from run to run
		fmt.Println(refused)
		fmt.Println(refused.Code, refused.StatusCode, refused.TokenRetryable())
	}
	// Output:
	// msal: no token for tenant 6babcaad-604b-40ac-a9d7-9fd97c0b779f: AADSTS7000229 (401): the application has no service principal in this tenant: its administrator must consent
	// AADSTS7000229 401 false
}

// A certificate says when it ends, in time to register the next one.
func ExampleCredential_ExpiresOn() {
	file, _ := pemFile()
	certs, key, err := msal.ParsePEM(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	cred, err := msal.NewClientCertificateCredential(clientID, certs, key, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ends, known := cred.ExpiresOn()
	fmt.Println(known, time.Until(ends) < 30*24*time.Hour)
	// Output: true true
}

// pemFile answers a self-signed certificate with its key, as
// "openssl req -x509 -newkey rsa:2048 -nodes" writes them.
func pemFile() ([]byte, []*x509.Certificate) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "devicestatus"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	file := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), []*x509.Certificate{cert}
}
