package azuresim

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// token answers a token request: the grant client_credentials and no other.
func (x *exchange) token(tenantName string) answer {
	t, refusal := x.tenantAtAuthority(tenantName)
	if refusal != nil {
		return refusal.answer(x)
	}
	form, refusal := x.tokenForm()
	if refusal != nil {
		return refusal.answer(x)
	}
	switch grant := form.Get("grant_type"); grant {
	case "client_credentials":
	case "":
		return missingParameter("grant_type").answer(x)
	default:
		return (&tokenError{number: 70003, message: "The app requested an unsupported grant type '" + grant + "'."}).answer(x)
	}
	clientID := strings.ToLower(form.Get("client_id"))
	if clientID == "" {
		return missingParameter("client_id").answer(x)
	}
	app := x.sim.application(clientID)
	if app == nil {
		return (&tokenError{number: 700016, message: notInDirectory(clientID, t)}).answer(x)
	}
	info := app.snapshot()
	method, refusal := x.authenticate(t, app, info, form)
	if refusal != nil {
		return refusal.answer(x)
	}
	grant, refusal := x.grant(t, info, form)
	if refusal != nil {
		return refusal.answer(x)
	}
	grant.AppIDACR = method
	signed, err := x.sim.key.sign(grant)
	if err != nil {
		return x.plain(http.StatusInternalServerError, err.Error())
	}
	lifetime := grant.Expires - grant.IssuedAt
	return x.entraJSON(http.StatusOK, map[string]any{
		"token_type":     "Bearer",
		"expires_in":     lifetime,
		"ext_expires_in": lifetime,
		"access_token":   signed,
	})
}

func missingParameter(name string) *tokenError {
	return &tokenError{number: 900144, message: "The request body must contain the following parameter: '" + name + "'."}
}

func notInDirectory(clientID string, t *tenant) string {
	return fmt.Sprintf("Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.", clientID, t.info.ID)
}

// tokenForm reads the body of a token request, and a client that names itself
// by HTTP Basic.
func (x *exchange) tokenForm() (url.Values, *tokenError) {
	kind, _, _ := strings.Cut(x.record.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return nil, &tokenError{number: 900144, message: "The request body must be of type application/x-www-form-urlencoded."}
	}
	form, err := url.ParseQuery(string(x.body))
	if err != nil {
		return nil, &tokenError{number: 90100, message: "The request body is not valid."}
	}
	if encoded, ok := strings.CutPrefix(x.record.Header.Get("Authorization"), "Basic "); ok {
		raw, err := base64.StdEncoding.DecodeString(encoded)
		id, secret, found := strings.Cut(string(raw), ":")
		if err != nil || !found {
			return nil, &tokenError{number: 90100, message: "The Authorization header is not valid."}
		}
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
		if form.Get("client_id") == "" {
			form.Set("client_id", id)
		}
		form.Set("client_secret", secret)
	}
	return form, nil
}

// authenticate checks the client's credential. The answer is the appidacr
// claim: 1 for a secret, 2 for an assertion.
func (x *exchange) authenticate(t *tenant, app *application, info Application, form url.Values) (string, *tokenError) {
	secret, assertion := form.Get("client_secret"), form.Get("client_assertion")
	switch {
	case assertion != "":
		if kind := form.Get("client_assertion_type"); kind != jwtBearer {
			return "", missingParameter("client_assertion_type")
		}
		return "2", x.checkAssertion(t, app, info, assertion)
	case secret != "":
		return "1", x.checkSecret(info, secret)
	default:
		return "", &tokenError{number: 7000216, message: "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."}
	}
}

func (x *exchange) checkSecret(info Application, secret string) *tokenError {
	number := 7000215
	for _, known := range info.Secrets {
		if subtle.ConstantTimeCompare([]byte(known.Value), []byte(secret)) != 1 {
			continue
		}
		if known.Expires.IsZero() || x.now.Before(known.Expires) {
			return nil
		}
		number = 7000222
	}
	return &tokenError{number: number, message: aadstsMessage(number, info.ClientID)}
}

// grant decides what the token will say: for which resource, with which roles.
func (x *exchange) grant(t *tenant, info Application, form url.Values) (*accessClaims, *tokenError) {
	t.mu.RLock()
	p := t.principals[info.ClientID]
	var roles []string
	var objectID string
	var disabled bool
	if p != nil {
		roles, objectID, disabled = p.roles, p.objectID, p.disabled
	}
	t.mu.RUnlock()
	switch {
	case p == nil && info.SingleTenant && info.TenantID != t.info.ID:
		return nil, &tokenError{number: 700016, message: notInDirectory(info.ClientID, t)}
	case p == nil:
		return nil, &tokenError{number: 7000229, message: fmt.Sprintf("The client application %s is missing service principal in the tenant %s. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119", info.ClientID, t.info.ID)}
	case disabled:
		return nil, &tokenError{number: 7000112, message: fmt.Sprintf("Application '%s'(%s) is disabled.", info.ClientID, info.Name)}
	}
	audience, intune, refusal := x.resource(t, form.Get("scope"))
	if refusal != nil {
		return nil, refusal
	}
	asked, err := parseClaimsParameter(form.Get("claims"))
	if err != nil {
		return nil, &tokenError{number: 90100, message: "The claims parameter is not valid JSON."}
	}
	now := x.now.Unix()
	return &accessClaims{
		Audience: audience, Issuer: "https://sts.windows.net/" + t.info.ID + "/",
		IDP:      "https://sts.windows.net/" + t.info.ID + "/",
		IssuedAt: now, NotBefore: now, Expires: now + int64(x.sim.options.TokenLifetime/time.Second),
		AppID: info.ClientID, IDType: "app", ObjectID: objectID, Subject: objectID,
		TenantID: t.info.ID, UTI: x.sim.random.guid(), Version: "1.0",
		Roles:        rolesOf(roles, intune),
		Capabilities: asked.capabilities, Answered: asked.notBefore,
	}, nil
}

// rolesOf keeps the roles that belong to the resource.
func rolesOf(all []string, intune bool) []string {
	return slices.DeleteFunc(slices.Clone(all), func(role string) bool {
		switch role {
		case "update_device_attributes", "manage_partner_compliance_policy":
			return !intune
		}
		return intune
	})
}

// resource reads the scope parameter, which has to be one resource with
// /.default behind it; the scopes of OpenID are ignored beside it. It answers
// the audience exactly as it was asked for, and whether it means Intune.
func (x *exchange) resource(t *tenant, scope string) (string, bool, *tokenError) {
	if scope == "" {
		return "", false, missingParameter("scope")
	}
	resource := ""
	for one := range strings.FieldsSeq(scope) {
		switch one {
		case "openid", "profile", "offline_access", "email":
			continue
		}
		name, ok := strings.CutSuffix(one, "/.default")
		if !ok || resource != "" {
			return "", false, &tokenError{number: 1002012, message: "The provided value for scope " + scope + " is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."}
		}
		resource = name
	}
	cloud := t.info.Cloud
	switch strings.TrimSuffix(resource, "/") {
	case cloud.GraphURL(), graphAppID:
		return resource, false, nil
	case "https://api." + cloud.manageDomain(), intuneAppID:
		if cloud.manageDomain() != "" {
			return resource, true, nil
		}
	case x.base():
		// A simulator on loopback is every resource by its own address.
		if isLoopbackHost(x.record.Host) {
			return resource, false, nil
		}
	}
	if resource == "" {
		return "", false, &tokenError{number: 70011, message: "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope " + scope + " is not valid."}
	}
	return "", false, &tokenError{number: 500011, message: fmt.Sprintf("The resource principal named %s was not found in the tenant named %s. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.", resource, t.info.ID)}
}
