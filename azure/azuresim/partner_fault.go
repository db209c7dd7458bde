package azuresim

import "net/http"

// PartnerFault is a failure in the words of the partner service that was
// called, inside an answer of HTTP status 200 or of Fault.Status. Nothing is
// done, unless Fault.Acts.
type PartnerFault struct {
	// ErrorCode refuses an upload, or is the code of the status that a poll
	// finds. Empty: 500.
	ErrorCode string
	// ErrorDetail is the text beside it. Empty: null.
	ErrorDetail string
	// Status is what a poll finds. Empty: Failed.
	Status string
	// Provisioned is what the answer to a provisioning says. The zero value is
	// the failure that public code knows.
	Provisioned int
	// HTTPStatusCode is HttpStatusCode in the answer to a provisioning. Zero:
	// 200.
	HTTPStatusCode int
}

// answer writes the failure in the words of the service that was called.
func (f *PartnerFault) answer(x *exchange, status int) answer {
	code := f.ErrorCode
	if code == "" {
		code = "500"
	}
	route, _ := parsePartnerPath(x.path)
	var a answer
	switch {
	case route.resource == resourceTenants:
		inside := f.HTTPStatusCode
		if inside == 0 {
			inside = http.StatusOK
		}
		a = x.provisionAnswer(zeroGUID, f.Provisioned, inside, f.ErrorDetail)
	case route.resource == resourcePolicies:
		a = x.unregistered()
	case x.record.Method == http.MethodGet:
		poll := f.Status
		if poll == "" {
			poll = "Failed"
		}
		a = x.statusAnswer(poll, code, f.ErrorDetail)
	default:
		a = x.verdict(code, f.ErrorDetail)
	}
	if status != 0 {
		a.status = status
	}
	return a
}
