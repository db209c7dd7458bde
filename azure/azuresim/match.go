package azuresim

import (
	"net/http"
	"strings"
)

// Match chooses requests: for a fault, or to count. It is called with locks
// held and must not call the simulator; it must not change the request.
type Match func(*Request) bool

// ForTokens matches token requests.
func ForTokens() Match {
	return func(r *Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/oauth2/v2.0/token")
	}
}

// ForDiscovery matches instance discovery and OpenID metadata.
func ForDiscovery() Match {
	return func(r *Request) bool {
		return strings.HasSuffix(r.Path, "/discovery/instance") || strings.HasSuffix(r.Path, "/openid-configuration")
	}
}

// ForGraph matches requests to Microsoft Graph: single ones, batches, and the
// items of batches.
func ForGraph() Match {
	return func(r *Request) bool { return r.ItemID != "" || graphPath(r.Path) }
}

// ForBatches matches batches as a whole.
func ForBatches() Match {
	return func(r *Request) bool { return r.ItemID == "" && strings.HasSuffix(r.Path, "/$batch") }
}

// ForItems matches the items of batches.
func ForItems() Match {
	return func(r *Request) bool { return r.ItemID != "" }
}

// ForMethod matches single requests and batch items by method.
func ForMethod(methods ...string) Match {
	return func(r *Request) bool {
		for _, m := range methods {
			if r.Method == m {
				return true
			}
		}
		return false
	}
}

// ForDevice matches single requests and batch items that name the device by
// the deviceId or the object id in their path.
func ForDevice(id string) Match {
	return func(r *Request) bool { return r.DeviceID != "" && strings.EqualFold(r.DeviceID, id) }
}

// ForTenant matches requests of a tenant.
func ForTenant(id string) Match {
	return func(r *Request) bool { return strings.EqualFold(r.TenantID, id) }
}

// ForApplication matches requests of an application.
func ForApplication(clientID string) Match {
	return func(r *Request) bool { return strings.EqualFold(r.ClientID, clientID) }
}

// All matches what every one of several matches.
func All(matches ...Match) Match {
	return func(r *Request) bool {
		for _, m := range matches {
			if !m(r) {
				return false
			}
		}
		return true
	}
}

// graphPath tells whether a path belongs to Graph, on an address that serves
// everything.
func graphPath(path string) bool {
	return strings.HasPrefix(path, "/v1.0/") || strings.HasPrefix(path, "/beta/")
}
