package azuresim

import (
	"net/http"
	"net/url"
	"strings"
)

// serveEntra answers the Entra authority: discovery, keys, tokens.
func (x *exchange) serveEntra() answer {
	segments := strings.Split(strings.Trim(x.path, "/"), "/")
	rest := strings.Join(segments[1:], "/")
	switch {
	case x.path == "/common/discovery/instance":
		return x.instanceDiscovery()
	case rest == "v2.0/.well-known/openid-configuration", rest == ".well-known/openid-configuration":
		return x.openIDConfiguration(segments[0], strings.HasPrefix(rest, "v2.0/"))
	case rest == "discovery/v2.0/keys", rest == "discovery/keys":
		return x.entraJSON(http.StatusOK, map[string]any{"keys": []any{x.sim.key.jwk()}})
	case rest == "adminconsent":
		return x.adminConsent(segments[0])
	case rest == "oauth2/v2.0/token":
		if x.record.Method != http.MethodPost {
			return (&tokenError{number: 900561, message: "The endpoint only accepts POST requests. Received a " + x.record.Method + " request."}).answer(x)
		}
		return x.token(segments[0])
	}
	return x.plain(http.StatusNotFound, "")
}

// tenantAtAuthority finds the tenant that a path names, as far as the
// authority of the request's host knows it.
func (x *exchange) tenantAtAuthority(name string) (*tenant, *tokenError) {
	switch strings.ToLower(name) {
	case "common", "organizations", "consumers":
		return nil, &tokenError{number: 50059, message: "No tenant-identifying information found in either the request or implied by any provided credentials."}
	}
	t := x.sim.tenantByName(name)
	if t != nil && x.place.cloud != "" && !t.info.Cloud.sharesAuthority(x.place.cloud) {
		t = nil
	}
	if t == nil {
		return nil, &tokenError{number: 90002, message: "Tenant '" + name + "' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."}
	}
	return t, nil
}

// base is the address under which the client reached the authority.
func (x *exchange) base() string { return x.record.Scheme + "://" + x.record.Host }

func (x *exchange) openIDConfiguration(name string, v2 bool) answer {
	segment, issuer := name, ""
	switch strings.ToLower(name) {
	case "common", "organizations", "consumers":
		issuer = "{tenantid}"
	default:
		t, refusal := x.tenantAtAuthority(name)
		if refusal != nil {
			return refusal.answer(x)
		}
		segment, issuer = t.info.ID, t.info.ID
	}
	base := x.base()
	document := map[string]any{
		"authorization_endpoint":                base + "/" + segment + "/oauth2/v2.0/authorize",
		"token_endpoint":                        base + "/" + segment + "/oauth2/v2.0/token",
		"jwks_uri":                              base + "/" + segment + "/discovery/v2.0/keys",
		"device_authorization_endpoint":         base + "/" + segment + "/oauth2/v2.0/devicecode",
		"end_session_endpoint":                  base + "/" + segment + "/oauth2/v2.0/logout",
		"issuer":                                base + "/" + issuer + "/v2.0",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"tenant_region_scope":                   nil,
		"cloud_instance_name":                   "microsoftonline.com",
	}
	if !v2 {
		document["issuer"] = "https://sts.windows.net/" + issuer + "/"
	}
	return x.entraJSON(http.StatusOK, document)
}

// instanceDiscovery answers which authorities are real, and which names mean
// the same one. Addresses of the simulator's own count as real.
func (x *exchange) instanceDiscovery() answer {
	query, _ := url.ParseQuery(x.record.Query)
	endpoint, err := url.Parse(query.Get("authorization_endpoint"))
	if err != nil || endpoint.Scheme != "https" || endpoint.Host == "" {
		return x.invalidInstance()
	}
	where, known := placeOf(endpoint.Host)
	loopback := isLoopbackHost(endpoint.Host)
	if !loopback && (!known || where.service != serviceEntra) {
		return x.invalidInstance()
	}
	tenantName, _, _ := strings.Cut(strings.Trim(endpoint.Path, "/"), "/")
	document := map[string]any{
		"tenant_discovery_endpoint": "https://" + endpoint.Host + "/" + tenantName + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
	}
	type metadata struct {
		Network string   `json:"preferred_network"`
		Cache   string   `json:"preferred_cache"`
		Aliases []string `json:"aliases"`
	}
	var all []metadata
	for _, c := range []Cloud{CloudGlobal, CloudUSGov, CloudChina} {
		aliases := c.authorityAliases()
		all = append(all, metadata{aliases[0], aliases[min(1, len(aliases)-1)], aliases})
	}
	if loopback {
		all = append(all, metadata{endpoint.Host, endpoint.Host, []string{endpoint.Host}})
	}
	document["metadata"] = all
	return x.entraJSON(http.StatusOK, document)
}

func (x *exchange) invalidInstance() answer {
	stamp := x.now.UTC().Format("2006-01-02 15:04:05Z")
	return x.entraJSON(http.StatusBadRequest, map[string]any{
		"error":             "invalid_instance",
		"error_description": "AADSTS50049: Unknown or invalid instance.",
		"error_codes":       []int{50049},
		"timestamp":         stamp,
		"trace_id":          x.sim.random.guid(),
		"correlation_id":    x.correlationID(),
		"error_uri":         "https://login.microsoftonline.com/error?code=50049",
	})
}
