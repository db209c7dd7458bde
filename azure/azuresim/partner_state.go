package azuresim

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// partnerSide is what Intune knows of one tenant for its partners. It is
// guarded by the tenant's lock, except for due.
type partnerSide struct {
	endpoints []Endpoint
	partners  []CompliancePartner
	links     map[string]*partnerLink // by client id
	messages  map[string]*message     // by message id
	accepted  []*message              // in the order of acceptance
	events    eventQueue
	sequence  uint64       // of the newest event
	due       atomic.Int64 // when the next event is due, in Unix nanoseconds; 0: none waits
	devices   map[string]*partnerDevice
}

// partnerLink is a tenant's tie to one partner.
type partnerLink struct {
	state    PartnerTenant
	policies []PartnerPolicy
}

func (p *partnerSide) init(t Tenant) {
	p.endpoints = slices.Clone(t.Endpoints)
	p.partners = slices.Clone(t.Partners)
	p.links = map[string]*partnerLink{}
	p.messages = map[string]*message{}
	p.devices = map[string]*partnerDevice{}
}

// link is the tie to a partner, made when it is first needed.
func (p *partnerSide) link(clientID, key string) *partnerLink {
	l := p.links[clientID]
	if l == nil {
		l = &partnerLink{state: PartnerTenant{Key: key}}
		p.links[clientID] = l
	}
	return l
}

// provisioned tells whether the partner may act for the tenant.
func (p *partnerSide) provisioned(clientID string) bool {
	l := p.links[clientID]
	return l != nil && l.state.Provisioned == provisionOn
}

// heard notes a sign of life of a partner.
func (p *partnerSide) heard(clientID string, at time.Time) {
	if i := p.partner(clientID); i >= 0 {
		p.partners[i].LastHeartbeat = at
	}
}

func (p *partnerSide) partner(clientID string) int {
	return slices.IndexFunc(p.partners, func(c CompliancePartner) bool {
		return c.ClientID != "" && strings.EqualFold(c.ClientID, clientID)
	})
}

// registered tells whether the tenant's administrator registered the partner
// for a platform.
func (p *partnerSide) registered(clientID string, platform PartnerPlatform) bool {
	i := p.partner(clientID)
	if i < 0 {
		return false
	}
	switch c := p.partners[i]; platform {
	case PartnerMacOS:
		return c.MacOSOnboarded
	case PartnerIOS:
		return c.IOSOnboarded
	case PartnerAndroid:
		return c.AndroidOnboarded
	}
	return false
}

// RegisterPartner lets a tenant's administrator register an application as
// compliance partner for these platforms and no others; earlier registrations
// of it are replaced. It panics when the tenant, the application or a platform
// is unknown.
func (s *Simulator) RegisterPartner(tenantID, clientID string, platforms ...PartnerPlatform) {
	t, app := s.tenantByID(tenantID), s.application(clientID)
	if t == nil || app == nil {
		panic(fmt.Sprintf("azuresim: no tenant %q or no application %q", tenantID, clientID))
	}
	for _, p := range platforms {
		switch p {
		case PartnerMacOS, PartnerIOS, PartnerAndroid:
		default:
			panic(fmt.Sprintf("azuresim: unknown platform %q", p))
		}
	}
	info := app.snapshot()
	id := s.random.guid()
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.partner.partner(clientID)
	if i < 0 {
		t.partner.partners = append(t.partner.partners, CompliancePartner{ID: id, DisplayName: info.Name, ClientID: info.ClientID})
		i = len(t.partner.partners) - 1
	}
	c := &t.partner.partners[i]
	c.MacOSOnboarded = slices.Contains(platforms, PartnerMacOS)
	c.IOSOnboarded = slices.Contains(platforms, PartnerIOS)
	c.AndroidOnboarded = slices.Contains(platforms, PartnerAndroid)
}

// UpdatePartner changes how a tenant knows the partner with this client id,
// from behind: registrations, heartbeat, a state such as rejected. The ids
// stay. change must not call the simulator. It tells whether the partner was
// there.
func (s *Simulator) UpdatePartner(tenantID, clientID string, change func(*CompliancePartner)) bool {
	t := s.tenantByID(tenantID)
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.partner.partner(clientID)
	if i < 0 {
		return false
	}
	next := t.partner.partners[i].clone()
	change(&next)
	next.ID, next.ClientID = t.partner.partners[i].ID, t.partner.partners[i].ClientID
	t.partner.partners[i] = next.clone()
	return true
}

// CompliancePartners answers the tenant's compliance partners as Graph shows
// them now.
func (s *Simulator) CompliancePartners(tenantID string) []CompliancePartner {
	t := s.tenantByID(tenantID)
	if t == nil {
		return nil
	}
	return s.shownPartners(t, s.now())
}

// shownPartners fills in what follows from provisioning and policies.
func (s *Simulator) shownPartners(t *tenant, now time.Time) []CompliancePartner {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]CompliancePartner, 0, len(t.partner.partners))
	for _, c := range t.partner.partners {
		c = c.clone()
		l := t.partner.links[strings.ToLower(c.ClientID)]
		if c.PartnerState == "" {
			c.PartnerState = l.shownState(c.LastHeartbeat, now, s.options.Partner.UnresponsiveAfter)
		}
		if l != nil {
			c.Provisioned = l.state.Provisioned == provisionOn
			for _, policy := range l.policies {
				c.assign(policy)
			}
		}
		all = append(all, c)
	}
	return all
}

func (l *partnerLink) shownState(heartbeat, now time.Time, patience time.Duration) string {
	switch {
	case l == nil || l.state.Provisioned == 0:
		return "unknown"
	case l.state.Provisioned == provisionOff:
		return "terminated"
	case patience > 0 && now.Sub(heartbeat) > patience:
		return "unresponsive"
	}
	return "enabled"
}

// assign adds the groups of a policy to those of its platform.
func (c *CompliancePartner) assign(policy PartnerPolicy) {
	groups := &c.AndroidGroups
	switch policy.platform {
	case PartnerMacOS:
		groups = &c.MacOSGroups
	case PartnerIOS:
		groups = &c.IOSGroups
	}
	for _, id := range policy.Groups {
		if !slices.Contains(*groups, id) {
			*groups = append(*groups, id)
		}
	}
}

func (c CompliancePartner) clone() CompliancePartner {
	c.MacOSGroups = slices.Clone(c.MacOSGroups)
	c.AndroidGroups = slices.Clone(c.AndroidGroups)
	c.IOSGroups = slices.Clone(c.IOSGroups)
	return c
}
