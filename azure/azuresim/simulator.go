package azuresim

import (
	"net/http"
	"sync"
	"time"
)

// Simulator is Microsoft's side in memory: an http.Handler, and by
// [Simulator.Transport] an http.RoundTripper. All its methods are safe for
// concurrent use. It starts no goroutine.
type Simulator struct {
	options Options
	random  *source
	key     *signingKey

	directory    sync.RWMutex // guards the three maps, not what they hold
	tenants      map[string]*tenant
	domains      map[string]string
	applications map[string]*application

	ledger ledger
	strays strays
	faults faults
	meters meters
	tokens tokenCache
	fresh  freshTokens

	outcomes outcomes
	pageKey  string // makes page tokens of this simulator unlike others'
}

// New makes a simulator that holds nothing yet. Nil options mean the defaults.
func New(o *Options) *Simulator {
	options := o.withDefaults()
	s := &Simulator{
		options:      options,
		random:       newSource(options.Seed),
		key:          newSigningKey(options.Seed),
		tenants:      map[string]*tenant{},
		domains:      map[string]string{},
		applications: map[string]*application{},
		ledger:       ledger{limit: options.LedgerLimit},
	}
	s.meters.init(options.Throttle)
	s.pageKey = s.random.guid()
	return s
}

// Client answers a client whose requests the simulator answers in process, as
// [Simulator.Transport] does. It has no timeout, follows redirects as Go does,
// and is what azcore's ClientOptions.Transport and MSAL's WithHTTPClient take.
func (s *Simulator) Client() *http.Client { return &http.Client{Transport: s.Transport()} }

func (s *Simulator) now() time.Time { return s.options.Clock() }
