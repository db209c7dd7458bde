package msal

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
)

// ask goes to Entra with each proof in turn, newest first, until one is taken
// or something else than the proof is refused.
func (a *asker) ask(ctx context.Context, s *slot, r request) (azcore.AccessToken, *Error) {
	proofs, failed := a.read(ctx, r.tenant)
	if failed != nil {
		return azcore.AccessToken{}, failed
	}
	set := setID(proofs)
	if err := a.remembered(s, r, proofs, set); err != nil {
		return azcore.AccessToken{}, err
	}
	var first *Error
	for _, p := range proofs {
		err := a.rememberedProof(s.tenant, p)
		if err == nil {
			var token azcore.AccessToken
			if token, err = a.askWith(ctx, s.tenant, r, p); err == nil {
				return token, nil
			}
			a.remember(s, r, p, set, err)
		}
		if !err.proofRefused() {
			return azcore.AccessToken{}, err
		}
		if first == nil {
			first = err
		}
	}
	return azcore.AccessToken{}, first
}

// read asks the callback for the proofs and leaves out doubles.
func (a *asker) read(ctx context.Context, tenant string) ([]Proof, *Error) {
	all, err := a.proofs(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, &Error{TenantID: tenant, what: "the token request was given up: " + ended(ctx.Err()), cause: seal(ctx.Err())}
	case err != nil:
		return nil, &Error{TenantID: tenant, what: "the callback for secrets and certificates failed", cause: seal(err)}
	case len(all) == 0:
		return nil, &Error{TenantID: tenant, Code: "invalid_client", what: "the callback for secrets and certificates gave none"}
	}
	seen := make(map[proofID]bool, len(all))
	proofs := make([]Proof, 0, len(all))
	for _, p := range all {
		if p.of == nil {
			return nil, &Error{TenantID: tenant, Code: "invalid_client", what: "the callback for secrets and certificates gave an empty one"}
		}
		if !seen[p.of().id] {
			seen[p.of().id] = true
			proofs = append(proofs, p)
		}
	}
	return proofs, nil
}

func setID(proofs []Proof) proofID {
	sum := sha256.New()
	for _, p := range proofs {
		sum.Write(p.of().id[:])
	}
	var id proofID
	sum.Sum(id[:0])
	return id
}

// askWith makes one acquisition through MSAL.
func (a *asker) askWith(ctx context.Context, t *tenant, r request, p Proof) (azcore.AccessToken, *Error) {
	client, err := a.client(t, r.cae, p)
	if err != nil {
		return azcore.AccessToken{}, invalid(r.tenant, "MSAL refused to make a client")
	}
	// MSAL's cache is kept empty, for it would answer a discarded token again.
	// Its applications' tokens are those of an account that is a host alone.
	defer client.RemoveAccount(ctx, confidential.Account{Environment: a.authority.host})

	var x exchange
	var got confidential.AuthResult
	for range 2 {
		x = exchange{}
		got, err = client.AcquireTokenByCredential(withExchange(ctx, &x), r.scopes, confidential.WithClaims(r.claims))
		// MSAL lets concurrent requests of one client share the fetch of the
		// metadata, and with it the end of another request's context. A
		// failure without a call of our own was another's.
		if err == nil || x.called || x.callback != nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return azcore.AccessToken{}, x.failure(ctx, r.tenant)
	}
	return azcore.AccessToken{
		Token:     got.AccessToken,
		ExpiresOn: got.ExpiresOn.UTC(),
		RefreshOn: got.Metadata.RefreshOn.UTC(),
	}, nil
}

// client finds or makes the tenant's MSAL client for a proof.
func (a *asker) client(t *tenant, cae bool, p Proof) (*confidential.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := clientKey{cae, p.of().id}
	if client, ok := t.clients[key]; ok {
		return client, nil
	}
	options := []confidential.Option{
		confidential.WithHTTPClient(a.http),
		confidential.WithX5C(),
		confidential.WithAzureRegion("DisableMsalForceRegion"), // or MSAL obeys an environment variable
		confidential.WithInstanceDiscovery(!a.authority.known && !a.options.DisableInstanceDiscovery),
	}
	if cae {
		options = append(options, confidential.WithClientCapabilities([]string{"CP1"}))
	}
	client, err := confidential.New(a.authority.of(t.id), a.clientID, p.of().cred, options...)
	if err != nil {
		return nil, err
	}
	if t.clients == nil {
		t.clients = map[clientKey]*confidential.Client{}
	}
	t.clients[key] = &client
	return &client, nil
}

// remembered answers the refusal that still stands for this request, and
// forgets what belongs to proofs that are no longer there.
func (a *asker) remembered(s *slot, r request, proofs []Proof, set proofID) *Error {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.tenant.retain(proofs)
	if s.refusal.live(time.Now()) && s.refusal.claims == r.claims && s.refusal.proofs == set {
		return s.refusal.err
	}
	return nil
}

func (a *asker) rememberedProof(t *tenant, p Proof) *Error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known := t.refused[p.of().id]; known.live(time.Now()) {
		return known.err
	}
	return nil
}

func (a *asker) remember(s *slot, r request, p Proof, set proofID, err *Error) {
	if a.options.RefusalMemory < 0 || !err.refused() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	known := refusal{err: err, claims: r.claims, proofs: set, until: time.Now().Add(a.options.RefusalMemory)}
	if !err.proofRefused() {
		s.refusal = known
		return
	}
	if s.tenant.refused == nil {
		s.tenant.refused = map[proofID]refusal{}
	}
	s.tenant.refused[p.of().id] = known
}

// retain forgets clients and refusals of proofs that are not among these.
func (t *tenant) retain(proofs []Proof) {
	among := func(id proofID) bool {
		for _, p := range proofs {
			if p.of().id == id {
				return true
			}
		}
		return false
	}
	for key := range t.clients {
		if !among(key.proof) {
			delete(t.clients, key)
		}
	}
	for id := range t.refused {
		if !among(id) {
			delete(t.refused, id)
		}
	}
}
