package simtest

import (
	"fmt"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// asset is a device as its owner, the host and Azure see it live.
type asset struct {
	p     *plan
	d     dice
	began time.Time
	t     *tenant
	at    time.Duration // now, in its life
	until time.Duration

	host      string
	azureID   string
	shows     string // the Azure id that the host knows: blank until the device learnt it
	platform  azure.Platform
	hybrid    bool
	code      status.ClientCode
	user, upn string
	state     compliance.State
	inventory azure.Inventory
	enrolment string
	enrolled  time.Time
	knows     bool // the host knows enrolments
	versions  bool // the host counts versions
	version   uint64
	skew      time.Duration
	lateUntil time.Duration
	lives     *int
}

// drawLives lets all devices live.
func (p *plan) drawLives(seed uint64, d dice, began time.Time) {
	n := d.among(4, 18)
	lives := 0
	for i := range n {
		a := &asset{
			p: p, d: rolled(seed, fmt.Sprint("device ", i)), began: began, t: pick(d, p.tenants...), until: p.active, lives: &lives,
			host: fmt.Sprint("device-", i),
		}
		a.at = a.d.between(time.Minute, 40*time.Minute)
		if a.d.chance(0.3) {
			a.at = a.d.between(time.Hour, p.active)
		}
		a.birth()
		a.live()
	}
}

// birth gives an asset what it keeps for life.
func (a *asset) birth() {
	d := a.d
	a.platform = pick(d, azure.PlatformWindows, azure.PlatformWindows, azure.PlatformIOS, azure.PlatformAndroid, azure.PlatformMacOS, azure.PlatformIPadOS)
	a.hybrid = d.chance(0.2)
	a.user, a.upn = d.guid(), fmt.Sprintf("user%d@contoso.example", d.IntN(1000))
	a.inventory = azure.Inventory{DeviceName: "NAME-" + a.host, OSVersion: "1.0"}
	a.knows = d.chance(0.8)
	a.versions = d.chance(0.3)
	a.skew = pick(d, 0, 0, d.between(-10*time.Minute, 4*time.Minute))
	a.azureID = d.guid()
	a.enrol()
	a.state = pick(d, compliance.StateCompliant, compliance.StateCompliant, compliance.StateCompliant, compliance.StateNonCompliant)
}

// enrol begins an enrolment.
func (a *asset) enrol() {
	*a.lives++
	if a.knows {
		a.enrolment, a.enrolled = fmt.Sprint("enrolment-", *a.lives), a.began.Add(a.at+a.skew)
	}
	a.register(a.d.chance(0.1))
	a.shows, a.code = a.azureID, status.CodeSuccess
	if a.platform == azure.PlatformWindows && a.d.chance(0.8) {
		a.code = ""
	}
}

// register makes the device's object at Microsoft, now or a little later.
func (a *asset) register(late bool) {
	at := a.at
	if late {
		at += a.d.between(time.Minute, time.Hour)
	}
	k, platform, hybrid := ref{a.t.id, a.azureID}, a.platform, a.hybrid
	a.p.ids = append(a.p.ids, k)
	a.p.events = append(a.p.events, event{name: "register " + a.azureID, at: at, do: func(w *world, _ dice) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.azure.register(k, platform, hybrid)
		w.trace.add("Azure: %.8s is registered", k.id)
	}})
}

// look answers what the host sees now.
func (a *asset) look() reporting.Observation {
	o := reporting.Observation{
		Account: a.t.account, TenantID: a.t.id, DeviceID: a.host, EnrollmentID: a.enrolment, EnrolledAt: a.enrolled,
		Platform: a.platform, AzureDeviceID: a.shows, ClientCode: a.code, UserID: a.user, UserPrincipalName: a.upn,
		State: a.state, Inventory: a.inventory, LastCheckIn: a.began.Add(a.at), SeenAt: a.began.Add(a.at + a.skew),
	}
	if a.versions {
		a.version++
		o.Version = a.version
	}
	if a.d.chance(0.1) {
		o.AzureDeviceID = strings.ToUpper(o.AzureDeviceID)
	}
	return o
}

// tell sends an observation on its way, now and then late or twice.
func (a *asset) tell(o reporting.Observation) {
	delay := a.d.between(0, 20*time.Second)
	if a.d.chance(0.12) {
		delay = pick(a.d, a.d.between(time.Minute, time.Hour), a.d.between(time.Hour, 40*time.Hour))
		a.lateUntil = max(a.lateUntil, a.at+time.Hour+time.Minute)
	}
	a.deliver(o, delay)
	if a.d.chance(0.05) {
		a.deliver(o, delay+a.d.between(0, 30*time.Hour))
	}
}

func (a *asset) deliver(o reporting.Observation, delay time.Duration) {
	a.p.events = append(a.p.events, event{name: "see " + a.host, at: a.at + delay, seen: &sight{Observation: o}})
}

func (a *asset) pass() {
	a.at += pick(a.d, a.d.between(20*time.Second, 20*time.Minute), a.d.between(20*time.Second, 20*time.Minute),
		a.d.between(time.Hour, 8*time.Hour), a.d.between(time.Hour, 8*time.Hour), a.d.between(8*time.Hour, 30*time.Hour))
}

// live is a device's life from its enrolment to the end of the world.
func (a *asset) live() {
	a.firstSight()
	last := a.at
	for a.pass(); a.at < a.until; a.pass() {
		if !a.act() {
			return
		}
		last = a.at
	}
	if a.p.rollCall && last < a.until {
		a.at = max(last+time.Second, a.until-a.d.between(time.Minute, time.Hour))
		a.inventory.OSVersion = "99.1"
		a.deliver(a.look(), 0)
	}
}

// firstSight is how a device's Azure id becomes known: at once, or after some
// results of MSAL without one.
func (a *asset) firstSight() {
	if a.d.chance(0.75) {
		a.tell(a.look())
		return
	}
	code, id := a.code, a.shows
	for range a.d.among(1, 3) {
		a.shows = ""
		a.code = pick(a.d, "", "", status.CodeSuccess, a.trouble())
		if a.d.chance(0.2) {
			a.state = compliance.StateUnspecified
		}
		a.tell(a.look())
		if a.pass(); a.at > a.until {
			return
		}
		if a.state == compliance.StateUnspecified {
			a.state = compliance.StateCompliant
		}
	}
	a.shows, a.code = id, code
	if a.platform == azure.PlatformWindows {
		a.code = status.CodeSuccess
	}
	a.tell(a.look())
}

// trouble answers a client code that is not Success, as devices spell it.
func (a *asset) trouble() status.ClientCode {
	return pick(a.d, status.CodeAccountLoggedOut, status.CodeWorkplaceJoinRequired, status.CodeUserCancelled, status.CodeInternalError,
		status.CodeInteractionRequired, "user canceled", "Account signed out", "Something_New", "server declined scopes")
}

// act is one thing that happens to a device. false: it is gone for good.
func (a *asset) act() bool {
	d := a.d
	switch x := d.IntN(100); {
	case x < 14: // nothing new
		if a.at > a.lateUntil {
			a.tell(a.look())
		}
	case x < 20: // a check-in that brings little
		o := a.look()
		o.AzureDeviceID, o.ClientCode, o.UserPrincipalName, o.Inventory = "", "", "", azure.Inventory{}
		if d.chance(0.5) {
			o.UserID = ""
		}
		if d.chance(0.4) {
			o.State = compliance.StateUnspecified
		}
		if a.at > a.lateUntil {
			a.tell(o)
		}
	case x < 42:
		a.flip()
	case x < 48: // it flaps
		for range d.among(3, 7) {
			a.flip()
			a.at += d.between(5*time.Second, 4*time.Minute)
		}
	case x < 58:
		a.inventory.OSVersion = fmt.Sprintf("%d.%d", d.among(1, 20), d.IntN(100))
		if d.chance(0.3) {
			a.inventory.DeviceName = a.name()
		}
		a.tell(a.look())
	case x < 68:
		a.code = a.trouble()
		if d.chance(0.4) {
			a.code = status.CodeSuccess
		}
		if d.chance(0.3) {
			a.state = pick(d, compliance.StateCompliant, compliance.StateNonCompliant)
		}
		a.tell(a.look())
	case x < 72:
		a.tie()
	case x < 77:
		a.nonsense()
	case x < 82:
		a.anotherUser()
	case x < 86: // the same enrolment under a new Azure id
		a.azureID = d.guid()
		a.register(d.chance(0.1))
		a.shows, a.code = a.azureID, status.CodeSuccess
		a.tell(a.look())
	case x < 90:
		a.claimed()
	case x < 93:
		return a.replaced()
	default:
		return a.retire()
	}
	return true
}

func (a *asset) flip() {
	if a.state == compliance.StateCompliant {
		a.state = compliance.StateNonCompliant
	} else {
		a.state = compliance.StateCompliant
	}
	a.tell(a.look())
}

// name answers a device name, sometimes one that no directory shows.
func (a *asset) name() string {
	return pick(a.d, "Reception", "Reception", strings.Repeat("long ", 200), "line\nbreak\x1b[31m", "broken \xff\xfe", "\u202eturned", "日本語")
}

// tie is two observations of the same moment that disagree.
func (a *asset) tie() {
	o := a.look()
	other := o
	o.State, other.State = compliance.StateCompliant, compliance.StateNonCompliant
	a.state = compliance.StateNonCompliant
	if a.d.chance(0.5) {
		o, other = other, o
	}
	a.deliver(o, a.d.between(0, time.Second))
	a.deliver(other, a.d.between(0, time.Minute))
}

// nonsense is an observation that has to be refused.
func (a *asset) nonsense() {
	o := a.look()
	o.State = compliance.StateCompliant
	switch a.d.IntN(6) {
	case 0:
		o.SeenAt = o.SeenAt.Add(a.d.between(24*time.Hour, 24000*time.Hour))
	case 1:
		o.AzureDeviceID = "not-a-guid"
	case 2:
		o.Account = "another"
	case 3:
		o.TenantID = a.d.guid()
	case 4:
		o.Platform = azure.PlatformUnspecified
	case 5:
		o.SeenAt = time.Time{}
	}
	if a.versions {
		a.version--
	}
	a.p.events = append(a.p.events, event{name: "see " + a.host, at: a.at, seen: &sight{o, true}})
}

func (a *asset) anotherUser() {
	if a.d.chance(0.4) {
		a.upn = fmt.Sprintf("renamed%d@contoso.example", a.d.IntN(1000))
		a.tell(a.look())
		return
	}
	a.user, a.upn = a.d.guid(), fmt.Sprintf("user%d@contoso.example", a.d.IntN(1000))
	code := a.code
	if a.d.chance(0.5) {
		a.code = pick(a.d, "", status.CodeUserCancelled, status.CodeSuccess)
	}
	a.tell(a.look())
	a.code = code
	if a.d.chance(0.7) {
		a.at += a.d.between(time.Minute, 5*time.Hour)
		a.code = status.CodeSuccess
		a.tell(a.look())
	}
}

// claimed lets another record of the host claim the same Azure id for a while,
// with nothing to tell which is right.
func (a *asset) claimed() {
	*a.lives++
	other := *a
	other.host = fmt.Sprintf("%s-twin-%d", a.host, *a.lives)
	other.d = dice{rngOf(a.d.Uint64(), uint64(*a.lives))}
	other.versions = false
	if other.knows && other.d.chance(0.5) {
		other.enrolment = fmt.Sprint("enrolment-", *a.lives) // enrolled at the same moment
	} else {
		other.enrolment, other.enrolled, other.knows = "", time.Time{}, false
	}
	other.shows, other.code = other.azureID, status.CodeSuccess
	other.state = pick(other.d, compliance.StateCompliant, compliance.StateNonCompliant)
	other.at += other.d.between(time.Minute, time.Hour)
	other.tell(other.look())
	for range other.d.among(0, 3) {
		other.pass()
		other.flip()
	}
	if other.d.chance(0.8) {
		other.pass()
		other.state = compliance.StateRemoved
		other.tell(other.look())
	}
}

// replaced enrols the device anew as another record of the host. Of the old
// one it may still hear.
func (a *asset) replaced() bool {
	if !a.knows {
		return true
	}
	old := *a
	old.d = dice{rngOf(a.d.Uint64(), 1)}
	*a.lives++
	a.host = fmt.Sprintf("%s-again-%d", strings.SplitN(a.host, "-again", 2)[0], *a.lives)
	if a.d.chance(0.3) {
		a.azureID = a.d.guid()
	}
	a.version = 0
	a.enrol()
	a.state = pick(a.d, compliance.StateCompliant, compliance.StateNonCompliant)
	a.firstSight()
	if old.d.chance(0.5) {
		old.at += old.d.between(time.Minute, 10*time.Hour)
		old.state = pick(old.d, compliance.StateRemoved, compliance.StateRemoved, compliance.StateCompliant, compliance.StateNonCompliant)
		old.tell(old.look())
	}
	return true
}

// retire removes the device. It may check in late, and come back.
func (a *asset) retire() bool {
	a.state = compliance.StateRemoved
	a.tell(a.look())
	for range a.d.among(0, 2) {
		a.at += a.d.between(time.Minute, 5*time.Hour)
		a.state = pick(a.d, compliance.StateCompliant, compliance.StateNonCompliant, compliance.StateUnspecified)
		a.tell(a.look())
	}
	if !a.knows || a.d.chance(0.4) {
		return false
	}
	a.at += pick(a.d, a.d.between(time.Minute, time.Hour), a.d.between(time.Hour, 70*time.Hour), a.d.between(70*time.Hour, 140*time.Hour))
	if a.at >= a.until {
		return false
	}
	if a.d.chance(0.5) {
		a.azureID = a.d.guid()
	}
	if a.d.chance(0.5) {
		*a.lives++
		a.host, a.version = fmt.Sprintf("%s-again-%d", strings.SplitN(a.host, "-again", 2)[0], *a.lives), 0
	}
	a.enrol()
	a.state = pick(a.d, compliance.StateCompliant, compliance.StateCompliant, compliance.StateNonCompliant)
	a.firstSight()
	return true
}
