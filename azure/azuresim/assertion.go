package azuresim

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// assertionClaims are the claims of a client assertion.
type assertionClaims struct {
	Audience  audiences   `json:"aud"`
	Issuer    string      `json:"iss"`
	Subject   string      `json:"sub"`
	ID        string      `json:"jti"`
	Expires   numericDate `json:"exp"`
	NotBefore numericDate `json:"nbf"`
	IssuedAt  numericDate `json:"iat"`
}

// clockSkew is how far Entra lets an assertion's times be off: a guess.
const clockSkew = 5 * time.Minute

// parseAssertion takes a client assertion apart without trusting it.
func parseAssertion(text string) (parsedJWT, assertionClaims, error) {
	token, err := parseJWT(text)
	if err != nil {
		return parsedJWT{}, assertionClaims{}, err
	}
	var claims assertionClaims
	if err := json.Unmarshal(token.payload, &claims); err != nil {
		return parsedJWT{}, assertionClaims{}, err
	}
	return token, claims, nil
}

// checkAssertion tells why a client assertion does not stand for the
// application; nil when it does. One whose issuer is the client id is signed
// by a certificate, any other comes from a federated issuer.
func (x *exchange) checkAssertion(t *tenant, app *application, info Application, text string) *tokenError {
	token, claims, err := parseAssertion(text)
	if err != nil {
		return &tokenError{number: 50027, message: "JWT token is invalid or malformed."}
	}
	if refusal := x.checkAssertionTimes(claims); refusal != nil {
		return refusal
	}
	if strings.EqualFold(claims.Issuer, info.ClientID) {
		if refusal := x.checkCertificateAssertion(t, info, token, claims); refusal != nil {
			return refusal
		}
		return x.checkReplay(app, claims)
	}
	return x.checkFederated(info, token, claims)
}

func (x *exchange) checkAssertionTimes(claims assertionClaims) *tokenError {
	if !claims.Expires.given {
		return &tokenError{number: 50027, message: "JWT token is invalid or malformed: there is no exp claim."}
	}
	from := claims.NotBefore
	if !from.given {
		from = claims.IssuedAt
	}
	tooEarly := from.given && x.now.Add(clockSkew).Before(from.at)
	if tooEarly || !x.now.Before(claims.Expires.at.Add(clockSkew)) {
		const layout = "2006-01-02T15:04:05.0000000Z"
		return &tokenError{number: 700024, message: fmt.Sprintf("Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, expiry time of assertion %s. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .",
			x.now.UTC().Format(layout), from.at.UTC().Format(layout), claims.Expires.at.UTC().Format(layout))}
	}
	return nil
}

func (x *exchange) checkCertificateAssertion(t *tenant, info Application, token parsedJWT, claims assertionClaims) *tokenError {
	if !strings.EqualFold(claims.Subject, info.ClientID) {
		return &tokenError{number: 700021, message: "Client assertion application identifier doesn't match 'client_id' parameter."}
	}
	if !x.tokenEndpointAudience(t, claims.Audience) {
		return &tokenError{number: 700023, message: "Client assertion audience claim does not match Realm issuer. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials ."}
	}
	if claims.ID == "" {
		return &tokenError{number: 50027, message: "JWT token is invalid or malformed: there is no jti claim."}
	}
	if alg := token.header.Algorithm; alg != "RS256" && alg != "PS256" {
		return &tokenError{number: 50027, message: "JWT token is invalid or malformed: the algorithm is not supported."}
	}
	certificate, refusal := x.assertionCertificate(info, token)
	if refusal != nil {
		return refusal
	}
	if err := token.verify(certificate.PublicKey); err != nil {
		return notRegistered(info, "The key was not found or the signature is invalid.", token)
	}
	if x.now.After(certificate.NotAfter) {
		return notRegistered(info, "The key used is expired.", token)
	}
	return nil
}

func notRegistered(info Application, reason string, token parsedJWT) *tokenError {
	named := ""
	if raw, ok := thumbprint(token.header.Thumb + token.header.ThumbS256); ok && len(raw) > 0 {
		named = fmt.Sprintf(" Thumbprint of key used by client: '%X',", raw)
	}
	return &tokenError{number: 700027, message: fmt.Sprintf("The certificate with identifier used to sign the client assertion is not registered on application. [Reason - %s,%s Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '%s'.]", reason, named, info.ClientID)}
}

// assertionCertificate finds the certificate that an assertion names: one that
// is registered, or the leaf of x5c where the application trusts its name.
func (x *exchange) assertionCertificate(info Application, token parsedJWT) (*x509.Certificate, *tokenError) {
	named := thumbprints(token.header)
	if len(named) == 0 {
		return nil, &tokenError{number: 50027, message: "Invalid JWT token. No certificate thumbprint specified in token header."}
	}
	for _, registered := range info.Certificates {
		if named.match(registered) {
			return registered, nil
		}
	}
	if len(token.header.CertsChain) == 0 || len(info.SubjectNames) == 0 {
		return nil, notRegistered(info, "The key was not found.", token)
	}
	chain, err := parseChain(token.header.CertsChain)
	if err != nil || !named.match(chain[0]) {
		return nil, &tokenError{number: 50027, message: "JWT token is invalid or malformed: x5c does not hold the certificate that the header names."}
	}
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	for _, name := range info.SubjectNames {
		leaf := chain[0]
		if name.Roots == nil || leaf.Subject.CommonName != name.Subject && !slices.Contains(leaf.DNSNames, name.Subject) {
			continue
		}
		_, err := leaf.Verify(x509.VerifyOptions{
			Roots: name.Roots, Intermediates: intermediates, CurrentTime: x.now,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		})
		if err == nil {
			return leaf, nil
		}
	}
	return nil, &tokenError{number: 700030, message: "Invalid certificate - subject name in certificate is not authorized."}
}

func parseChain(encoded []string) ([]*x509.Certificate, error) {
	chain := make([]*x509.Certificate, 0, len(encoded))
	for _, one := range encoded {
		der, err := base64.StdEncoding.DecodeString(one)
		if err != nil {
			return nil, err
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		chain = append(chain, certificate)
	}
	return chain, nil
}

// namedThumbprints are the thumbprints of a header; all have to fit.
type namedThumbprints [][]byte

func thumbprints(h jwtHeader) namedThumbprints {
	var named namedThumbprints
	for _, text := range []string{h.Thumb, h.ThumbS256} {
		if text == "" {
			continue
		}
		raw, ok := thumbprint(text)
		if !ok {
			raw = nil // fits nothing
		}
		named = append(named, raw)
	}
	return named
}

func (n namedThumbprints) match(c *x509.Certificate) bool {
	short, long := sha1.Sum(c.Raw), sha256.Sum256(c.Raw)
	for _, raw := range n {
		if !bytes.Equal(raw, short[:]) && !bytes.Equal(raw, long[:]) {
			return false
		}
	}
	return true
}

// tokenEndpointAudience tells whether an assertion is meant for this
// authority: its token endpoint or issuer, of the tenant, by any of its names.
func (x *exchange) tokenEndpointAudience(t *tenant, named audiences) bool {
	bases := []string{x.base()}
	for _, alias := range t.info.Cloud.authorityAliases() {
		bases = append(bases, "https://"+alias)
	}
	for _, audience := range named {
		for _, base := range bases {
			rest, ok := strings.CutPrefix(audience, base+"/")
			if !ok {
				continue
			}
			name, rest, _ := strings.Cut(rest, "/")
			if !strings.EqualFold(name, t.info.ID) && !(t.info.Domain != "" && strings.EqualFold(name, t.info.Domain)) {
				continue
			}
			switch rest {
			case "oauth2/v2.0/token", "oauth2/token", "v2.0", "v2.0/", "":
				return true
			}
		}
	}
	return false
}

// checkReplay remembers an assertion, and refuses it the second time where the
// options say so.
func (x *exchange) checkReplay(app *application, claims assertionClaims) *tokenError {
	if !x.sim.options.RefuseReplayedAssertions {
		return nil
	}
	app.mu.Lock()
	defer app.mu.Unlock()
	if len(app.seen) >= app.sweepAt { // seldom enough to cost nothing on average
		for id, end := range app.seen {
			if x.now.After(end) {
				delete(app.seen, id)
			}
		}
		app.sweepAt = 2*len(app.seen) + 64
	}
	if _, again := app.seen[claims.ID]; again {
		return &tokenError{number: 50013, message: "Assertion failed signature validation. [Reason - The assertion has been used before.]"}
	}
	app.seen[claims.ID] = claims.Expires.at.Add(clockSkew)
	return nil
}

// checkFederated checks the token of an outside issuer.
func (x *exchange) checkFederated(info Application, token parsedJWT, claims assertionClaims) *tokenError {
	number, what, value := 700211, "issuer", claims.Issuer
	for _, credential := range info.Federated {
		if credential.Issuer != claims.Issuer {
			continue
		}
		if credential.Subject != claims.Subject {
			number, what, value = 700213, "subject", claims.Subject
			continue
		}
		if !slices.Contains(claims.Audience, credential.Audience) {
			number, what, value = 700212, "audience", strings.Join(claims.Audience, ",")
			continue
		}
		key, found := credential.Keys[token.header.KeyID]
		if !found {
			key, found = credential.Keys[""]
		}
		if !found || token.verify(key) != nil {
			return &tokenError{number: 50013, message: "Assertion failed signature validation. [Reason - The key was not found.]"}
		}
		return nil
	}
	return &tokenError{number: number, message: fmt.Sprintf("No matching federated identity record found for presented assertion %s '%s'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation", what, value)}
}
