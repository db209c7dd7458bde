package graph

import (
	"context"
	"net/http"
	"slices"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// Preflight implements [azure.Preflighter] for Windows devices: the token, the
// credential's end, the clock, and the permissions to read and to write. The
// proof of a permission is a harmless call: a device id made up for the
// occasion, which a permitted application is told is not there. Whether the
// application is an approved MDM cannot be seen without writing a device.
func (r *Reporter) Preflight(ctx context.Context, tenantID string, platforms ...azure.Platform) []azure.Finding {
	if !slices.Contains(platforms, azure.PlatformWindows) {
		return nil
	}
	p := &wire.Preflight{Channel: Channel}
	const token, read, write = "token", "read devices", "write devices"
	if !guid.Valid(tenantID) {
		p.Add("tenant", azure.CheckFailed, "the tenant's id is not a GUID", "give the tenant's directory id")
		return p.Findings
	}
	tenantID = guid.Canonical(tenantID)
	if !p.Token(ctx, r.cred, token, r.scope, tenantID) {
		p.Expiry(r.cred)
		p.Skip("clock", token)
		p.Skip(read, token)
		p.Skip(write, token)
		r.approval(p)
		return p.Findings
	}
	p.Expiry(r.cred)

	const nobody = `{"isManaged":true,"isCompliant":false}`
	dated := r.probe(ctx, p, read, http.MethodGet, tenantID, nil, "consent to Device.Read.All or Device.ReadWrite.All for the application")
	r.probe(ctx, p, write, http.MethodPatch, tenantID, []byte(nobody), "consent to Device.ReadWrite.All for the application")
	if dated != nil {
		p.Clock(*dated)
	} else {
		p.Skip("clock", read)
	}
	r.approval(p)
	return p.Findings
}

// probe asks for a device that does not exist: 404 says that asking is
// permitted. It answers what came back, nil where nothing did.
func (r *Reporter) probe(ctx context.Context, p *wire.Preflight, check, method, tenantID string, body []byte, advice string) *wire.Answer {
	at := string(appendDevice([]byte(r.base.String()), guid.New()))
	if method == http.MethodGet {
		at += "?$select=id"
	}
	answer, _, failure := r.tenants.Send(ctx, wire.Request{
		Op: "graph: preflight", Tenant: tenantID, Method: method, URL: at, Body: body,
		ClientRequestID: guid.New(), Retry: r.retrying(true),
	})
	if failure != nil {
		p.Fail(check, "see whether this machine reaches Microsoft Graph", failure)
		return nil
	}
	if answer.StatusCode == http.StatusNotFound {
		p.Add(check, azure.CheckPassed, "permitted: a device that does not exist was answered 404", "")
	} else {
		p.Fail(check, advice, wire.Failure("graph: preflight", answer))
	}
	return &answer
}

func (r *Reporter) approval(p *wire.Preflight) {
	p.Add("approved MDM application", azure.CheckNotPossible,
		"only a report of a real Windows device shows it: ErrForbidden where the approval is missing",
		"report one Windows device, and read it back with Verify: mdmAppId names the MDM that Microsoft holds responsible")
}
