package azuresim

import (
	"net/http"
	"net/url"
	"strings"
)

// ForPartner matches requests to the Intune partner services.
func ForPartner() Match { return forPartnerRoute(func(*Request, partnerRoute) bool { return true }) }

// ForPartnerTenants matches provisioning and deprovisioning.
func ForPartnerTenants() Match {
	return forPartnerRoute(func(_ *Request, p partnerRoute) bool { return p.resource == resourceTenants })
}

// ForPartnerPolicies matches the making and listing of compliance policies,
// not their assignment.
func ForPartnerPolicies() Match {
	return forPartnerRoute(func(_ *Request, p partnerRoute) bool {
		return p.resource == resourcePolicies && p.action == ""
	})
}

// ForPartnerAssignments matches the assignment of compliance policies.
func ForPartnerAssignments() Match {
	return forPartnerRoute(func(_ *Request, p partnerRoute) bool { return p.action != "" })
}

// ForPartnerMessages matches the uploads of messages.
func ForPartnerMessages() Match {
	return forPartnerRoute(func(r *Request, p partnerRoute) bool {
		return p.resource == resourceMessages && r.Method != http.MethodGet
	})
}

// ForPartnerStatus matches polls for the status of a message.
func ForPartnerStatus() Match {
	return forPartnerRoute(func(r *Request, p partnerRoute) bool {
		return p.resource == resourceMessages && r.Method == http.MethodGet
	})
}

// ForMessage matches uploads of one message, and polls for its status.
func ForMessage(id string) Match {
	return func(r *Request) bool { return r.MessageID != "" && strings.EqualFold(r.MessageID, id) }
}

// ForPartnerDiscovery matches the requests to Graph, single ones and items of
// batches, by which the addresses of the partner services are found.
func ForPartnerDiscovery() Match {
	return func(r *Request) bool {
		return (r.ItemID != "" || graphPath(r.Path)) && strings.Contains(r.Path, "/servicePrincipals")
	}
}

// ForPartnerTokens matches requests for tokens of the partner services.
func ForPartnerTokens() Match {
	tokens := ForTokens()
	return func(r *Request) bool {
		if !tokens(r) {
			return false
		}
		form, err := url.ParseQuery(string(r.Body))
		scope := form.Get("scope")
		return err == nil && (strings.HasPrefix(scope, "https://api.manage.microsoft.") || strings.HasPrefix(scope, intuneAppID))
	}
}

// ForAdminConsent matches visits of the page where administrators consent.
func ForAdminConsent() Match {
	return func(r *Request) bool { return strings.HasSuffix(r.Path, "/adminconsent") }
}

func forPartnerRoute(fits func(*Request, partnerRoute) bool) Match {
	return func(r *Request) bool {
		if r.ItemID != "" || graphPath(r.Path) {
			return false
		}
		path, err := url.PathUnescape(r.Path)
		if err != nil {
			return false
		}
		route, known := parsePartnerPath(path)
		return known && fits(r, route)
	}
}
