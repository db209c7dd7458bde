package main

import (
	"net/http"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// getTenants answers all tenants, one JSON object a line.
func (s *service) getTenants(w http.ResponseWriter, r *http.Request) {
	lines := newLines(w)
	for t, err := range s.engine.Tenants(r.Context()) {
		if err != nil {
			lines.fail(s, r, err)
			return
		}
		if !lines.write(t) {
			return
		}
	}
	lines.flush()
}

// getTenant answers how the reporting of a tenant stands.
func (s *service) getTenant(w http.ResponseWriter, r *http.Request) {
	if t, ok := s.tenant(w, r); ok {
		answer(w, http.StatusOK, t)
	}
}

// tenant answers the tenant that the address names, or false after it has
// answered the request.
func (s *service) tenant(w http.ResponseWriter, r *http.Request) (reporting.Tenant, bool) {
	f, ok := filter(w, r)
	if !ok {
		return reporting.Tenant{}, false
	}
	t, err := s.engine.Tenant(r.Context(), f.TenantID)
	if err != nil {
		s.fail(w, r, err)
		return t, false
	}
	return t, true
}

// putTenant registers a tenant for an account, and sets what is done for it.
func (s *service) putTenant(w http.ResponseWriter, r *http.Request) {
	f, ok := filter(w, r)
	if !ok {
		return
	}
	var body struct {
		Account string `json:"account"`
		Mode    string `json:"mode"` // on, off, paused, report-only
	}
	if !read(w, r, mostSmall, &body) {
		return
	}
	var faults []fault
	if body.Account == "" {
		faults = append(faults, fault{Field: "account", Problem: "is needed"})
	}
	var mode reporting.Mode
	if err := mode.UnmarshalText([]byte(body.Mode)); err != nil || body.Mode == "" || mode == reporting.ModeOffBoarding {
		faults = append(faults, fault{Field: "mode", Value: shown(body.Mode), Problem: "is not on, off, paused or report-only"})
	}
	if len(faults) > 0 {
		answerProblem(w, http.StatusUnprocessableEntity, problem{Error: "the tenant is as it was", Faults: faults})
		return
	}
	if err := s.engine.RegisterTenant(r.Context(), body.Account, f.TenantID); err != nil {
		s.fail(w, r, err)
		return
	}
	if err := s.engine.SetMode(r.Context(), body.Account, f.TenantID, mode); err != nil {
		s.fail(w, r, err)
		return
	}
	s.getTenant(w, r)
}
