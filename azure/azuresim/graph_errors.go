package azuresim

import (
	"encoding/json"
	"net/http"
)

const (
	jsonType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
	// Codes of Graph's that are used more than once.
	codeBadRequest  = "Request_BadRequest"
	codeUnsupported = "Request_UnsupportedQuery"
	codeNotFound    = "Request_ResourceNotFound"
	codeDenied      = "Authorization_RequestDenied"

	messageDenied = "Insufficient privileges to complete the operation."
)

// graphAnswer is an answer of Graph's without a body. The items of a batch have
// no ids of their own in their headers.
func (x *exchange) graphAnswer(status int) answer {
	a := answer{status: status, header: make(http.Header, 8)}
	a.header["Cache-Control"] = []string{"no-cache"}
	if x.record.ItemID != "" {
		return a
	}
	id := x.requestID()
	a.header["Request-Id"] = []string{id}
	client := x.record.Header.Get("Client-Request-Id")
	if client == "" {
		client = id
	}
	a.header["Client-Request-Id"] = []string{client}
	return a
}

// graphJSON is an answer of Graph's that carries a document.
func (x *exchange) graphJSON(status int, document any) answer {
	body, err := json.Marshal(document)
	if err != nil {
		panic("azuresim: " + err.Error()) // only documents made here come by
	}
	a := x.graphAnswer(status)
	a.header["Content-Type"] = []string{jsonType}
	a.body = body
	return a
}

// graphError is an error in Graph's envelope.
func (x *exchange) graphError(status int, code, message string) answer {
	type inner struct {
		Date            string `json:"date"`
		RequestID       string `json:"request-id"`
		ClientRequestID string `json:"client-request-id"`
	}
	type detail struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Inner   inner  `json:"innerError"`
	}
	client := x.record.Header.Get("Client-Request-Id")
	if client == "" {
		client = x.requestID()
	}
	return x.graphJSON(status, map[string]detail{"error": {code, message, inner{
		Date:      x.now.UTC().Format("2006-01-02T15:04:05"),
		RequestID: x.requestID(), ClientRequestID: client,
	}}})
}

func (x *exchange) badRequest(message string) answer {
	return x.graphError(http.StatusBadRequest, codeBadRequest, message)
}

func (x *exchange) forbidden() answer {
	return x.graphError(http.StatusForbidden, codeDenied, messageDenied)
}

func (x *exchange) notFound(what string) answer {
	return x.graphError(http.StatusNotFound, codeNotFound,
		"Resource '"+what+"' does not exist or one of its queried reference-property objects are not present.")
}
