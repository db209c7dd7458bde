package azuresim

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Application is an app registration.
type Application struct {
	// ClientID is the application's GUID. Empty: one is made up.
	ClientID string
	// Name is shown in errors of Entra's. Empty: "simulated".
	Name string
	// TenantID is the home tenant. Empty: the application lives in a tenant
	// that the simulator does not hold, as a vendor's application does.
	TenantID string
	// SingleTenant refuses consent in any tenant but the home.
	SingleTenant bool

	// Secrets are the client secrets. Where there are neither secrets nor
	// certificates nor federated credentials, a secret without end is made up.
	Secrets []Secret
	// Certificates are registered certificates, of RSA keys. An assertion must
	// be signed by one of them and name it by thumbprint.
	Certificates []*x509.Certificate
	// SubjectNames accept, beside the registered ones, any certificate that an
	// assertion carries with its chain in x5c, by its subject and issuer. So
	// Microsoft's "subject name and issuer" lets certificates rotate.
	SubjectNames []SubjectName
	// Federated are the outside issuers whose tokens count as a credential
	// (workload identity federation).
	Federated []FederatedCredential

	// RedirectURIs are where the consent page may send an administrator back
	// to, letter by letter. Nil: any https address, and http on loopback.
	RedirectURIs []string

	// Roles are the application permissions that it asks for, such as
	// Device.ReadWrite.All. Consent grants them.
	Roles []string
	// ApprovedMDM says that Microsoft approved the application as an MDM:
	// without it, isManaged and isCompliant of a Windows device cannot be
	// written.
	ApprovedMDM bool
}

// Secret is a client secret.
type Secret struct {
	Value string `json:"value"`
	// Expires is when the secret stops to count. Zero: never.
	Expires time.Time `json:"expires,omitzero"`
}

// String hides the value.
func (s Secret) String() string { return "[secret]" }

// GoString hides the value.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// SubjectName trusts certificates by name.
type SubjectName struct {
	// Subject is the common name or a DNS name of the leaf certificate.
	Subject string
	// Roots are the authorities that may have issued it. Nil trusts none.
	Roots *x509.CertPool
}

// FederatedCredential lets tokens of an outside issuer stand for the
// application.
type FederatedCredential struct {
	Issuer  string
	Subject string
	// Audience is what the token must be made for. Empty:
	// api://AzureADTokenExchange, Microsoft's recommendation.
	Audience string
	// Keys are the issuer's public keys by key id (kid). A key under "" is
	// tried for a token that names none. *rsa.PublicKey, *ecdsa.PublicKey
	// (P-256) and ed25519.PublicKey are understood.
	Keys map[string]crypto.PublicKey
}

// application is the registration behind an [Application].
type application struct {
	mu   sync.RWMutex
	info Application
	// seen are the jti of assertions and when they end; sweepAt is the size at
	// which the ended ones are dropped.
	seen    map[string]time.Time
	sweepAt int
}

// AddApplication registers an application and answers it with its defaults
// filled in. It has no permission anywhere before [Simulator.Consent]. It
// panics like [Simulator.AddTenant].
func (s *Simulator) AddApplication(a Application) Application {
	added, err := s.addApplication(a)
	if err != nil {
		panic("azuresim: " + err.Error())
	}
	return added
}

func (s *Simulator) addApplication(a Application) (Application, error) {
	if a.ClientID == "" {
		a.ClientID = s.random.guid()
	}
	if !isGUID(a.ClientID) {
		return Application{}, fmt.Errorf("client id %q is not a GUID", a.ClientID)
	}
	a.ClientID = strings.ToLower(a.ClientID)
	a.TenantID = strings.ToLower(a.TenantID)
	if a.TenantID != "" && s.tenantByID(a.TenantID) == nil {
		return Application{}, fmt.Errorf("application %s: no tenant %q", a.ClientID, a.TenantID)
	}
	if a.Name == "" {
		a.Name = "simulated"
	}
	if len(a.Secrets) == 0 && len(a.Certificates) == 0 && len(a.SubjectNames) == 0 && len(a.Federated) == 0 {
		a.Secrets = []Secret{{Value: s.random.secret()}}
	}
	a = a.clone()
	for i := range a.Federated {
		if a.Federated[i].Audience == "" {
			a.Federated[i].Audience = "api://AzureADTokenExchange"
		}
	}
	s.directory.Lock()
	defer s.directory.Unlock()
	if s.applications[a.ClientID] != nil {
		return Application{}, fmt.Errorf("application %s is there already", a.ClientID)
	}
	s.applications[a.ClientID] = &application{info: a, seen: map[string]time.Time{}}
	return a.clone(), nil
}

func (a Application) clone() Application {
	a.Secrets = slices.Clone(a.Secrets)
	a.Certificates = slices.Clone(a.Certificates)
	a.SubjectNames = slices.Clone(a.SubjectNames)
	a.Federated = slices.Clone(a.Federated)
	a.Roles = slices.Clone(a.Roles)
	a.RedirectURIs = slices.Clone(a.RedirectURIs)
	return a
}

// UpdateApplication changes a registration: rotates secrets or certificates,
// withdraws the approval. The client id and the home tenant stay. change must
// not call the simulator. It tells whether the application was there.
func (s *Simulator) UpdateApplication(clientID string, change func(*Application)) bool {
	app := s.application(clientID)
	if app == nil {
		return false
	}
	app.mu.Lock()
	defer app.mu.Unlock()
	info := app.info.clone()
	change(&info)
	info.ClientID, info.TenantID = app.info.ClientID, app.info.TenantID
	app.info = info.clone()
	return true
}

// RemoveApplication removes a registration. Its tokens are answered 401
// Authorization_IdentityNotFound, its token requests AADSTS700016. It tells
// whether the application was there.
func (s *Simulator) RemoveApplication(clientID string) bool {
	clientID = strings.ToLower(clientID)
	s.directory.Lock()
	defer s.directory.Unlock()
	if s.applications[clientID] == nil {
		return false
	}
	delete(s.applications, clientID)
	return true
}

// Consent lets a tenant's administrator consent to an application. Without
// roles it gets all that it asks for; with roles just these, which may be
// fewer or more. Later calls replace earlier ones. Tokens issued before keep
// the roles that they carry, as at Microsoft. It panics when the tenant or the
// application is unknown, or the application is of a single other tenant.
func (s *Simulator) Consent(tenantID, clientID string, roles ...string) {
	if err := s.consent(tenantID, clientID, roles); err != nil {
		panic("azuresim: " + err.Error())
	}
}

func (s *Simulator) consent(tenantID, clientID string, roles []string) error {
	t, app := s.tenantByID(tenantID), s.application(clientID)
	switch {
	case t == nil:
		return fmt.Errorf("no tenant %q", tenantID)
	case app == nil:
		return fmt.Errorf("no application %q", clientID)
	}
	info := app.snapshot()
	if info.SingleTenant && info.TenantID != t.info.ID {
		return fmt.Errorf("application %s belongs to one tenant, not to %s", info.ClientID, t.info.ID)
	}
	if len(roles) == 0 {
		roles = info.Roles
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.principals[info.ClientID]
	if p == nil {
		p = &principal{objectID: s.random.guid()}
		t.principals[info.ClientID] = p
	}
	p.roles = slices.Clone(roles)
	return nil
}

// RevokeConsent takes the application out of the tenant. Its tokens are
// answered 401 Authorization_IdentityNotFound, its token requests AADSTS7000229.
func (s *Simulator) RevokeConsent(tenantID, clientID string) {
	if t := s.tenantByID(tenantID); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.principals, strings.ToLower(clientID))
	}
}

// DisableApplication switches the application off, or on again, in one tenant.
// While off, its tokens are answered 401 Authorization_IdentityDisabled and
// its token requests AADSTS7000112. It does nothing where there is no consent.
func (s *Simulator) DisableApplication(tenantID, clientID string, off bool) {
	if t := s.tenantByID(tenantID); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if p := t.principals[strings.ToLower(clientID)]; p != nil {
			p.disabled = off
		}
	}
}

func (s *Simulator) application(clientID string) *application {
	s.directory.RLock()
	defer s.directory.RUnlock()
	if app := s.applications[clientID]; app != nil {
		return app
	}
	return s.applications[strings.ToLower(clientID)]
}

func (a *application) snapshot() Application {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.info // fields are replaced as a whole, never written in place
}
