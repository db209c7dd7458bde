package credentials_test

import (
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/mdmkit/devicestatus/azure/msal"
)

// One secret of the msal package serves every tenant that consented.
func Example_secret() {
	options := simulated()
	credential, err := msal.NewClientSecretCredential(clientID, secret, &msal.Options{ClientOptions: options})
	if err != nil {
		fmt.Println(err)
		return
	}
	report(credential, options, contoso, fabrikam)
	// Output:
	// Successful
	// Successful
}

// A certificate in PKCS#12, a .pfx file, in two lines: azidentity reads it.
func Example_pkcs12() {
	options := simulated()
	certs, key, err := azidentity.ParseCertificates(pfx, []byte(password))
	if err != nil {
		fmt.Println(err)
		return
	}
	credential, err := msal.NewClientCertificateCredential(clientID, certs, key, &msal.Options{ClientOptions: options})
	if err != nil {
		fmt.Println(err)
		return
	}
	report(credential, options, contoso, fabrikam)
	// Output:
	// Successful
	// Successful
}

// Any credential of azidentity works in msal's place, for its own tenant and
// those that it is allowed.
func Example_azidentity() {
	options := simulated()
	credential, err := azidentity.NewClientSecretCredential(contoso, clientID, secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: options, AdditionallyAllowedTenants: []string{"*"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	report(credential, options, contoso, fabrikam)
	// Output:
	// Successful
	// Successful
}

// Without AdditionallyAllowedTenants azidentity refuses another tenant, and
// nothing is sent.
func Example_azidentityOfOneTenant() {
	options := simulated()
	credential, err := azidentity.NewClientSecretCredential(contoso, clientID, secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: options,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	report(credential, options, contoso, fabrikam)
	// Output:
	// Successful
	// unauthorized: not-sent
}

// A certificate through azidentity.
func Example_azidentityCertificate() {
	options := simulated()
	certs, key, err := azidentity.ParseCertificates(pfx, []byte(password))
	if err != nil {
		fmt.Println(err)
		return
	}
	credential, err := azidentity.NewClientCertificateCredential(contoso, clientID, certs, key, &azidentity.ClientCertificateCredentialOptions{
		ClientOptions: options,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	report(credential, options, contoso)
	// Output:
	// Successful
}
