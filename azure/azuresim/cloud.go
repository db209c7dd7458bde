package azuresim

import (
	"net"
	"strings"
)

// Cloud is one of Microsoft's clouds. A tenant lives in one of them; tokens do
// not cross.
type Cloud string

// The clouds. The empty Cloud means [CloudGlobal].
const (
	CloudGlobal Cloud = "global" // also US GCC
	CloudUSGov  Cloud = "usgov"  // US Government L4
	CloudDoD    Cloud = "dod"    // US Government L5; shares the authority of L4
	CloudChina  Cloud = "china"  // operated by 21Vianet
)

// The identifiers that Microsoft gave two of its own applications.
const (
	graphAppID  = "00000003-0000-0000-c000-000000000000"
	intuneAppID = "c161e42e-d4df-4a3d-9b42-e7a3c31f59d4"
	// partnerDiscoveryAppID is the principal whose endpoints name the Intune
	// partner compliance services of a tenant.
	partnerDiscoveryAppID = "0000000a-0000-0000-c000-000000000000"
)

// service says which of Microsoft's services a request reached.
type service uint8

const (
	serviceNone service = iota
	serviceEntra
	serviceGraph
	serviceIntune
)

// place is the meaning of a host name. The zero cloud stands for "any": a
// loopback address serves every cloud and every service.
type place struct {
	service service
	cloud   Cloud
}

// authorityHost is the preferred host of the cloud's Entra authority.
func (c Cloud) authorityHost() string {
	switch c {
	case CloudUSGov, CloudDoD:
		return "login.microsoftonline.us"
	case CloudChina:
		return "login.partner.microsoftonline.cn"
	default:
		return "login.microsoftonline.com"
	}
}

// authorityAliases are all hosts of the cloud's authority, the preferred one
// first.
func (c Cloud) authorityAliases() []string {
	switch c {
	case CloudUSGov, CloudDoD:
		return []string{"login.microsoftonline.us", "login.usgovcloudapi.net"}
	case CloudChina:
		return []string{"login.partner.microsoftonline.cn", "login.chinacloudapi.cn"}
	default:
		return []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"}
	}
}

// AuthorityURL is the address of the cloud's Entra authority, without a tenant
// and without a slash at its end.
func (c Cloud) AuthorityURL() string { return "https://" + c.authorityHost() }

// GraphURL is the address of the cloud's Microsoft Graph, without a version
// and without a slash at its end.
func (c Cloud) GraphURL() string { return "https://" + c.graphHost() }

func (c Cloud) graphHost() string {
	switch c {
	case CloudUSGov:
		return "graph.microsoft.us"
	case CloudDoD:
		return "dod-graph.microsoft.us"
	case CloudChina:
		return "microsoftgraph.chinacloudapi.cn"
	default:
		return "graph.microsoft.com"
	}
}

// manageDomain is the domain of the Intune services, empty where the cloud has
// none for partners.
func (c Cloud) manageDomain() string {
	switch c {
	case CloudUSGov, CloudDoD:
		return "manage.microsoft.us"
	case CloudChina:
		return ""
	default:
		return "manage.microsoft.com"
	}
}

func (c Cloud) known() bool {
	switch c {
	case CloudGlobal, CloudUSGov, CloudDoD, CloudChina:
		return true
	}
	return false
}

// placeOf says what answers at host, which may carry a port. False: no name of
// Microsoft's.
func placeOf(host string) (place, bool) {
	host = strings.ToLower(hostOnly(host))
	switch host {
	case "login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net":
		return place{serviceEntra, CloudGlobal}, true
	case "login.microsoftonline.us", "login.usgovcloudapi.net":
		return place{serviceEntra, CloudUSGov}, true
	case "login.partner.microsoftonline.cn", "login.chinacloudapi.cn":
		return place{serviceEntra, CloudChina}, true
	case "graph.microsoft.com":
		return place{serviceGraph, CloudGlobal}, true
	case "graph.microsoft.us":
		return place{serviceGraph, CloudUSGov}, true
	case "dod-graph.microsoft.us":
		return place{serviceGraph, CloudDoD}, true
	case "microsoftgraph.chinacloudapi.cn":
		return place{serviceGraph, CloudChina}, true
	}
	switch {
	case strings.HasSuffix(host, ".login.microsoft.com"): // regional authority
		return place{serviceEntra, CloudGlobal}, true
	case strings.HasSuffix(host, ".manage.microsoft.com"):
		return place{serviceIntune, CloudGlobal}, true
	case strings.HasSuffix(host, ".manage.microsoft.us"):
		return place{serviceIntune, CloudUSGov}, true
	}
	return place{}, false
}

// sharesAuthority tells whether tenants of both clouds sign in at one
// authority.
func (c Cloud) sharesAuthority(other Cloud) bool {
	return c.authorityHost() == other.authorityHost()
}

func hostOnly(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}
