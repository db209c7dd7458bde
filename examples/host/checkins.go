package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// mostCheckIns is how many check-ins one request may carry.
const mostCheckIns = 1000

// taken says what became of check-ins.
type taken struct {
	Changed   int     `json:"changed"` // something that is reported or shown is different now
	Unchanged int     `json:"unchanged"`
	Stale     int     `json:"stale"`             // older than what is known
	Refused   []fault `json:"refused,omitempty"` // left out; the others were taken
	Notes     []fault `json:"notes,omitempty"`   // taken all the same
}

// postCheckIn takes one check-in, whose tenant and device the address names.
func (s *service) postCheckIn(w http.ResponseWriter, r *http.Request) {
	var c checkIn
	if !read(w, r, mostSmall, &c) {
		return
	}
	var faults []fault
	for _, id := range []struct {
		field, named string
		value        *string
	}{{"tenantId", r.PathValue("tenant"), &c.TenantID}, {"deviceId", r.PathValue("device"), &c.DeviceID}} {
		if *id.value != "" && *id.value != id.named {
			faults = append(faults, fault{Field: id.field, Value: shown(*id.value), Problem: "is not the one in the address"})
		}
		*id.value = id.named
	}
	o, more, notes := c.observation(time.Now())
	if faults = append(faults, more...); len(faults) > 0 {
		answerProblem(w, http.StatusUnprocessableEntity, problem{Error: "the check-in was not taken", Faults: faults})
		return
	}
	all, err := s.observe(r, []reporting.Observation{o}, nil)
	switch {
	case err != nil:
		s.fail(w, r, err)
	case len(all.Refused) > 0:
		answerProblem(w, http.StatusUnprocessableEntity, problem{Error: "the check-in was not taken", Faults: all.Refused})
	default:
		all.Notes = notes
		answer(w, http.StatusOK, all)
	}
}

// postCheckIns takes many check-ins in one transaction. What is wrong with one
// costs the others nothing.
func (s *service) postCheckIns(w http.ResponseWriter, r *http.Request) {
	var body struct {
		CheckIns []json.RawMessage `json:"checkIns"`
	}
	if !read(w, r, mostBatch, &body) {
		return
	}
	if n := len(body.CheckIns); n == 0 || n > mostCheckIns {
		answerProblem(w, http.StatusUnprocessableEntity, problem{
			Error:  "no check-in was taken",
			Faults: []fault{{Field: "checkIns", Value: fmt.Sprint(n), Problem: fmt.Sprintf("1 to %d are taken at once", mostCheckIns)}},
		})
		return
	}
	var observations []reporting.Observation
	var places []int // of the observations among the check-ins
	var refused, notes []fault
	now := time.Now()
	for i, text := range body.CheckIns {
		var c checkIn
		if f := decode(text, &c); f != nil {
			refused = append(refused, at(i, *f)...)
			continue
		}
		o, faults, remarks := c.observation(now)
		refused, notes = append(refused, at(i, faults...)...), append(notes, at(i, remarks...)...)
		if len(faults) == 0 {
			observations, places = append(observations, o), append(places, i)
		}
	}
	all, err := s.observe(r, observations, places)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	all.Refused, all.Notes = append(refused, all.Refused...), notes
	status := http.StatusOK
	if all.Changed+all.Unchanged+all.Stale == 0 {
		status = http.StatusUnprocessableEntity
	}
	answer(w, status, all)
}

// observe tells the engine. It is durable when it returns. places says which
// check-in an observation is of; nil where there is one alone.
func (s *service) observe(r *http.Request, observations []reporting.Observation, places []int) (taken, error) {
	if len(observations) == 0 {
		return taken{}, nil
	}
	seen, err := s.engine.Observe(r.Context(), observations...)
	if err != nil {
		return taken{}, err
	}
	all := taken{Changed: seen.Changed, Unchanged: seen.Unchanged, Stale: seen.Stale}
	for _, refusal := range seen.Refused {
		f := fault{Problem: refusal.Err.Error()}
		if places != nil {
			f.Index = &places[refusal.Index]
		}
		all.Refused = append(all.Refused, f)
	}
	return all, nil
}

// at answers faults as those of the i-th check-in.
func at(i int, faults ...fault) []fault {
	for n := range faults {
		faults[n].Index = &i
	}
	return faults
}
