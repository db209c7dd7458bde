package azuresim

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Model is how requests are counted against a limit. Microsoft does not say
// which one it runs.
type Model uint8

// The models.
const (
	ModelTokenBucket   Model = iota // refills steadily, holds one period's worth: the default
	ModelFixedWindow                // counts from zero at every full period since 1970
	ModelSlidingWindow              // counts the last period, in steps of a sixtieth of it
)

// Limit is a number of units in a period.
type Limit struct {
	// Units a period. Zero: the published limit. Negative: no limit.
	Units int
	// Per is the period. Zero: the published one.
	Per time.Duration
}

// Throttle says how requests are limited. The defaults are Microsoft's
// published numbers for service identity and access, and for Intune.
type Throttle struct {
	// Off takes all limits away.
	Off bool
	// Model is how requests are counted.
	Model Model
	// CountRefused counts requests that were refused as well.
	CountRefused bool
	// HideHeaders leaves out every x-ms-throttle-… header, as Graph often does.
	HideHeaders bool
	// RetryAfter writes the header of that name. Nil: [RetryAfterSeconds].
	RetryAfter RetryAfter
	// LowShare is the share of a limit from which on requests of priority low
	// are refused. Zero: 0.9, a guess.
	LowShare float64

	TenantAppUnits       Limit // application and tenant, resource units: 3,500, 5,000 or 8,000 per 10 s by Tenant.Seats
	TenantAppWrites      Limit // application and tenant, writes: 3,000 per 150 s
	TenantWrites         Limit // tenant, writes: 18,000 per 5 min
	AppUnits             Limit // application, resource units: 150,000 per 20 s
	AppWrites            Limit // application, writes: 35,000 per 5 min
	AppCalls             Limit // application, calls: 130,000 per 10 s
	IntuneTenantCalls    Limit // tenant, calls to Intune's resources: 2,000 per 20 s
	IntuneTenantAppCalls Limit // application and tenant, calls to Intune's resources: 1,000 per 20 s
}

func (t Throttle) withDefaults() Throttle {
	if t.RetryAfter == nil {
		t.RetryAfter = RetryAfterSeconds
	}
	if t.LowShare <= 0 {
		t.LowShare = 0.9
	}
	t.TenantAppWrites = t.TenantAppWrites.or(3_000, 150*time.Second)
	t.TenantWrites = t.TenantWrites.or(18_000, 5*time.Minute)
	t.AppUnits = t.AppUnits.or(150_000, 20*time.Second)
	t.AppWrites = t.AppWrites.or(35_000, 5*time.Minute)
	t.AppCalls = t.AppCalls.or(130_000, 10*time.Second)
	t.IntuneTenantCalls = t.IntuneTenantCalls.or(2_000, 20*time.Second)
	t.IntuneTenantAppCalls = t.IntuneTenantAppCalls.or(1_000, 20*time.Second)
	return t
}

func (l Limit) or(units int, per time.Duration) Limit {
	if l.Units == 0 {
		l.Units = units
	}
	if l.Per <= 0 {
		l.Per = per
	}
	return l
}

// unitsFor is the published quota of resource units by the tenant's size.
func unitsFor(seats int) int {
	switch {
	case seats < 50:
		return 3_500
	case seats <= 500:
		return 5_000
	default:
		return 8_000
	}
}

// quota is one limit as it applies to a request.
type quota struct {
	key   meterKey
	limit Limit
	why   string // x-ms-throttle-information
}

type meterKey struct {
	scope  string // first part of x-ms-throttle-scope
	what   uint8
	tenant string
	client string
}

const (
	meterUnits uint8 = iota
	meterWrites
	meterCalls
	meterIntune
)

// meters hold what was used of every limit.
type meters struct {
	mu       sync.Mutex
	throttle Throttle
	used     map[meterKey]meter
}

func (m *meters) init(t Throttle) {
	m.throttle = t
	m.used = map[meterKey]meter{}
}

const (
	scopeTenantApp = "Tenant_Application"
	scopeTenant    = "Tenant"
	scopeApp       = "Application"
)

// quotas are the limits that a request falls under.
func (m *meters) quotas(tenantID string, seats int, client string, write, intune bool) []quota {
	t := &m.throttle
	if intune {
		return []quota{
			{meterKey{scopeTenant, meterIntune, tenantID, ""}, t.IntuneTenantCalls, "ResourceUnitLimitExceeded"},
			{meterKey{scopeTenantApp, meterIntune, tenantID, client}, t.IntuneTenantAppCalls, "ResourceUnitLimitExceeded"},
			{meterKey{scopeApp, meterCalls, "", client}, t.AppCalls, "ResourceUnitLimitExceeded"},
		}
	}
	units := t.TenantAppUnits.or(unitsFor(seats), 10*time.Second)
	all := make([]quota, 0, 6)
	all = append(all,
		quota{meterKey{scopeTenantApp, meterUnits, tenantID, client}, units, "ResourceUnitLimitExceeded"},
		quota{meterKey{scopeApp, meterUnits, "", client}, t.AppUnits, "ResourceUnitLimitExceeded"},
		quota{meterKey{scopeApp, meterCalls, "", client}, t.AppCalls, "ResourceUnitLimitExceeded"})
	if write {
		all = append(all,
			quota{meterKey{scopeTenantApp, meterWrites, tenantID, client}, t.TenantAppWrites, "WriteLimitExceeded"},
			quota{meterKey{scopeTenant, meterWrites, tenantID, ""}, t.TenantWrites, "WriteLimitExceeded"},
			quota{meterKey{scopeApp, meterWrites, "", client}, t.AppWrites, "WriteLimitExceeded"})
	}
	return all
}

// verdict is what the meters say of a request.
type verdict struct {
	refused bool
	by      quota
	wait    time.Duration
	level   float64 // of the fullest limit, 1 is full
}

// take charges one unit to every limit, or refuses. A refusal charges nothing
// unless refused requests count, and then the wait includes it.
func (m *meters) take(now time.Time, all []quota, low bool) verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	allowed := func(q quota) float64 {
		if low {
			return float64(q.limit.Units) * m.throttle.LowShare
		}
		return float64(q.limit.Units)
	}
	var v verdict
	var full [8]bool
	for i, q := range all {
		if q.limit.Units < 0 {
			continue
		}
		next := m.meter(q).level(now) + 1
		v.level = max(v.level, next/float64(q.limit.Units))
		full[i] = next > allowed(q)
		v.refused = v.refused || full[i]
	}
	if !v.refused || m.throttle.CountRefused {
		for _, q := range all {
			if q.limit.Units >= 0 {
				m.meter(q).add(now)
			}
		}
	}
	for i, q := range all {
		if !full[i] {
			continue
		}
		if wait := m.meter(q).wait(now, allowed(q)-1); v.by.why == "" || wait > v.wait {
			v.by, v.wait = q, wait
		}
	}
	return v
}

func (m *meters) meter(q quota) meter {
	mt := m.used[q.key]
	if mt == nil {
		mt = newMeter(m.throttle.Model, q.limit)
		m.used[q.key] = mt
	}
	return mt
}

// charge counts a Graph request against its quotas. It answers the headers of
// an answer, or the refusal.
func (x *exchange) charge(write, intune bool) (map[string]string, *answer) {
	const unit = "X-Ms-Resource-Unit"
	throttle := &x.sim.options.Throttle
	if throttle.Off {
		return map[string]string{unit: "1"}, nil
	}
	t, client := x.caller.tenant.info, x.caller.claims.AppID
	all := x.sim.meters.quotas(t.ID, t.Seats, client, write, intune)
	low := x.record.Header.Get("X-Ms-Throttle-Priority") == "low"
	v := x.sim.meters.take(x.now, all, low)
	percentage := strconv.FormatFloat(min(v.level, 1.8), 'f', 2, 64)
	if !v.refused {
		headers := map[string]string{unit: "1"}
		if v.level > 0.8 && !throttle.HideHeaders {
			headers["X-Ms-Throttle-Limit-Percentage"] = percentage
		}
		return headers, nil
	}
	a := x.graphError(http.StatusTooManyRequests, "TooManyRequests", "Too many requests. Please retry after the time that the Retry-After header gives.")
	if text := throttle.RetryAfter(v.wait, x.now); text != "" {
		a.header.Set("Retry-After", text)
	}
	a.header.Set(unit, "1")
	if !throttle.HideHeaders {
		a.header.Set("X-Ms-Throttle-Limit-Percentage", percentage)
		a.header.Set("X-Ms-Throttle-Information", v.by.why)
		limit := "ReadWrite"
		if v.by.key.what == meterWrites {
			limit = "Write"
		}
		a.header.Set("X-Ms-Throttle-Scope", v.by.key.scope+"/"+limit+"/"+client+"/"+t.ID)
	}
	return nil, &a
}
