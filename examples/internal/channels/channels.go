// Package channels makes one Reporter for all platforms, for the programs of
// this module: at Microsoft, or at a simulator on loopback.
package channels

import (
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/graph"
	"github.com/mdmkit/devicestatus/azure/intune"
	"github.com/mdmkit/devicestatus/azure/msal"
	"github.com/mdmkit/devicestatus/examples/internal/environ"
)

// Channels are the channels, and the Router over them.
type Channels struct {
	Router *azure.Router
	Intune *intune.Reporter // nil where the cloud has no partner services

	// Expires says until when the credential can be used, where that is known.
	Expires func() (time.Time, bool)
}

// Connect makes the channels, which share one credential. Of the partner
// services' addresses that are not Microsoft's own, trusted ones are given a
// token.
func Connect(cred azcore.TokenCredential, where azcore.ClientOptions, trusted ...string) (*Channels, error) {
	pcs, err := graph.New(cred, &graph.Options{ClientOptions: where})
	if err != nil {
		return nil, err
	}
	c := &Channels{Expires: func() (time.Time, bool) { return time.Time{}, false }}
	routes := []azure.Route{{Reporter: pcs, Platforms: []azure.Platform{azure.PlatformWindows}}}
	// Not every cloud has the partner services: in China there is Windows alone.
	if c.Intune, err = intune.New(cred, &intune.Options{ClientOptions: where, TrustedHosts: trusted}); err == nil {
		routes = append(routes, azure.Route{Reporter: c.Intune, Platforms: []azure.Platform{
			azure.PlatformIOS, azure.PlatformIPadOS, azure.PlatformAndroid, azure.PlatformMacOS,
		}})
	}
	c.Router, err = azure.NewRouter(routes...)
	return c, err
}

// OneAttempt is for channels under an engine, which does the waiting itself.
func OneAttempt(o *azcore.ClientOptions) { o.Retry.MaxRetries = -1 }

// Microsoft reaches the real Microsoft, through transport unless it is nil.
// What change makes of the settings is for the channels, not for tokens.
func Microsoft(c environ.Config, transport policy.Transporter, change ...func(*azcore.ClientOptions)) (*Channels, error) {
	where := azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: c.Authority}, Transport: transport}
	cred, err := c.Credential(&msal.Options{ClientOptions: where})
	if err != nil {
		return nil, err
	}
	for _, do := range change {
		do(&where)
	}
	channels, err := Connect(cred, where)
	if err != nil {
		return nil, err
	}
	channels.Expires = cred.ExpiresOn
	return channels, nil
}

// Loopback are channels to a simulator that listens on this machine.
type Loopback struct {
	*Channels
	Cloud  cloud.Configuration
	Client *http.Client // trusts the simulator's certificate
	Close  func()
}

// Simulate lets a simulator listen, and makes the channels of an application
// of it. change is as for Microsoft.
func Simulate(sim *azuresim.Simulator, clientID, secret string, change ...func(*azcore.ClientOptions)) (*Loopback, error) {
	listener, err := sim.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.URL()
	l := &Loopback{Client: listener.Client(), Cloud: cloud.Configuration{
		ActiveDirectoryAuthorityHost: address,
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			graph.ServiceName:  {Endpoint: address},
			intune.ServiceName: {Audience: "https://api.manage.microsoft.com/", Endpoint: "https://manage.microsoft.com"},
		},
	}}
	l.Close = func() {
		l.Client.CloseIdleConnections()
		_ = listener.Close() // nobody else listens
	}
	where := azcore.ClientOptions{Cloud: l.Cloud, Transport: l.Client}
	cred, err := msal.NewClientSecretCredential(clientID, secret, &msal.Options{ClientOptions: where, DisableInstanceDiscovery: true})
	for _, do := range change {
		do(&where)
	}
	if err == nil {
		l.Channels, err = Connect(cred, where, strings.TrimPrefix(address, "https://"))
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
