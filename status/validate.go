package status

import (
	"errors"
	"fmt"
	"time"

	"github.com/mdmkit/devicestatus/internal/guid"
)

// Validate checks that the fields of d agree, for whoever makes a Device: each
// blank field has its reason and no other field has one; ids are GUIDs in
// lower case; the client code is as ParseClientCode answers it; times are in
// UTC; Successful has a Report Time, and a Report Time is that of LastReported.
// It answers all faults at once, joined, each beginning with the name of the
// field, or nil. The zero Device is not valid, for none of its blanks has a
// reason.
func (d Device) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	for _, f := range []struct {
		name   string
		blank  bool
		reason BlankReason
	}{
		{"AzureDeviceID", d.AzureDeviceID == "", d.Blank.AzureDeviceID},
		{"ComplianceStatus", d.ComplianceStatus == ReportStateUnspecified, d.Blank.ComplianceStatus},
		{"ClientCode", d.ClientCode == "", d.Blank.ClientCode},
		{"ReportTime", d.ReportTime.IsZero(), d.Blank.ReportTime},
	} {
		switch {
		case f.blank && f.reason == BlankUnspecified:
			fault("%s: blank without a reason", f.name)
		case !f.blank && f.reason != BlankUnspecified:
			fault("%s: not blank, but has the reason %v", f.name, f.reason)
		}
		if _, err := f.reason.MarshalText(); err != nil {
			fault("%s: %w", f.name, err)
		}
	}

	for _, f := range []struct{ name, id string }{
		{"AzureDeviceID", d.AzureDeviceID},
		{"LastReported.AzureDeviceID", d.LastReported.AzureDeviceID},
	} {
		if f.id != "" && (!guid.Valid(f.id) || guid.Canonical(f.id) != f.id) {
			fault("%s: %q is not a GUID in lower case", f.name, showable(f.id, 64))
		}
	}
	for _, f := range []struct {
		name string
		time time.Time
	}{
		{"ReportTime", d.ReportTime},
		{"LastReported.Time", d.LastReported.Time},
	} {
		if f.time.Location() != time.UTC {
			fault("%s: not in UTC", f.name)
		}
	}

	if _, err := d.ComplianceStatus.MarshalText(); err != nil {
		fault("ComplianceStatus: %w", err)
	}
	if _, err := d.LastReported.State.MarshalText(); err != nil {
		fault("LastReported.State: %w", err)
	}
	if parsed := ParseClientCode(string(d.ClientCode)); parsed != d.ClientCode {
		fault("ClientCode: not as parsed, which is %q", parsed)
	}
	if d.ComplianceStatus == Successful && d.ReportTime.IsZero() {
		fault("ReportTime: blank, though ComplianceStatus is %v", d.ComplianceStatus)
	}
	if !d.ReportTime.IsZero() && !d.ReportTime.Equal(d.LastReported.Time) {
		fault("LastReported.Time: not the ReportTime, which is set")
	}
	return errors.Join(faults...)
}
