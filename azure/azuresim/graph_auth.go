package azuresim

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// caller is the application behind a Graph request whose token is good.
type caller struct {
	tenant *tenant
	claims *accessClaims
	app    Application
}

// allowed tells whether the token carries one of the roles.
func (c *caller) allowed(roles ...string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(c.claims.Roles, r) })
}

// The application permissions that Microsoft documents for each operation.
var (
	rolesReadDevice   = []string{"Device.Read.All", "Device.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	rolesWriteDevice  = []string{"Device.ReadWrite.All", "Directory.ReadWrite.All"}
	rolesDeleteDevice = []string{"Device.ReadWrite.All"}
	rolesReadUser     = []string{"User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	rolesReadApp      = []string{"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	rolesReadIntune   = []string{"DeviceManagementServiceConfig.Read.All", "DeviceManagementServiceConfig.ReadWrite.All"}
)

// tokenCache remembers tokens whose signature was found right, which saves the
// check on every call. Everything else about them is looked at each time.
type tokenCache struct {
	mu   sync.RWMutex
	good map[string]*accessClaims
}

const tokenCacheSize = 4096

func (c *tokenCache) get(token string) *accessClaims {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.good[token]
}

func (c *tokenCache) put(token string, claims *accessClaims) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.good == nil || len(c.good) >= tokenCacheSize {
		c.good = make(map[string]*accessClaims)
	}
	c.good[token] = claims
}

var errNotOurs = errors.New("the token was not issued here")

// readToken checks that a token was issued by this simulator.
func (s *Simulator) readToken(token string) (*accessClaims, error) {
	if claims := s.tokens.get(token); claims != nil {
		return claims, nil
	}
	parsed, err := parseJWT(token)
	if err != nil {
		return nil, err
	}
	if parsed.header.KeyID != s.key.id {
		return nil, errNotOurs
	}
	if err := parsed.verify(&s.key.private.PublicKey); err != nil {
		return nil, err
	}
	claims := new(accessClaims)
	if err := json.Unmarshal(parsed.payload, claims); err != nil {
		return nil, err
	}
	s.tokens.put(token, claims)
	return claims, nil
}

// identify finds out who calls Graph, or why the call is refused.
func (x *exchange) identify() {
	x.caller, x.denied = nil, nil
	deny := func(code, message string) {
		a := x.graphError(http.StatusUnauthorized, code, message)
		x.denied = &a
	}
	header := x.record.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		deny("InvalidAuthenticationToken", "Access token is empty.")
		return
	}
	claims, err := x.sim.readToken(token)
	switch {
	case errors.Is(err, errNotJWT):
		deny("InvalidAuthenticationToken", "IDX14100: JWT is not well formed.")
		return
	case err != nil:
		deny("InvalidAuthenticationToken", "Access token validation failure. Invalid signature.")
		return
	}
	t := x.sim.tenantByID(claims.TenantID)
	switch {
	case claims.expired(x.now):
		deny("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
		return
	case !x.graphAudience(claims.Audience):
		deny("InvalidAuthenticationToken", "Access token validation failure. Invalid audience.")
		return
	case t == nil:
		deny("Authorization_IdentityNotFound", "The identity of the calling application could not be established.")
		return
	}
	app := x.sim.application(claims.AppID)
	t.mu.RLock()
	p := t.principals[claims.AppID]
	disabled := p != nil && p.disabled
	var challenge *pendingChallenge
	if p != nil {
		challenge = p.challenge
	}
	t.mu.RUnlock()
	switch {
	case app == nil || p == nil:
		deny("Authorization_IdentityNotFound", "The identity of the calling application could not be established.")
		return
	case disabled:
		deny("Authorization_IdentityDisabled", "The identity of the calling application is disabled.")
		return
	case challenge.refuses(claims):
		deny("InvalidAuthenticationToken", "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp")
		x.denied.header.Set("WWW-Authenticate", challenge.header(t.info.Cloud))
		return
	}
	x.caller = &caller{tenant: t, claims: claims, app: app.snapshot()}
}

// graphAudience tells whether a token is meant for the Graph that was called.
// An address of the simulator's own is the Graph of every cloud.
func (x *exchange) graphAudience(audience string) bool {
	audience = strings.TrimSuffix(audience, "/")
	if audience == graphAppID {
		return true
	}
	if x.place.cloud != "" {
		return audience == x.place.cloud.GraphURL()
	}
	switch audience {
	case x.base(), CloudGlobal.GraphURL(), CloudUSGov.GraphURL(), CloudDoD.GraphURL(), CloudChina.GraphURL():
		return true
	}
	return false
}
