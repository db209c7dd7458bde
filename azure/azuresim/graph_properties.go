package azuresim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// property is one property of the resource device.
type property struct {
	name       string
	value      func(*Device) any // string, bool, map, slice or nil for null
	selectOnly bool              // returned only on $select
	// write applies a JSON value that is not null; nil: read-only.
	write func(*Device, json.RawMessage) error
}

func text(value string) any {
	if value == "" {
		return nil
	}
	return value
}

func flag(value *bool) any {
	if value == nil {
		return nil
	}
	return *value
}

func stamp(value time.Time) any {
	if value.IsZero() {
		return nil
	}
	return value.UTC().Format(time.RFC3339)
}

// deviceProperties are the properties of Graph's device, in its order.
var deviceProperties = []property{
	{name: "id", value: func(d *Device) any { return d.ObjectID }},
	{name: "deletedDateTime", value: func(d *Device) any { return stamp(d.DeletedAt) }},
	{name: "accountEnabled", value: func(d *Device) any { return !d.Disabled },
		write: func(d *Device, raw json.RawMessage) error {
			var enabled bool
			err := json.Unmarshal(raw, &enabled)
			d.Disabled = !enabled
			return err
		}},
	{name: "approximateLastSignInDateTime", value: func(d *Device) any { return stamp(d.Registered) }},
	{name: "complianceExpirationDateTime", value: func(*Device) any { return nil }},
	{name: "deviceCategory", value: func(*Device) any { return nil }},
	{name: "deviceId", value: func(d *Device) any { return d.DeviceID }},
	{name: "deviceOwnership", value: func(*Device) any { return nil }},
	{name: "displayName", value: func(d *Device) any { return text(d.DisplayName) },
		write: func(d *Device, raw json.RawMessage) error { return writeText(raw, &d.DisplayName, 256) }},
	{name: "enrollmentProfileName", value: func(*Device) any { return nil }},
	{name: "enrollmentType", value: func(*Device) any { return nil }},
	{name: "isCompliant", value: func(d *Device) any { return flag(d.IsCompliant) },
		write: func(d *Device, raw json.RawMessage) error { return writeFlag(raw, &d.IsCompliant) }},
	{name: "isManaged", value: func(d *Device) any { return flag(d.IsManaged) },
		write: func(d *Device, raw json.RawMessage) error { return writeFlag(raw, &d.IsManaged) }},
	{name: "isManagementRestricted", selectOnly: true, value: func(d *Device) any {
		if d.Restricted {
			return true
		}
		return nil
	}},
	{name: "isRooted", value: func(d *Device) any { return flag(d.IsRooted) }},
	{name: "managementType", value: func(d *Device) any { return text(d.ManagementType) }},
	{name: "manufacturer", value: func(*Device) any { return nil }},
	{name: "mdmAppId", value: func(d *Device) any { return text(d.MDMAppID) }},
	{name: "model", value: func(*Device) any { return nil }},
	{name: "onPremisesLastSyncDateTime", value: func(*Device) any { return nil }},
	{name: "onPremisesSyncEnabled", value: func(d *Device) any {
		if d.TrustType == "ServerAd" {
			return true
		}
		return nil
	}},
	{name: "operatingSystem", value: func(d *Device) any { return text(d.OperatingSystem) },
		write: func(d *Device, raw json.RawMessage) error { return writeText(raw, &d.OperatingSystem, 256) }},
	{name: "operatingSystemVersion", value: func(d *Device) any { return text(d.OperatingSystemVersion) },
		write: func(d *Device, raw json.RawMessage) error { return writeText(raw, &d.OperatingSystemVersion, 256) }},
	{name: "physicalIds", value: func(*Device) any { return []string{} }},
	{name: "profileType", value: func(*Device) any { return "RegisteredDevice" }},
	{name: "registrationDateTime", value: func(d *Device) any { return stamp(d.Registered) }},
	{name: "systemLabels", value: func(*Device) any { return []string{} }},
	{name: "trustType", value: func(d *Device) any { return text(d.TrustType) }},
	{name: "extensionAttributes", value: extensionAttributes, write: writeExtensionAttributes},
	{name: "alternativeSecurityIds", value: func(*Device) any { return []string{} }},
}

func propertyNamed(name string) *property {
	i := slices.IndexFunc(deviceProperties, func(p property) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return &deviceProperties[i]
}

func extensionAttributes(d *Device) any {
	all := make(map[string]any, 15)
	for n := 1; n <= 15; n++ {
		name := "extensionAttribute" + strconv.Itoa(n)
		all[name] = text(d.ExtensionAttributes[name])
	}
	return all
}

var (
	errType = fmt.Errorf("wrong type")
	errLong = fmt.Errorf("too long")
)

func writeText(raw json.RawMessage, into *string, limit int) error {
	var value string
	if json.Unmarshal(raw, &value) != nil {
		return errType
	}
	if len([]rune(value)) > limit {
		return errLong
	}
	*into = value
	return nil
}

func writeFlag(raw json.RawMessage, into **bool) error {
	var value bool
	if json.Unmarshal(raw, &value) != nil {
		return errType
	}
	*into = &value
	return nil
}

// writeExtensionAttributes sets some of the fifteen; null clears one, as
// Microsoft documents.
func writeExtensionAttributes(d *Device, raw json.RawMessage) error {
	var values map[string]*string
	if json.Unmarshal(raw, &values) != nil {
		return errType
	}
	next := maps.Clone(d.ExtensionAttributes)
	if next == nil {
		next = map[string]string{}
	}
	for name, value := range values {
		number, ok := strings.CutPrefix(name, "extensionAttribute")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 1 || n > 15 || strconv.Itoa(n) != number {
			return errType
		}
		switch {
		case value == nil:
			delete(next, name)
		case len([]rune(*value)) > 1024:
			return errLong
		default:
			next[name] = *value
		}
	}
	d.ExtensionAttributes = next
	return nil
}

// patched answers the device with the body of a PATCH applied. All or nothing.
func (x *exchange) patched(d Device, body map[string]json.RawMessage) (Device, *answer) {
	refuse := func(a answer) (Device, *answer) { return Device{}, &a }
	delete(body, "@odata.type")
	if !d.windows() {
		for name := range body {
			if name != "extensionAttributes" {
				return refuse(x.badRequest(messageNotWindows))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(body)) {
		raw := body[name]
		p := propertyNamed(name)
		switch {
		case p == nil:
			return refuse(x.badRequest("Property '" + name + "' does not exist as a declared property or extension property."))
		case p.write == nil:
			return refuse(x.badRequest("Property '" + name + "' is read-only and cannot be set."))
		case bytes.Equal(bytes.TrimSpace(raw), []byte("null")):
			return refuse(x.badRequest("Invalid value specified for property '" + name + "' of resource 'Device'."))
		case !x.caller.app.ApprovedMDM && (name == "isManaged" || name == "isCompliant"):
			return refuse(x.graphError(http.StatusForbidden, codeDenied, messageDenied))
		}
		if err := p.write(&d, raw); err != nil {
			return refuse(x.badRequest("Invalid value specified for property '" + name + "' of resource 'Device'."))
		}
	}
	return d, nil
}

// appendJSON writes a value that is known to marshal.
func appendJSON(b []byte, value any) []byte {
	raw, err := json.Marshal(value)
	if err != nil {
		panic("azuresim: " + err.Error()) // only values made here come by
	}
	return append(b, raw...)
}

// appendProperties writes the chosen properties, or all that come unasked, as
// the inside of an object.
func appendProperties(b []byte, d *Device, chosen []*property) []byte {
	first := true
	write := func(p *property) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, p.name...)
		b = append(b, '"', ':')
		b = appendJSON(b, p.value(d))
	}
	if chosen != nil {
		for _, p := range chosen {
			write(p)
		}
		return b
	}
	for i := range deviceProperties {
		if p := &deviceProperties[i]; !p.selectOnly {
			write(p)
		}
	}
	return b
}
