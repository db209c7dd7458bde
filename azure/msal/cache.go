package msal

import (
	"container/list"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
)

const (
	// nearEnd is how much life a token must have left to be served as it is.
	// MSAL and azcore use the same five minutes.
	nearEnd = 5 * time.Minute

	// renewalPause keeps a failing or short-lived renewal from being tried at
	// each request; azcore's bearer policy pauses as long.
	renewalPause = 30 * time.Second

	// claimsReuse is how long a token answers further requests with the claims
	// it was asked with: the callers whom one rejected token sent here arrive
	// one after the other.
	claimsReuse = 10 * time.Second
)

// cache holds tenants, the least recently used of which leaves. It is guarded
// by the asker's mutex, as is everything reached from it.
type cache struct {
	most    int
	tenants map[string]*list.Element // of *tenant
	recent  list.List                // the most recently used in front
	held    map[string][]*slot       // which slots hold a token, by its text
}

func newCache(most int) cache {
	return cache{most: most, tenants: map[string]*list.Element{}, held: map[string][]*slot{}}
}

// tenant is what is kept of one tenant.
type tenant struct {
	id      string
	clients map[clientKey]*confidential.Client
	slots   map[slotKey]*slot
	proofs  proofID             // the set that was last used
	refused map[proofID]refusal // refusals of a secret or certificate as such
}

// clientKey: MSAL fixes capabilities and credential when a client is made.
type clientKey struct {
	cae   bool
	proof proofID
}

// slotKey names a token within a tenant.
type slotKey struct {
	cae    bool
	scopes string
}

// slot is the place of one token.
type slot struct {
	tenant *tenant

	token    azcore.AccessToken // Token is empty where there is none
	claims   string             // with which it was asked
	acquired time.Time
	tried    time.Time // when the last request for it ended

	refusal refusal
	flights map[string]*flight // under way, by claims
}

// refusal is one that is remembered; its zero value is none.
type refusal struct {
	err    *Error
	claims string
	proofs proofID // the set that was refused
	until  time.Time
}

func (r refusal) live(now time.Time) bool { return r.err != nil && now.Before(r.until) }

// slot finds or makes the place of a token and marks its tenant as just used.
func (c *cache) slot(id string, key slotKey) *slot {
	e, ok := c.tenants[id]
	if ok {
		c.recent.MoveToFront(e)
	} else {
		e = c.recent.PushFront(&tenant{id: id})
		c.tenants[id] = e
		if c.recent.Len() > c.most {
			c.drop(c.recent.Back())
		}
	}
	t := e.Value.(*tenant)
	s, ok := t.slots[key]
	if !ok {
		s = &slot{tenant: t}
		if t.slots == nil {
			t.slots = map[slotKey]*slot{}
		}
		t.slots[key] = s
	}
	return s
}

func (c *cache) drop(e *list.Element) {
	t := c.recent.Remove(e).(*tenant)
	delete(c.tenants, t.id)
	for _, s := range t.slots {
		c.release(s)
	}
}

// keep puts a token into its slot, unless the tenant has left meanwhile.
func (c *cache) keep(s *slot, token azcore.AccessToken, claims string, now time.Time) {
	c.release(s)
	e, ok := c.tenants[s.tenant.id]
	if !ok || e.Value.(*tenant) != s.tenant {
		return
	}
	s.token, s.claims, s.acquired = token, claims, now
	c.held[token.Token] = append(c.held[token.Token], s)
}

// release empties a slot.
func (c *cache) release(s *slot) {
	if s.token.Token == "" {
		return
	}
	others := slices.DeleteFunc(c.held[s.token.Token], func(o *slot) bool { return o == s })
	if len(others) == 0 {
		delete(c.held, s.token.Token)
	} else {
		c.held[s.token.Token] = others
	}
	s.token, s.claims = azcore.AccessToken{}, ""
}

// discard empties every slot that holds the token.
func (c *cache) discard(token string) {
	for _, s := range slices.Clone(c.held[token]) {
		c.release(s)
	}
}

// alive reports whether the slot holds a token that has not expired.
func (s *slot) alive(now time.Time) bool {
	return s.token.Token != "" && now.Before(s.token.ExpiresOn)
}

// serves reports whether the token answers a request with these claims without
// another one to Entra.
func (s *slot) serves(claims string, now time.Time) bool {
	if !s.alive(now) {
		return false
	}
	if claims != "" {
		return s.claims == claims && now.Sub(s.acquired) < claimsReuse
	}
	if now.Sub(s.tried) < renewalPause {
		return true
	}
	last := s.token.ExpiresOn.Add(-nearEnd)
	if !now.Before(last) {
		return false
	}
	// Past RefreshOn one caller asks and the others are served.
	renew := s.token.RefreshOn
	return renew.IsZero() || now.Before(renew) || s.flights[""] != nil
}
