package main

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/azuresim"
	"github.com/mdmkit/devicestatus/azure/reporting"
)

// entry is one write of the simulator's ledger that concerns an Azure id.
type entry struct {
	at       time.Time
	standing standing
	deletes  bool
	user     string // of a phone or a Mac: whose pair with the device it is about
	version  string // the OS version that Microsoft held after it
	line     string
}

// entries answers what applications wrote to an Azure id, oldest first, as far
// as Microsoft kept it.
func entries(sim *azuresim.Simulator, a *azureID) []entry {
	var all []entry
	if a.machine.platform == azure.PlatformWindows {
		for _, w := range sim.Writes(a.tenant, a.id) {
			e := entry{at: w.At, deletes: w.Method == http.MethodDelete, version: w.After.OperatingSystemVersion,
				line: fmt.Sprintf("%s %s %s", clock(w.At), w.Method, w.Body)}
			if !e.deletes {
				e.standing = stands(*w.After.IsManaged, *w.After.IsCompliant)
			}
			all = append(all, e)
		}
		return all
	}
	for _, p := range sim.PartnerHistory(a.tenant, a.id) {
		if !p.Kept {
			continue
		}
		all = append(all, entry{
			at: p.At, user: p.Report.UserID, standing: stands(p.Report.Managed, p.Report.Compliant), version: p.Report.OSVersion,
			line: fmt.Sprintf("%s message %.8s of user %.8s: %s, updated %s, %s", clock(p.At), p.MessageID, p.Report.UserID,
				stands(p.Report.Managed, p.Report.Compliant), clock(p.Report.LastUpdate), p.Report.OSVersion),
		})
	}
	return all
}

func stands(managed, isCompliant bool) standing {
	switch {
	case managed && isCompliant:
		return compliant
	case managed:
		return nonCompliant
	}
	return closed
}

// clock shows a time of today.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// traffic is what the ledger says of the run as a whole.
type traffic struct {
	writes, messages, polls int
	throttled               int // answers of 429 that nobody asked for
	faults                  map[string]int
	mostTenant, mostAll     int // writes in a window of the quota, of a channel
	faultLines              []string
}

// count goes through the ledger.
func count(requests []azuresim.Request, q quotas) traffic {
	t := traffic{faults: map[string]int{}}
	status, message := azuresim.ForPartnerStatus(), azuresim.ForPartnerMessages()
	byTenant, byChannel := map[string][]time.Time{}, map[string][]time.Time{}
	write := func(channel, tenant string, at time.Time) {
		byTenant[channel+tenant] = append(byTenant[channel+tenant], at)
		byChannel[channel] = append(byChannel[channel], at)
	}
	each := func(r *azuresim.Request, sent time.Time) {
		if r.Fault != "" {
			t.faults[r.Fault]++
		} else if r.Status == http.StatusTooManyRequests {
			t.throttled++
		}
		switch {
		case message(r):
			t.messages++
			write("partner ", r.TenantID, sent)
		case status(r):
			t.polls++
		case r.Method == http.MethodPatch || r.Method == http.MethodDelete:
			t.writes++
			write("graph ", r.TenantID, sent)
		}
	}
	for i := range requests {
		r := &requests[i]
		sent := r.At
		if since, err := time.Parse(time.RFC3339Nano, r.Header.Get(astraySince)); err == nil {
			sent = since // the engine's pace is not to blame for its way
		}
		each(r, sent)
		for j := range r.Items {
			each(&r.Items[j], sent)
		}
	}
	over := func(of map[string][]time.Time, q reporting.Quota, most *int) {
		for name, times := range of {
			n := mostWithin(times, q.Window)
			if n > q.Writes {
				t.faultLines = append(t.faultLines, fmt.Sprintf("%s: %d writes within %v, allowed are %d", name, n, q.Window, q.Writes))
			}
			*most = max(*most, n)
		}
	}
	over(byTenant, q.Tenant, &t.mostTenant)
	over(byChannel, q.Application, &t.mostAll)
	if t.throttled > 0 {
		t.faultLines = append(t.faultLines, fmt.Sprintf("Microsoft answered 429 %d times because a quota was used up", t.throttled))
	}
	slices.Sort(t.faultLines)
	return t
}

// mostWithin answers how many times at most lie within any window of a length.
func mostWithin(times []time.Time, window time.Duration) int {
	slices.SortFunc(times, time.Time.Compare)
	most, from := 0, 0
	for to, at := range times {
		for !times[from].After(at.Add(-window)) {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}
