package reporting

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/internal/guid"
	"github.com/mdmkit/devicestatus/status"
)

// Observation is what a host saw of one device at one moment. TenantID,
// Account, DeviceID, Platform and SeenAt are always needed. What is blank
// among the rest is unchanged, not cleared.
type Observation struct {
	// Account is the host's own name of the account that the device belongs
	// to. The tenant must be registered for it.
	Account string

	// TenantID is the Entra tenant, a GUID.
	TenantID string

	// DeviceID is the host's own id of the device: at most 150 bytes, unique
	// within the tenant.
	DeviceID string

	// EnrollmentID names the device's enrolment with the host, and EnrolledAt
	// orders enrolments: a newer one clears a removal and owns the Azure id.
	// Hosts that know neither leave both out; then a removal is final, and
	// where two devices claim one Azure id the stricter standing is sent.
	EnrollmentID string
	EnrolledAt   time.Time

	Platform azure.Platform

	// AzureDeviceID is the Azure device identifier, a GUID; blank: unchanged.
	AzureDeviceID string

	// ClientCode is what MSAL came to on the device; blank: unchanged.
	ClientCode status.ClientCode

	// UserID is the object id of the device's user, a GUID, and
	// UserPrincipalName the sign-in name. Blank: unchanged.
	UserID            string
	UserPrincipalName string

	// State is the device's standing; StateUnspecified: it was not evaluated,
	// and the earlier standing stays.
	State compliance.State

	// Inventory: fields that are empty are unchanged.
	Inventory azure.Inventory

	// LastCheckIn is when the device last spoke to the host; zero: unchanged.
	LastCheckIn time.Time

	// SeenAt is when the host saw this. It orders the observations of a
	// device; at most five minutes ahead of the store's clock. On a tie the
	// stricter standing wins.
	SeenAt time.Time

	// Version is the host's own version of the device, where it has one; it
	// orders before SeenAt. Zero: none.
	Version uint64
}

// Observed says what became of the observations of one call.
type Observed struct {
	Changed   int // something that is reported or shown is different now
	Unchanged int
	Stale     int // older than what is known: left out
	Refused   []Refusal
}

// Refusal says why one observation was left out. The others of the call were
// taken.
type Refusal struct {
	Index int // of the observation among those given
	Err   error
}

// Limits of an observation.
const (
	mostDeviceID  = 150 // bytes
	mostAccount   = 200
	mostEnrolment = 200
	mostName      = 1024
	mostAhead     = 5 * time.Minute
)

// check answers what is wrong with o, all at once.
func (o *Observation) check(now time.Time) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	name := func(field, value string, most int, needed bool) {
		switch {
		case needed && value == "":
			fault("%s is empty", field)
		case len(value) > most:
			fault("%s of %d bytes is longer than %d", field, len(value), most)
		case !utf8.ValidString(value) || containsControl(value):
			fault("%s %s holds control characters or broken UTF-8", field, quote(value))
		}
	}
	id := func(field, value string, needed bool) {
		if value == "" && !needed || guid.Valid(value) {
			return
		}
		fault("%s %s is not a GUID", field, quote(value))
	}
	name("Account", o.Account, mostAccount, true)
	id("TenantID", o.TenantID, true)
	name("DeviceID", o.DeviceID, mostDeviceID, true)
	name("EnrollmentID", o.EnrollmentID, mostEnrolment, false)
	if n := len(o.UserPrincipalName); n > mostName || !utf8.ValidString(o.UserPrincipalName) || containsControl(o.UserPrincipalName) {
		// Not its text: it is a user's name.
		fault("UserPrincipalName of %d bytes is longer than %d, or holds control characters or broken UTF-8", n, mostName)
	}
	id("AzureDeviceID", o.AzureDeviceID, false)
	id("UserID", o.UserID, false)
	var room [32]byte
	if text, err := o.Platform.AppendText(room[:0]); err != nil || len(text) == 0 {
		fault("Platform %v is not a platform", o.Platform)
	}
	if _, err := o.State.AppendText(room[:0]); err != nil {
		fault("State %v is not a state", o.State)
	}
	switch {
	case o.SeenAt.IsZero():
		fault("SeenAt is zero")
	case o.SeenAt.After(now.Add(mostAhead)):
		fault("SeenAt %s is %v ahead of the store's clock", o.SeenAt.UTC().Format(time.RFC3339), o.SeenAt.Sub(now).Round(time.Second))
	}
	for _, field := range []struct {
		name string
		time time.Time
	}{{"SeenAt", o.SeenAt}, {"EnrolledAt", o.EnrolledAt}} {
		if !field.time.IsZero() && field.time.Before(earliestTime) {
			fault("%s %s is before 1970", field.name, field.time.UTC().Format(time.DateOnly))
		}
	}
	if o.EnrolledAt.After(now.Add(mostAhead)) {
		fault("EnrolledAt %s is %v ahead of the store's clock", o.EnrolledAt.UTC().Format(time.RFC3339), o.EnrolledAt.Sub(now).Round(time.Second))
	}
	return errors.Join(faults...)
}

// quote shows a value that is at fault, but for one that may be a user's name.
func quote(s string) string {
	if strings.Contains(s, "@") {
		return fmt.Sprintf("of %d bytes", len(s))
	}
	return fmt.Sprintf("%.60q", s)
}

func containsControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// earliestTime is the earliest that is taken for a time of anything seen.
var earliestTime = time.Unix(0, 0)

// canonical puts ids, codes, names and times into the form in which they are
// compared and kept. What is wrong with the inventory is mended, since it must
// not keep a standing from being reported; the channel mends what Microsoft
// would not take.
func (o *Observation) canonical(now time.Time) {
	o.Inventory.DeviceName = mended(o.Inventory.DeviceName)
	o.Inventory.OSVersion = mended(o.Inventory.OSVersion)
	if _, err := o.Inventory.Ownership.MarshalText(); err != nil {
		o.Inventory.Ownership = azure.OwnershipUnspecified
	}
	if o.LastCheckIn.Before(earliestTime) || o.LastCheckIn.After(now.Add(mostAhead)) {
		o.LastCheckIn = time.Time{} // not known
	}

	o.TenantID = guid.Canonical(o.TenantID)
	o.AzureDeviceID = guid.Canonical(o.AzureDeviceID)
	o.UserID = guid.Canonical(o.UserID)
	o.ClientCode = status.ParseClientCode(string(o.ClientCode))
	o.EnrolledAt = stored(o.EnrolledAt)
	o.SeenAt = stored(o.SeenAt)
	o.LastCheckIn = stored(o.LastCheckIn)
}

// mended is a name as it is kept: UTF-8, and not longer than anybody needs.
func mended(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if len(name) <= mostName {
		return name
	}
	cut := mostName
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut]
}

// stored is a time as a store keeps it.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// digest tells observations apart by what they say, not by when: two of one
// device with the same digest have the same consequences. It is cryptographic,
// since a device's owner chooses its name.
func (o *Observation) digest() (d [16]byte) {
	var room [512]byte
	b := room[:0]
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	text(o.Account)
	text(o.EnrollmentID)
	b = binary.AppendVarint(b, micros(o.EnrolledAt))
	text(guid.Canonical(o.AzureDeviceID))
	text(string(status.ParseClientCode(string(o.ClientCode))))
	text(guid.Canonical(o.UserID))
	text(o.UserPrincipalName)
	text(o.Inventory.DeviceName)
	text(o.Inventory.OSVersion)
	b, _ = o.Platform.AppendText(b) // checked before
	b = append(b, 0)
	b, _ = o.State.AppendText(b)
	b = append(b, 0)
	if more, err := o.Inventory.Ownership.AppendText(b); err == nil { // else it is mended
		b = more
	}
	sum := sha256.Sum256(b)
	copy(d[:], sum[:])
	return d
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// stricter orders standings by how much they take away; not evaluated takes
// nothing.
func stricter(a, b compliance.State) int { return cmp.Compare(severity(a), severity(b)) }

func severity(s compliance.State) int {
	switch s {
	case compliance.StateRemoved:
		return 3
	case compliance.StateNonCompliant:
		return 2
	case compliance.StateCompliant:
		return 1
	}
	return 0
}
