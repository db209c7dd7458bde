package azuresim

import (
	"strings"
	"time"
)

// Write is one change of a device that was applied.
type Write struct {
	Number   int       // counts the writes of this device from 1
	Request  int       // number of the request in the ledger
	At       time.Time // when it was applied
	ClientID string    // the application that wrote
	Method   string    // PATCH or DELETE
	Body     string    // the JSON that was applied, as received; empty for DELETE
	After    Device    // the device after it
}

// history is what applications wrote to one device. It outlives the device.
type history struct {
	count int
	kept  []Write
}

// recordWriteLocked adds one write of an application's to the history.
func (s *Simulator) recordWriteLocked(t *tenant, rec *record, w Write) {
	h := t.histories[rec.current.DeviceID]
	if h == nil {
		h = &history{}
		t.histories[rec.current.DeviceID] = h
	}
	h.count++
	w.Number, w.At, w.After = h.count, s.now(), rec.current
	// Trimmed at twice the limit, so that a write costs the same on average
	// however long the history is.
	if limit := s.options.HistoryLimit; len(h.kept) >= 2*limit {
		h.kept = append(h.kept[:0], h.kept[len(h.kept)-limit:]...)
	}
	h.kept = append(h.kept, w)
}

// Writes answers the writes that applications made to a device, oldest first,
// the newest Options.HistoryLimit of them. They outlive the device.
func (s *Simulator) Writes(tenantID, deviceID string) []Write {
	t := s.tenantByID(tenantID)
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	h := t.histories[strings.ToLower(deviceID)]
	if h == nil {
		return nil
	}
	newest := h.kept[max(0, len(h.kept)-s.options.HistoryLimit):]
	answer := make([]Write, len(newest))
	for i, w := range newest {
		w.After = w.After.clone()
		answer[i] = w
	}
	return answer
}

// WriteCount answers how many writes applications made to a device.
func (s *Simulator) WriteCount(tenantID, deviceID string) int {
	t := s.tenantByID(tenantID)
	if t == nil {
		return 0
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if h := t.histories[strings.ToLower(deviceID)]; h != nil {
		return h.count
	}
	return 0
}
