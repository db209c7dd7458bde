package azuresim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// tokenError is a refusal of Entra's token service.
type tokenError struct {
	number  int
	message string // without the number and the trailer
	claims  string
}

// aadsts says how each refusal travels: the OAuth error and the status.
// Numbers and names are Microsoft's; statuses were read from public traces
// where one was found, else 400 (401 for invalid_client) is a guess.
func aadsts(number int) (oauthError string, status int) {
	switch number {
	case 7000215, 7000216, 7000218, 7000222, 7000229,
		700021, 700023, 700024, 700027, 700030,
		700211, 700212, 700213, 50012, 50013, 50027:
		return "invalid_client", http.StatusUnauthorized
	case 700016, 7000112:
		return "unauthorized_client", http.StatusBadRequest
	case 70003:
		return "unsupported_grant_type", http.StatusBadRequest
	case 70011, 1002012:
		return "invalid_scope", http.StatusBadRequest
	case 500011:
		return "invalid_resource", http.StatusBadRequest
	case 65001, 650052, 53003, 50076, 50079, 50105, 70008, 700082:
		return "invalid_grant", http.StatusBadRequest
	case 90033, 90092:
		return "temporarily_unavailable", http.StatusServiceUnavailable
	default:
		return "invalid_request", http.StatusBadRequest
	}
}

// aadstsMessage is a text for a number that is answered on script.
func aadstsMessage(number int, clientID string) string {
	switch number {
	case 7000215:
		return fmt.Sprintf("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", clientID)
	case 7000222:
		return fmt.Sprintf("The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.", clientID)
	case 700016:
		return fmt.Sprintf("Application with identifier '%s' was not found in the directory. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.", clientID)
	case 65001:
		return fmt.Sprintf("The user or administrator has not consented to use the application with ID '%s'. Send an interactive authorization request for this user and resource.", clientID)
	case 90033:
		return "A transient error has occurred. Please try again."
	case 53003:
		return "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."
	default:
		return "The request was refused on script."
	}
}

// answer writes the refusal as the token service does.
func (e *tokenError) answer(x *exchange) answer {
	oauthError, status := aadsts(e.number)
	trace, stamp := x.sim.random.guid(), x.now.UTC().Format("2006-01-02 15:04:05Z")
	correlation := x.correlationID()
	host := "login.microsoftonline.com"
	if x.place.cloud != "" {
		host = x.place.cloud.authorityHost()
	}
	body := struct {
		Error         string `json:"error"`
		Description   string `json:"error_description"`
		Codes         []int  `json:"error_codes"`
		Timestamp     string `json:"timestamp"`
		TraceID       string `json:"trace_id"`
		CorrelationID string `json:"correlation_id"`
		URI           string `json:"error_uri"`
		Claims        string `json:"claims,omitempty"`
	}{
		Error: oauthError,
		Description: fmt.Sprintf("AADSTS%d: %s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s",
			e.number, e.message, trace, correlation, stamp),
		Codes:         []int{e.number},
		Timestamp:     stamp,
		TraceID:       trace,
		CorrelationID: correlation,
		URI:           "https://" + host + "/error?code=" + strconv.Itoa(e.number),
		Claims:        e.claims,
	}
	return x.entraJSON(status, body)
}

// entraJSON answers a JSON document with the headers of the token service.
func (x *exchange) entraJSON(status int, document any) answer {
	body, err := json.Marshal(document)
	if err != nil {
		panic("azuresim: " + err.Error()) // only documents made here come by
	}
	a := answer{status: status, header: http.Header{}, body: body}
	a.header.Set("Content-Type", "application/json; charset=utf-8")
	a.header.Set("Cache-Control", "no-store, no-cache")
	a.header.Set("Pragma", "no-cache")
	a.header.Set("X-Ms-Request-Id", x.requestID())
	if x.record.Header.Get("Return-Client-Request-Id") == "true" {
		a.header.Set("Client-Request-Id", x.correlationID())
	}
	return a
}
