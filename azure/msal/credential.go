package msal

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/internal/guid"
)

// Credential gives tokens of one application for any tenant that has it. Make
// one for each application and cloud and share it. It is safe for concurrent
// use, starts no goroutine but the requests that somebody waits for, and needs
// no closing.
type Credential struct{ of sealed[*asker] }

// asker is what a Credential is made of.
type asker struct {
	clientID  string
	kind      string
	proofs    func(context.Context) ([]Proof, error)
	ends      time.Time // zero: not known
	options   Options
	authority authority
	http      pipelined

	mu    sync.Mutex
	cache cache
}

var _ azcore.TokenCredential = (*Credential)(nil)

// NewClientSecretCredential makes a credential of a client secret. clientID is
// the application's id, a GUID; secret is the secret's value, not its id.
// options may be nil.
func NewClientSecretCredential(clientID, secret string, options *Options) (*Credential, error) {
	if secret == "" {
		return nil, errors.New("msal: the client secret is empty")
	}
	return fixed(clientID, Secret(secret), options)
}

// NewClientCertificateCredential makes a credential of a certificate; what
// certs and key must be, and how to read them, is said at [Certificate]. options
// may be nil.
func NewClientCertificateCredential(clientID string, certs []*x509.Certificate, key crypto.PrivateKey, options *Options) (*Credential, error) {
	p, err := Certificate(certs, key)
	if err != nil {
		return nil, err
	}
	return fixed(clientID, p, options)
}

// NewClientAssertionCredential makes a credential of a callback that answers
// assertions which somebody else has signed, such as the projected service
// account token of workload identity:
//
//	func(context.Context) (string, error) {
//		token, err := os.ReadFile(os.Getenv("AZURE_FEDERATED_TOKEN_FILE"))
//		return string(token), err
//	}
//
// The callback is called for each token request, by several goroutines at once,
// with a context that ends when nobody waits any more. Its error is found by
// errors.Is and its text is never shown. options may be nil.
func NewClientAssertionCredential(clientID string, getAssertion func(context.Context) (string, error), options *Options) (*Credential, error) {
	if getAssertion == nil {
		return nil, errors.New("msal: the assertion callback is nil")
	}
	return fixed(clientID, assertion(getAssertion), options)
}

// NewRotatingCredential makes a credential of a callback that answers the
// secrets and certificates the application has at this moment, newest first.
// When Entra refuses one as wrong, expired or unknown, the next is tried, so
// that a rotation may begin at either end: the new one is in the callback before
// Entra knows it, or the old one is gone from Entra before it is gone from the
// callback. One that is refused while another is taken costs a request per
// tenant in each Options.RefusalMemory. What was refused is forgotten when the
// callback answers something else.
//
// The callback is called for each token request and, while a refusal is
// remembered, for each GetToken of that token; by several goroutines at once;
// with a context that ends when nobody waits any more. Let it keep what is slow
// to fetch. Its error is found by errors.Is and its text is never shown. options
// may be nil.
func NewRotatingCredential(clientID string, proofs func(context.Context) ([]Proof, error), options *Options) (*Credential, error) {
	if proofs == nil {
		return nil, errors.New("msal: the callback is nil")
	}
	return newCredential(clientID, "rotating", proofs, options)
}

func fixed(clientID string, p Proof, options *Options) (*Credential, error) {
	proofs := []Proof{p}
	c, err := newCredential(clientID, p.of().kind, func(context.Context) ([]Proof, error) { return proofs, nil }, options)
	if err == nil {
		c.of().ends = p.of().ends
	}
	return c, err
}

func newCredential(clientID, kind string, proofs func(context.Context) ([]Proof, error), options *Options) (*Credential, error) {
	if !guid.Valid(clientID) {
		return nil, fmt.Errorf("msal: the client id %.40q is not a GUID", clientID)
	}
	o, err := options.resolved()
	if err != nil {
		return nil, err
	}
	a, err := newAuthority(o.Cloud)
	if err != nil {
		return nil, err
	}
	p, err := newPipelined(&o, a)
	if err != nil {
		return nil, err
	}
	return &Credential{seal(&asker{
		clientID:  guid.Canonical(clientID),
		kind:      kind,
		proofs:    proofs,
		options:   o,
		authority: a,
		http:      p,
		cache:     newCache(o.MaxTenants),
	})}, nil
}

// request is a checked policy.TokenRequestOptions.
type request struct {
	tenant string
	scopes []string
	claims string
	cae    bool
}

// GetToken answers a token for options.Scopes in the tenant options.TenantID,
// a GUID, or Options.TenantID where it is empty. options.Claims, decoded JSON,
// is what a claims challenge asked for. options.EnableCAE declares the client
// capability CP1, that is, that the caller handles such challenges; tokens with
// and without it are kept apart.
//
// The package's documentation says when Entra is asked. RefreshOn is set where
// Entra gave a time at which to renew; azcore's bearer policy then calls again
// while others go on with the old token. A context that has ended, or ends while
// the caller waits, is an error at once. Errors are of type [*Error].
func (c *Credential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if c == nil || c.of == nil {
		return azcore.AccessToken{}, invalid("", "the Credential was not made by a constructor")
	}
	return c.of().token(ctx, options)
}

func (a *asker) token(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	r, err := a.check(options)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	if ctx.Err() != nil {
		return azcore.AccessToken{}, gaveUp(r.tenant, ctx.Err())
	}
	a.mu.Lock()
	s := a.cache.slot(r.tenant, slotKey{cae: r.cae, scopes: joined(r.scopes)})
	if s.serves(r.claims, time.Now()) {
		token := s.token
		a.mu.Unlock()
		return token, nil
	}
	f := a.join(ctx, s, r)
	a.mu.Unlock()
	return a.await(ctx, f, s, r)
}

// check answers *Error as error only where there is one.
func (a *asker) check(options policy.TokenRequestOptions) (request, error) {
	r := request{tenant: options.TenantID, scopes: options.Scopes, claims: options.Claims, cae: options.EnableCAE}
	if r.tenant == "" {
		r.tenant = a.options.TenantID
	}
	switch {
	case r.tenant == "":
		return r, invalid("", "neither the request nor Options.TenantID names a tenant")
	case !guid.Valid(r.tenant):
		return r, invalid("", fmt.Sprintf("the tenant %.40q is not a GUID", r.tenant))
	case len(r.scopes) == 0:
		return r, invalid(r.tenant, "the request names no scope")
	}
	for _, scope := range r.scopes {
		if scope == "" || strings.ContainsAny(scope, " \t\r\n") {
			return r, invalid(r.tenant, "a scope is empty or holds a space")
		}
	}
	if r.claims != "" {
		var object struct {
			AccessToken map[string]json.RawMessage `json:"access_token"` // MSAL adds the capability to it
		}
		if r.claims == "null" || json.Unmarshal([]byte(r.claims), &object) != nil {
			return r, invalid(r.tenant, "the claims are not a JSON object as challenges have it; they must be decoded")
		}
	}
	r.tenant = guid.Canonical(r.tenant)
	return r, nil
}

func joined(scopes []string) string {
	if len(scopes) == 1 {
		return scopes[0]
	}
	return strings.Join(scopes, " ")
}

// Discard forgets a token wherever it is kept, so that the next GetToken asks
// Entra: call it with a token that Microsoft rejected (401). Tokens are compared
// by value: however often and by however many it is called, a newer token stays.
// An unknown token is nothing.
func (c *Credential) Discard(token string) {
	if c == nil || c.of == nil {
		return
	}
	a := c.of()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cache.discard(token)
}

// ExpiresOn answers when the certificate of a credential made by
// [NewClientCertificateCredential] expires, that of the key and not of its
// chain. False where that is not known: a secret and an assertion do not say
// when they end, and what a rotating credential proves itself with is known to
// its callback alone, which is not called. It costs nothing and asks nobody;
// Microsoft may have been told to refuse the certificate sooner.
func (c *Credential) ExpiresOn() (time.Time, bool) {
	if c == nil || c.of == nil {
		return time.Time{}, false
	}
	ends := c.of().ends
	return ends, !ends.IsZero()
}

// String answers the application, the kind of proof and the authority.
func (c *Credential) String() string {
	if c == nil || c.of == nil {
		return "msal.Credential(none)"
	}
	a := c.of()
	return fmt.Sprintf("msal.Credential(client id %s, %s, %s)", a.clientID, a.kind, a.authority.host)
}

// GoString answers String.
func (c *Credential) GoString() string { return c.String() }

// Format writes String, whatever the verb.
func (c *Credential) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// LogValue answers String.
func (c *Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }
