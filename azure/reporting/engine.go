package reporting

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// Options of an Engine. The zero value holds the documented defaults; New
// copies it.
type Options struct {
	// Logger is told what the engine does: nothing about users or names.
	// Default: nowhere.
	Logger *slog.Logger

	// RefreshEvery is how old an accepted standing may become before it is
	// reported again. Default 7 days.
	RefreshEvery time.Duration

	// RefreshSpread is up to how much earlier a device is refreshed, by a part
	// that belongs to the device, so that a fleet enrolled in one hour does not
	// come back in one hour. Default 24 hours; negative: none.
	RefreshSpread time.Duration

	// FlapDelay is the least time between two reports that a device is
	// compliant. Default 5 minutes; negative: none. Non-compliant never waits.
	FlapDelay time.Duration

	// DeleteAfter is how long after a removal the directory object of a
	// Windows device is deleted, unless it is enrolled anew. Default 72 hours;
	// negative: never.
	DeleteAfter time.Duration

	// Lease is how long a device is an engine's while it reports it, and
	// CallTimeout the deadline of a call to Microsoft, well inside it.
	// Defaults 2 minutes and 1 minute.
	Lease       time.Duration
	CallTimeout time.Duration

	// Linger is how long after a report whose predecessor had no known outcome
	// the newest standing is sent once more: a request that was given up may
	// still arrive. Default 2 minutes.
	Linger time.Duration

	// TenantQuota is how many writes Microsoft allows this application in one
	// tenant, and ApplicationQuota over all tenants; each holds for a channel.
	// Defaults: what is published for Microsoft Graph, 3,000 in 150 seconds
	// and 35,000 in 5 minutes (older copies of that page say 70,000). For the
	// partner services nothing is published: there the default is a guess.
	// Engines that share a store share what is left, and have to have the same
	// setting.
	TenantQuota      Quota
	ApplicationQuota Quota

	// Burst is how many writes of a tenant may go out at once after a rest; a
	// half of it is kept for what users wait for. Default 40.
	Burst int

	// CredentialExpires says until when the credential of a tenant can be
	// used, for [Tenant]; false: it is not known. Default: nothing is known.
	CredentialExpires func(tenantID string) (time.Time, bool)

	// GuardShare and GuardLeast are the guard against a policy pushed by
	// mistake: where more than GuardLeast devices of a tenant, and more than
	// GuardShare of them, turn the same way within an hour, an alarm is logged
	// and shown, and where GuardHolds has the standing they turned to, they
	// keep what Azure holds until [Engine.Approve]. A device's first standing
	// is not a turn. Defaults 0.05, 20 and removed alone; a negative GuardShare
	// means no guard, a GuardHolds that is empty and not nil an alarm alone.
	GuardShare float64
	GuardLeast int
	GuardHolds []compliance.State

	// MessageTimeout is how long a message may be in progress. Then it counts
	// as failed, and a new one is sent. Default 24 hours.
	MessageTimeout time.Duration

	// Events: each change of a device's details is also written as an [Event].
	// Default: none are.
	Events bool

	// Poll is how often the store is looked at where it cannot tell by itself
	// that another process made something due. Default 5 seconds.
	Poll time.Duration

	// CallsInFlight is how many calls to Microsoft one engine has under way at
	// once. Default 32.
	CallsInFlight int
}

// Engine reports the newest standing of every device. Make one with New; any
// number of engines may share a store. Safe for concurrent use.
type Engine struct {
	store    Store
	reporter azure.Reporter
	o        Options
	log      *slog.Logger
	ahead    atomic.Int64  // nanoseconds that the store's clock is ahead of this process's
	signal   chan struct{} // something may be due, of woken
	wakes    sync.Mutex
	woken    map[string]bool // tenants, "" for any; true: their mode may be another
	pressing map[string]bool // queues in which something is due that takes access away
	counted  counted

	tenantLimits, wholeLimits limits
}

// New answers an Engine over a store and a reporter: a channel, or the router
// over several. Give the reporter Retry.MaxRetries -1: the engine does its own
// waiting, durably. o may be nil.
func New(store Store, reporter azure.Reporter, o *Options) (*Engine, error) {
	if store == nil || reporter == nil {
		return nil, errors.New("reporting: no store or no reporter")
	}
	var own Options
	if o != nil {
		own = *o
	}
	standard(&own.RefreshEvery, 7*24*time.Hour)
	standard(&own.RefreshSpread, 24*time.Hour)
	standard(&own.FlapDelay, 5*time.Minute)
	standard(&own.DeleteAfter, 72*time.Hour)
	standard(&own.Lease, 2*time.Minute)
	standard(&own.CallTimeout, time.Minute)
	standard(&own.Linger, 2*time.Minute)
	standard(&own.TenantQuota, Quota{3000, 150 * time.Second})
	standard(&own.ApplicationQuota, Quota{35000, 5 * time.Minute})
	standard(&own.Burst, 40)
	standard(&own.GuardShare, 0.05)
	standard(&own.GuardLeast, 20)
	if own.GuardHolds == nil {
		own.GuardHolds = []compliance.State{compliance.StateRemoved}
	}
	own.GuardHolds = slices.Clone(own.GuardHolds)
	standard(&own.MessageTimeout, 24*time.Hour)
	standard(&own.Poll, 5*time.Second)
	standard(&own.CallsInFlight, 32)
	if own.CallTimeout <= 0 || own.Lease < own.CallTimeout+10*time.Second {
		return nil, fmt.Errorf("reporting: CallTimeout %v has to be positive and well inside Lease %v", own.CallTimeout, own.Lease)
	}
	for _, o := range []struct {
		name  string
		value any
		ok    bool
	}{
		{"RefreshEvery", own.RefreshEvery, own.RefreshEvery > 0}, {"Linger", own.Linger, own.Linger > 0},
		{"Poll", own.Poll, own.Poll > 0}, {"MessageTimeout", own.MessageTimeout, own.MessageTimeout > 0},
		{"CallsInFlight", own.CallsInFlight, own.CallsInFlight > 0}, {"Burst", own.Burst, own.Burst > 0},
		{"GuardLeast", own.GuardLeast, own.GuardLeast > 0},
	} {
		if !o.ok {
			return nil, fmt.Errorf("reporting: %s of %v has to be positive", o.name, o.value)
		}
	}
	if own.RefreshEvery <= own.RefreshSpread {
		return nil, fmt.Errorf("reporting: RefreshEvery %v has to be longer than RefreshSpread %v", own.RefreshEvery, own.RefreshSpread)
	}
	if !(own.GuardShare <= 1) { // nor NaN
		return nil, fmt.Errorf("reporting: GuardShare of %v is more than all of a tenant's devices, which is 1", own.GuardShare)
	}
	for _, s := range own.GuardHolds {
		if text, err := s.MarshalText(); err != nil || len(text) == 0 {
			return nil, fmt.Errorf("reporting: GuardHolds has %v, which is no standing", s)
		}
	}
	if err := errors.Join(own.TenantQuota.check("TenantQuota"), own.ApplicationQuota.check("ApplicationQuota")); err != nil {
		return nil, err
	}
	log := own.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Engine{
		store: store, reporter: reporter, o: own, log: log, signal: make(chan struct{}, 1),
		tenantLimits: within(own.TenantQuota.Writes, own.TenantQuota.Window, own.Burst),
		wholeLimits:  within(own.ApplicationQuota.Writes, own.ApplicationQuota.Window, 2*own.Burst),
	}, nil
}

// Quota is how many writes are allowed within a window of time.
type Quota struct {
	Writes int
	Window time.Duration
}

func (q Quota) check(name string) error {
	if q.Writes < 1 || q.Window <= 0 {
		return fmt.Errorf("reporting: %s of %d writes in %v has to be positive", name, q.Writes, q.Window)
	}
	return nil
}

func standard[T comparable](value *T, is T) {
	var none T
	if *value == none {
		*value = is
	}
}

// rules are the settings by which devices are decided about.
func (e *Engine) rules() *rules {
	k := &rules{
		refresh: e.o.RefreshEvery, spread: e.o.RefreshSpread, flap: e.o.FlapDelay, deleteAfter: e.o.DeleteAfter,
		carried: func(_ azure.Platform, i azure.Inventory) azure.Inventory { return i },
	}
	if carrier, ok := e.reporter.(azure.InventoryCarrier); ok {
		k.carried = carrier.CarriedInventory
	}
	return k
}

// wake tells Run that something may be due, of these tenants or, with none, of
// any. other: what is done for them may be another now than before.
func (e *Engine) wake(other bool, tenants ...string) {
	if len(tenants) == 0 {
		tenants = []string{""}
	}
	e.wakes.Lock()
	if e.woken == nil {
		e.woken = map[string]bool{}
	}
	for _, tenant := range tenants {
		e.woken[tenant] = e.woken[tenant] || other
	}
	e.wakes.Unlock()
	select {
	case e.signal <- struct{}{}:
	default:
	}
}

// press notes for a Run in which queues something is due that takes access away.
// It looks when it is woken, or when a call has ended.
func (e *Engine) press(queues []string) {
	e.wakes.Lock()
	if e.pressing == nil {
		e.pressing = map[string]bool{}
	}
	for _, name := range queues {
		e.pressing[name] = true
	}
	e.wakes.Unlock()
}
