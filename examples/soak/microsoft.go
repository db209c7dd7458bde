package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// microsoft is the simulator on loopback, with faults, behind a door at which
// workers are killed and requests go astray.
type microsoft struct {
	sim     *azuresim.Simulator
	server  *httptest.Server
	address microsoftAddress
	moments moments

	mu     sync.Mutex
	rng    *rand.Rand
	share  float64
	late   atomic.Int64
	astray sync.WaitGroup
}

const clientID = "5a1f0000-0000-4000-8000-0000000000c1"

// newMicrosoft makes a simulator with tenants that have consented and
// registered the application for everything. A share of the requests goes
// wrong; a message is settled after a while.
func newMicrosoft(s settings, settled time.Duration, at moments) (*microsoft, []string) {
	sim := azuresim.New(&azuresim.Options{
		Seed: s.seed, LedgerLimit: 1 << 20, HistoryLimit: 1 << 16,
		Throttle: azuresim.Throttle{
			TenantAppWrites: azuresim.Limit{Units: s.quotas.Tenant.Writes, Per: s.quotas.Tenant.Window},
			AppWrites:       azuresim.Limit{Units: s.quotas.Application.Writes, Per: s.quotas.Application.Window},
		},
		Partner: azuresim.PartnerOptions{ProcessingDelay: settled},
	})
	app := azuresim.Application{ClientID: clientID, Name: "soak", ApprovedMDM: true, Roles: []string{
		"Device.ReadWrite.All", "Application.Read.All", "User.Read.All", "update_device_attributes",
	}}
	m := &microsoft{sim: sim, moments: at, rng: rand.New(rand.NewPCG(s.seed, 3)), share: s.faults}
	app = sim.AddApplication(app)
	var ids []string
	for range s.tenants {
		t := sim.AddTenant(azuresim.Tenant{Partners: []azuresim.CompliancePartner{{
			DisplayName: "soak", ClientID: clientID, Provisioned: true, IOSOnboarded: true, AndroidOnboarded: true, MacOSOnboarded: true,
		}}})
		sim.Consent(t.ID, clientID)
		ids = append(ids, t.ID)
	}
	m.server = httptest.NewUnstartedServer(m)
	m.server.Config.ErrorLog = log.New(io.Discard, "", 0) // broken connections are meant here
	m.server.StartTLS()
	m.address = microsoftAddress{
		URL: m.server.URL, ClientID: clientID, Secret: app.Secrets[0].Value,
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.server.Certificate().Raw})),
	}
	m.inject(s.call)
	return m, ids
}

func (m *microsoft) close() {
	m.server.CloseClientConnections()
	m.server.Close()
	m.astray.Wait()
}

// roll reports true with a probability.
func (m *microsoft) roll(p float64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rng.Float64() < p*m.share
}

// inject lets a share of the requests go wrong.
func (m *microsoft) inject(callTimeout time.Duration) {
	calls := func(r *azuresim.Request) bool { return r.ItemID != "" || !strings.HasSuffix(r.Path, "/token") }
	for _, f := range []struct {
		weight float64
		fault  azuresim.Fault
	}{
		{0.06, azuresim.Fault{Name: "429", Status: 429, Code: "TooManyRequests", RetryAfter: "1"}},
		{0.04, azuresim.Fault{Name: "429 after acting", Status: 429, Acts: true, Code: "TooManyRequests", RetryAfter: "1.5"}},
		{0.20, azuresim.Fault{Name: "503", Status: 503, Code: "serviceNotAvailable"}},
		{0.10, azuresim.Fault{Name: "500 after acting", Status: 500, Acts: true, Code: "UnknownError"}},
		{0.15, azuresim.Fault{Name: "reset before acting", Reset: azuresim.ResetBefore}},
		{0.20, azuresim.Fault{Name: "reset after acting", Reset: azuresim.ResetAfter}},
		{0.15, azuresim.Fault{Name: "slow", Delay: callTimeout / 4, AnswerDelay: callTimeout / 4}},
		{0.10, azuresim.Fault{Name: "too slow", AnswerDelay: callTimeout + callTimeout/2}},
	} {
		f.fault.Match = func(r *azuresim.Request) bool {
			weight := f.weight
			if deletion(r) {
				weight /= 5 // the engine waits a minute after one
			}
			return calls(r) && m.roll(weight)
		}
		m.sim.Inject(f.fault)
	}
	m.sim.Inject(azuresim.Fault{Name: "token 503", Status: 503, Match: func(r *azuresim.Request) bool { return !calls(r) && m.roll(0.5) }})
}

// deletion matches the requests by which a directory object is deleted: it is
// read before.
func deletion(r *azuresim.Request) bool {
	return r.Method == http.MethodDelete || r.Method == http.MethodGet && strings.Contains(r.Path, "/devices")
}

// quiet ends the faults.
func (m *microsoft) quiet() {
	m.mu.Lock()
	m.share = 0
	m.mu.Unlock()
	m.sim.ClearFaults()
	m.astray.Wait()
}

// astraySince is the header that says since when a request is astray.
const astraySince = "Soak-Astray-Since"

// longestAstray is how long a request is under way at most that its sender has
// given up: less than Options.Linger.
const longestAstray = linger / 3

// ServeHTTP is the door.
func (m *microsoft) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	worker := sender(r)
	write := r.Method == http.MethodPatch || r.Method == http.MethodPut || strings.HasSuffix(r.URL.Path, "/$batch")
	before := m.moments.reach(worker, momentRequest)
	if write && m.moments.reach(worker, momentWrite) {
		before = true
	}
	if write && !before && m.roll(0.4) {
		m.lose(r)
	}
	m.sim.ServeHTTP(w, r)
	m.moments.reach(worker, momentAnswer)
}

// lose breaks the connection of a request that arrives later all the same.
func (m *microsoft) lose(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	m.mu.Lock()
	wait := time.Duration(m.rng.Int64N(int64(longestAstray)))
	m.mu.Unlock()
	again := r.Clone(context.WithoutCancel(r.Context()))
	again.Body = io.NopCloser(bytes.NewReader(body))
	again.Header.Set(astraySince, time.Now().Format(time.RFC3339Nano))
	m.late.Add(1)
	m.astray.Go(func() {
		defer func() {
			if gone := recover(); gone != nil && gone != http.ErrAbortHandler {
				panic(gone)
			}
		}()
		time.Sleep(wait)
		m.sim.ServeHTTP(httptest.NewRecorder(), again)
	})
	panic(http.ErrAbortHandler)
}

// sender is the number of the worker that sent a request, 0 where it does not
// say.
func sender(r *http.Request) int {
	name, _, _ := strings.Cut(r.UserAgent(), " ")
	n := 0
	for _, digit := range strings.TrimPrefix(name, "worker-") {
		if digit < '0' || digit > '9' {
			return 0
		}
		n = 10*n + int(digit-'0')
	}
	return n
}
