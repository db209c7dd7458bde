package msal

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
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
	refused, err := a.remembered(s, r, proofs, set)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	// What was refused lately comes last: it is worth a request only where the
	// others are refused now, since then something has changed at Entra.
	order := make([]int, 0, 2*len(proofs))
	for i := range proofs {
		if refused[i] == nil {
			order = append(order, i)
		}
	}
	if len(order) > 0 {
		for i := range proofs {
			if refused[i] != nil {
				order = append(order, i)
			}
		}
	}
	for _, i := range order {
		token, err := a.askWith(ctx, s.tenant, r, proofs[i])
		if err == nil {
			a.forget(s.tenant, proofs[i])
			return token, nil
		}
		a.remember(s, r, proofs[i], set, err)
		if !err.proofRefused() {
			return azcore.AccessToken{}, err
		}
		refused[i] = err
	}
	return azcore.AccessToken{}, refused[0]
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

// remembered answers the refusal that still stands for the request, if any, and
// those of the proofs by their index. Where the callback answers something else
// than the last time, what was refused is forgotten.
func (a *asker) remembered(s *slot, r request, proofs []Proof, set proofID) ([]*Error, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, now := s.tenant, time.Now()
	if t.proofs != set {
		t.retain(proofs, set)
	}
	if s.refusal.live(now) && s.refusal.claims == r.claims && s.refusal.proofs == set {
		return nil, s.refusal.err
	}
	refused := make([]*Error, len(proofs))
	for i, p := range proofs {
		if known := t.refused[p.of().id]; known.live(now) {
			refused[i] = known.err
		}
	}
	return refused, nil
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

// forget takes back the refusal of a proof that has been taken.
func (a *asker) forget(t *tenant, p Proof) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(t.refused, p.of().id)
}

// retain goes over to another set of proofs.
func (t *tenant) retain(proofs []Proof, set proofID) {
	t.proofs = set
	clear(t.refused)
	maps.DeleteFunc(t.clients, func(key clientKey, _ *confidential.Client) bool {
		return !slices.ContainsFunc(proofs, func(p Proof) bool { return p.of().id == key.proof })
	})
}
