package azuresim

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

var rolesReadGroup = []string{"GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}

// readGroups answers GET /groups with a $filter by displayName or id, and GET
// /groups/{id}. The built-in groups of Intune are in no directory.
func (x *exchange) readGroups(route graphRoute, query url.Values) answer {
	if !x.caller.allowed(rolesReadGroup...) {
		return x.forbidden()
	}
	for name := range query {
		if strings.HasPrefix(name, "$") && name != "$select" && name != "$filter" {
			return x.graphError(http.StatusBadRequest, codeUnsupported, "The query option '"+name+"' is not supported.")
		}
	}
	var chosen []string
	if list := query.Get("$select"); list != "" {
		chosen = strings.Split(list, ",")
	}
	for i, name := range chosen {
		chosen[i] = strings.TrimSpace(name)
		if chosen[i] != "id" && chosen[i] != "displayName" {
			return x.graphError(http.StatusBadRequest, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '"+chosen[i]+"' on type 'microsoft.graph.group'.")
		}
	}
	all := x.caller.tenant.sortedGroups()
	context := x.graphRoot() + "/v1.0/$metadata#groups"
	if last := route.segments[len(route.segments)-1]; !route.is("groups") {
		id := last.name
		if last.keyed {
			id = last.key
		}
		i := slices.IndexFunc(all, func(g Group) bool { return strings.EqualFold(g.ID, id) })
		if i < 0 {
			return x.notFound(id)
		}
		document := all[i].document(chosen)
		document["@odata.context"] = context + "/$entity"
		return x.graphJSON(http.StatusOK, document)
	}
	fits := func(Group) bool { return true }
	if filter := query.Get("$filter"); filter != "" {
		terms, err := parseFilter(filter)
		if err != nil || len(terms) != 1 || terms[0].operator != "eq" {
			return x.graphError(http.StatusBadRequest, codeUnsupported, "Unsupported or invalid query filter clause specified.")
		}
		wanted, _ := terms[0].value.(string)
		switch terms[0].property {
		case "displayName":
			fits = func(g Group) bool { return strings.EqualFold(g.DisplayName, wanted) }
		case "id":
			fits = func(g Group) bool { return strings.EqualFold(g.ID, wanted) }
		default:
			return x.graphError(http.StatusBadRequest, codeUnsupported, "Unsupported or invalid query filter clause specified.")
		}
	}
	value := []any{}
	for _, g := range all {
		if fits(g) {
			value = append(value, g.document(chosen))
		}
	}
	return x.graphJSON(http.StatusOK, map[string]any{"@odata.context": context, "value": value})
}

func (g Group) document(chosen []string) map[string]any {
	document := map[string]any{}
	if len(chosen) == 0 || slices.Contains(chosen, "id") {
		document["id"] = g.ID
	}
	if len(chosen) == 0 || slices.Contains(chosen, "displayName") {
		document["displayName"] = text(g.DisplayName)
	}
	return document
}

// sortedGroups are the tenant's groups by id.
func (t *tenant) sortedGroups() []Group {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]Group, 0, len(t.groups))
	for _, g := range t.groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b Group) int { return strings.Compare(a.ID, b.ID) })
	return all
}
