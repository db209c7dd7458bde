package simtest

import (
	"cmp"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// rules is the domain's specification, kept beside the engine: what it would
// know and want after every observation that was committed, in the order of the
// commits. It shares no code with the engine. The world's lock guards it.
type rules struct {
	clock   *clock
	tenants map[string]*registered
	records map[key]*record
	wishes  map[ref]*target
	tell    func(format string, args ...any)
}

// key names a record of the host.
type key struct{ tenant, host string }

type registered struct {
	account string
	modes   []since[reporting.Mode]
}

// since is a value and from when on it held, by the bubble's clock.
type since[T any] struct {
	at    time.Time
	value T
}

// record is what is known of one device of the host.
type record struct {
	key
	platform  azure.Platform
	enrolment string
	enrolled  time.Time
	version   uint64
	seen      time.Time
	marked    time.Time // the newest seen that changed something, or came an hour after such
	azureID   string
	lost      string // of an earlier enrolment: an Azure id that this one has not brought yet
	code      status.ClientCode
	user, upn string
	waits     bool // another user: compliant waits for a new Success
	state     compliance.State
	inventory azure.Inventory
	removed   time.Time // by the store's clock
	gray      bool      // it cannot be told what the engine knows
	fresh     bool      // enrolled anew, and no Success since
	released  bool      // removed, and another record claimed its id: it claims nothing any more
	count     int       // observations that were taken
}

func newRules(c *clock, tell func(string, ...any)) *rules {
	return &rules{clock: c, tell: tell, tenants: map[string]*registered{}, records: map[key]*record{}, wishes: map[ref]*target{}}
}

// counts is what Observe should have said.
type counts struct {
	refused   map[int]bool
	stale     int
	dull      int // stale or unchanged: nobody can tell
	same      int // changes nothing at all
	differing int // changes the state, the id, the code, the user or the inventory
	rest      int
}

// see takes the observations of one committed call.
func (r *rules) see(observations []reporting.Observation, now time.Time) counts {
	c := counts{refused: map[int]bool{}}
	for i, o := range observations {
		if r.refuses(o, now) {
			c.refused[i] = true
			continue
		}
		switch r.take(o, now) {
		case stale:
			c.stale++
		case dull:
			c.dull++
		case same:
			c.same++
		case differing:
			c.differing++
		default:
			c.rest++
		}
	}
	return c
}

func (r *rules) refuses(o reporting.Observation, now time.Time) bool {
	t := r.tenants[canonical(o.TenantID)]
	text, err := o.Platform.MarshalText()
	return t == nil || t.account != o.Account || o.DeviceID == "" || len(text) == 0 || err != nil ||
		severity(o.State) < 0 || o.SeenAt.IsZero() || o.SeenAt.After(now.Add(5*time.Minute)) || o.AzureDeviceID != "" && len(o.AzureDeviceID) != 36
}

type effect int

const (
	stale effect = iota
	dull         // older, and says what is known anyhow
	same
	differing
	unsure
)

func (r *rules) take(o reporting.Observation, now time.Time) effect {
	k := key{canonical(o.TenantID), o.DeviceID}
	seen := o.SeenAt.UTC().Truncate(time.Microsecond)
	enrolled := o.EnrolledAt.UTC().Truncate(time.Microsecond)
	if o.EnrolledAt.IsZero() {
		enrolled = time.Time{}
	}
	rec := r.records[k]
	fresh := rec == nil
	if fresh {
		rec = &record{key: k, enrolment: o.EnrollmentID, enrolled: enrolled}
	}
	if ahead := now.Add(5 * time.Minute); rec.seen.After(ahead) {
		// Under a clock that was set back since: it orders nothing any more.
		rec.gray = rec.gray || !rec.marked.After(ahead)
		rec.seen, rec.marked = time.Time{}, time.Time{}
	}
	anew := !fresh && o.EnrollmentID != "" && o.EnrollmentID != rec.enrolment
	tie, late := false, false
	switch {
	case fresh:
	case anew && !enrolled.After(rec.enrolled):
		return stale
	case anew:
	default:
		order := seen.Compare(rec.seen)
		if o.Version != 0 && rec.version != 0 && o.Version != rec.version {
			order = 1
			if o.Version < rec.version {
				order = -1
			}
		}
		if order < 0 && o.State == compliance.StateRemoved {
			order = 1 // final, whenever it arrives
			late = true
		}
		if order <= 0 && (rec.gray || rec.marked.Before(rec.seen) && !seen.Before(rec.marked)) {
			rec.gray = true
			r.changed(rec, now)
			return unsure
		}
		if order < 0 {
			if rec.says(o) {
				return dull
			}
			return stale
		}
		tie = order == 0
	}
	before := *rec
	r.records[k] = rec
	if late {
		if rec.state == compliance.StateRemoved {
			return dull
		}
		rec.state, rec.removed, rec.marked = o.State, now, rec.seen
		r.changed(rec, now)
		return differing
	}
	if anew {
		rec.enrolment, rec.enrolled = o.EnrollmentID, enrolled
		if rec.azureID != "" {
			rec.lost = rec.azureID
		}
		rec.azureID, rec.code, rec.waits, rec.gray, rec.released = "", "", false, false, false
		rec.fresh = true
		if rec.state == compliance.StateRemoved {
			rec.state = compliance.StateUnspecified
		}
	}
	rec.seen, rec.version = later(rec.seen, seen), max(rec.version, o.Version)
	rec.platform = o.Platform
	code := status.ParseClientCode(string(o.ClientCode))
	if code != "" {
		rec.code = code
	}
	if o.AzureDeviceID != "" {
		rec.azureID, rec.lost = canonical(o.AzureDeviceID), ""
	}
	if user := canonical(o.UserID); user != "" {
		if rec.user != "" && rec.user != user && o.Platform != azure.PlatformWindows {
			rec.waits = true
		}
		rec.user = user
	}
	if o.UserPrincipalName != "" {
		rec.upn = o.UserPrincipalName
	}
	if code == status.CodeSuccess {
		rec.waits = false
	}
	if code == status.CodeSuccess || rec.code == "" && rec.azureID != "" && rec.platform == azure.PlatformWindows {
		rec.fresh = false
	}
	switch {
	case rec.state == compliance.StateRemoved && !anew:
	case o.State == compliance.StateUnspecified:
	case tie && severity(o.State) < severity(rec.state):
	default:
		rec.state = o.State
		if o.State == compliance.StateRemoved {
			rec.removed = now
		}
	}
	if !tie && seen.Sub(rec.marked) >= time.Hour && rec.says(o) && o.AzureDeviceID != "" && code != "" && o.UserID != "" && o.State == rec.state {
		rec.gray = false // it says everything
	}
	i := mended(o.Inventory)
	if i.DeviceName != "" {
		rec.inventory.DeviceName = i.DeviceName
	}
	if i.OSVersion != "" {
		rec.inventory.OSVersion = i.OSVersion
	}
	rec.count++
	equal := !fresh && !anew && before.state == rec.state && before.code == rec.code && before.azureID == rec.azureID && before.user == rec.user &&
		before.inventory == rec.inventory && before.upn == rec.upn && before.waits == rec.waits
	if !equal || rec.state == compliance.StateNonCompliant || rec.state == compliance.StateRemoved || seen.Sub(rec.marked) >= time.Hour {
		rec.marked = rec.seen
	}
	what := differing
	switch {
	case before.gray || before.lost != "":
		what = unsure
	case equal:
		what = same
	case before.upn != rec.upn || before.waits != rec.waits:
		what = unsure
	}
	for _, id := range []string{before.azureID, before.lost, rec.azureID, rec.lost} {
		r.weigh(ref{k.tenant, id}, now)
	}
	return what
}

// says reports whether an observation says nothing that is not known.
func (rec *record) says(o reporting.Observation) bool {
	code := status.ParseClientCode(string(o.ClientCode))
	i := mended(o.Inventory)
	if rec.state == compliance.StateRemoved {
		return true // whatever it says comes to nothing
	}
	return (o.State == compliance.StateUnspecified || o.State == rec.state) && (code == "" || code == rec.code) &&
		(o.AzureDeviceID == "" || canonical(o.AzureDeviceID) == rec.azureID) && (o.UserID == "" || canonical(o.UserID) == rec.user) &&
		(i.DeviceName == "" || i.DeviceName == rec.inventory.DeviceName) && (i.OSVersion == "" || i.OSVersion == rec.inventory.OSVersion)
}

func (r *rules) changed(rec *record, now time.Time) {
	for _, id := range []string{rec.azureID, rec.lost} {
		r.weigh(ref{rec.tenant, id}, now)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// severity orders standings by how much they take away.
func severity(s compliance.State) int {
	return slices.Index([]compliance.State{compliance.StateUnspecified, compliance.StateCompliant, compliance.StateNonCompliant, compliance.StateRemoved}, s)
}

func compareKeys(a, b key) int {
	return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.host, b.host))
}

// mode answers how a tenant was switched between two moments.
func (r *registered) during(from, to time.Time) []reporting.Mode {
	var all []reporting.Mode
	for i, s := range r.modes {
		if s.at.After(to) || i+1 < len(r.modes) && r.modes[i+1].at.Before(from) {
			continue
		}
		all = append(all, s.value)
	}
	return all
}

func (r *registered) mode() reporting.Mode {
	if r == nil || len(r.modes) == 0 {
		return reporting.ModeUnspecified
	}
	return r.modes[len(r.modes)-1].value
}
