package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// problem is the body of an answer that is not what was asked for.
type problem struct {
	Error  string  `json:"error"`
	Faults []fault `json:"faults,omitempty"`
}

// fault is what is wrong with one field of a request.
type fault struct {
	Index   *int   `json:"index,omitempty"` // of the check-in, among several
	Field   string `json:"field,omitempty"`
	Value   string `json:"value,omitempty"` // of what may be a person's, its length alone
	Problem string `json:"problem"`
}

// shown is a value that should have been something else, cut. Of one with an @
// only the length is shown: a user's name may have got into the wrong field.
func shown(value string) string {
	const most = 60
	switch {
	case strings.Contains(value, "@"):
		return fmt.Sprintf("(%d bytes)", len(value))
	case len(value) > most:
		return fmt.Sprintf("%.*s... (%d bytes)", most, strings.ToValidUTF8(value, "?"), len(value))
	}
	return value
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who asked is gone
}

func answerProblem(w http.ResponseWriter, status int, p problem) { answer(w, status, p) }

// fail answers an error of the engine's. What it does not know is the store's
// and goes to the log.
func (s *service) fail(w http.ResponseWriter, r *http.Request, err error) {
	for known, status := range map[error]int{
		reporting.ErrUnknownDevice: http.StatusNotFound,
		reporting.ErrUnknownTenant: http.StatusNotFound,
		reporting.ErrForeignTenant: http.StatusForbidden,
		reporting.ErrOffBoarding:   http.StatusConflict,
	} {
		if errors.Is(err, known) {
			answerProblem(w, status, problem{Error: known.Error()})
			return
		}
	}
	if r.Context().Err() == nil {
		s.log.Error("a request failed", "pattern", r.Pattern, "error", err)
	}
	answerProblem(w, http.StatusInternalServerError, problem{Error: "the store failed; try again"})
}
