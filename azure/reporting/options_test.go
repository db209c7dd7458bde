package reporting_test

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
	"github.com/mdmkit/devicestatus/azure/reporting/memstore"
	"github.com/mdmkit/devicestatus/compliance"
)

// What cannot work is refused by name.
func TestOptionsAreChecked(t *testing.T) {
	store, r := memstore.New(nil), &microsoft{}
	if _, err := reporting.New(nil, r, nil); err == nil {
		t.Error("no store: no error")
	}
	if _, err := reporting.New(store, nil, nil); err == nil {
		t.Error("no reporter: no error")
	}
	for want, o := range map[string]reporting.Options{
		"CallTimeout":      {CallTimeout: 2 * time.Minute},
		"Lease":            {Lease: 30 * time.Second},
		"RefreshEvery":     {RefreshEvery: time.Hour},
		"RefreshEvery of":  {RefreshEvery: -time.Hour, RefreshSpread: -2 * time.Hour},
		"Linger":           {Linger: -1},
		"GuardLeast":       {GuardLeast: -1},
		"GuardShare of 7":  {GuardShare: 7},
		"GuardShare of Na": {GuardShare: math.NaN()},
		"Poll":             {Poll: -time.Second},
		"CallsInFlight":    {CallsInFlight: -1},
		"Burst":            {Burst: -1},
		"MessageTimeout":   {MessageTimeout: -1},
		"GuardHolds":       {GuardHolds: []compliance.State{removed, 99}},
		"TenantQuota":      {TenantQuota: reporting.Quota{Writes: -1, Window: time.Second}},
		"ApplicationQuota": {ApplicationQuota: reporting.Quota{Writes: 10}},
	} {
		if _, err := reporting.New(store, r, &o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that names it", want, err)
		}
	}
	for name, o := range map[string]reporting.Options{
		"zero": {}, "no spread": {RefreshEvery: time.Hour, RefreshSpread: -1}, "no guard, no deletion, no flap delay": {GuardShare: -1, DeleteAfter: -1, FlapDelay: -1},
	} {
		if _, err := reporting.New(store, r, &o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Options are copied: what a caller changes afterwards changes nothing.
func TestOptionsAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &reporting.Options{GuardHolds: []compliance.State{removed}, GuardLeast: 1}
		h := newTrial(t, o)
		o.GuardHolds[0], o.GuardLeast = compliant, 1000
		defer h.run()()
		h.see(pcs(10, nil)...)
		time.Sleep(time.Minute)
		h.see(pcs(10, in(removed))...)
		if v := h.tenant(); v.Held != 10 {
			t.Errorf("%d held, want 10", v.Held)
		}
	})
}

// Refreshes come at the setting, and earlier by no more than the spread.
func TestRefreshSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTrial(t, &reporting.Options{RefreshEvery: 24 * time.Hour, RefreshSpread: 6 * time.Hour, Poll: time.Hour})
		defer h.run()()
		h.see(pcs(200, nil)...)
		time.Sleep(time.Minute)
		first := map[string]time.Time{}
		for _, c := range h.azure.all("report") {
			first[c.report.DeviceID] = c.at
		}
		n := len(h.azure.all())
		time.Sleep(25 * time.Hour)
		hours := map[int]int{}
		for _, c := range h.azure.all("report")[n:] {
			after := c.at.Sub(first[c.report.DeviceID])
			if after < 18*time.Hour || after > 24*time.Hour+time.Minute {
				t.Errorf("refreshed after %v", after)
			}
			hours[int(after.Hours())]++
		}
		if len(hours) < 6 {
			t.Errorf("refreshes by the hour: %v, want them spread over six", hours)
		}
	})
}
