package azuresim

import (
	"net/http"
	"net/url"
	"strings"
)

// getUser answers GET of one user, by object id or user principal name.
func (x *exchange) getUser(route graphRoute, query url.Values) answer {
	if !x.caller.allowed(rolesReadUser...) {
		return x.forbidden()
	}
	s := route.segments[len(route.segments)-1]
	name := s.name
	if s.keyed {
		if s.keyName != "" && s.keyName != "id" && s.keyName != "userPrincipalName" {
			return x.badRequest("The key '" + s.keyName + "' is no key of the resource 'User'.")
		}
		name = s.key
	}
	t := x.caller.tenant
	t.mu.RLock()
	id := strings.ToLower(name)
	if byName := t.upns[id]; byName != "" {
		id = byName
	}
	u, found := t.users[id]
	t.mu.RUnlock()
	if !found {
		return x.notFound(name)
	}
	document := map[string]any{"@odata.context": x.graphRoot() + "/v1.0/$metadata#users/$entity"}
	known := map[string]any{
		"id": u.ID, "userPrincipalName": u.UserPrincipalName, "displayName": text(u.DisplayName),
		"businessPhones": []string{}, "givenName": nil, "jobTitle": nil, "mail": nil, "mobilePhone": nil,
		"officeLocation": nil, "preferredLanguage": nil, "surname": nil,
	}
	chosen := query.Get("$select")
	if chosen == "" {
		for name, value := range known {
			document[name] = value
		}
	} else {
		for name := range strings.SplitSeq(chosen, ",") {
			name = strings.TrimSpace(name)
			value, ok := known[name]
			if !ok {
				return x.graphError(http.StatusBadRequest, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '"+name+"' on type 'microsoft.graph.user'.")
			}
			document[name] = value
		}
	}
	return x.graphJSON(http.StatusOK, document)
}

// partnerPrincipalID is the object id, in one tenant, of the principal that
// publishes the partner services. It differs by tenant, as at Microsoft.
func partnerPrincipalID(tenantID string) string {
	return "0000000a" + tenantID[8:]
}

// principalDocument shows a service principal; false: there is none.
func (x *exchange) principalDocument(appID string) (map[string]any, bool) {
	t := x.caller.tenant
	appID = strings.ToLower(appID)
	if appID == partnerDiscoveryAppID {
		if t.info.Cloud.manageDomain() == "" {
			return nil, false
		}
		return map[string]any{
			"id": partnerPrincipalID(t.info.ID), "appId": partnerDiscoveryAppID,
			"displayName": "Microsoft Intune", "accountEnabled": true,
		}, true
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	p := t.principals[appID]
	if p == nil {
		return nil, false
	}
	return map[string]any{"id": p.objectID, "appId": appID, "accountEnabled": !p.disabled}, true
}

// listPrincipals answers GET /servicePrincipals?$filter=appId eq '…'.
func (x *exchange) listPrincipals(query url.Values) answer {
	if !x.caller.allowed(rolesReadApp...) {
		return x.forbidden()
	}
	terms, err := parseFilter(query.Get("$filter"))
	if err != nil || len(terms) != 1 || terms[0].property != "appId" || terms[0].operator != "eq" {
		return x.graphError(http.StatusBadRequest, codeUnsupported, "Unsupported or invalid query filter clause specified.")
	}
	value := []any{}
	if appID, ok := terms[0].value.(string); ok {
		if document, found := x.principalDocument(appID); found {
			value = append(value, document)
		}
	}
	return x.graphJSON(http.StatusOK, map[string]any{
		"@odata.context": x.graphRoot() + "/v1.0/$metadata#servicePrincipals", "value": value,
	})
}

// getPrincipal answers one service principal or its endpoints. It is named by
// its object id, as servicePrincipals(appId='…'), or as
// servicePrincipals/appId=….
func (x *exchange) getPrincipal(route graphRoute) answer {
	if !x.caller.allowed(rolesReadApp...) {
		return x.forbidden()
	}
	last := route.segments[len(route.segments)-1]
	wantEndpoints := len(route.segments) > 1 && last.name == "endpoints" && !last.keyed
	named := route.segments[0]
	if !named.keyed {
		named = route.segments[1]
	}
	appID, byAppID := strings.CutPrefix(named.name, "appId=")
	key := named.name
	if named.keyed {
		key, byAppID = named.key, named.keyName == "appId"
		appID = key
	}
	if !byAppID {
		appID = x.appIDOf(strings.ToLower(key))
	}
	document, found := x.principalDocument(appID)
	if !found {
		return x.notFound(key)
	}
	if !wantEndpoints {
		document["@odata.context"] = x.graphRoot() + "/v1.0/$metadata#servicePrincipals/$entity"
		return x.graphJSON(http.StatusOK, document)
	}
	value := []any{}
	if document["appId"] == partnerDiscoveryAppID {
		for _, e := range x.published(x.caller.tenant) {
			value = append(value, map[string]any{
				"id": x.sim.random.guid(), "capability": e.ProviderName, "providerId": nil,
				"providerName": e.ProviderName, "uri": e.URI,
				"providerResourceId": nil,
			})
		}
	}
	return x.graphJSON(http.StatusOK, map[string]any{
		"@odata.context": x.graphRoot() + "/v1.0/$metadata#servicePrincipals('" + document["id"].(string) + "')/endpoints", "value": value,
	})
}

// appIDOf finds the application behind a principal's object id.
func (x *exchange) appIDOf(objectID string) string {
	t := x.caller.tenant
	if objectID == partnerPrincipalID(t.info.ID) {
		return partnerDiscoveryAppID
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for appID, p := range t.principals {
		if p.objectID == objectID {
			return appID
		}
	}
	return ""
}

// compliancePartners answers the compliance management partners, all or one.
func (x *exchange) compliancePartners(route graphRoute) answer {
	if !x.caller.allowed(rolesReadIntune...) {
		return x.forbidden()
	}
	t := x.caller.tenant
	if t.info.Cloud.manageDomain() == "" {
		return x.graphError(http.StatusBadRequest, "BadRequest", "Resource not found for the segment 'deviceManagement'.")
	}
	context := x.graphRoot() + "/v1.0/$metadata#deviceManagement/complianceManagementPartners"
	id := ""
	switch last := route.segments[len(route.segments)-1]; {
	case last.keyed:
		id = last.key
	case len(route.segments) == 3:
		id = last.name
	}
	value := []any{}
	for _, p := range x.sim.shownPartners(t, x.now) {
		document := map[string]any{
			"id": p.ID, "displayName": p.DisplayName, "partnerState": p.PartnerState,
			"lastHeartbeatDateTime": p.LastHeartbeat.UTC().Format("2006-01-02T15:04:05Z"),
			"macOsOnboarded":        p.MacOSOnboarded, "androidOnboarded": p.AndroidOnboarded, "iosOnboarded": p.IOSOnboarded,
			"macOsEnrollmentAssignments":   assignments(p.MacOSGroups),
			"androidEnrollmentAssignments": assignments(p.AndroidGroups),
			"iosEnrollmentAssignments":     assignments(p.IOSGroups),
		}
		if strings.EqualFold(id, p.ID) {
			document["@odata.context"] = context + "/$entity"
			return x.graphJSON(http.StatusOK, document)
		}
		value = append(value, document)
	}
	if id != "" {
		return x.notFound(id)
	}
	return x.graphJSON(http.StatusOK, map[string]any{"@odata.context": context, "value": value})
}

func assignments(groups []string) []any {
	all := []any{}
	for _, id := range groups {
		all = append(all, map[string]any{"target": map[string]any{
			"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": id,
		}})
	}
	return all
}
