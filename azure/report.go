package azure

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// Report is what Microsoft is told of one device. The zero value is not valid;
// TenantID, DeviceID, Platform and State are always needed, and on every
// platform but Windows a user.
type Report struct {
	// ID is the GUID of this report: the message id on the partner channel,
	// and the client-request-id of the call that carries the report alone.
	// Empty: the channel makes one and answers it in Receipt.MessageID.
	ID string `json:"id,omitempty"`

	// TenantID is the GUID of the Entra tenant that the device belongs to.
	TenantID string `json:"tenantId"`

	// DeviceID is the Azure device identifier: the GUID that the device
	// learnt at registration, not the directory's object id.
	DeviceID string `json:"deviceId"`

	// UserID is the Entra object id of the device's user, a GUID, and
	// UserPrincipalName the sign-in name. The partner channel needs one of
	// them and prefers UserID; on Windows neither is used.
	UserID            string `json:"userId,omitempty"`
	UserPrincipalName string `json:"userPrincipalName,omitempty"`

	// Platform decides the channel.
	Platform Platform `json:"platform"`

	// State is the device's standing. StateUnspecified is never reported.
	State compliance.State `json:"state"`

	// KeepObject limits a removal (StateRemoved) to its first step: the device
	// is made unmanaged and non-compliant, and its directory object stays.
	// Other states and the partner channel, which has no second step, ignore
	// it.
	KeepObject bool `json:"keepObject,omitempty"`

	// Inventory: what is set is sent, as far as the channel carries it; what
	// is empty keeps its value at Microsoft. The caller leaves out what did
	// not change.
	Inventory Inventory `json:"inventory,omitzero"`

	// Trigger says why the report is sent. Unspecified counts as a change.
	Trigger Trigger `json:"trigger,omitempty"`

	// LastCheckIn is when the device last spoke to the MDM; zero: unknown.
	LastCheckIn time.Time `json:"lastCheckIn,omitzero"`

	// UpdatedAt orders the reports of one device at Microsoft, where the
	// channel has a means to say so: the newest wins. It is assigned and kept
	// increasing by the caller. Zero: the time of the call.
	UpdatedAt time.Time `json:"updatedAt,omitzero"`
}

// Inventory is what a host knows of a device beyond its standing. Empty fields
// are not known or did not change. It is comparable: see [InventoryCarrier].
//
// The operating system itself is the report's Platform and is not sent: it was
// set when the device registered.
type Inventory struct {
	// DeviceName is the name shown to administrators, at most 256 characters
	// at Microsoft; a longer one is cut.
	DeviceName string `json:"deviceName,omitempty"`

	// OSVersion is the operating system's version, as in 10.0.26100.2314.
	OSVersion string `json:"osVersion,omitempty"`

	// Ownership is carried by no channel today.
	Ownership Ownership `json:"ownership,omitempty"`
}

// String names the report in one line, without the user and the device's name.
func (r Report) String() string {
	return fmt.Sprintf("report %s: tenant %s, device %s, %s, %s, %s",
		identifier(r.ID), identifier(r.TenantID), identifier(r.DeviceID), r.Platform, r.State, r.Trigger)
}

// GoString answers as String does, so that %#v shows no more.
func (r Report) GoString() string { return r.String() }

// LogValue implements [slog.LogValuer]: ids and enumerations, no names. A
// slog.JSONHandler asks a value only, not what a slice or a struct holds: it
// writes []Report as JSON, names and all.
func (r Report) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", identifier(r.ID)),
		slog.String("tenant", identifier(r.TenantID)),
		slog.String("device", identifier(r.DeviceID)),
		slog.String("platform", r.Platform.String()),
		slog.String("state", r.State.String()),
		slog.String("trigger", r.Trigger.String()),
	)
}

// String shows the version and the ownership, and of the device's name only the
// length: it is often its user's.
func (i Inventory) String() string {
	return fmt.Sprintf("inventory: name of %d bytes, version %q, %s", len(i.DeviceName), i.OSVersion, i.Ownership)
}

// GoString answers as String does, so that %#v shows no more.
func (i Inventory) GoString() string { return i.String() }

// LogValue implements [slog.LogValuer], as String does.
func (i Inventory) LogValue() slog.Value { return slog.StringValue(i.String()) }

// identifier shows s where it is a GUID, and of anything else no more than a
// fault of Validate would.
func identifier(s string) string {
	switch {
	case s == "":
		return "-"
	case guid.Valid(s):
		return s
	}
	return quote(s)
}
