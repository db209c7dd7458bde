package azuresim

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
)

// The application roles of the partner services.
const (
	roleUpdateDevices = "update_device_attributes"
	roleManagePolicy  = "manage_partner_compliance_policy"
)

// freshTokens remembers which tokens the partner services have seen, and how
// often a new one is still refused.
type freshTokens struct {
	mu    sync.Mutex
	known int
	left  map[string]int // by token
}

// refuses tells whether a token that is otherwise good is not known yet.
func (f *freshTokens) refuses(token string, rule FreshTokens) bool {
	if rule.Every <= 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	left, seen := f.left[token]
	if !seen {
		f.known++
		if f.known%rule.Every == 0 {
			left = rule.Times
		}
	}
	if f.left == nil || len(f.left) >= tokenCacheSize {
		f.left = map[string]int{}
	}
	f.left[token] = max(0, left-1)
	return left > 0
}

// identifyPartner finds out who calls a partner service, or why the call is
// refused.
func (x *exchange) identifyPartner() {
	x.caller, x.denied = nil, nil
	deny := func(message string) {
		a := x.graphError(http.StatusUnauthorized, "Unauthorized", message)
		a.header.Set("WWW-Authenticate", "Bearer")
		x.denied = &a
	}
	scheme, token, _ := strings.Cut(x.record.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		deny("The request carries no token.")
		return
	}
	claims, err := x.sim.readToken(token)
	switch {
	case errors.Is(err, errNotJWT):
		deny("The token is malformed.")
		return
	case err != nil:
		deny("The token's signature is not valid.")
		return
	}
	t := x.sim.tenantByID(claims.TenantID)
	switch {
	case claims.expired(x.now):
		deny("The token has expired.")
		return
	case t == nil || !x.partnerAudience(t.info.Cloud, claims.Audience):
		deny("The token is meant for another audience.")
		return
	}
	app := x.sim.application(claims.AppID)
	t.mu.RLock()
	p := t.principals[claims.AppID]
	disabled := p != nil && p.disabled
	t.mu.RUnlock()
	if app == nil || p == nil || disabled {
		deny("The application is not consented in the tenant, or switched off.")
		return
	}
	x.caller = &caller{tenant: t, claims: claims, app: app.snapshot()}
}

// partnerAudience tells whether a token is meant for the partner services of
// the tenant's cloud, and that cloud's were called.
func (x *exchange) partnerAudience(c Cloud, audience string) bool {
	domain := c.manageDomain()
	if domain == "" || x.place.cloud != "" && x.place.cloud.manageDomain() != domain {
		return false
	}
	return audience == intuneAppID || audience == "https://api."+domain+"/"
}

// tokenIsFresh tells whether the caller's token is too new to be known.
func (x *exchange) tokenIsFresh() bool {
	_, token, _ := strings.Cut(x.record.Header.Get("Authorization"), " ")
	return x.sim.fresh.refuses(strings.TrimSpace(token), x.sim.options.Partner.FreshTokens)
}

// notePartner writes into the record who asks the partner services for what.
func (x *exchange) notePartner() {
	if x.caller != nil {
		x.record.TenantID, x.record.ClientID = x.caller.tenant.info.ID, x.caller.claims.AppID
	}
	route, known := parsePartnerPath(x.path)
	if !known || route.resource != resourceMessages {
		return
	}
	x.record.MessageID = route.key
	if x.record.Method == http.MethodGet {
		if m, found := x.sim.PartnerMessage(x.record.TenantID, route.key); found {
			x.record.DeviceID = m.Reports[0].DeviceID
		}
		return
	}
	var envelope struct{ Content string }
	var entries []struct{ DeviceID string }
	if json.Unmarshal(x.body, &envelope) == nil && json.Unmarshal([]byte(envelope.Content), &entries) == nil && len(entries) > 0 {
		x.record.DeviceID = strings.ToLower(entries[0].DeviceID)
	}
}
