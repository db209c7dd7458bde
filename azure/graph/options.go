package graph

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

// Options of a Reporter. The zero value holds the documented defaults; New
// copies it.
type Options struct {
	// ClientOptions are the Azure SDK's own. Of Cloud, the authority decides
	// which Graph is used: the global one (the default), US Government L4 or
	// China; for others see [ServiceName] and [CloudUSGovernmentDoD].
	// Transport: redirects are never followed; of an *http.Client a copy is
	// used. Default: a client of its own with TLS 1.2 and up. Retry: see the
	// package comment. APIVersion is not supported.
	azcore.ClientOptions

	// KeepObjects limits every removal to its first step, as
	// Report.KeepObject does for one: no directory object is deleted.
	KeepObjects bool

	// BatchesInFlight is how many $batch calls one ReportBatch has under way
	// at once. Default 4. Microsoft's quota of 20 writes a second and tenant
	// is reached by one.
	BatchesInFlight int

	// MaxTenants bounds how many tenants' pipelines, with their tokens, are
	// kept; the one not used for longest leaves first. Default 10,000.
	MaxTenants int
}

const (
	defaultBatchesInFlight = 4
	defaultMaxTenants      = 10_000
)

// ServiceName is Microsoft Graph's name in cloud.Configuration.Services. An
// entry there gives the root, as in https://graph.microsoft.com, and the
// audience of tokens, which is the root where it is empty. It is needed only
// for clouds that this package does not know.
const ServiceName cloud.ServiceName = "microsoftGraph"

// CloudUSGovernmentDoD answers the configuration of US Government L5, whose
// Graph has a root of its own while its authority is that of
// cloud.AzureGovernment.
func CloudUSGovernmentDoD() cloud.Configuration {
	return withGraph(cloud.AzureGovernment, "https://dod-graph.microsoft.us")
}

func withGraph(c cloud.Configuration, root string) cloud.Configuration {
	c.Services = maps.Clone(c.Services)
	if c.Services == nil {
		c.Services = map[cloud.ServiceName]cloud.ServiceConfiguration{}
	}
	c.Services[ServiceName] = cloud.ServiceConfiguration{Endpoint: root, Audience: root}
	return c
}

// root answers the address and the audience of the cloud's Graph.
func root(c cloud.Configuration, plainHTTP bool) (endpoint, audience string, err error) {
	service, ok := c.Services[ServiceName]
	if !ok {
		service, ok = known(c.ActiveDirectoryAuthorityHost)
	}
	if !ok {
		return "", "", fmt.Errorf("graph: no address of Microsoft Graph is known for the authority %q: set Cloud.Services[graph.ServiceName]",
			c.ActiveDirectoryAuthorityHost)
	}
	u, err := url.Parse(service.Endpoint)
	switch {
	case err != nil || u.Host == "":
		return "", "", fmt.Errorf("graph: endpoint %q is not an address", service.Endpoint)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", "", fmt.Errorf("graph: endpoint of host %q holds a user, a query or a fragment", u.Host)
	case u.Scheme != "https" && (u.Scheme != "http" || !plainHTTP):
		return "", "", fmt.Errorf("graph: endpoint %q is not https, and InsecureAllowCredentialWithHTTP is not set", service.Endpoint)
	}
	endpoint = strings.TrimRight(service.Endpoint, "/")
	audience = strings.TrimRight(service.Audience, "/")
	if audience == "" {
		audience = endpoint
	}
	return endpoint, audience, nil
}

// known answers the Graph of a national cloud by its authority.
func known(authority string) (cloud.ServiceConfiguration, bool) {
	host := strings.TrimRight(strings.TrimPrefix(authority, "https://"), "/")
	roots := map[string]string{
		"":                                 "https://graph.microsoft.com",
		"login.microsoftonline.com":        "https://graph.microsoft.com",
		"login.microsoftonline.us":         "https://graph.microsoft.us",
		"login.partner.microsoftonline.cn": "https://microsoftgraph.chinacloudapi.cn",
		"login.chinacloudapi.cn":           "https://microsoftgraph.chinacloudapi.cn",
	}
	address, ok := roots[host]
	return cloud.ServiceConfiguration{Endpoint: address, Audience: address}, ok
}

// retryCodes are the statuses after which a write is tried again, unless the
// host names its own.
func retryCodes(own []int) []int {
	if own != nil {
		return slices.Clone(own)
	}
	return []int{
		http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		http.StatusNotFound, http.StatusConflict,
	}
}
