package azure

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
)

// mostUPN bounds a user principal name, in bytes. Entra allows 64 characters,
// an @ and 48 more; in UTF-8 that is below this.
const mostUPN = 512

// Validate reports the faults that refuse r: all of them at once, in one
// [*Error] of kind [ErrInvalid] whose text names each field and value (of
// what is or may be a user principal name only the length, since it is a
// person's). It answers nil
// where the report can be sent. Faults of the inventory are not faults of the
// report: channels mend them.
//
// Every reporter of this module calls it; a host need not.
func (r Report) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	if r.ID != "" && !guid.Valid(r.ID) {
		fault("ID %s is not a GUID", quote(r.ID))
	}
	if !guid.Valid(r.TenantID) {
		fault("TenantID %s is not a GUID", quote(r.TenantID))
	}
	if !guid.Valid(r.DeviceID) {
		fault("DeviceID %s is not a GUID", quote(r.DeviceID))
	}
	if r.UserID != "" && !guid.Valid(r.UserID) {
		fault("UserID %s is not a GUID", quote(r.UserID))
	}

	switch {
	case r.Platform == PlatformUnspecified || int(r.Platform) >= len(platforms.Texts):
		fault("Platform %v is not a platform", r.Platform)
	case r.Platform == PlatformWindows || r.UserID != "":
		// Nothing reads the user principal name, so it cannot be at fault.
	case r.UserPrincipalName == "":
		fault("UserID and UserPrincipalName are both empty; %v needs one", r.Platform)
	case !upnLike(r.UserPrincipalName):
		fault("UserPrincipalName of %d bytes is not a user principal name", len(r.UserPrincipalName))
	}

	switch r.State {
	case compliance.StateCompliant, compliance.StateNonCompliant, compliance.StateRemoved:
	case compliance.StateUnspecified:
		fault("State is unspecified: a device that was not evaluated is not reported")
	default:
		fault("State %v is not a state", r.State)
	}
	if int(r.Trigger) >= len(triggers.Texts) {
		fault("Trigger %v is not a trigger", r.Trigger)
	}
	if !r.UpdatedAt.IsZero() && !inRFC3339(r.UpdatedAt) {
		fault("UpdatedAt in the year %d cannot be written", r.UpdatedAt.UTC().Year())
	}

	if len(faults) == 0 {
		return nil
	}
	return &Error{
		Op: "validate", Kind: ErrInvalid, Scope: ScopeDevice, Outcome: OutcomeNotSent,
		Err: oneLine(faults),
	}
}

// oneLine joins errors as errors.Join does, on one line.
func oneLine(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}

// quote shows a value that should have been an identifier, cut to what still
// tells where it came from. Of a value with an @ only the length is shown: a
// host that mixed up two columns has put a user principal name there.
func quote(s string) string {
	const most = 40
	if strings.Contains(s, "@") {
		return fmt.Sprintf("of %d bytes", len(s))
	}
	if len(s) > most {
		return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}

// upnLike tells text that may be a user principal name from text that cannot
// be one; whether the user exists is for Microsoft to say.
func upnLike(s string) bool {
	name, domain, found := strings.Cut(s, "@")
	if !found || name == "" || domain == "" || strings.Contains(domain, "@") {
		return false
	}
	return len(s) <= mostUPN && utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool {
		return unicode.IsControl(c) || unicode.IsSpace(c)
	})
}

// inRFC3339 reports whether the year has the four digits that the format of
// Microsoft's timestamps knows.
func inRFC3339(t time.Time) bool {
	y := t.UTC().Year()
	return 1 <= y && y <= 9999
}
