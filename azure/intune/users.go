package intune

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// user answers the object id of a report's user: its own, or that of its user
// principal name. A device that is to be locked out is not kept from it by a
// lookup that fails, where the id was known once.
func (r *Reporter) user(ctx context.Context, op string, report *azure.Report) (string, *azure.Error) {
	if report.UserID != "" {
		return report.UserID, nil
	}
	key := report.TenantID + " " + strings.ToLower(report.UserPrincipalName)
	last, known, fresh := r.users.Get(key)
	if fresh {
		return last, nil
	}
	id, err := r.lookups.Do(ctx, key, func() (string, error) {
		// Another may have put it there between the look above and now.
		if id, _, fresh := r.users.Get(key); fresh {
			return id, nil
		}
		id, failure := r.lookUpUser(ctx, op, report.TenantID, report.UserPrincipalName)
		if failure != nil {
			return "", failure
		}
		r.users.Put(key, id)
		return id, nil
	})
	if err == nil {
		return id, nil
	}
	if known && report.State != compliance.StateCompliant && ctx.Err() == nil {
		return last, nil
	}
	return "", asFailure(op, err)
}

// lookUpUser asks Microsoft Graph for a user, inside the body of a batch: in
// an address the name would be read by every proxy between.
func (r *Reporter) lookUpUser(ctx context.Context, op, tenantID, name string) (string, *azure.Error) {
	at := "/users('" + url.PathEscape(strings.ReplaceAll(name, "'", "''")) + "')?$select=id"
	body, err := json.Marshal(map[string]any{
		"requests": []map[string]string{{"id": "1", "method": http.MethodGet, "url": at}},
	})
	if err != nil {
		return "", &azure.Error{Op: op, Kind: azure.ErrInvalid, Scope: azure.ScopeDevice, Outcome: azure.OutcomeNotSent, Err: err}
	}
	id := guid.New()
	answer, _, failure := r.graphTenants.Send(ctx, wire.Request{
		Op: op, Tenant: tenantID, Method: http.MethodPost, URL: r.graph + "/$batch", Body: body, ClientRequestID: id,
	})
	if failure != nil {
		failure.Outcome = azure.OutcomeNotSent
		return "", failure
	}
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusFailedDependency {
		return "", asking(wire.Failure(op, answer, name))
	}
	var read struct {
		Responses []struct {
			ID      string          `json:"id"`
			Status  int             `json:"status"`
			Headers map[string]any  `json:"headers"`
			Body    json.RawMessage `json:"body"`
		} `json:"responses"`
	}
	if json.Unmarshal(answer.Body, &read) != nil || len(read.Responses) != 1 || read.Responses[0].ID != "1" {
		e := asking(wire.Failure(op, answer, name))
		e.Err = errors.New("the answer of Microsoft Graph has not the one item that was asked for")
		return "", e
	}
	item := read.Responses[0]
	if item.Status == http.StatusOK {
		var user struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(item.Body, &user) == nil && guid.Valid(user.ID) {
			return guid.Canonical(user.ID), nil
		}
	}
	e := wire.Failure(op, wire.Answer{
		StatusCode: item.Status, Header: itemHeader(item.Headers), Body: item.Body, ClientRequestID: id,
	}, name)
	e.Outcome = azure.OutcomeNotSent
	if item.Status == http.StatusNotFound {
		e.Kind = azure.ErrUserNotFound
	}
	return "", e
}

// itemHeader looks up the headers of a batch's item.
type itemHeader map[string]any

func (h itemHeader) Get(name string) string {
	for key, value := range h {
		if s, ok := value.(string); ok && strings.EqualFold(key, name) {
			return s
		}
	}
	return ""
}
