package wire

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

// GraphService is Microsoft Graph's name in cloud.Configuration.Services.
const GraphService cloud.ServiceName = "microsoftGraph"

// Graph answers the root and the audience of a cloud's Microsoft Graph: what
// the configuration names, else what belongs to its authority. The root must
// be https, unless plainHTTP.
func Graph(c cloud.Configuration, plainHTTP bool) (root, audience string, err error) {
	service, ok := c.Services[GraphService]
	if !ok {
		service, ok = graphOf(c.ActiveDirectoryAuthorityHost)
	}
	if !ok {
		return "", "", fmt.Errorf("no address of Microsoft Graph is known for the authority %q: set Cloud.Services[graph.ServiceName]",
			c.ActiveDirectoryAuthorityHost)
	}
	u, err := url.Parse(service.Endpoint)
	switch {
	case err != nil || u.Host == "":
		if strings.Contains(service.Endpoint, "@") { // what stands before it may be a password
			return "", "", fmt.Errorf("the endpoint, of %d bytes, is not an address", len(service.Endpoint))
		}
		return "", "", fmt.Errorf("endpoint %q is not an address", service.Endpoint)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", "", fmt.Errorf("endpoint of host %q holds a user, a query or a fragment", u.Host)
	case u.Scheme != "https" && (u.Scheme != "http" || !plainHTTP):
		return "", "", fmt.Errorf("endpoint %q is not https, and InsecureAllowCredentialWithHTTP is not set", service.Endpoint)
	}
	root = strings.TrimRight(service.Endpoint, "/")
	audience = strings.TrimRight(service.Audience, "/")
	if audience == "" {
		audience = root
	}
	return root, audience, nil
}

// graphOf answers the Graph of a cloud by its authority.
func graphOf(authority string) (cloud.ServiceConfiguration, bool) {
	roots := map[string]string{
		"":                                 "https://graph.microsoft.com",
		"login.microsoftonline.com":        "https://graph.microsoft.com",
		"login.microsoftonline.us":         "https://graph.microsoft.us",
		"login.partner.microsoftonline.cn": "https://microsoftgraph.chinacloudapi.cn",
		"login.chinacloudapi.cn":           "https://microsoftgraph.chinacloudapi.cn",
	}
	root, ok := roots[AuthorityHost(authority)]
	return cloud.ServiceConfiguration{Endpoint: root, Audience: root}, ok
}

// AuthorityHost answers the host of an authority's address.
func AuthorityHost(authority string) string {
	return strings.TrimRight(strings.TrimPrefix(authority, "https://"), "/")
}
