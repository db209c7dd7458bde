package wire

import (
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

func graphAt(endpoint, audience string) cloud.Configuration {
	return cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{GraphService: {Endpoint: endpoint, Audience: audience}}}
}

func authority(host string) cloud.Configuration {
	return cloud.Configuration{ActiveDirectoryAuthorityHost: host}
}

func TestGraph(t *testing.T) {
	for _, tc := range []struct {
		name           string
		cloud          cloud.Configuration
		plain          bool
		root, audience string // audience "": as the root
		fault          string
	}{
		{name: "zero", root: "https://graph.microsoft.com"},
		{name: "public", cloud: cloud.AzurePublic, root: "https://graph.microsoft.com"},
		{name: "government", cloud: cloud.AzureGovernment, root: "https://graph.microsoft.us"},
		{name: "China", cloud: cloud.AzureChina, root: "https://microsoftgraph.chinacloudapi.cn"},
		{name: "China by its newer authority", cloud: authority("https://login.partner.microsoftonline.cn/"), root: "https://microsoftgraph.chinacloudapi.cn"},
		{name: "public without a slash", cloud: authority("https://login.microsoftonline.com"), root: "https://graph.microsoft.com"},
		{name: "unknown", cloud: authority("https://login.example"), fault: `no address of Microsoft Graph is known for the authority "https://login.example"`},
		{name: "named", cloud: graphAt("https://dod-graph.microsoft.us/", ""), root: "https://dod-graph.microsoft.us"},
		{name: "named with an audience", cloud: graphAt("https://127.0.0.1:8443", "https://graph.microsoft.com/"), root: "https://127.0.0.1:8443", audience: "https://graph.microsoft.com"},
		{name: "named goes before the authority", cloud: cloud.Configuration{
			ActiveDirectoryAuthorityHost: "https://login.microsoftonline.us/", Services: graphAt("https://dod-graph.microsoft.us", "").Services,
		}, root: "https://dod-graph.microsoft.us"},
		{name: "plain", cloud: graphAt("http://127.0.0.1", ""), fault: "is not https, and InsecureAllowCredentialWithHTTP is not set"},
		{name: "plain, allowed", cloud: graphAt("http://127.0.0.1", ""), plain: true, root: "http://127.0.0.1"},
		{name: "another scheme, though plain is allowed", cloud: graphAt("ftp://127.0.0.1", ""), plain: true, fault: "is not https"},
		{name: "empty", cloud: graphAt("", ""), fault: `endpoint "" is not an address`},
		{name: "no host", cloud: graphAt("https:///v1.0", ""), fault: "is not an address"},
		{name: "no address", cloud: graphAt("https://a b", ""), fault: "is not an address"},
		{name: "a user", cloud: graphAt("https://canary:pw@graph.example", ""), fault: `endpoint of host "graph.example" holds a user`},
		{name: "a query", cloud: graphAt("https://graph.example?key=canary", ""), fault: `endpoint of host "graph.example" holds a user`},
		{name: "a fragment", cloud: graphAt("https://graph.example#canary", ""), fault: `endpoint of host "graph.example" holds a user`},
	} {
		root, audience, err := Graph(tc.cloud, tc.plain)
		if tc.fault != "" {
			if err == nil || !strings.Contains(err.Error(), tc.fault) || strings.Contains(err.Error(), "canary") || root != "" || audience != "" {
				t.Errorf("%s: %q, %q, %v; want %s", tc.name, root, audience, err, tc.fault)
			}
			continue
		}
		want := tc.audience
		if want == "" {
			want = tc.root
		}
		if err != nil || root != tc.root || audience != want {
			t.Errorf("%s: %q, %q, %v; want %q, %q", tc.name, root, audience, err, tc.root, want)
		}
	}
}
