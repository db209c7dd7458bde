package client

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

// StaticToken is the credential of the clients that take one. Getting tokens is
// not compared.
type StaticToken struct{}

// GetToken implements [azcore.TokenCredential].
func (StaticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: talk.Token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}
