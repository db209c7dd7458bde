package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/compliance"
	"github.com/mdmkit/devicestatus/status"
)

// world is what is true: the devices, and every change of theirs. Its changes
// are numbered. It is not safe for concurrent use.
type world struct {
	rng      *rand.Rand
	sim      *azuresim.Simulator
	tenants  []string
	users    map[string][]string // object ids by tenant
	machines []*machine
	ids      []*azureID // in the order in which Azure gave them
	byID     map[string]*azureID
	changes  []*change
}

// machine is a device that one can touch. The host may know it by several
// records, one after the other.
type machine struct {
	number   int
	tenant   string
	platform azure.Platform
	hybrid   bool
	versions bool      // the host numbers its observations
	records  []*record // oldest enrolment first
}

// record is what the host has under one device id.
type record struct {
	machine *machine
	truth   reporting.Observation // what it is now; the state of a removed enrolment stays
	changes []*change
	waiting int // changes that are not acknowledged
}

// change is one thing that happened, and the observation by which the host
// tells the engine. Observations are whole: each says all that is known.
type change struct {
	number      int
	what        string
	record      *record
	observation reporting.Observation

	handedUntil time.Time // somebody has it until then
	handed      int       // how often it was handed over
	handedAt    time.Time // the first time
	acked       time.Time
}

// azureID is a registration of a device at Microsoft.
type azureID struct {
	tenant, id string
	machine    *machine
	claims     []*record // all that ever claimed it
}

var platforms = []azure.Platform{
	azure.PlatformWindows, azure.PlatformWindows, azure.PlatformIOS, azure.PlatformIPadOS, azure.PlatformAndroid, azure.PlatformMacOS,
}

// systems are the operating systems by which Entra knows the platforms.
var systems = map[azure.Platform]string{
	azure.PlatformWindows: "Windows", azure.PlatformIOS: "IPhone", azure.PlatformIPadOS: "IPad",
	azure.PlatformAndroid: "Android", azure.PlatformMacOS: "MacMDM",
}

func newWorld(seed uint64, sim *azuresim.Simulator, tenants []string, devices int) *world {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 1)), sim: sim, tenants: tenants,
		users: map[string][]string{}, byID: map[string]*azureID{},
	}
	for _, tenant := range tenants {
		for n := range 20 {
			u := sim.AddUser(tenant, azuresim.User{UserPrincipalName: fmt.Sprintf("user%d@%s.example", n, tenant)})
			w.users[tenant] = append(w.users[tenant], u.ID)
		}
	}
	for n := range devices {
		w.enrolMachine(n)
	}
	return w
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

func pick[T any](w *world, from ...T) T { return from[w.rng.IntN(len(from))] }

// enrolMachine is a new device. Most are known at Azure from the beginning.
func (w *world) enrolMachine(n int) {
	m := &machine{number: n, tenant: pick(w, w.tenants...), platform: pick(w, platforms...), versions: n%2 == 0}
	m.hybrid = m.platform == azure.PlatformWindows && w.chance(0.2)
	w.machines = append(w.machines, m)
	r := w.newRecord(m)
	if w.chance(0.85) {
		w.learnID(r, "")
	} else if m.platform != azure.PlatformWindows {
		r.truth.ClientCode = pick(w, "", status.CodeSuccess, status.CodeWorkplaceJoinRequired, status.CodeUserCancelled)
	}
	if w.chance(0.9) {
		r.truth.State = w.state()
	}
	w.tell(r, "is enrolled")
}

// newRecord enrols a machine under a new device id.
func (w *world) newRecord(m *machine) *record {
	r := &record{machine: m}
	r.truth = reporting.Observation{
		Account: account, TenantID: m.tenant, DeviceID: fmt.Sprintf("host-%d-%d", m.number, len(m.records)), Platform: m.platform,
		UserID: pick(w, w.users[m.tenant]...),
		Inventory: azure.Inventory{
			DeviceName: fmt.Sprintf("device %d", m.number), OSVersion: "1.0",
		},
	}
	m.records = append(m.records, r)
	w.enrolment(r)
	return r
}

// enrolment begins a new enrolment of a record.
func (w *world) enrolment(r *record) {
	r.truth.EnrollmentID = fmt.Sprintf("enrolment-%d", len(w.changes))
	r.truth.EnrolledAt = w.now(r.machine)
}

// now is a time that no earlier observation of the machine has.
func (w *world) now(m *machine) time.Time {
	now := time.Now().UTC().Truncate(time.Microsecond)
	for _, r := range m.records {
		if r.truth.SeenAt.After(now) || r.truth.SeenAt.Equal(now) {
			now = r.truth.SeenAt.Add(time.Microsecond)
		}
	}
	return now
}

// learnID registers the machine at Azure, or claims an id that it has.
func (w *world) learnID(r *record, id string) {
	m := r.machine
	if id == "" {
		trust := "AzureAd"
		switch {
		case m.hybrid:
			trust = "ServerAd"
		case m.platform != azure.PlatformWindows:
			trust = "Workplace"
		}
		d := w.sim.AddDevice(m.tenant, azuresim.Device{OperatingSystem: systems[m.platform], TrustType: trust})
		id = d.DeviceID
		a := &azureID{tenant: m.tenant, id: id, machine: m}
		w.ids, w.byID[id] = append(w.ids, a), a
	}
	r.truth.AzureDeviceID = id
	w.byID[id].claims = append(w.byID[id].claims, r)
	r.truth.ClientCode = ""
	if m.platform != azure.PlatformWindows {
		r.truth.ClientCode = status.CodeSuccess
	}
}

func (w *world) state() compliance.State {
	return pick(w, compliance.StateCompliant, compliance.StateCompliant, compliance.StateNonCompliant)
}

// tell numbers a change of a record and makes its observation. While others
// are waiting it says something that none has said: an observation that says
// what is known is not written, so that an older one, which comes later, would
// pass for newer for up to an hour.
func (w *world) tell(r *record, what string) *change {
	if r.waiting > 0 && slices.ContainsFunc(r.changes, func(c *change) bool { return same(c.observation, r.truth) }) {
		r.truth.Inventory.OSVersion = fmt.Sprintf("1.%d", len(w.changes)+1)
	}
	r.truth.SeenAt = w.now(r.machine)
	r.truth.LastCheckIn = r.truth.SeenAt
	if r.machine.versions {
		r.truth.Version++
	}
	c := &change{number: len(w.changes) + 1, what: what, record: r, observation: r.truth}
	w.changes, r.changes = append(w.changes, c), append(r.changes, c)
	r.waiting++
	return c
}

// same reports whether two observations differ in their times alone.
func same(a, b reporting.Observation) bool {
	a.SeenAt, a.LastCheckIn, a.Version = b.SeenAt, b.LastCheckIn, b.Version
	return a == b
}

// newest is the record of the machine's newest enrolment.
func (m *machine) newest() *record { return m.records[len(m.records)-1] }

func (r *record) removed() bool { return r.truth.State == compliance.StateRemoved }

// deleted reports whether the record's Azure id was deleted at Microsoft.
func (w *world) deleted(r *record) bool {
	d, _ := w.sim.Device(r.truth.TenantID, r.truth.AzureDeviceID)
	return !d.DeletedAt.IsZero()
}
