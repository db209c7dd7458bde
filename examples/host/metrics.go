package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// metrics keeps the page for a while: to count costs a look at the store,
// however often somebody asks.
type metrics struct {
	mu   sync.Mutex
	page []byte
	made time.Time
}

// metricsAge is how old the page may be.
const metricsAge = 15 * time.Second

// getMetrics answers the counters in Prometheus' text format. README.md says
// what to alert on.
func (s *service) getMetrics(w http.ResponseWriter, r *http.Request) {
	page, err := s.metrics.get(r.Context(), s.engine)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(page) // who asked is gone
}

func (m *metrics) get(ctx context.Context, engine *reporting.Engine) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.page != nil && time.Since(m.made) < metricsAge {
		return m.page, nil
	}
	c, err := engine.Counters(ctx)
	if err != nil {
		return nil, err
	}
	var tenants []reporting.Tenant
	for t, err := range engine.Tenants(ctx) {
		if err != nil {
			return nil, err
		}
		tenants = append(tenants, t)
	}
	var b strings.Builder
	writeMetrics(&b, c, tenants)
	m.page, m.made = []byte(b.String()), time.Now()
	return m.page, nil
}

func writeMetrics(w io.Writer, c reporting.Counters, tenants []reporting.Tenant) {
	family := func(name, kind, help string) { fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	gauge := func(name, help string, value int) {
		family(name, "gauge", help)
		fmt.Fprintf(w, "%s %d\n", name, value)
	}
	// A time that there is none of is left out, so that an alert on its age
	// does not fire.
	since := func(name, help string, at time.Time) {
		family(name, "gauge", help)
		if !at.IsZero() {
			fmt.Fprintf(w, "%s %d\n", name, at.Unix())
		}
	}
	gauge("devicestatus_tenants", "Registered tenants.", c.Tenants)
	gauge("devicestatus_tenants_parked", "Tenants that Microsoft does not let in.", c.Parked)
	family("devicestatus_devices", "gauge", "Devices by where the report of each stands.")
	labelled(w, "devicestatus_devices", "state", textKeys(c.Devices))
	gauge("devicestatus_compliant", "Devices that Azure holds as compliant.", c.Compliant)
	family("devicestatus_queued", "gauge", "Devices with something to be sent, by urgency.")
	labelled(w, "devicestatus_queued", "urgency", c.Queued)
	family("devicestatus_failing", "gauge", "Devices whose newest attempt failed, by kind.")
	labelled(w, "devicestatus_failing", "kind", textKeys(c.Failing))
	gauge("devicestatus_held", "Devices that the guard against mass changes holds.", c.Held)
	gauge("devicestatus_overdue", "Devices whose weekly report is late.", c.Overdue)
	since("devicestatus_oldest_restrict_timestamp_seconds", "Since when the non-compliance or removal that waits longest is not accepted.", c.OldestRestrict)
	since("devicestatus_oldest_unsent_timestamp_seconds", "Since when the standing that waits longest is not accepted.", c.OldestUnsent)
	since("devicestatus_oldest_unconfirmed_timestamp_seconds", "Since when the oldest message is in progress.", c.OldestUnconfirmed)
	since("devicestatus_oldest_confirmed_timestamp_seconds", "When the device was accepted that was so longest ago.", c.OldestConfirmed)
	family("devicestatus_sent_total", "counter", "Reports that Microsoft accepted, since this process began.")
	fmt.Fprintf(w, "devicestatus_sent_total %d\n", c.Sent)
	family("devicestatus_failed_total", "counter", "Reports that failed, by kind, since this process began.")
	labelled(w, "devicestatus_failed_total", "kind", textKeys(c.Failed))

	family("devicestatus_tenant_unsent", "gauge", "Devices of a tenant with a newer standing than Azure holds.")
	for _, t := range tenants {
		fmt.Fprintf(w, "devicestatus_tenant_unsent{tenant=%q,mode=%q} %d\n", t.TenantID, t.Mode, t.Unsent)
	}
	family("devicestatus_tenant_since_timestamp_seconds", "gauge", "When something of the tenant was last accepted; where nothing was, since when its mode is what it is.")
	for _, t := range tenants {
		at := t.LastSuccess
		if at.Before(t.Since) {
			at = t.Since
		}
		fmt.Fprintf(w, "devicestatus_tenant_since_timestamp_seconds{tenant=%q,mode=%q} %d\n", t.TenantID, t.Mode, at.Unix())
	}
}

// labelled writes a value for each label, in a fixed order.
func labelled[N int | int64](w io.Writer, name, label string, values map[string]N) {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(w, "%s{%s=\"%s\"} %d\n", name, label, escape.Replace(key), values[key])
	}
}

// textKeys answers a map by the texts of its keys.
func textKeys[K comparable, N int | int64](values map[K]N) map[string]N {
	texts := map[string]N{}
	for key, n := range values {
		texts[fmt.Sprint(key)] += n
	}
	return texts
}
