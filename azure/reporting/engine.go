package reporting

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/mdmkit/devicestatus/azure"
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

	// WritesPerSecond and Burst are the pace of reports of one tenant and
	// channel; of a burst a half is kept for urgent ones. Defaults 20 and 40:
	// Microsoft Graph's published limit. For the partner services none is
	// published, so that there the default is a guess.
	WritesPerSecond float64
	Burst           int

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
	signal   chan struct{} // something may be due
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
	standard(&own.WritesPerSecond, 20)
	standard(&own.Burst, 40)
	standard(&own.Poll, 5*time.Second)
	standard(&own.CallsInFlight, 32)
	if own.CallTimeout <= 0 || own.Lease < own.CallTimeout+10*time.Second {
		return nil, fmt.Errorf("reporting: CallTimeout %v has to be positive and well inside Lease %v", own.CallTimeout, own.Lease)
	}
	if own.RefreshEvery <= own.RefreshSpread || own.Poll <= 0 || own.CallsInFlight < 0 || own.WritesPerSecond < 0 || own.Burst < 1 {
		return nil, errors.New("reporting: RefreshEvery has to be longer than RefreshSpread; Poll, CallsInFlight, WritesPerSecond and Burst have to be positive")
	}
	log := own.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Engine{store: store, reporter: reporter, o: own, log: log, signal: make(chan struct{}, 1)}, nil
}

func standard[T int | float64 | time.Duration](value *T, is T) {
	if *value == 0 {
		*value = is
	}
}

// rules are the settings by which a tenant's devices are decided about.
func (e *Engine) rules(t *tenantDocument) *rules {
	k := &rules{
		refresh: e.o.RefreshEvery, spread: e.o.RefreshSpread, flap: e.o.FlapDelay, deleteAfter: e.o.DeleteAfter,
		carried: func(_ azure.Platform, i azure.Inventory) azure.Inventory { return i },
	}
	if carrier, ok := e.reporter.(azure.InventoryCarrier); ok {
		k.carried = carrier.CarriedInventory
	}
	k.reportOnly = t != nil && t.Mode == ModeReportOnly
	return k
}

// wake tells Run that something may be due.
func (e *Engine) wake() {
	select {
	case e.signal <- struct{}{}:
	default:
	}
}
