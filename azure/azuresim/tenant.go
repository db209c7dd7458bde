package azuresim

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Tenant is one directory of Entra's.
type Tenant struct {
	// ID is the tenant's GUID. Empty: one is made up.
	ID string `json:"id,omitempty"`
	// Domain is a name by which authorities may be addressed instead of the
	// ID, for example contoso.example. Empty: none.
	Domain string `json:"domain,omitempty"`
	// Cloud is where the tenant lives. Empty: [CloudGlobal].
	Cloud Cloud `json:"cloud,omitempty"`
	// Seats is the number of users by which Microsoft sizes the tenant's quota
	// of resource units: below 50, 50 to 500, more. The users that were added
	// do not count. Zero: 50.
	Seats int `json:"seats,omitempty"`
	// Endpoints are what servicePrincipals/{id}/endpoints of the Intune partner
	// services answers. Nil: two made-up addresses below the manage domain of
	// the tenant's cloud, none in China. Empty, not nil: none. Addresses below
	// a manage domain are shown to a client that reached Graph at a loopback
	// address as addresses there. [Simulator.SetEndpoints] changes them.
	Endpoints []Endpoint `json:"endpoints,omitempty"`
	// Partners are the tenant's compliance management partners. Nil: none.
	Partners []CompliancePartner `json:"complianceManagementPartners,omitempty"`
}

// Endpoint is an address that a service principal publishes.
type Endpoint struct {
	ProviderName string `json:"providerName"`
	URI          string `json:"uri"`
}

// CompliancePartner is a compliance partner as Graph shows it under
// deviceManagement/complianceManagementPartners.
type CompliancePartner struct {
	ID          string `json:"id"` // empty: made up
	DisplayName string `json:"displayName"`
	// PartnerState is unknown, unavailable, enabled, terminated, rejected or
	// unresponsive. Empty: with a ClientID it follows provisioning, else enabled.
	PartnerState     string    `json:"partnerState"`
	LastHeartbeat    time.Time `json:"lastHeartbeatDateTime"`
	MacOSOnboarded   bool      `json:"macOsOnboarded"`
	AndroidOnboarded bool      `json:"androidOnboarded"`
	IOSOnboarded     bool      `json:"iosOnboarded"`
	MacOSGroups      []string  `json:"macOsGroups,omitempty"` // group ids of macOsEnrollmentAssignments
	AndroidGroups    []string  `json:"androidGroups,omitempty"`
	IOSGroups        []string  `json:"iosGroups,omitempty"`
	// ClientID is the partner's application, which may act for the tenant on
	// the platforms whose Onboarded is true: those the tenant's administrator
	// registered it for. Groups of its policies are added to the assignments.
	// Empty: the partner is only shown.
	ClientID string `json:"clientId,omitempty"`
	// Provisioned says that the partner has provisioned the tenant already.
	Provisioned bool `json:"provisioned,omitempty"`
}

// User is a person in a tenant.
type User struct {
	ID                string `json:"id,omitempty"` // object id; empty: made up
	UserPrincipalName string `json:"userPrincipalName"`
	DisplayName       string `json:"displayName,omitempty"`
}

// tenant is the directory behind a [Tenant].
type tenant struct {
	info Tenant

	mu         sync.RWMutex
	principals map[string]*principal // by client id
	users      map[string]User       // by object id
	groups     map[string]Group      // by object id
	upns       map[string]string     // lower-case user principal name to object id
	byObject   map[string]*record    // by object id
	byDevice   map[string]*record    // by device id; the deleted too: their id stays reserved
	ordered    []*record             // by age, for lists
	histories  map[string]*history   // by device id
	sequence   uint64                // of the newest entry of ordered
	dropped    int                   // entries of ordered that are gone for good

	administrator Administrator
	partner       partnerSide
}

// principal is an application as one tenant knows it.
type principal struct {
	objectID  string
	roles     []string
	disabled  bool
	challenge *pendingChallenge
}

// AddTenant adds a tenant and answers it with its defaults filled in. It
// panics when the ID is no GUID, the cloud is unknown, or the ID or domain is
// taken: a wrong fixture is a mistake of the test. [Simulator.Load] answers an
// error instead.
func (s *Simulator) AddTenant(t Tenant) Tenant {
	added, err := s.addTenant(t)
	if err != nil {
		panic("azuresim: " + err.Error())
	}
	return added
}

func (s *Simulator) addTenant(t Tenant) (Tenant, error) {
	if t.ID == "" {
		t.ID = s.random.guid()
	}
	if !isGUID(t.ID) {
		return Tenant{}, fmt.Errorf("tenant id %q is not a GUID", t.ID)
	}
	t.ID = strings.ToLower(t.ID)
	t.Domain = strings.ToLower(t.Domain)
	if t.Cloud == "" {
		t.Cloud = CloudGlobal
	}
	if !t.Cloud.known() {
		return Tenant{}, fmt.Errorf("tenant %s: unknown cloud %q", t.ID, t.Cloud)
	}
	if t.Seats == 0 {
		t.Seats = 50
	}
	if t.Endpoints == nil {
		t.Endpoints = simulatedEndpoints(t.Cloud, t.ID)
	}
	t.Partners = slices.Clone(t.Partners)
	for i := range t.Partners {
		if t.Partners[i].ID == "" {
			t.Partners[i].ID = s.random.guid()
		}
		if t.Partners[i].PartnerState == "" && t.Partners[i].ClientID == "" {
			t.Partners[i].PartnerState = "enabled"
		}
	}

	s.directory.Lock()
	defer s.directory.Unlock()
	if s.tenants[t.ID] != nil {
		return Tenant{}, fmt.Errorf("tenant %s is there already", t.ID)
	}
	if t.Domain != "" && s.domains[t.Domain] != "" {
		return Tenant{}, fmt.Errorf("tenant %s: domain %q is taken", t.ID, t.Domain)
	}
	added := &tenant{
		info:       t,
		principals: map[string]*principal{},
		users:      map[string]User{},
		upns:       map[string]string{},
		byObject:   map[string]*record{},
		byDevice:   map[string]*record{},
		histories:  map[string]*history{},
		groups:     map[string]Group{},
	}
	added.partner.init(t)
	for _, p := range t.Partners {
		if p.ClientID != "" && p.Provisioned {
			added.partner.provision(p.ClientID, s.random.guid(), s.now())
		}
	}
	s.tenants[t.ID] = added
	if t.Domain != "" {
		s.domains[t.Domain] = t.ID
	}
	return t, nil
}

// RemoveTenant removes a tenant with all it holds: its authority answers
// AADSTS90002 and tokens issued for it no longer count. It tells whether the
// tenant was there.
func (s *Simulator) RemoveTenant(id string) bool {
	id = strings.ToLower(id)
	s.directory.Lock()
	defer s.directory.Unlock()
	t := s.tenants[id]
	if t == nil {
		return false
	}
	delete(s.tenants, id)
	delete(s.domains, t.info.Domain)
	return true
}

// AddUser adds a user to a tenant and answers it with its ID filled in. It
// panics like [Simulator.AddTenant].
func (s *Simulator) AddUser(tenantID string, u User) User {
	added, err := s.addUser(tenantID, u)
	if err != nil {
		panic("azuresim: " + err.Error())
	}
	return added
}

func (s *Simulator) addUser(tenantID string, u User) (User, error) {
	t := s.tenantByID(tenantID)
	if t == nil {
		return User{}, fmt.Errorf("no tenant %q", tenantID)
	}
	if u.ID == "" {
		u.ID = s.random.guid()
	}
	if !isGUID(u.ID) {
		return User{}, fmt.Errorf("user id %q is not a GUID", u.ID)
	}
	if u.UserPrincipalName == "" {
		return User{}, fmt.Errorf("user %s has no user principal name", u.ID)
	}
	u.ID = strings.ToLower(u.ID)
	upn := strings.ToLower(u.UserPrincipalName)
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.users[u.ID]; taken {
		return User{}, fmt.Errorf("user %s is there already", u.ID)
	}
	if t.upns[upn] != "" {
		return User{}, fmt.Errorf("the user principal name of user %s is taken", u.ID)
	}
	t.users[u.ID] = u
	t.upns[upn] = u.ID
	return u, nil
}

// tenantByID finds a tenant by its GUID, in either letter case, as it is by
// now.
func (s *Simulator) tenantByID(id string) *tenant {
	s.directory.RLock()
	t := s.tenants[id]
	if t == nil {
		t = s.tenants[strings.ToLower(id)]
	}
	s.directory.RUnlock()
	if t != nil {
		s.settle(t)
	}
	return t
}

// tenantByName finds a tenant by GUID or domain.
func (s *Simulator) tenantByName(name string) *tenant {
	if t := s.tenantByID(name); t != nil {
		return t
	}
	s.directory.RLock()
	id := s.domains[strings.ToLower(name)]
	s.directory.RUnlock()
	return s.tenantByID(id)
}
