package intune

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

// Check asks how a message stands: see [azure.Checker].
func (r *Reporter) Check(ctx context.Context, receipt azure.Receipt) (azure.Receipt, error) {
	const op = "intune: check"
	if receipt.Channel != Channel {
		return receipt, &azure.Error{
			Op: op, Kind: azure.ErrUnsupported, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent,
			Err: fmt.Errorf("the receipt is of the channel %s", shown(receipt.Channel)),
		}
	}
	if receipt.State == status.Successful || receipt.State == status.Failed {
		return receipt, nil
	}
	if !guid.Valid(receipt.TenantID) || !guid.Valid(receipt.MessageID) {
		return receipt, &azure.Error{
			Op: op, Kind: azure.ErrInvalid, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent,
			Err: fmt.Errorf("the receipt's TenantID %s or MessageID %s is not a GUID", shown(receipt.TenantID), shown(receipt.MessageID)),
		}
	}
	tenantID, messageID := guid.Canonical(receipt.TenantID), guid.Canonical(receipt.MessageID)
	answer, at, failure := r.ask(ctx, op, tenantID, messageID)
	if failure == nil && answer.StatusCode == http.StatusNotFound {
		// A service that has moved does not know the message where it was.
		moved, lost := r.discover(ctx, op, tenantID)
		if lost != nil {
			return receipt, lost
		}
		if moved.device != at.device {
			answer, _, failure = r.ask(ctx, op, tenantID, messageID)
		}
	}
	if failure != nil {
		return receipt, failure
	}
	if answer.StatusCode == http.StatusNotFound {
		e := wire.Failure(op, answer)
		e.Kind, e.Scope, e.Outcome = azure.ErrRejected, azure.ScopeDevice, azure.OutcomeUnknown
		e.Err = errors.New("the message is not known to Microsoft")
		receipt.State, receipt.Failure = status.Failed, e
		return receipt, nil
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return receipt, elsewhere(wire.Failure(op, answer))
	}
	var v verdict
	if err := json.Unmarshal(answer.Body, &v); err != nil || v.Status == "" {
		e := wire.Failure(op, answer)
		e.Err = errors.New("the answer holds no status of the message")
		return receipt, e
	}
	switch v.Status {
	case "Completed":
		receipt.State = status.Successful
	case "Failed":
		receipt.State, receipt.Failure = status.Failed, v.refusal(op, answer)
	}
	return receipt, nil
}

// ask asks the device service about a message, and answers where that was.
func (r *Reporter) ask(ctx context.Context, op, tenantID, messageID string) (wire.Answer, services, *azure.Error) {
	at, failure := r.discover(ctx, op, tenantID)
	if failure != nil {
		return wire.Answer{}, at, failure
	}
	if at.device == "" {
		return wire.Answer{}, at, r.unpublished(op, tenantID, deviceService, at)
	}
	answer, tries, failure := r.tenants.Send(ctx, wire.Request{
		Op: op, Tenant: tenantID, Method: http.MethodGet, URL: messageURL(at.device, messageID), ClientRequestID: guid.New(),
	})
	r.doubt(ctx, tenantID, tries, answer.StatusCode)
	return answer, at, failure
}
