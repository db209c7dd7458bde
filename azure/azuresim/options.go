package azuresim

import "time"

// Options are the settings of a [Simulator]. The zero value of every field is
// the default that its comment gives; nil Options mean all defaults. They are
// copied by [New].
type Options struct {
	// Seed decides every id, shuffle and key that the simulator makes up. Two
	// simulators of one seed that receive the same requests in the same order
	// answer alike, byte for byte. Zero is a seed like any other.
	Seed uint64

	// Clock tells the time by which tokens expire, quotas refill and lags end.
	// Nil: time.Now, which is virtual inside a testing/synctest bubble. Delays
	// are always waited for with timers, whatever the clock says.
	Clock func() time.Time

	// TokenLifetime is how long an access token lives. Zero: one hour, which
	// is what Microsoft gives an application as a rule.
	TokenLifetime time.Duration

	// Latency is waited before any request is looked at. Zero: none.
	Latency time.Duration

	// ReadLag is how far reads stay behind writes: a GET shows the directory as
	// it was that long ago. Zero: reads see the newest write. Microsoft
	// promises eventual consistency and publishes no figure.
	ReadLag time.Duration

	// ReplicationLag is how long a device that [Simulator.RegisterDevice] has
	// added answers 404 to every request. Zero: none. Microsoft publishes no
	// figure.
	ReplicationLag time.Duration

	// HardDelete makes DELETE final: the deviceId is free at once and directory
	// synchronization has nothing to restore. False: soft delete, as in newer
	// tenants.
	HardDelete bool

	// PageSize is how many entries a list returns where $top does not say.
	// Zero: 100.
	PageSize int

	// MaxBodyBytes is the longest request body that is read; a longer one is
	// answered 413. Zero: 4 MiB.
	MaxBodyBytes int64

	// RefuseReplayedAssertions refuses a client assertion whose jti was seen
	// before. False: a client may send one assertion until it expires, as MSAL
	// implementations that cache assertions do.
	RefuseReplayedAssertions bool

	// Throttle is how requests are limited. The zero value keeps Microsoft's
	// published quotas with a token bucket.
	Throttle Throttle

	// Partner are the settings of the Intune partner compliance services.
	Partner PartnerOptions

	// LedgerLimit is how many requests the ledger keeps; the oldest goes first.
	// Zero: 10,000. Negative: the ledger is off, which spares the copies of
	// headers and bodies; counters and the history of writes go on.
	LedgerLimit int

	// HistoryLimit is how many writes are kept for each device; the oldest goes
	// first, the count goes on. Zero: 1,000.
	HistoryLimit int
}

const (
	defaultTokenLifetime = time.Hour
	defaultPageSize      = 100
	maxPageSize          = 999
	defaultMaxBody       = 4 << 20
	defaultLedgerLimit   = 10_000
	defaultHistoryLimit  = 1_000
)

func (o *Options) withDefaults() Options {
	var set Options
	if o != nil {
		set = *o
	}
	if set.Clock == nil {
		set.Clock = time.Now
	}
	if set.TokenLifetime <= 0 {
		set.TokenLifetime = defaultTokenLifetime
	}
	if set.PageSize <= 0 {
		set.PageSize = defaultPageSize
	}
	set.PageSize = min(set.PageSize, maxPageSize)
	if set.MaxBodyBytes <= 0 {
		set.MaxBodyBytes = defaultMaxBody
	}
	if set.LedgerLimit == 0 {
		set.LedgerLimit = defaultLedgerLimit
	}
	if set.HistoryLimit <= 0 {
		set.HistoryLimit = defaultHistoryLimit
	}
	set.Throttle = set.Throttle.withDefaults()
	set.Partner = set.Partner.withDefaults()
	return set
}
