package azuresim

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Administrator is how a tenant's administrator answers the page that asks for
// consent to an application. The zero value consents.
type Administrator struct {
	// Refuses cancels, with Error (empty: permission_denied) and Description
	// (empty: "The admin canceled the request").
	Refuses     bool
	Error       string
	Description string
	// TenantID is the tenant that the administrator signs in to, whatever the
	// address said: consent is given there, and there comes back. Empty: the
	// tenant of the address.
	TenantID string
	// State replaces the state that came. Empty: it comes back as it was.
	State string
}

// SetAdministrator says how the administrator of a tenant answers from now on
// at {authority}/{tenant}/adminconsent. It tells whether the tenant was there.
func (s *Simulator) SetAdministrator(tenantID string, a Administrator) bool {
	t := s.tenantByID(tenantID)
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.administrator = a
	return true
}

// adminConsent answers the page that asks an administrator for consent. The
// administrator decides at once, and the answer is a redirect back.
func (x *exchange) adminConsent(tenantName string) answer {
	if x.record.Method != http.MethodGet {
		return x.plain(http.StatusMethodNotAllowed, "")
	}
	t, refusal := x.tenantAtAuthority(tenantName)
	if refusal != nil {
		return x.consentError(refusal)
	}
	query, err := url.ParseQuery(x.record.Query)
	if err != nil {
		return x.consentError(&tokenError{number: 90100, message: "The query is not valid."})
	}
	clientID := strings.ToLower(query.Get("client_id"))
	app := x.sim.application(clientID)
	if app == nil {
		return x.consentError(&tokenError{number: 700016, message: notInDirectory(clientID, t)})
	}
	info := app.snapshot()
	back, refusal := returnAddress(info, query.Get("redirect_uri"))
	if refusal != nil {
		return x.consentError(refusal)
	}
	t.mu.RLock()
	admin := t.administrator
	t.mu.RUnlock()
	result := back.Query()
	tenantID := t.info.ID
	if admin.TenantID != "" {
		tenantID = strings.ToLower(admin.TenantID)
	}
	result.Set("tenant", tenantID)
	if state := query.Get("state"); state != "" {
		result.Set("state", state)
	}
	if admin.State != "" {
		result.Set("state", admin.State)
	}
	code, description := admin.Error, admin.Description
	if !admin.Refuses {
		if err := x.sim.consent(tenantID, info.ClientID, nil); err == nil {
			result.Set("admin_consent", "True")
			return x.redirect(back, result)
		}
		code, description = "access_denied", "The application cannot be consented to in this tenant."
	}
	if code == "" {
		code = "permission_denied"
	}
	if description == "" {
		description = "The admin canceled the request"
	}
	result.Set("error", code)
	result.Set("error_description", description)
	return x.redirect(back, result)
}

// returnAddress checks where the administrator is sent back to.
func returnAddress(info Application, address string) (*url.URL, *tokenError) {
	refuse := func() (*url.URL, *tokenError) {
		return nil, &tokenError{number: 50011, message: "The redirect URI specified in the request does not match the redirect URIs configured for the application '" + info.ClientID + "'."}
	}
	if address == "" {
		return nil, missingParameter("redirect_uri")
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Fragment != "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopbackHost(u.Host)) {
		return refuse()
	}
	if info.RedirectURIs == nil {
		return u, nil
	}
	for _, known := range info.RedirectURIs {
		if known == address {
			return u, nil
		}
	}
	return refuse()
}

func (x *exchange) redirect(back *url.URL, query url.Values) answer {
	to := *back
	to.RawQuery = query.Encode()
	a := x.plain(http.StatusFound, "")
	a.header.Set("Location", to.String())
	a.header.Set("Cache-Control", "no-store, no-cache")
	return a
}

// consentError is a page for a person: there is nowhere to send it back to.
func (x *exchange) consentError(e *tokenError) answer {
	return x.plain(http.StatusBadRequest, "AADSTS"+strconv.Itoa(e.number)+": "+e.message)
}

// noteConsent writes into the record which application asks for consent.
func (x *exchange) noteConsent() {
	if !strings.HasSuffix(x.path, "/adminconsent") {
		return
	}
	if query, err := url.ParseQuery(x.record.Query); err == nil {
		x.record.ClientID = strings.ToLower(query.Get("client_id"))
	}
}
