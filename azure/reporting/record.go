package reporting

import (
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// record is what is known of one device of the host's: one enrolment of it.
type record struct {
	Host       string    `json:"host"` // the host's device id
	Enrolment  string    `json:"enrolment,omitempty"`
	EnrolledAt time.Time `json:"enrolledAt,omitzero"`

	Platform azure.Platform    `json:"platform"`
	Code     status.ClientCode `json:"code,omitempty"`
	UserID   string            `json:"userId,omitempty"`
	UPN      string            `json:"upn,omitempty"`

	// State is the newest standing that was evaluated, and Since when this
	// engine learned of it, by the store's clock.
	State compliance.State `json:"state,omitempty"`
	Since time.Time        `json:"since,omitzero"`

	// Turned is when the standing last turned each way, as the guard counted
	// it.
	Turned turns `json:"turned,omitzero"`

	// Last is what Microsoft accepted last under an earlier Azure id.
	Last *heard `json:"last,omitempty"`

	// Sequence numbers the record's events.
	Sequence int64 `json:"sequence,omitempty"`

	Inventory   azure.Inventory `json:"inventory,omitzero"`
	LastCheckIn time.Time       `json:"lastCheckIn,omitzero"`
	SeenAt      time.Time       `json:"seenAt"`
	FirstSeen   time.Time       `json:"firstSeen"` // of this enrolment, or of this record
	Version     uint64          `json:"version,omitempty"`

	// Waits: compliant waits until MSAL says Success again, since the user is
	// another one or the enrolment is. NoID: and until the device of this
	// enrolment has given an Azure id.
	Waits bool `json:"waits,omitempty"`
	NoID  bool `json:"noId,omitempty"`

	// Released: removed while another record owns the Azure id. The claim is
	// gone and nothing is sent for it.
	Released bool `json:"released,omitempty"`

	// Claimed: since its removal another record claimed the id. The directory
	// object is no longer this one's to delete.
	Claimed bool `json:"claimed,omitempty"`
}

// heard is a report that Microsoft accepted, for showing it.
type heard struct {
	State   compliance.State `json:"state"`
	At      time.Time        `json:"at"`
	AzureID string           `json:"azureId"`
}

// live reports whether the record claims its Azure id.
func (r *record) live() bool { return !r.Released && r.State != compliance.StateRemoved }

// enrolment names the record's enrolment among all that an Azure id has seen: a
// host that does not know enrolments gives each a device id of its own.
func (r *record) enrolment() string { return r.Host + "\x00" + r.Enrolment }

// code is the client code that counts: an id without a code is a Success on
// Windows, where there is no MSAL code.
func (r *record) code(azureID string) status.ClientCode {
	if r.Code == "" && r.Platform == azure.PlatformWindows && azureID != "" {
		return status.CodeSuccess
	}
	return r.Code
}

// order says how an observation relates to what is known of a device.
type order uint8

const (
	orderStale order = iota
	orderTie
	orderNewer
	orderEnrolment // of a newer enrolment
)

// compare orders o after r. Enrolments come first, then the host's version
// where both have one, then when it was seen.
func (r *record) compare(o *Observation) order {
	if o.EnrollmentID != "" && o.EnrollmentID != r.Enrolment {
		switch {
		case r.Enrolment == "" && r.EnrolledAt.IsZero(), o.EnrolledAt.After(r.EnrolledAt):
			return orderEnrolment
		case o.EnrolledAt.Before(r.EnrolledAt):
			return orderStale
		}
		// Two enrolments of one time: which is newer is for SeenAt to say.
		if o.SeenAt.After(r.SeenAt) {
			return orderEnrolment
		}
		return orderStale
	}
	if o.Version != 0 && r.Version != 0 && o.Version != r.Version {
		if o.Version < r.Version {
			return orderStale
		}
		return orderNewer
	}
	switch o.SeenAt.Compare(r.SeenAt) {
	case -1:
		return orderStale
	case 0:
		return orderTie
	}
	return orderNewer
}

// removedBy reports whether o, which is older than what is known, is the removal
// of r's enrolment. One that names no enrolment is, unless it was seen before
// this enrolment began.
func (r *record) removedBy(o *Observation) bool {
	if o.State != compliance.StateRemoved || r.State == compliance.StateRemoved {
		return false
	}
	switch {
	case o.EnrollmentID != "":
		return o.EnrollmentID == r.Enrolment
	case r.Enrolment == "":
		return true
	case r.EnrolledAt.IsZero():
		return !o.SeenAt.Before(r.FirstSeen)
	}
	return !o.SeenAt.Before(r.EnrolledAt)
}

// enrol begins a new enrolment: the removal is over, what MSAL said is too,
// and the last Azure id serves for everything but a claim of compliance until
// the device gives a new one.
func (r *record) enrol(o *Observation) {
	*r = record{
		Host: r.Host, Enrolment: o.EnrollmentID, EnrolledAt: o.EnrolledAt,
		Platform: o.Platform, UserID: r.UserID, UPN: r.UPN, Inventory: r.Inventory, LastCheckIn: r.LastCheckIn,
		Turned: r.Turned, Sequence: r.Sequence, Waits: true, NoID: true,
	}
}

// take puts what o says into r and reports whether anything but times
// changed. The standing of a removed enrolment is final.
func (r *record) take(o *Observation, rank order, now time.Time) (changed bool) {
	before := *r
	if o.EnrollmentID != "" {
		r.Enrolment = o.EnrollmentID
	}
	if !o.EnrolledAt.IsZero() {
		r.EnrolledAt = o.EnrolledAt
	}
	r.Platform = o.Platform
	replace(&r.Code, o.ClientCode)
	replace(&r.UPN, o.UserPrincipalName)
	replace(&r.Inventory.DeviceName, o.Inventory.DeviceName)
	replace(&r.Inventory.OSVersion, o.Inventory.OSVersion)
	replace(&r.Inventory.Ownership, o.Inventory.Ownership)
	if o.UserID != "" && o.UserID != r.UserID {
		// Another user object on a phone or Mac: its id is the registration of
		// one user, so the new one has to be vouched for. On Windows the id is
		// the join's and no user's.
		if r.UserID != "" && o.Platform != azure.PlatformWindows {
			r.Waits = true
		}
		r.UserID = o.UserID
	}
	if o.AzureDeviceID != "" {
		r.NoID = false
	}
	if r.Waits && o.ClientCode == status.CodeSuccess || r.Waits && r.Platform == azure.PlatformWindows && o.AzureDeviceID != "" && r.Code == "" {
		r.Waits = false
	}
	if o.State != compliance.StateUnspecified && before.State != compliance.StateRemoved &&
		(rank != orderTie || stricter(o.State, before.State) > 0) && o.State != before.State {
		r.State, r.Since = o.State, now
	}
	later(&r.LastCheckIn, o.LastCheckIn)
	comparable := *r
	comparable.LastCheckIn, comparable.SeenAt, comparable.Version, comparable.FirstSeen = before.LastCheckIn, before.SeenAt, before.Version, before.FirstSeen
	changed = comparable != before
	later(&r.SeenAt, o.SeenAt)
	if r.FirstSeen.IsZero() || o.SeenAt.Before(r.FirstSeen) {
		r.FirstSeen = o.SeenAt
	}
	r.Version = max(r.Version, o.Version)
	return changed
}

func replace[T comparable](value *T, with T) {
	var none T
	if with != none {
		*value = with
	}
}

func later(t *time.Time, than time.Time) {
	if than.After(*t) {
		*t = than
	}
}
