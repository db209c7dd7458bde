package azuresim

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
)

// World is what a simulator holds, in a form fit for a JSON file. The fields
// that a file leaves out have the defaults that [Tenant], [Application],
// [User] and [Device] give.
type World struct {
	Tenants      []WorldTenant      `json:"tenants"`
	Applications []WorldApplication `json:"applications"`
}

// WorldTenant is a tenant with the people and devices in it.
type WorldTenant struct {
	Tenant
	Users   []User   `json:"users,omitempty"`
	Groups  []Group  `json:"groups,omitempty"`
	Devices []Device `json:"devices,omitempty"`
}

// WorldApplication is an [Application] with its consents. Subject names and
// federated credentials cannot be written here.
type WorldApplication struct {
	ClientID     string   `json:"clientId,omitempty"`
	Name         string   `json:"name,omitempty"`
	TenantID     string   `json:"tenantId,omitempty"`
	SingleTenant bool     `json:"singleTenant,omitempty"`
	Secrets      []Secret `json:"secrets,omitempty"`
	// Certificates are PEM texts of one certificate each.
	Certificates []string       `json:"certificates,omitempty"`
	Roles        []string       `json:"roles,omitempty"`
	RedirectURIs []string       `json:"redirectUris,omitempty"`
	ApprovedMDM  bool           `json:"approvedMdm,omitempty"`
	Consents     []WorldConsent `json:"consents,omitempty"`
}

// WorldConsent is the consent of one tenant's administrator.
type WorldConsent struct {
	TenantID string   `json:"tenantId"`
	Roles    []string `json:"roles,omitempty"` // empty: all that the application asks for
}

// ReadWorld reads a World from JSON. A field that is not known is an error.
func ReadWorld(r io.Reader) (World, error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	var w World
	if err := decoder.Decode(&w); err != nil {
		return World{}, fmt.Errorf("azuresim: world: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return World{}, errors.New("azuresim: world: there is more after the end")
	}
	return w, nil
}

// Load adds a world to the simulator and answers it with all defaults filled
// in: tenants first, then applications, so that consents may name any tenant
// of it. It stops at the first error, which names the place in the world; what
// was added before stays.
func (s *Simulator) Load(w World) (World, error) {
	var loaded World
	for i, t := range w.Tenants {
		added, err := s.loadTenant(t)
		if err != nil {
			return loaded, fmt.Errorf("azuresim: world: tenants[%d]%w", i, err)
		}
		loaded.Tenants = append(loaded.Tenants, added)
	}
	for i, a := range w.Applications {
		added, err := s.loadApplication(a)
		if err != nil {
			return loaded, fmt.Errorf("azuresim: world: applications[%d]%w", i, err)
		}
		loaded.Applications = append(loaded.Applications, added)
	}
	return loaded, nil
}

// loadTenant adds a tenant with what is in it. Errors begin where the place in
// the world goes on.
func (s *Simulator) loadTenant(t WorldTenant) (WorldTenant, error) {
	added, err := s.addTenant(t.Tenant)
	if err != nil {
		return WorldTenant{}, fmt.Errorf(": %w", err)
	}
	loaded := WorldTenant{Tenant: added}
	for i, u := range t.Users {
		user, err := s.addUser(added.ID, u)
		if err != nil {
			return WorldTenant{}, fmt.Errorf(".users[%d]: %w", i, err)
		}
		loaded.Users = append(loaded.Users, user)
	}
	for i, g := range t.Groups {
		group, err := s.addGroup(added.ID, g)
		if err != nil {
			return WorldTenant{}, fmt.Errorf(".groups[%d]: %w", i, err)
		}
		loaded.Groups = append(loaded.Groups, group)
	}
	for i, d := range t.Devices {
		device, err := s.addDevice(added.ID, d, 0)
		if err != nil {
			return WorldTenant{}, fmt.Errorf(".devices[%d]: %w", i, err)
		}
		loaded.Devices = append(loaded.Devices, device)
	}
	return loaded, nil
}

func (s *Simulator) loadApplication(a WorldApplication) (WorldApplication, error) {
	app := Application{
		ClientID: a.ClientID, Name: a.Name, TenantID: a.TenantID, SingleTenant: a.SingleTenant,
		Secrets: a.Secrets, Roles: a.Roles, RedirectURIs: a.RedirectURIs, ApprovedMDM: a.ApprovedMDM,
	}
	for i, text := range a.Certificates {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return WorldApplication{}, fmt.Errorf(".certificates[%d] is no PEM", i)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return WorldApplication{}, fmt.Errorf(".certificates[%d]: %w", i, err)
		}
		app.Certificates = append(app.Certificates, certificate)
	}
	added, err := s.addApplication(app)
	if err != nil {
		return WorldApplication{}, fmt.Errorf(": %w", err)
	}
	for i, c := range a.Consents {
		if err := s.consent(c.TenantID, added.ClientID, c.Roles); err != nil {
			return WorldApplication{}, fmt.Errorf(".consents[%d]: %w", i, err)
		}
	}
	a.ClientID, a.Name, a.TenantID, a.Secrets = added.ClientID, added.Name, added.TenantID, added.Secrets
	return a, nil
}
