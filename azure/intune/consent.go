package intune

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// consentLifetime is how long an administrator may take to consent.
const consentLifetime = 10 * time.Minute

// Consents sends administrators to Microsoft's consent page and checks what
// they come back with. A pending consent is bound to the host's account that
// asked and to the tenant asked for, serves once, and ends after ten minutes.
// Safe for concurrent use.
type Consents struct {
	clientID, redirectURL, authority string
	store                            ConsentStore
}

// ConsentStore keeps pending consents. Replicas of a host that share their
// redirect address need one that they share; NewConsents(…, nil) keeps them in
// memory.
//
// Put keeps a pending consent under its state until it expires. Take answers
// the one under a state and forgets it in the same step, so that of two calls
// at once one gets it; false where there is none.
type ConsentStore interface {
	Put(ctx context.Context, state string, p PendingConsent) error
	Take(ctx context.Context, state string) (PendingConsent, bool, error)
}

// PendingConsent is what a consent was asked for.
type PendingConsent struct {
	Account  string    `json:"account"`
	TenantID string    `json:"tenantId"`
	Expires  time.Time `json:"expires"`
}

// NewConsents answers Consents for an application. redirectURL is an https
// address that is registered with it. The zero Configuration is the global
// cloud. store nil: in memory.
func NewConsents(clientID, redirectURL string, c cloud.Configuration, store ConsentStore) (*Consents, error) {
	if !guid.Valid(clientID) {
		return nil, fmt.Errorf("intune: client id %.40q is not a GUID", clientID)
	}
	if u, err := url.Parse(redirectURL); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("intune: redirect %.80q is not an https address", redirectURL)
	}
	host := wire.AuthorityHost(c.ActiveDirectoryAuthorityHost)
	if host == "" {
		host = "login.microsoftonline.com"
	}
	if store == nil {
		store = &consentMemory{pending: map[string]PendingConsent{}}
	}
	return &Consents{clientID: clientID, redirectURL: redirectURL, authority: "https://" + host, store: store}, nil
}

// URL answers the address to send the tenant's administrator to. account is
// the host's own name of the account that asks; it is not sent.
func (c *Consents) URL(ctx context.Context, account, tenantID string) (string, error) {
	if account == "" {
		return "", errors.New("intune: consent needs the account that asks for it")
	}
	if !guid.Valid(tenantID) {
		return "", fmt.Errorf("intune: tenant %s is not a GUID", shown(tenantID))
	}
	tenantID = guid.Canonical(tenantID)
	state := rand.Text()
	if err := c.store.Put(ctx, state, PendingConsent{Account: account, TenantID: tenantID, Expires: time.Now().Add(consentLifetime)}); err != nil {
		return "", fmt.Errorf("intune: keeping a pending consent: %w", err)
	}
	q := url.Values{"client_id": {c.clientID}, "state": {state}, "redirect_uri": {c.redirectURL}}
	return c.authority + "/" + tenantID + "/adminconsent?" + q.Encode(), nil
}

// Errors of Consents.Check.
var (
	// ErrConsentUnknown: the state is not one that is pending: forged, used
	// before, or older than ten minutes. Begin again.
	ErrConsentUnknown = errors.New("intune: no such consent is pending")

	// ErrConsentForeign: the consent was asked for by another account, or
	// another tenant came back than the one asked for. Nothing may be registered.
	ErrConsentForeign = errors.New("intune: the consent belongs to another account or tenant")

	// ErrConsentRefused: the administrator did not consent. Microsoft's code
	// follows.
	ErrConsentRefused = errors.New("intune: consent refused")
)

// Check takes the query of the redirect and answers the tenant that consented,
// a GUID in lower case. account is that of the host's session in which the
// redirect arrived. The state is used up, whatever comes of it.
func (c *Consents) Check(ctx context.Context, account string, query url.Values) (tenantID string, err error) {
	pending, ok, err := c.store.Take(ctx, query.Get("state"))
	switch {
	case err != nil:
		return "", fmt.Errorf("intune: finding a pending consent: %w", err)
	case !ok || query.Get("state") == "" || !time.Now().Before(pending.Expires):
		return "", ErrConsentUnknown
	case account == "" || pending.Account != account:
		return "", ErrConsentForeign
	}
	if query.Has("error") {
		code := wire.Identifier(query.Get("error"))
		if code == "" {
			return "", ErrConsentRefused
		}
		return "", fmt.Errorf("%w: %s", ErrConsentRefused, code)
	}
	if guid.Canonical(query.Get("tenant")) != pending.TenantID {
		return "", ErrConsentForeign
	}
	return pending.TenantID, nil
}

// consentMemory is a ConsentStore in memory.
type consentMemory struct {
	mu      sync.Mutex
	pending map[string]PendingConsent
}

func (m *consentMemory) Put(_ context.Context, state string, p PendingConsent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for old, one := range m.pending {
		if !time.Now().Before(one.Expires) {
			delete(m.pending, old)
		}
	}
	m.pending[state] = p
	return nil
}

func (m *consentMemory) Take(_ context.Context, state string) (PendingConsent, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.pending[state]
	delete(m.pending, state)
	return p, ok, nil
}
