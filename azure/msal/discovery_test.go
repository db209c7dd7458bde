package msal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// instanceDiscovery answers the question whether an authority is known; nil for
// what is another question.
func instanceDiscovery(_ int, req *http.Request) *http.Response {
	if !strings.HasSuffix(req.URL.Path, "/discovery/instance") {
		return nil
	}
	u, err := url.Parse(req.URL.Query().Get("authorization_endpoint"))
	if err != nil {
		return reply(400, `{"error":"invalid_request"}`)
	}
	tenant := strings.Split(u.Path, "/")[1]
	return reply(200, fmt.Sprintf(`{"tenant_discovery_endpoint":"https://%[1]s/%[2]s/v2.0/.well-known/openid-configuration",
		"metadata":[{"preferred_network":"%[1]s","preferred_cache":"%[1]s","aliases":["%[1]s"]}]}`, u.Host, tenant))
}
