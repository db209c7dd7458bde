package azuresim

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// PartnerReport is what a message says of one device.
type PartnerReport struct {
	DeviceID, UserID          string // GUIDs in lower case
	DeviceName, OS, OSVersion string
	Managed, Compliant        bool
	LastCheckIn, LastUpdate   time.Time
}

// The kinds of entries in a Content.
const (
	entityInventory  = 1
	entityCompliance = 4
)

// contentReader reads a Content for one tenant.
type contentReader struct {
	tenantID string
	many     bool // entries of several devices are allowed
	reports  []PartnerReport
	seen     map[string]int // by device id: the kinds that were there, added up
}

// read answers the devices of a Content, in the order of their first entries.
func (c *contentReader) read(content string) ([]PartnerReport, error) {
	var entries []json.RawMessage
	if text := strings.TrimSpace(content); !strings.HasPrefix(text, "[") || json.Unmarshal([]byte(text), &entries) != nil {
		return nil, errors.New("Content is no JSON array")
	}
	c.seen = map[string]int{}
	for i, raw := range entries {
		if err := c.entry(fmt.Sprintf("Content[%d].", i), raw); err != nil {
			return nil, err
		}
	}
	if len(c.reports) == 0 {
		return nil, errors.New("Content is empty")
	}
	if len(c.reports) > 1 && !c.many {
		return nil, errors.New("Content has entries of several devices")
	}
	for _, r := range c.reports {
		if c.seen[r.DeviceID] != entityInventory+entityCompliance {
			return nil, errors.New("Content lacks one of the EntityTypes 1 and 4 for a device")
		}
		if r.Compliant && !r.Managed {
			return nil, errors.New("Content says of one device both notManaged and compliant")
		}
	}
	return c.reports, nil
}

// entry reads one entry into the report of its device.
func (c *contentReader) entry(where string, raw []byte) error {
	o := readObject(where, raw)
	kind := o.integer("EntityType", entityInventory, entityCompliance)
	if o.guid("TenantId") != c.tenantID {
		o.blame("TenantId", "is not the tenant of the token")
	}
	next := PartnerReport{DeviceID: o.guid("DeviceId"), UserID: o.guid("UserId"), LastUpdate: o.utc("LastUpdateTime")}
	if kind == entityCompliance {
		next.Compliant = o.oneOf("complianceStatus", "compliant", "notCompliant") == "compliant"
	} else {
		next.Managed = o.oneOf("DeviceManagementState", "managed", "notManaged") == "managed"
		next.DeviceName, next.OS, next.OSVersion = o.text("DeviceName"), o.full("Os"), o.text("OsVersion")
		next.LastCheckIn = o.utc("LastCheckInTime")
		o.texts("EasIds")
		o.integer("State", 0)
	}
	if err := o.done(); err != nil {
		return err
	}
	if c.seen[next.DeviceID] == 0 {
		c.reports = append(c.reports, PartnerReport{DeviceID: next.DeviceID, UserID: next.UserID, LastUpdate: next.LastUpdate})
	}
	r := c.report(next.DeviceID)
	switch {
	case c.seen[next.DeviceID]&kind != 0:
		return fmt.Errorf("%sEntityType comes twice for one device", where)
	case r.UserID != next.UserID:
		return fmt.Errorf("%sUserId differs from that of the device's other entry", where)
	case !r.LastUpdate.Equal(next.LastUpdate):
		return fmt.Errorf("%sLastUpdateTime differs from that of the device's other entry", where)
	}
	c.seen[next.DeviceID] |= kind
	if kind == entityCompliance {
		r.Compliant = next.Compliant
		return nil
	}
	next.Compliant = r.Compliant
	*r = next
	return nil
}

func (c *contentReader) report(deviceID string) *PartnerReport {
	for i := range c.reports {
		if c.reports[i].DeviceID == deviceID {
			return &c.reports[i]
		}
	}
	return nil
}
