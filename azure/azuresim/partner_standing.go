package azuresim

import (
	"strings"
	"time"
)

// PartnerEntry is what became of one device in one settled message.
type PartnerEntry struct {
	Number    int // counts the entries of this device from 1
	MessageID string
	ClientID  string
	At        time.Time // when the message was settled
	Report    PartnerReport
	// Kept tells whether this became the device's standing. It did not where
	// the message failed, or where the service held a standing with the same
	// or a later LastUpdateTime.
	Kept bool
	// ErrorCode and ErrorDetail say why the message failed for this device.
	ErrorCode   string
	ErrorDetail string
	// ShownAt is when the standing reached the device in Entra; zero: not yet,
	// or never, since the device was gone or a newer standing came first.
	ShownAt time.Time
}

// partnerDevice is what the partner services hold of one device.
type partnerDevice struct {
	count   int
	history []*PartnerEntry
	kept    *PartnerEntry // the standing; nil: none
}

// settleMessage makes the status of a message final, and what it says of each
// device the device's standing, unless a newer one is held.
func (s *Simulator) settleMessage(t *tenant, m *message, at time.Time) {
	m.SettledAt, m.Status = at, "Completed"
	for _, report := range m.Reports {
		e := &PartnerEntry{MessageID: m.ID, ClientID: m.ClientID, At: at, Report: report}
		if o := m.scripted; o != nil && o.Failed {
			e.ErrorCode, e.ErrorDetail = o.ErrorCode, o.ErrorDetail
			if e.ErrorCode == "" {
				e.ErrorCode = "500"
			}
		} else {
			e.ErrorCode, e.ErrorDetail = s.judge(t, m.ClientID, report, at)
		}
		if e.ErrorCode != "" && m.Status != "Failed" {
			m.Status, m.ErrorCode, m.ErrorDetail = "Failed", e.ErrorCode, e.ErrorDetail
		}
		s.keep(t, e)
	}
}

// judge says why a message fails for a device; an empty code: it does not.
func (s *Simulator) judge(t *tenant, clientID string, r PartnerReport, at time.Time) (code, detail string) {
	platform, known := s.options.Partner.OSTexts[r.OS]
	rec := t.byDevice[r.DeviceID]
	if rec == nil || at.Before(rec.visible) || !rec.current.DeletedAt.IsZero() {
		return partnerNotFound, "DeviceNotFound: the directory has no such device."
	}
	if _, found := t.users[r.UserID]; !found {
		return partnerNotFound, "UserNotFound: the directory has no such user."
	}
	switch {
	case !known:
		return partnerBadContent, "UnsupportedPlatform: Os is none that the service takes."
	case partnerPlatformOf(rec.current.OperatingSystem) != platform:
		return partnerBadContent, "PlatformMismatch: Os does not fit the device in the directory."
	case !t.partner.registered(clientID, platform):
		return partnerForbidden, "PartnerNotRegistered: the tenant has not registered the partner for this platform."
	}
	return "", ""
}

// partnerPlatformOf reads operatingSystem as the directory shows it.
func partnerPlatformOf(system string) PartnerPlatform {
	switch system = strings.ToLower(system); {
	case system == "macmdm", system == "macos", system == "mac os x":
		return PartnerMacOS
	case system == "iphone", system == "ipad", system == "ios", system == "ipados":
		return PartnerIOS
	case strings.HasPrefix(system, "android"):
		return PartnerAndroid
	}
	return ""
}

// keep enters a settled report into the device's history.
func (s *Simulator) keep(t *tenant, e *PartnerEntry) {
	d := t.partner.devices[e.Report.DeviceID]
	if d == nil {
		d = &partnerDevice{}
		t.partner.devices[e.Report.DeviceID] = d
	}
	d.count++
	e.Number = d.count
	if limit := s.options.HistoryLimit; len(d.history) >= 2*limit {
		d.history = append(d.history[:0], d.history[len(d.history)-limit:]...)
	}
	d.history = append(d.history, e)
	if e.ErrorCode != "" || d.kept != nil && !e.Report.LastUpdate.After(d.kept.Report.LastUpdate) {
		return
	}
	e.Kept, d.kept = true, e
	t.partner.schedule(event{at: e.At.Add(s.options.Partner.DirectoryDelay), shows: e})
}

// show makes a standing visible at the device in Entra.
func (s *Simulator) show(t *tenant, e *PartnerEntry, at time.Time) {
	rec := t.byDevice[e.Report.DeviceID]
	if rec == nil || !rec.current.DeletedAt.IsZero() || t.partner.devices[e.Report.DeviceID].kept != e {
		return
	}
	next := rec.current.clone()
	next.IsManaged, next.IsCompliant = new(e.Report.Managed), new(e.Report.Compliant)
	if e.Report.DeviceName != "" {
		next.DisplayName = e.Report.DeviceName
	}
	if e.Report.OSVersion != "" {
		next.OperatingSystemVersion = e.Report.OSVersion
	}
	s.replaceAtLocked(rec, next, at)
	e.ShownAt = at
}

// PartnerStanding answers the standing of a device that the partner services
// hold, and from which message; false: none. Entra shows it from
// PartnerEntry.ShownAt on.
func (s *Simulator) PartnerStanding(tenantID, deviceID string) (PartnerEntry, bool) {
	t := s.tenantByID(tenantID)
	if t == nil {
		return PartnerEntry{}, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	d := t.partner.devices[strings.ToLower(deviceID)]
	if d == nil || d.kept == nil {
		return PartnerEntry{}, false
	}
	return *d.kept, true
}

// PartnerHistory answers what messages did to a device, in the order in which
// they were settled, the newest Options.HistoryLimit of them. It outlives the
// device.
func (s *Simulator) PartnerHistory(tenantID, deviceID string) []PartnerEntry {
	t := s.tenantByID(tenantID)
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	d := t.partner.devices[strings.ToLower(deviceID)]
	if d == nil {
		return nil
	}
	newest := d.history[max(0, len(d.history)-s.options.HistoryLimit):]
	all := make([]PartnerEntry, len(newest))
	for i, e := range newest {
		all[i] = *e
	}
	return all
}
