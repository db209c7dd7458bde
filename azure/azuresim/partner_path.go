package azuresim

import (
	"net/url"
	"strings"
)

// The provider names under which the partner services are published.
const (
	providerTenants = "PartnerTenantDataSyncService"
	providerDevices = "PartnerDeviceDataSyncService"
)

// The resources of the partner services.
const (
	resourceTenants  = "PartnerTenants"
	resourcePolicies = "PartnerCompliancePolicies"
	resourceMessages = "DataUploadMessages"
)

// partnerRoute is a path of the partner services taken apart:
// {base}/{resource}(guid'{key}')/{action}.
type partnerRoute struct {
	base     string
	resource string
	key      string // in lower case
	keyed    bool
	action   string
}

// provider is the name under which the address of the resource is published.
func (r partnerRoute) provider() string {
	if r.resource == resourceMessages {
		return providerDevices
	}
	return providerTenants
}

// parsePartnerPath takes a decoded path apart. False: it names no resource of
// the partner services. A key that is no guid'…' is left empty.
func parsePartnerPath(path string) (partnerRoute, bool) {
	base, last, found := cutLast(path)
	if !found {
		return partnerRoute{}, false
	}
	var r partnerRoute
	if last == "Assign" {
		r.action = last
		if base, last, found = cutLast(base); !found {
			return partnerRoute{}, false
		}
	}
	r.base = base
	name, key, keyed := strings.Cut(last, "(")
	switch name {
	case resourceTenants, resourcePolicies, resourceMessages:
		r.resource, r.keyed = name, keyed
	default:
		return partnerRoute{}, false
	}
	if inner, ok := strings.CutPrefix(key, "guid'"); ok {
		if id, ok := strings.CutSuffix(inner, "')"); ok && isGUID(id) {
			r.key = strings.ToLower(id)
		}
	}
	return r, true
}

func cutLast(path string) (before, last string, found bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", "", false
	}
	return path[:i], path[i+1:], true
}

// simulatedEndpoints are made up: Microsoft's real ones differ by tenant too.
func simulatedEndpoints(c Cloud, tenantID string) []Endpoint {
	domain := c.manageDomain()
	if domain == "" {
		return []Endpoint{}
	}
	root := "https://fef." + tenantID + ".azuresim." + domain
	return []Endpoint{
		{providerTenants, root + "/" + providerTenants},
		{providerDevices, root + "/" + providerDevices},
	}
}

// SetEndpoints replaces the addresses that a tenant's principal of the partner
// services publishes, from the next request on: the services answer there and
// nowhere else, with 404 under the addresses before. Any text may be
// published, so that a client shows whether it sends its token to addresses it
// should not trust. It tells whether the tenant was there.
func (s *Simulator) SetEndpoints(tenantID string, endpoints ...Endpoint) bool {
	t := s.tenantByID(tenantID)
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.partner.endpoints = append([]Endpoint{}, endpoints...)
	return true
}

// Endpoints answers what the tenant's principal of the partner services
// publishes to those who ask Graph under its production name.
func (s *Simulator) Endpoints(tenantID string) []Endpoint {
	t := s.tenantByID(tenantID)
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return append([]Endpoint{}, t.partner.endpoints...)
}

// published answers the endpoints as this request's client has to see them:
// one that reached the simulator under an address of its own finds the
// services there, at /{host}/{path}.
func (x *exchange) published(t *tenant) []Endpoint {
	t.mu.RLock()
	all := append([]Endpoint{}, t.partner.endpoints...)
	t.mu.RUnlock()
	if x.place.cloud != "" {
		return all
	}
	for i, e := range all {
		u, err := url.Parse(e.URI)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" {
			continue
		}
		if where, known := placeOf(u.Host); known && where.service == serviceIntune {
			all[i].URI = x.base() + "/" + u.Host + u.EscapedPath()
		}
	}
	return all
}

// publishedHere tells whether the tenant publishes the address of this request
// for the service that the route belongs to. Under an address of the
// simulator's own the path alone counts.
func (x *exchange) publishedHere(t *tenant, route partnerRoute) bool {
	for _, e := range x.published(t) {
		u, err := url.Parse(e.URI)
		if err != nil || e.ProviderName != route.provider() || strings.TrimSuffix(u.Path, "/") != route.base {
			continue
		}
		if x.place.cloud == "" || strings.EqualFold(strings.TrimSuffix(u.Host, ":443"), strings.TrimSuffix(x.record.Host, ":443")) {
			return true
		}
	}
	return false
}
