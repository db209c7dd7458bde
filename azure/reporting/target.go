package reporting

import (
	"slices"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// target is what reports go to: one Azure id of one tenant, with the records
// that claim it and what Microsoft was told. A device whose Azure id is not
// known yet has a target of its own, to which nothing is sent. A target
// outlives its records: order and the floor of LastUpdateTime are Azure's.
type target struct {
	AzureID string   `json:"azureId,omitempty"`
	Records []record `json:"records,omitempty"`

	// Closing are users on whose pair with this device Azure may still hold
	// something: each is told to be unmanaged and non-compliant, once.
	Closing []closing `json:"closing,omitempty"`

	// Accepted is the newest standing that Microsoft accepted, Before the one
	// before it while the verdict on the newest is not known.
	Accepted *accepted `json:"accepted,omitempty"`
	Before   *accepted `json:"before,omitempty"`

	// Message is a report in progress: Microsoft took it and has not said what
	// became of it.
	Message *message `json:"message,omitempty"`

	// Failure is why the newest attempt did not succeed; nil after a success.
	Failure *failure `json:"failure,omitempty"`

	// Ended is when the newest enrolment was enrolled that was removed and of
	// which no record is here any more: what was enrolled before it does not
	// clear the removal.
	Ended time.Time `json:"ended,omitzero"`

	// Floor is the LastUpdateTime of the newest attempt.
	Floor time.Time `json:"floor,omitzero"`

	// Again: once more, since an attempt may have reached Azure after a newer
	// one. From Linger on.
	Again  bool      `json:"again,omitempty"`
	Linger time.Time `json:"linger,omitzero"`

	// Doubts are attempts whose outcome is not known and which may still
	// arrive.
	Doubts []doubt `json:"doubts,omitempty"`

	// Unsure are attempts since the newest acceptance that Azure may have taken,
	// the newest of each standing and user: what it holds is not known.
	Unsure []attempt `json:"unsure,omitempty"`

	// calling: a call has no outcome yet, and may never have one. It is the
	// row's.
	calling bool

	// Sync: an administrator asked for a report now.
	Sync asking `json:"sync,omitempty"`

	// Resync: after a restored backup nothing counts as accepted, and
	// compliant waits until the host has observed the device again.
	Resync resync `json:"resync,omitempty"`

	// Held is the standing that the guard keeps until it is approved.
	Held compliance.State `json:"held,omitempty"`

	// DeleteAt is when the directory object is deleted, Deletions how often
	// that was tried, and Kept why it will not be.
	DeleteAt  time.Time  `json:"deleteAt,omitzero"`
	Deletions int        `json:"deletions,omitempty"`
	Kept      azure.Kind `json:"kept,omitempty"`

	// Former is a user whose pair Azure holds, and whom a user followed that is
	// known by the sign-in name alone: whether it is another is not known yet.
	Former string `json:"former,omitempty"`

	// CompliantAt is when compliant was accepted last, for devices that flap.
	CompliantAt time.Time `json:"compliantAt,omitzero"`

	// Close: nobody claims the id any more, and Azure is told once that it is
	// closed.
	Close *closing `json:"close,omitempty"`
}

// asking says how a report was asked for.
type asking uint8

const (
	askedNot  asking = iota
	askedMany        // for many devices: after what users wait for
	askedOne         // for this device: somebody is waiting
)

// resync says how far a target is after a restored backup.
type resync uint8

const (
	resyncNot   resync = iota
	resyncWaits        // until the host has observed the device again
	resyncDue          // what Azure holds is not known, and the newest standing is sent
)

// accepted is a standing that Microsoft accepted.
type accepted struct {
	State     compliance.State  `json:"state"`
	At        time.Time         `json:"at"`
	UserID    string            `json:"userId,omitempty"`
	UPN       string            `json:"upn,omitempty"`
	Platform  azure.Platform    `json:"platform"`
	Enrolment string            `json:"enrolment,omitempty"`
	Inventory azure.Inventory   `json:"inventory,omitzero"` // as carried
	Removal   azure.RemovalForm `json:"removal,omitempty"`
}

// closing is a pair of device and user that Azure is to hold as unmanaged and
// non-compliant.
type closing struct {
	Platform azure.Platform `json:"platform"`
	UserID   string         `json:"userId,omitempty"`
	UPN      string         `json:"upn,omitempty"`
	Since    time.Time      `json:"since,omitzero"` // when it came to be

	// Message is the report of it that is in progress. Retry is when to try
	// again after Tries failures, of which some were Refused for good, and some
	// found the device or its user Absent; Asked how long Microsoft asked to wait.
	Message *message      `json:"message,omitempty"`
	Retry   time.Time     `json:"retry,omitzero"`
	Asked   time.Duration `json:"asked,omitempty"`
	Tries   int           `json:"tries,omitempty"`
	Refused int           `json:"refused,omitempty"`
	Absent  int           `json:"absent,omitempty"`
}

// failed says when to close a pair again that could not be. It answers false
// where nothing more can be done there. verdict: it is a message's, for which no
// queue waits.
func (c *closing) failed(e *azure.Error, now time.Time, verdict bool) bool {
	c.Message, c.Asked = nil, 0
	if passes(e) && !verdict {
		c.Retry = now
		return true
	}
	c.Tries++
	switch {
	case absent(e):
		c.Absent++
		c.Retry = now.Add(absentRetry(c.Absent))
		return c.Absent <= mostAbsent
	case final(e):
		c.Refused++
		c.Retry = now.Add(backOff(c.Refused, time.Minute, 24*time.Hour))
		return c.Refused <= 17 // for a week
	}
	c.Asked = e.RetryAfter
	c.Retry = now.Add(max(c.Asked, backOff(c.Tries, 5*time.Second, 15*time.Minute)))
	return true
}

// closings answers what is to be closed, in the order in which it is.
func (t *target) closings() []*closing {
	var all []*closing
	for i := range t.Closing {
		all = append(all, &t.Closing[i])
	}
	if t.Close != nil {
		all = append(all, t.Close)
	}
	return all
}

// close has the id closed with the pair of its last user. A pair that is closed
// already, as an earlier user's, is closed once.
func (t *target) close(c closing) {
	if was := t.Close; was != nil && was.Platform != azure.PlatformWindows && was.UserID != "" && was.UserID != c.UserID {
		t.Closing = append(t.Closing, *was)
	}
	t.Close = &c
	t.Closing = slices.DeleteFunc(t.Closing, func(other closing) bool { return other.UserID == c.UserID && other.Platform == c.Platform })
}

// unclosed answers the next pair of which Azure can be told that it is closed.
func (t *target) unclosed(now time.Time) *closing {
	for _, c := range t.closings() {
		if c.Message == nil && !soon(c.Retry, max(longestRetry, c.Asked), now).After(now) {
			return c
		}
	}
	return nil
}

// unsettled answers the pair that is asked about, or closed, after a while, and
// when.
func (t *target) unsettled(now time.Time) (next *closing, at time.Time) {
	for _, c := range t.closings() {
		due := c.Retry
		if c.Message != nil {
			due = c.Message.poll(now)
		} else if due = soon(due, max(longestRetry, c.Asked), now); !due.After(now) {
			continue
		}
		if next == nil || due.Before(at) {
			next, at = c, due
		}
	}
	return next, at
}

// closing answers what is to be closed of the same pair as c, nil where that is
// no longer so.
func (t *target) closing(c *closing) *closing {
	for _, own := range t.closings() {
		if own.UserID == c.UserID && own.Platform == c.Platform {
			return own
		}
	}
	return nil
}

// attempt is one to have Azure hold a standing.
type attempt struct {
	State  compliance.State `json:"state"`
	At     time.Time        `json:"at"`
	UserID string           `json:"userId,omitempty"` // whose pair it was about; empty: it is not known
}

// doubt is an attempt that may still arrive at Azure, until some time later.
type doubt struct {
	State compliance.State `json:"state,omitempty"` // unspecified: it is not known
	Until time.Time        `json:"until"`
}

// message is a report in progress.
type message struct {
	Receipt azure.Receipt `json:"receipt"`
	Since   time.Time     `json:"since"`
	Claimed time.Time     `json:"claimed,omitzero"` // when its report was claimed, which may be long before
	PollAt  time.Time     `json:"pollAt"`
	Polls   int           `json:"polls,omitempty"`
	Asked   time.Duration `json:"asked,omitempty"` // how long Microsoft asked to wait with the next

	// Failed is what the attempt before it failed with.
	Failed *failure `json:"failed,omitempty"`

	// Unsure are what Azure may hold if this one comes to nothing: attempts
	// without an answer, and the message before, whose verdict nobody asked
	// for.
	Unsure []attempt `json:"unsure,omitempty"`
}

// poll answers when a message is asked about.
func (m *message) poll(now time.Time) time.Time {
	return soon(m.PollAt, max(longestRetry, m.Asked), now)
}

// failure is why the newest attempt did not succeed.
type failure struct {
	Err    azure.Error `json:"error"`
	At     time.Time   `json:"at"`
	Tries  int         `json:"tries"`            // failures in a row
	Absent int         `json:"absent,omitempty"` // of them, that Azure did not know the device or its user
	Retry  time.Time   `json:"retry,omitzero"`
	Since  time.Time   `json:"since"`
	Op     string      `json:"op,omitempty"`
}

// decodeTarget reads a target's row. calls are the claims of it that may have no
// outcome.
func decodeTarget(row Row, calls int, t *target) error {
	*t = target{}
	if err := decodeJSON(row, t); err != nil {
		return err
	}
	_, letter, _ := strings.Cut(row.Queue, "/")
	t.calling = calls > 0 && letter != queueCheck && letter != queueDelete
	return nil
}

// uncertain reports whether Azure may hold another standing than s, because of
// a call that has no outcome or none that is known.
func (t *target) uncertain(s compliance.State) bool {
	return slices.ContainsFunc(t.Unsure, func(a attempt) bool { return a.State != s })
}

// find answers the record of a host's device, nil where it has none here.
func (t *target) find(host string) *record {
	for i := range t.Records {
		if t.Records[i].Host == host {
			return &t.Records[i]
		}
	}
	return nil
}

// drop takes out the record of a host's device.
func (t *target) drop(host string) {
	if r := t.find(host); r != nil {
		t.ended(r)
	}
	t.Records = slices.DeleteFunc(t.Records, func(r record) bool { return r.Host == host })
}

// ended notes the enrolment of a record that is removed, before the record goes
// or is another enrolment's.
func (t *target) ended(r *record) {
	if r.State == compliance.StateRemoved && !r.Released {
		later(&t.Ended, r.EnrolledAt)
	}
}

// owner answers the record whose standing counts, nil where there is none, and
// whether others claim the id as well without anything that tells which is
// right. Then the stricter standing counts. A time of enrolment that is not
// known does not tell.
func (t *target) owner() (r *record, conflict bool) {
	for i := range t.Records {
		other := &t.Records[i]
		if other.Released || t.superseded(other) {
			continue
		}
		switch {
		case r == nil, other.live() && !r.live(), !other.live() && !r.live() && r.Claimed && !other.Claimed:
			r = other // what was removed no longer claims, and what another claimed since is no longer its own
		case other.live():
			conflict = true
			if stricter(other.State, r.State) > 0 {
				r = other
			}
		}
	}
	return r, conflict
}

// superseded reports whether another record's enrolment is newer than r's.
func (t *target) superseded(r *record) bool {
	if !r.EnrolledAt.IsZero() && r.EnrolledAt.Before(t.Ended) {
		return true
	}
	for i := range t.Records {
		if other := &t.Records[i]; !other.Released && other.enrolledAfter(r) {
			return true
		}
	}
	return false
}

// enrolledAfter reports whether r was enrolled after another record, as far as
// both times are known.
func (r *record) enrolledAfter(other *record) bool {
	return !r.EnrolledAt.IsZero() && !other.EnrolledAt.IsZero() && r.EnrolledAt.After(other.EnrolledAt)
}

// claimants answers how many records claim the id.
func (t *target) claimants() int {
	n := 0
	for i := range t.Records {
		if t.Records[i].live() {
			n++
		}
	}
	return n
}

// rivals reports whether others claim the id of which nothing tells that r was
// enrolled after them: live ones, and such as are superseded themselves.
func (t *target) rivals(r *record) (live, superseded bool) {
	for i := range t.Records {
		other := &t.Records[i]
		if other.Host == r.Host || !other.live() || r.enrolledAfter(other) {
			continue
		}
		if t.superseded(other) {
			superseded = true
		} else {
			live = true
		}
	}
	return live, superseded
}
