package azuresim

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// Device is a device object of a tenant's directory. Names follow Graph's.
type Device struct {
	// ObjectID is the directory object id, the key of /devices/{id}. Empty:
	// made up.
	ObjectID string `json:"id,omitempty"`
	// DeviceID is the id of the device registration, the one that the device
	// knows, the key of /devices(deviceId='…'). Empty: made up.
	DeviceID string `json:"deviceId,omitempty"`
	// DisplayName is the device's name. Empty stays empty.
	DisplayName string `json:"displayName,omitempty"`
	// OperatingSystem decides who may write. Empty: Windows.
	OperatingSystem        string `json:"operatingSystem,omitempty"`
	OperatingSystemVersion string `json:"operatingSystemVersion,omitempty"`
	// TrustType is Workplace, AzureAd or ServerAd (hybrid). Empty: AzureAd.
	TrustType string `json:"trustType,omitempty"`
	// IsCompliant and IsManaged are nil until somebody wrote them: Graph then
	// shows null.
	IsCompliant *bool `json:"isCompliant,omitempty"`
	IsManaged   *bool `json:"isManaged,omitempty"`
	// Disabled is the reverse of accountEnabled.
	Disabled bool `json:"disabled,omitempty"`
	// MDMAppID names the MDM that Microsoft holds responsible. Empty: null.
	MDMAppID       string `json:"mdmAppId,omitempty"`
	ManagementType string `json:"managementType,omitempty"`
	IsRooted       *bool  `json:"isRooted,omitempty"`
	// ExtensionAttributes are extensionAttribute1 to extensionAttribute15.
	ExtensionAttributes map[string]string `json:"extensionAttributes,omitempty"`
	// Restricted puts the device into a restricted management administrative
	// unit: applications may read but not write or delete it.
	Restricted bool `json:"restricted,omitempty"`
	// Registered is when the device was registered. Zero: now.
	Registered time.Time `json:"registrationDateTime,omitzero"`
	// DeletedAt is when the device was deleted; zero for one that is there. It
	// is set by the simulator.
	DeletedAt time.Time `json:"-"`
}

func (d Device) clone() Device {
	d.ExtensionAttributes = maps.Clone(d.ExtensionAttributes)
	return d
}

// windows tells whether the device counts as one of Windows.
func (d *Device) windows() bool { return strings.EqualFold(d.OperatingSystem, "Windows") }

// softDeleteDays is how long a deleted device is kept and its id reserved.
const softDeleteDays = 30

// record is a device with what reads that lag behind still see of it.
type record struct {
	seq     uint64 // its place in the order of age, for page tokens
	current Device
	visible time.Time // nothing sees the device before
	older   []version // earlier states, oldest first; empty without a lag
}

type version struct {
	until time.Time
	state Device
}

// AddDevice adds a device that is visible at once, and answers it with its
// defaults filled in. It panics when the tenant is unknown, an id is no GUID,
// or an id is taken.
func (s *Simulator) AddDevice(tenantID string, d Device) Device {
	added, err := s.addDevice(tenantID, d, 0)
	if err != nil {
		panic("azuresim: " + err.Error())
	}
	return added
}

// RegisterDevice adds a device as a registration in the field does: requests
// answer 404 until Options.ReplicationLag has passed. It fails where AddDevice
// panics, for example because the deviceId of a deleted device is reserved.
func (s *Simulator) RegisterDevice(tenantID string, d Device) (Device, error) {
	return s.addDevice(tenantID, d, s.options.ReplicationLag)
}

func (s *Simulator) addDevice(tenantID string, d Device, lag time.Duration) (Device, error) {
	t := s.tenantByID(tenantID)
	if t == nil {
		return Device{}, fmt.Errorf("no tenant %q", tenantID)
	}
	if d.ObjectID == "" {
		d.ObjectID = s.random.guid()
	}
	if d.DeviceID == "" {
		d.DeviceID = s.random.guid()
	}
	if !isGUID(d.ObjectID) || !isGUID(d.DeviceID) {
		return Device{}, fmt.Errorf("device id %q or object id %q is not a GUID", d.DeviceID, d.ObjectID)
	}
	d.ObjectID, d.DeviceID = strings.ToLower(d.ObjectID), strings.ToLower(d.DeviceID)
	if d.OperatingSystem == "" {
		d.OperatingSystem = "Windows"
	}
	if d.TrustType == "" {
		d.TrustType = "AzureAd"
	}
	now := s.now()
	if d.Registered.IsZero() {
		d.Registered = now
	}
	d.DeletedAt = time.Time{}
	rec := &record{current: d.clone()}
	if lag > 0 {
		rec.visible = now.Add(lag)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.byDevice[d.DeviceID]; old != nil {
		if !s.expireLocked(t, old, now) {
			if !old.current.DeletedAt.IsZero() {
				return Device{}, fmt.Errorf("device id %s is reserved by a deleted device", d.DeviceID)
			}
			return Device{}, fmt.Errorf("device %s is there already", d.DeviceID)
		}
	}
	if t.byObject[d.ObjectID] != nil {
		return Device{}, fmt.Errorf("object %s is there already", d.ObjectID)
	}
	t.sequence++
	rec.seq = t.sequence
	t.byDevice[d.DeviceID] = rec
	t.byObject[d.ObjectID] = rec
	t.ordered = append(t.ordered, rec)
	return d, nil
}

// expireLocked drops a record whose soft delete has run out, and tells whether
// it did.
func (s *Simulator) expireLocked(t *tenant, rec *record, now time.Time) bool {
	gone := rec.current.DeletedAt
	if gone.IsZero() || now.Before(gone.AddDate(0, 0, softDeleteDays)) {
		return false
	}
	t.dropLocked(rec)
	return true
}

func (t *tenant) dropLocked(rec *record) {
	delete(t.byDevice, rec.current.DeviceID)
	delete(t.byObject, rec.current.ObjectID)
}

// Device answers a device by its deviceId as it is now, whatever reads see. A
// deleted one is answered, with DeletedAt, while its id is reserved.
func (s *Simulator) Device(tenantID, deviceID string) (Device, bool) {
	t := s.tenantByID(tenantID)
	if t == nil {
		return Device{}, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	rec := t.byDevice[strings.ToLower(deviceID)]
	if rec == nil {
		return Device{}, false
	}
	return rec.current.clone(), true
}

// Devices answers the tenant's devices as they are now, the deleted ones left
// out, oldest first.
func (s *Simulator) Devices(tenantID string) []Device {
	t := s.tenantByID(tenantID)
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []Device
	for _, rec := range t.ordered {
		if rec.current.DeletedAt.IsZero() {
			all = append(all, rec.current.clone())
		}
	}
	return all
}

// UpdateDevice changes a device from behind, as an administrator or Intune
// does: it is no write of an application's and not in the history. Ids stay.
// change must not call the simulator. It tells whether the device was there.
func (s *Simulator) UpdateDevice(tenantID, deviceID string, change func(*Device)) bool {
	t := s.tenantByID(tenantID)
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	rec := t.byDevice[strings.ToLower(deviceID)]
	if rec == nil || !rec.current.DeletedAt.IsZero() {
		return false
	}
	next := rec.current.clone()
	change(&next)
	next.ObjectID, next.DeviceID, next.DeletedAt = rec.current.ObjectID, rec.current.DeviceID, rec.current.DeletedAt
	s.replaceLocked(rec, next.clone())
	return true
}

// RemoveDevice deletes a device from behind, as an administrator does, softly
// unless Options.HardDelete. It tells whether the device was there.
func (s *Simulator) RemoveDevice(tenantID, deviceID string) bool {
	t := s.tenantByID(tenantID)
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	rec := t.byDevice[strings.ToLower(deviceID)]
	if rec == nil || !rec.current.DeletedAt.IsZero() {
		return false
	}
	s.deleteLocked(t, rec)
	return true
}

// SyncDirectory runs a directory synchronization: hybrid devices (trustType
// ServerAd) that were deleted come back, not compliant. It answers how many.
func (s *Simulator) SyncDirectory(tenantID string) int {
	t := s.tenantByID(tenantID)
	if t == nil {
		return 0
	}
	now := s.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	restored := 0
	for _, rec := range t.byDevice {
		if rec.current.DeletedAt.IsZero() || rec.current.TrustType != "ServerAd" || s.expireLocked(t, rec, now) {
			continue
		}
		next := rec.current.clone()
		next.DeletedAt = time.Time{}
		s.replaceLocked(rec, next)
		restored++
	}
	return restored
}
