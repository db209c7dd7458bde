package azuresim_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// rsaKeys are made once: each takes a tenth of a second.
var rsaKeys = sync.OnceValue(func() (keys [2]*rsa.PrivateKey) {
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// issue makes a certificate; a nil parent signs itself.
func issue(t testing.TB, name string, key *rsa.PrivateKey, from, to time.Time, parent *x509.Certificate, parentKey *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(from.Unix() + int64(len(name))), Subject: pkix.Name{CommonName: name},
		NotBefore: from, NotAfter: to, BasicConstraintsValid: true, IsCA: parent == nil,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// assertion is a client assertion before it is signed.
type assertion struct {
	header, claims map[string]any
	key            crypto.Signer
}

func (a assertion) sign(t testing.TB) string {
	t.Helper()
	encode := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	signed := encode(a.header) + "." + encode(a.claims)
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	switch a.header["alg"] {
	case "PS256":
		signature, err = a.key.Sign(rand.Reader, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case "EdDSA":
		signature, err = a.key.Sign(rand.Reader, []byte(signed), crypto.Hash(0))
	case "none":
	default:
		signature, err = a.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	}
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (w *world) assertionForm(text string) url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {w.app.ClientID},
		"scope":                 {"https://graph.microsoft.com/.default"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {text},
	}
}

func short(c *x509.Certificate, encoding *base64.Encoding) string {
	sum := sha1.Sum(c.Raw)
	return encoding.EncodeToString(sum[:])
}

func long(c *x509.Certificate, encoding *base64.Encoding) string {
	sum := sha256.Sum256(c.Raw)
	return encoding.EncodeToString(sum[:])
}

func TestCertificateAssertion(t *testing.T) {
	now := time.Now()
	keys := rsaKeys()
	registered := issue(t, "mdm.example", keys[0], now.Add(-time.Hour), now.Add(time.Hour), nil, nil)
	other := issue(t, "other.example", keys[1], now.Add(-time.Hour), now.Add(time.Hour), nil, nil)
	old := issue(t, "old.example", keys[0], now.Add(-2*time.Hour), now.Add(-time.Hour), nil, nil)
	rotated := issue(t, "rotated.example", keys[0], now.Add(-time.Hour), now.Add(time.Hour), other, keys[1])
	roots := x509.NewCertPool()
	roots.AddCert(other)
	der := func(c *x509.Certificate) string { return base64.StdEncoding.EncodeToString(c.Raw) }

	tests := []struct {
		name   string
		change func(w *world, a *assertion)
		want   int // AADSTS number; zero: a token
	}{
		{"PS256 and x5t#S256", nil, 0},
		{"padded, standard alphabet", func(_ *world, a *assertion) { a.header["x5t#S256"] = long(registered, base64.StdEncoding) }, 0},
		{"RS256 and x5t", func(_ *world, a *assertion) {
			delete(a.header, "x5t#S256")
			a.header["alg"], a.header["x5t"] = "RS256", short(registered, base64.RawURLEncoding)
		}, 0},
		{"both thumbprints", func(_ *world, a *assertion) { a.header["x5t"] = short(registered, base64.URLEncoding) }, 0},
		{"audience is the issuer", func(w *world, a *assertion) {
			a.claims["aud"] = "https://login.microsoftonline.com/" + w.tenant.ID + "/v2.0"
		}, 0},
		{"audience in a list", func(w *world, a *assertion) { a.claims["aud"] = []string{"x", a.claims["aud"].(string)} }, 0},
		{"audience by an alias of the authority", func(w *world, a *assertion) {
			a.claims["aud"] = "https://login.windows.net/contoso.example/oauth2/token"
		}, 0},
		{"times in quotes", func(_ *world, a *assertion) { a.claims["exp"] = "9999999999" }, 0},
		{"within the clock skew", func(_ *world, a *assertion) { a.claims["exp"] = now.Add(-2 * time.Minute).Unix() }, 0},

		{"no JWT", func(_ *world, a *assertion) { a.header["alg"] = map[string]any{} }, 50027},
		{"no thumbprint", func(_ *world, a *assertion) { delete(a.header, "x5t#S256") }, 50027},
		{"expired", func(_ *world, a *assertion) { a.claims["exp"] = now.Add(-10 * time.Minute).Unix() }, 700024},
		{"not yet valid", func(_ *world, a *assertion) { a.claims["nbf"] = now.Add(10 * time.Minute).Unix() }, 700024},
		{"issued later, no nbf", func(_ *world, a *assertion) {
			delete(a.claims, "nbf")
			a.claims["iat"] = now.Add(10 * time.Minute).Unix()
		}, 700024},
		{"never expires", func(_ *world, a *assertion) { delete(a.claims, "exp") }, 50027},
		{"no jti", func(_ *world, a *assertion) { delete(a.claims, "jti") }, 50027},
		{"subject of another", func(_ *world, a *assertion) { a.claims["sub"] = "someone" }, 700021},
		{"issuer of another", func(_ *world, a *assertion) { a.claims["iss"] = "someone" }, 700211},
		{"audience of another tenant", func(_ *world, a *assertion) {
			a.claims["aud"] = "https://login.microsoftonline.com/33333333-3333-4333-8333-333333333333/oauth2/v2.0/token"
		}, 700023},
		{"audience at another host", func(w *world, a *assertion) {
			a.claims["aud"] = "https://example.com/" + w.tenant.ID + "/oauth2/v2.0/token"
		}, 700023},
		{"signed by another key", func(_ *world, a *assertion) { a.key = keys[1] }, 700027},
		{"another algorithm than the header says", func(_ *world, a *assertion) {
			delete(a.header, "x5t#S256")
			a.header["x5t"] = short(registered, base64.RawURLEncoding)
			a.header["alg"] = "none"
		}, 50027},
		{"certificate not registered", func(_ *world, a *assertion) {
			a.key, a.header["x5t#S256"] = keys[1], long(other, base64.RawURLEncoding)
		}, 700027},
		{"certificate not registered, with its chain", func(_ *world, a *assertion) {
			a.key, a.header["x5t#S256"], a.header["x5c"] = keys[1], long(other, base64.RawURLEncoding), []string{der(other)}
		}, 700027},
		{"one thumbprint fits, one does not", func(_ *world, a *assertion) { a.header["x5t"] = short(other, base64.RawURLEncoding) }, 700027},
		{"thumbprint is no base64", func(_ *world, a *assertion) { a.header["x5t#S256"] = "***" }, 700027},
		{"certificate expired", func(_ *world, a *assertion) { a.header["x5t#S256"] = long(old, base64.RawURLEncoding) }, 700027},

		{"trusted by subject and issuer", func(w *world, a *assertion) {
			w.sim.UpdateApplication(w.app.ClientID, func(app *azuresim.Application) {
				app.SubjectNames = []azuresim.SubjectName{{Subject: "nobody"}, {Subject: "rotated.example", Roots: roots}}
			})
			a.header["x5t#S256"], a.header["x5c"] = long(rotated, base64.RawURLEncoding), []string{der(rotated), der(other)}
		}, 0},
		{"subject is not trusted", func(w *world, a *assertion) {
			w.sim.UpdateApplication(w.app.ClientID, func(app *azuresim.Application) {
				app.SubjectNames = []azuresim.SubjectName{{Subject: "mdm.example", Roots: roots}}
			})
			a.header["x5t#S256"], a.header["x5c"] = long(rotated, base64.RawURLEncoding), []string{der(rotated)}
		}, 700030},
		{"issuer is not trusted", func(w *world, a *assertion) {
			w.sim.UpdateApplication(w.app.ClientID, func(app *azuresim.Application) {
				app.SubjectNames = []azuresim.SubjectName{{Subject: "old.example", Roots: roots}}
				app.Certificates = nil
			})
			a.header["x5t#S256"], a.header["x5c"] = long(old, base64.RawURLEncoding), []string{der(old)}
		}, 700030},
		{"chain of another certificate", func(w *world, a *assertion) {
			w.sim.UpdateApplication(w.app.ClientID, func(app *azuresim.Application) {
				app.SubjectNames = []azuresim.SubjectName{{Subject: "rotated.example", Roots: roots}}
			})
			a.header["x5t#S256"], a.header["x5c"] = long(rotated, base64.RawURLEncoding), []string{der(other)}
		}, 50027},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.sim.UpdateApplication(w.app.ClientID, func(a *azuresim.Application) {
				a.Secrets, a.Certificates = nil, []*x509.Certificate{old, registered}
			})
			a := assertion{
				header: map[string]any{"typ": "JWT", "alg": "PS256", "x5t#S256": long(registered, base64.RawURLEncoding)},
				claims: map[string]any{
					"aud": "https://login.microsoftonline.com/" + w.tenant.ID + "/oauth2/v2.0/token",
					"iss": w.app.ClientID, "sub": w.app.ClientID, "jti": "a",
					"nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
				},
				key: keys[0],
			}
			if test.change != nil {
				test.change(w, &a)
			}
			r := w.form(t, w.tenant.ID, w.assertionForm(a.sign(t)))
			if test.want == 0 {
				if r.status != 200 {
					t.Fatalf("no token: %d %s", r.status, r.body)
				}
				var answer struct {
					Token string `json:"access_token"`
				}
				if err := json.Unmarshal([]byte(r.body), &answer); err != nil {
					t.Fatal(err)
				}
				if got := claimsOf(t, answer.Token)["appidacr"]; got != "2" {
					t.Errorf("appidacr: got %v, want 2", got)
				}
				return
			}
			if got := readRefusal(t, r); got.Number != test.want {
				t.Errorf("got %+v, want %d", got, test.want)
			}
		})
	}
}

func TestAssertionReplay(t *testing.T) {
	now := time.Now()
	key := rsaKeys()[0]
	certificate := issue(t, "mdm.example", key, now.Add(-time.Hour), now.Add(time.Hour), nil, nil)
	for _, refuse := range []bool{false, true} {
		w := newWorld(t, &azuresim.Options{RefuseReplayedAssertions: refuse})
		w.sim.UpdateApplication(w.app.ClientID, func(a *azuresim.Application) { a.Certificates = []*x509.Certificate{certificate} })
		form := w.assertionForm(assertion{
			header: map[string]any{"alg": "PS256", "x5t#S256": long(certificate, base64.RawURLEncoding)},
			claims: map[string]any{
				"aud": "https://login.microsoftonline.com/" + w.tenant.ID + "/v2.0",
				"iss": w.app.ClientID, "sub": w.app.ClientID, "jti": "once", "exp": now.Add(time.Minute).Unix(),
			},
			key: key,
		}.sign(t))
		if r := w.form(t, w.tenant.ID, form); r.status != 200 {
			t.Fatalf("first time: %d %s", r.status, r.body)
		}
		want := 200
		if refuse {
			want = 401
		}
		if r := w.form(t, w.tenant.ID, form); r.status != want {
			t.Errorf("second time with RefuseReplayedAssertions %t: got %d, want %d", refuse, r.status, want)
		}
		form.Set("client_assertion_type", "other")
		if got := readRefusal(t, w.form(t, w.tenant.ID, form)); got.Number != 900144 {
			t.Errorf("unknown assertion type: %+v", got)
		}
	}
}

func TestFederatedAssertion(t *testing.T) {
	now := time.Now()
	rsaKey := rsaKeys()[0]
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name           string
		header, claims map[string]any
		key            crypto.Signer
		want           int
	}{
		{"RSA", nil, nil, rsaKey, 0},
		{"Ed25519", map[string]any{"alg": "EdDSA", "kid": "ed"}, nil, edKey, 0},
		{"without a key id", map[string]any{"alg": "EdDSA", "kid": "?"}, nil, edKey, 0},
		{"other issuer", nil, map[string]any{"iss": "https://other.example"}, rsaKey, 700211},
		{"other subject", nil, map[string]any{"sub": "system:serviceaccount:b"}, rsaKey, 700213},
		{"other audience", nil, map[string]any{"aud": "api://other"}, rsaKey, 700212},
		{"expired", nil, map[string]any{"exp": now.Add(-time.Hour).Unix()}, rsaKey, 700024},
		{"wrong key", nil, nil, rsaKeys()[1], 50013},
		{"key does not fit the algorithm", map[string]any{"alg": "RS256", "kid": "ec"}, nil, rsaKey, 50013},
		{"symmetric", map[string]any{"alg": "HS256"}, nil, rsaKey, 50013},
		{"EC signature in the wrong form", map[string]any{"alg": "ES256", "kid": "ec"}, nil, ecKey, 50013},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.sim.UpdateApplication(w.app.ClientID, func(a *azuresim.Application) {
				a.Secrets = nil
				a.Federated = []azuresim.FederatedCredential{{
					Issuer: "https://cluster.example", Subject: "system:serviceaccount:a", Audience: "api://AzureADTokenExchange",
					Keys: map[string]crypto.PublicKey{"rsa": &rsaKey.PublicKey, "ec": &ecKey.PublicKey, "ed": edPublic, "": edPublic},
				}}
			})
			a := assertion{
				header: map[string]any{"alg": "RS256", "kid": "rsa"},
				claims: map[string]any{
					"iss": "https://cluster.example", "sub": "system:serviceaccount:a", "aud": []string{"api://AzureADTokenExchange"},
					"exp": now.Add(time.Hour).Unix(),
				},
				key: test.key,
			}
			maps.Copy(a.header, test.header)
			maps.Copy(a.claims, test.claims)
			r := w.form(t, w.tenant.ID, w.assertionForm(a.sign(t)))
			if test.want == 0 {
				if r.status != 200 {
					t.Errorf("no token: %d %s", r.status, r.body)
				}
				return
			}
			if got := readRefusal(t, r); got.Number != test.want {
				t.Errorf("got %+v, want %d", got, test.want)
			}
		})
	}
}

func TestFederatedAudienceHasADefault(t *testing.T) {
	w := newWorld(t, nil)
	app := w.sim.AddApplication(azuresim.Application{Federated: []azuresim.FederatedCredential{{Issuer: "https://cluster.example"}}})
	if got := app.Federated[0].Audience; got != "api://AzureADTokenExchange" {
		t.Errorf("audience: %q", got)
	}
	if len(app.Secrets) != 0 {
		t.Error("a secret was made up beside the federated credential")
	}
	if strings.Contains(app.ClientID, "-") != true {
		t.Errorf("client id: %q", app.ClientID)
	}
}
