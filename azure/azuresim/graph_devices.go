package azuresim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// messageNotWindows is Microsoft's own sentence, met in public reports.
const messageNotWindows = "Properties other than ExtendedAttribute1..15 can be modified only on windows devices."

// deviceKey says which device a route names. The refusal is nil where it is
// well formed.
func (x *exchange) deviceKey(route graphRoute) (id string, byDeviceID bool, refused *answer) {
	s := route.segments[len(route.segments)-1]
	id = s.name
	if s.keyed {
		id = s.key
		switch s.keyName {
		case "":
		case "deviceId":
			byDeviceID = true
		default:
			a := x.badRequest("The key '" + s.keyName + "' is no key of the resource 'Device'.")
			return "", false, &a
		}
	}
	if !isGUID(id) {
		a := x.badRequest("Invalid object identifier '" + id + "'.")
		if byDeviceID {
			a = x.badRequest("Invalid value specified for property 'deviceId' of resource 'Device'.")
		}
		return "", false, &a
	}
	return strings.ToLower(id), byDeviceID, nil
}

// findLocked finds a device record by its key; nil where there is none.
func (t *tenant) findLocked(id string, byDeviceID bool) *record {
	if byDeviceID {
		return t.byDevice[id]
	}
	return t.byObject[id]
}

// getDevice answers GET of one device, as far as reads see it.
func (x *exchange) getDevice(route graphRoute, query url.Values) answer {
	if !x.caller.allowed(rolesReadDevice...) {
		return x.forbidden()
	}
	id, byDeviceID, refused := x.deviceKey(route)
	if refused != nil {
		return *refused
	}
	chosen, refused := x.selection(query, "$select")
	if refused != nil {
		return *refused
	}
	t := x.caller.tenant
	t.mu.RLock()
	var state Device
	found := false
	if rec := t.findLocked(id, byDeviceID); rec != nil {
		state, found = x.sim.seen(rec, x.now)
	}
	t.mu.RUnlock()
	if !found {
		return x.notFound(id)
	}
	a := x.graphAnswer(http.StatusOK)
	a.header["Content-Type"] = []string{jsonType}
	a.body = append(a.body, `{"@odata.context":`...)
	a.body = appendJSON(a.body, x.graphRoot()+"/v1.0/$metadata#devices/$entity")
	a.body = append(a.body, ',')
	a.body = appendProperties(a.body, &state, chosen)
	a.body = append(a.body, '}')
	return a
}

// graphRoot is the address of Graph by which the client knows it.
func (x *exchange) graphRoot() string { return x.base() }

// patchDevice answers PATCH of one device.
func (x *exchange) patchDevice(route graphRoute) answer {
	if !x.caller.allowed(rolesWriteDevice...) {
		return x.forbidden()
	}
	id, byDeviceID, refused := x.deviceKey(route)
	if refused != nil {
		return *refused
	}
	text, refused := x.document()
	if refused != nil {
		return *refused
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(text, &body); err != nil || body == nil {
		return x.badRequest("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	t := x.caller.tenant
	t.mu.Lock()
	defer t.mu.Unlock()
	rec := t.findLocked(id, byDeviceID)
	if rec == nil || x.now.Before(rec.visible) || !rec.current.DeletedAt.IsZero() {
		return x.notFound(id)
	}
	if rec.current.Restricted {
		return x.forbidden()
	}
	next, refused := x.patched(rec.current, body)
	if refused != nil {
		return *refused
	}
	x.sim.replaceLocked(rec, next)
	x.sim.recordWriteLocked(t, rec, Write{
		Request: x.record.Number, ClientID: x.caller.claims.AppID, Method: http.MethodPatch, Body: string(text),
	})
	return x.graphAnswer(http.StatusNoContent)
}

// deleteDevice answers DELETE of one device.
func (x *exchange) deleteDevice(route graphRoute) answer {
	if !x.caller.allowed(rolesDeleteDevice...) {
		return x.forbidden()
	}
	id, byDeviceID, refused := x.deviceKey(route)
	if refused != nil {
		return *refused
	}
	t := x.caller.tenant
	t.mu.Lock()
	defer t.mu.Unlock()
	rec := t.findLocked(id, byDeviceID)
	if rec == nil || x.now.Before(rec.visible) || !rec.current.DeletedAt.IsZero() {
		return x.notFound(id)
	}
	if rec.current.Restricted {
		return x.forbidden()
	}
	x.sim.deleteLocked(t, rec)
	x.sim.recordWriteLocked(t, rec, Write{
		Request: x.record.Number, ClientID: x.caller.claims.AppID, Method: http.MethodDelete,
	})
	return x.graphAnswer(http.StatusNoContent)
}
