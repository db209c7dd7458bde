package main

import (
	"fmt"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// checkIn is what the service is told of a device: what it said itself, and
// what its policies make of it. What is left out is unchanged.
type checkIn struct {
	Account  string `json:"account"`  // yours; the tenant is registered for it
	TenantID string `json:"tenantId"` // GUID
	DeviceID string `json:"deviceId"` // yours
	Platform string `json:"platform"` // windows, ios, ipados, android, macos

	EnrollmentID string `json:"enrollmentId,omitempty"`
	EnrolledAt   string `json:"enrolledAt,omitempty"` // RFC 3339

	// AzureDeviceID is the GUID that the device learnt, and ClientCode what
	// MSAL came to. MSAL and Android are the error as the device has it, in
	// place of a code.
	AzureDeviceID string                   `json:"azureDeviceId,omitempty"`
	ClientCode    string                   `json:"clientCode,omitempty"`
	MSAL          *status.MSALError        `json:"msal,omitempty"`    // of iOS and macOS
	Android       *status.AndroidException `json:"android,omitempty"` // of Android

	UserID            string `json:"userId,omitempty"` // GUID
	UserPrincipalName string `json:"userPrincipalName,omitempty"`

	// Actions are those of the policies that the device violates. Empty: it
	// was evaluated and violates none. Null or left out: it was not evaluated.
	Actions []string `json:"actions"`

	DeviceName string `json:"deviceName,omitempty"`
	OSVersion  string `json:"osVersion,omitempty"`

	SeenAt  string `json:"seenAt,omitempty"`  // RFC 3339; left out: now
	Version uint64 `json:"version,omitempty"` // orders before seenAt; 0: none
}

// observation answers what the engine is told. Faults are what is wrong with
// fields, all at once; notes are what is taken all the same.
func (c *checkIn) observation(now time.Time) (o reporting.Observation, faults, notes []fault) {
	wrong := func(field, value, problem string) {
		faults = append(faults, fault{Field: field, Value: shown(value), Problem: problem})
	}
	moment := func(field, value string) time.Time {
		at, err := time.Parse(time.RFC3339, value)
		if err != nil && value != "" {
			wrong(field, value, "is not a time as in 2026-01-31T08:15:00Z")
		}
		return at
	}
	for _, needed := range []struct{ field, value string }{{"account", c.Account}, {"deviceId", c.DeviceID}} {
		if needed.value == "" {
			wrong(needed.field, "", "is needed")
		}
	}
	for _, id := range []struct {
		field, value string
		needed       bool
	}{{"tenantId", c.TenantID, true}, {"azureDeviceId", c.AzureDeviceID, false}, {"userId", c.UserID, false}} {
		if (id.value != "" || id.needed) && !isGUID(id.value) {
			wrong(id.field, id.value, "is not a GUID")
		}
	}
	o = reporting.Observation{
		Account: c.Account, TenantID: c.TenantID, DeviceID: c.DeviceID,
		EnrollmentID: c.EnrollmentID, EnrolledAt: moment("enrolledAt", c.EnrolledAt),
		AzureDeviceID: c.AzureDeviceID, ClientCode: status.ParseClientCode(c.ClientCode),
		UserID: c.UserID, UserPrincipalName: c.UserPrincipalName,
		Inventory:   azure.Inventory{DeviceName: c.DeviceName, OSVersion: c.OSVersion},
		LastCheckIn: now, SeenAt: now, Version: c.Version,
	}
	if err := o.Platform.UnmarshalText([]byte(c.Platform)); err != nil || c.Platform == "" {
		wrong("platform", c.Platform, "is not windows, ios, ipados, android or macos")
	}
	if c.SeenAt != "" {
		o.SeenAt = moment("seenAt", c.SeenAt)
		o.LastCheckIn = o.SeenAt
	}
	switch {
	case c.MSAL != nil && c.Android != nil, c.ClientCode != "" && (c.MSAL != nil || c.Android != nil):
		wrong("clientCode", c.ClientCode, "only one of clientCode, msal and android can be there")
	case c.MSAL != nil:
		o.ClientCode = c.MSAL.ClientCode()
	case c.Android != nil:
		o.ClientCode = c.Android.ClientCode()
	}
	o.State, notes = resolve(c.Actions)
	return o, faults, notes
}

// resolve answers what actions amount to. An unknown action is no reason to
// refuse a check-in, which would leave the device compliant in Azure: it counts
// as one that nobody knows, for which Resolve fails closed.
func resolve(texts []string) (compliance.State, []fault) {
	if texts == nil {
		return compliance.StateUnspecified, nil
	}
	var notes []fault
	actions := make([]compliance.Action, len(texts))
	for i, text := range texts {
		if err := actions[i].UnmarshalText([]byte(text)); err != nil || text == "" {
			notes = append(notes, fault{Field: fmt.Sprintf("actions[%d]", i), Value: shown(text), Problem: "is not an action; it counts as one that makes the device non-compliant"})
		}
	}
	return compliance.Resolve(actions...), notes
}

// isGUID asks the library, so that there is one idea of what a GUID is.
func isGUID(id string) bool {
	return azure.Report{TenantID: id, DeviceID: id, Platform: azure.PlatformWindows, State: compliance.StateCompliant}.Validate() == nil
}
