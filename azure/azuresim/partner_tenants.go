package azuresim

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The values of Provisioned.
const (
	provisionOn  = 1
	provisionOff = 2
)

// PartnerTenant is what a partner last told Intune about serving a tenant.
type PartnerTenant struct {
	Key            string // made up by the service
	Provisioned    int    // 0 never, 1 provisioned, 2 deprovisioned
	EnrollmentURL  string
	RemediationURL string
	At             time.Time // of the last change or confirmation
}

// PartnerTenant answers how a partner stands with a tenant; false: it never
// provisioned the tenant.
func (s *Simulator) PartnerTenant(tenantID, clientID string) (PartnerTenant, bool) {
	t := s.tenantByID(tenantID)
	if t == nil {
		return PartnerTenant{}, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	l := t.partner.links[strings.ToLower(clientID)]
	if l == nil || l.state.Provisioned == 0 {
		return PartnerTenant{}, false
	}
	return l.state, true
}

// Provision makes a tenant one that the partner has provisioned already.
// It tells whether the tenant was there.
func (s *Simulator) Provision(tenantID, clientID string) bool {
	t := s.tenantByID(tenantID)
	if t == nil {
		return false
	}
	key, now := s.random.guid(), s.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.partner.provision(clientID, key, now)
	return true
}

func (p *partnerSide) provision(clientID, key string, now time.Time) {
	clientID = strings.ToLower(clientID)
	l := p.link(clientID, key)
	l.state.Provisioned, l.state.At = provisionOn, now
	p.heard(clientID, now)
}

// provision answers PUT PartnerTenants(guid'…').
func (x *exchange) provision(route partnerRoute) answer {
	body, refused := x.partnerBody()
	if refused != nil {
		return *refused
	}
	wish := body.integer("Provisioned", provisionOn, provisionOff)
	enrollment := body.address("PartnerEnrollmentUrl", wish == provisionOn)
	remediation := body.address("PartnerRemediationUrl", wish == provisionOn)
	t := x.caller.tenant
	if err := body.done(); err != nil {
		return x.provisionAnswer(zeroGUID, 0, http.StatusBadRequest, err.Error())
	}
	if route.key != t.info.ID {
		return x.provisionAnswer(zeroGUID, 0, http.StatusForbidden, "The token belongs to another tenant.")
	}
	key, clientID := x.sim.random.guid(), x.caller.claims.AppID
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.partner.link(clientID, key)
	l.state.Provisioned, l.state.At = wish, x.now
	l.state.EnrollmentURL, l.state.RemediationURL = enrollment, remediation
	t.partner.heard(clientID, x.now)
	if i := t.partner.partner(clientID); i >= 0 {
		t.partner.partners[i].PartnerState = "" // follows provisioning again
	}
	return x.provisionAnswer(l.state.Key, wish, http.StatusOK, "")
}

// provisionAnswer is a 200 that says inside whether it is one.
func (x *exchange) provisionAnswer(key string, provisioned, status int, detail string) answer {
	tenantID := zeroGUID
	if x.caller != nil {
		tenantID = x.caller.tenant.info.ID
	}
	return x.partnerJSON(http.StatusOK, struct {
		Key            string
		ContextID      string `json:"ContextId"`
		Provisioned    int
		HTTPStatusCode int `json:"HttpStatusCode"`
		ErrorDetail    any
	}{key, tenantID, provisioned, status, text(detail)})
}

// address is an absolute https address; one that is not required may be left
// out or blank.
func (o *strictObject) address(name string, required bool) string {
	if !required && !o.has(name) {
		return ""
	}
	value := o.text(name)
	if value == "" && !required {
		return ""
	}
	if u, err := url.Parse(value); err != nil || u.Scheme != "https" || u.Host == "" {
		o.blame(name, "is no https address")
	}
	return value
}
