package azuresim

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// serveGraph answers Microsoft Graph: first the token, then the route.
func (x *exchange) serveGraph() answer {
	if x.denied != nil {
		return *x.denied
	}
	if !graphPath(x.path) {
		return x.graphError(http.StatusBadRequest, "BadRequest", "Invalid version.")
	}
	route, err := parseGraphPath(x.graphPath())
	if err != nil {
		return x.badRequest("The request URI is not valid.")
	}
	if route.is("$batch") {
		return x.batch()
	}
	return x.operation(route)
}

// operation answers one operation, single or of a batch: its quota, then what
// it does.
func (x *exchange) operation(route graphRoute) answer {
	write := x.record.Method != http.MethodGet
	intune := len(route.segments) > 0 && route.segments[0].name == "deviceManagement"
	charged, refused := x.charge(write, intune)
	if refused != nil {
		return *refused
	}
	a := x.act(route)
	for name, value := range charged {
		a.header[name] = []string{value}
	}
	return a
}

// act routes an operation.
func (x *exchange) act(route graphRoute) answer {
	query, err := url.ParseQuery(x.record.Query)
	if err != nil {
		return x.badRequest("The query is not valid.")
	}
	method := x.record.Method
	switch {
	case route.is("devices"):
		if method == http.MethodGet {
			return x.listDevices(query)
		}
	case route.is("devices()"), route.is("devices", "*"):
		switch method {
		case http.MethodGet:
			return x.getDevice(route, query)
		case http.MethodPatch:
			return x.patchDevice(route)
		case http.MethodDelete:
			return x.deleteDevice(route)
		}
	case route.is("users()"), route.is("users", "*"):
		if method == http.MethodGet {
			return x.getUser(route, query)
		}
	case route.is("groups"), route.is("groups()"), route.is("groups", "*"):
		if method == http.MethodGet {
			return x.readGroups(route, query)
		}
	case route.is("servicePrincipals"):
		if method == http.MethodGet {
			return x.listPrincipals(query)
		}
	case route.is("servicePrincipals()"), route.is("servicePrincipals", "*"),
		route.is("servicePrincipals()", "endpoints"), route.is("servicePrincipals", "*", "endpoints"):
		if method == http.MethodGet {
			return x.getPrincipal(route)
		}
	case route.is("deviceManagement", "complianceManagementPartners"),
		route.is("deviceManagement", "complianceManagementPartners", "*"),
		route.is("deviceManagement", "complianceManagementPartners()"):
		if method == http.MethodGet {
			return x.compliancePartners(route)
		}
	default:
		name := ""
		if len(route.segments) > 0 {
			name = route.segments[0].name
		}
		return x.graphError(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '"+name+"'.")
	}
	return x.graphError(http.StatusMethodNotAllowed, codeBadRequest, "Specified HTTP method is not allowed for the request target.")
}

// document is the request body as JSON text, decompressed. The refusal is
// nil where the body is to be had.
func (x *exchange) document() ([]byte, *answer) {
	refuse := func(a answer) ([]byte, *answer) { return nil, &a }
	kind, _, _ := strings.Cut(x.record.Header.Get("Content-Type"), ";")
	kind = strings.TrimSpace(kind)
	if kind == "" {
		return refuse(x.badRequest("Write requests (excluding DELETE) must contain the Content-Type header declaration."))
	}
	if !strings.EqualFold(kind, "application/json") {
		return refuse(x.graphError(http.StatusUnsupportedMediaType, codeBadRequest, "A supported MIME type could not be found that matches the content type of the request."))
	}
	body := x.body
	switch encoding := x.record.Header.Get("Content-Encoding"); strings.ToLower(encoding) {
	case "", "identity":
	case "gzip":
		unzip, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(io.LimitReader(unzip, x.sim.options.MaxBodyBytes+1))
		}
		if err != nil {
			return refuse(x.badRequest("The body is not compressed as Content-Encoding says."))
		}
		if int64(len(body)) > x.sim.options.MaxBodyBytes {
			return refuse(x.plain(http.StatusRequestEntityTooLarge, ""))
		}
	default:
		return refuse(x.graphError(http.StatusUnsupportedMediaType, codeBadRequest, "The content encoding is not supported."))
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return refuse(x.badRequest("Empty Payload. JSON content expected."))
	}
	return body, nil
}
