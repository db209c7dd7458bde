package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/status"
)

// shownDevice is a device as it is shown: the Azure Device Details, and in one
// sentence why it is not reported or not compliant.
type shownDevice struct {
	reporting.Device
	Explanation string `json:"explanation"`
}

func show(d reporting.Device) shownDevice { return shownDevice{d, d.Explain()} }

// getDevice answers one device.
func (s *service) getDevice(w http.ResponseWriter, r *http.Request) {
	f, ok := filter(w, r)
	if !ok {
		return
	}
	d, err := s.engine.Device(r.Context(), f.TenantID, f.DeviceID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, show(d))
}

// getDevices answers the devices that match, one JSON object a line, as they
// are read: nothing is locked while a slow client takes its time. An answer
// that cannot be completed is cut off, so that it cannot pass for a whole one.
func (s *service) getDevices(w http.ResponseWriter, r *http.Request) {
	f, ok := filter(w, r)
	if !ok {
		return
	}
	limit := -1 // none
	if text := r.FormValue("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
			badQuery(w, "limit", text, "is not a number above 0")
			return
		}
	}
	lines := newLines(w)
	for d, err := range s.engine.Devices(r.Context(), f) {
		if err == nil && s.stopping.Err() != nil {
			err = http.ErrServerClosed
		}
		if err != nil {
			lines.fail(s, r, err)
			return
		}
		if !lines.write(show(d)) {
			return
		}
		if limit--; limit == 0 {
			break
		}
	}
	lines.flush()
}

// filter reads a filter from the address and the query. It answers false after
// it has answered the request with what is wrong.
func filter(w http.ResponseWriter, r *http.Request) (reporting.Filter, bool) {
	f := reporting.Filter{TenantID: r.PathValue("tenant"), DeviceID: r.PathValue("device")}
	if f.TenantID != "" && !isGUID(f.TenantID) {
		badQuery(w, "tenant", f.TenantID, "is not a GUID")
		return f, false
	}
	for name, values := range r.URL.Query() {
		var err error
		problem := ""
		switch value := values[0]; name {
		case "state":
			problem = "is not a report state: In-progress, Successful or Failed"
			err = f.ReportState.UnmarshalText([]byte(value))
		case "code":
			f.ClientCode = status.ParseClientCode(value)
		case "error":
			f.ErrorKind = azure.Kind(value)
		case "held":
			problem = "is not true or false"
			f.Held, err = strconv.ParseBool(value)
		case "notConfirmedSince":
			problem = "is not a time as in 2026-01-31T08:15:00Z"
			f.NotConfirmedSince, err = time.Parse(time.RFC3339, value)
		case "limit":
		default:
			badQuery(w, shown(name), value, "is not a filter: state, code, error, held, notConfirmedSince, limit")
			return f, false
		}
		if err != nil {
			badQuery(w, name, values[0], problem)
			return f, false
		}
	}
	return f, true
}

func badQuery(w http.ResponseWriter, field, value, text string) {
	answerProblem(w, http.StatusBadRequest, problem{
		Error: "the request cannot be used", Faults: []fault{{Field: field, Value: shown(value), Problem: text}},
	})
}

// lines writes JSON objects, one a line, to a client that takes them as they
// come.
type lines struct {
	w       http.ResponseWriter
	control *http.ResponseController
	encoder *json.Encoder
	n       int
}

func newLines(w http.ResponseWriter) *lines {
	return &lines{w: w, control: http.NewResponseController(w), encoder: json.NewEncoder(w)}
}

// begin sends the header with the first line, so that what fails before is an
// ordinary problem.
func (l *lines) begin() {
	if l.n == 0 {
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		l.w.Header().Set("Cache-Control", "no-store")
	}
}

// flushEvery is after how many lines they are sent, however slow they come.
const flushEvery = 100

func (l *lines) write(value any) bool {
	l.begin()
	l.n++
	if l.encoder.Encode(value) != nil {
		return false // the client is gone
	}
	if l.n%flushEvery == 0 {
		l.flush()
	}
	return true
}

// flush sends what was written. A client has the time of a whole answer for
// each piece.
func (l *lines) flush() {
	l.begin()
	_ = l.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	_ = l.control.Flush() // who asked is gone
}

// fail ends an answer that cannot be completed.
func (l *lines) fail(s *service, r *http.Request, err error) {
	if l.n == 0 {
		s.fail(l.w, r, err)
		return
	}
	s.log.Warn("an answer was cut off", "pattern", r.Pattern, "error", err)
	panic(http.ErrAbortHandler)
}
