package main

import (
	"net/http"
)

// preview is reporting.Preview with the names that it has in an answer.
type preview struct {
	Compliant    int `json:"compliant"`
	NonCompliant int `json:"nonCompliant"`
	Removed      int `json:"removed"`
	Deleted      int `json:"deleted"`
	Unchanged    int `json:"unchanged"`
	Blocked      int `json:"blocked"`
	Held         int `json:"held"`
	HeldBlocked  int `json:"heldBlocked"`
}

// devices says how many devices an action was about.
type devices struct {
	Devices int `json:"devices"`
}

// getPreview says what would be sent for a tenant, whatever its mode, and how
// many devices that would lock out.
func (s *service) getPreview(w http.ResponseWriter, r *http.Request) {
	f, ok := filter(w, r)
	if !ok {
		return
	}
	p, err := s.engine.Preview(r.Context(), f.TenantID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, preview(p))
}

// postApprove lets go what the guard holds of a tenant.
func (s *service) postApprove(w http.ResponseWriter, r *http.Request) {
	if _, known := s.tenant(w, r); !known {
		return
	}
	f, _ := filter(w, r)
	n, err := s.engine.Approve(r.Context(), f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, devices{n})
}

// postSync has a device, or those of a tenant that match, reported now.
func (s *service) postSync(w http.ResponseWriter, r *http.Request) {
	if _, known := s.tenant(w, r); !known {
		return
	}
	f, _ := filter(w, r)
	n, err := s.engine.SyncNow(r.Context(), f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusAccepted, devices{n})
}

// deleteDevice says that a device is gone: it is removed from Azure. Its
// details stay, to show what becomes of it.
func (s *service) deleteDevice(w http.ResponseWriter, r *http.Request) {
	t, known := s.tenant(w, r)
	if !known {
		return
	}
	device := r.PathValue("device")
	if err := s.engine.Remove(r.Context(), t.Account, t.TenantID, device); err != nil {
		s.fail(w, r, err)
		return
	}
	d, err := s.engine.Device(r.Context(), t.TenantID, device)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusAccepted, show(d))
}
