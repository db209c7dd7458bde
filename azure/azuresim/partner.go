package azuresim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

const zeroGUID = "00000000-0000-0000-0000-000000000000"

// The codes that the partner services are made to answer in a body. 202 has
// been seen; the others are guesses that follow HTTP.
const (
	partnerAccepted   = "202"
	partnerBadContent = "400"
	partnerForbidden  = "403"
	partnerNotFound   = "404"
	partnerConflict   = "409"
	partnerTooLong    = "413"
)

// servePartner answers the Intune partner compliance services: the token, the
// address, the version, then the route.
func (x *exchange) servePartner() answer {
	if x.denied != nil {
		return *x.denied
	}
	if x.tokenIsFresh() {
		a := x.graphError(http.StatusUnauthorized, "Unauthorized", "The token is not valid.")
		a.header.Set("WWW-Authenticate", "Bearer")
		return a
	}
	route, known := parsePartnerPath(x.path)
	if !known || !x.publishedHere(x.caller.tenant, route) {
		return x.graphError(http.StatusNotFound, "NotFound", "No service is published for this tenant at this address.")
	}
	if route.keyed && route.key == "" {
		return x.graphError(http.StatusBadRequest, "BadRequest", "The key is no guid'…'.")
	}
	if refused := x.partnerVersion(route); refused != nil {
		return *refused
	}
	method := x.record.Method
	role, act := roleManagePolicy, (func(partnerRoute) answer)(nil)
	switch {
	case route.resource == resourceTenants && route.keyed && route.action == "" && method == http.MethodPut:
		act = x.provision
		if x.caller.allowed(roleUpdateDevices) {
			role = roleUpdateDevices
		}
	case route.resource == resourcePolicies && !route.keyed && route.action == "" && method == http.MethodPost:
		act = x.createPolicy
	case route.resource == resourcePolicies && !route.keyed && route.action == "" && method == http.MethodGet:
		act = x.listPolicies
	case route.resource == resourcePolicies && route.keyed && route.action != "" && method == http.MethodPost:
		act = x.assignPolicy
	case route.resource == resourceMessages && route.keyed && route.action == "" && method == http.MethodPut:
		role, act = roleUpdateDevices, x.upload
	case route.resource == resourceMessages && route.keyed && route.action == "" && method == http.MethodGet:
		role, act = roleUpdateDevices, x.messageStatus
	default:
		return x.graphError(http.StatusMethodNotAllowed, "MethodNotAllowed", "The method is not allowed here.")
	}
	if !x.caller.allowed(role) {
		return x.graphError(http.StatusForbidden, "Forbidden", "The application lacks the role "+role+".")
	}
	return act(route)
}

// partnerVersion refuses any query but the version of the service.
func (x *exchange) partnerVersion(route partnerRoute) *answer {
	want := "1.6"
	if route.provider() == providerDevices {
		want = "1.2"
	}
	query, err := url.ParseQuery(x.record.Query)
	if given := query["api-version"]; err == nil && len(query) == 1 && len(given) == 1 && given[0] == want {
		return nil
	}
	a := x.graphError(http.StatusBadRequest, "BadRequest", "The query is not api-version="+want+".")
	return &a
}

// partnerBody reads the body as an object. The refusal is nil where there is
// one; what is in it may still be at fault.
func (x *exchange) partnerBody() (*strictObject, *answer) {
	text, refused := x.document()
	if refused != nil {
		return nil, refused
	}
	return readObject("", text), nil
}

// partnerJSON is an answer of a partner service that carries a document.
func (x *exchange) partnerJSON(status int, document any) answer {
	a := x.graphJSON(status, document)
	a.header.Set("Content-Type", "application/json; charset=utf-8")
	return a
}

// partnerCode writes a code as the settings say: as text, or as a number where
// it is one. Empty: null.
func (x *exchange) partnerCode(code string) any {
	if code == "" {
		return nil
	}
	if _, err := strconv.Atoi(code); err == nil && x.sim.options.Partner.NumericCodes {
		return json.Number(code)
	}
	return code
}
