package msal

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

// authority is one cloud's Entra.
type authority struct {
	host    string   // as in login.microsoftonline.com, with the port if any
	known   bool     // it is one of Microsoft's own
	aliases []string // the other names of the same cloud, host among them
}

// clouds lists the names under which each cloud's Entra answers, as MSAL's own
// table of instance metadata has them.
func clouds() [][]string {
	return [][]string{
		{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"},
		{"login.microsoftonline.us", "login.usgovcloudapi.net"},
		{"login.partner.microsoftonline.cn", "login.chinacloudapi.cn"},
		{"login.sovcloud-identity.fr"},
		{"login.sovcloud-identity.de"},
		{"login.sovcloud-identity.sg"},
	}
}

func newAuthority(c cloud.Configuration) (authority, error) {
	address := c.ActiveDirectoryAuthorityHost
	if address == "" {
		address = cloud.AzurePublic.ActiveDirectoryAuthorityHost
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return authority{}, errors.New("msal: Options.Cloud.ActiveDirectoryAuthorityHost is not an address")
	case u.Scheme != "https" || u.Host == "":
		return authority{}, errors.New("msal: Options.Cloud.ActiveDirectoryAuthorityHost is not an https address")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return authority{}, errors.New("msal: Options.Cloud.ActiveDirectoryAuthorityHost holds more than a host")
	}
	a := authority{host: strings.ToLower(u.Host)}
	for _, names := range clouds() {
		if slices.Contains(names, a.host) {
			a.known, a.aliases = true, names
			return a, nil
		}
	}
	a.aliases = []string{a.host}
	return a, nil
}

// of answers the authority of a tenant, whose id has been checked.
func (a authority) of(tenant string) string { return "https://" + a.host + "/" + tenant }

// trusts reports whether the application's secret may be posted to host. The
// token endpoint's address comes from metadata, which is an answer as any other.
func (a authority) trusts(host string) bool {
	return slices.Contains(a.aliases, strings.ToLower(host))
}
