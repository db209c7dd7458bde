package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/compliance"
)

func TestParseStat(t *testing.T) {
	got, err := parseStat("4711 (a (b) c) S 42 4711 4711 0 -1 4194560 1 2 3 4 150 50 1000 200 20 0 1 0 12345 1 2")
	want := stat{name: "a (b) c", parent: 42, own: 2 * time.Second, ended: 12 * time.Second}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(stat{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, wrong := range []string{"", "1 a S 2", "1 (a) S 2 3", "1 )a( S", "1 (a) S x 1 1 0 -1 1 1 2 3 4 150 50 1000 200 20"} {
		if got, err := parseStat(wrong); err == nil {
			t.Errorf("%q is %+v", wrong, got)
		}
	}
}

func TestRSSPeak(t *testing.T) {
	if got := rssPeak("Name:\tx\nVmHWM:\t   12345 kB\nVmRSS:\t 1 kB\n"); got != 12345<<10 {
		t.Errorf("%d bytes", got)
	}
	if got := rssPeak("Name:\tx\n"); got != 0 {
		t.Errorf("%d bytes where nothing is said", got)
	}
}

// Every device comes once before any comes twice, neighbors or anywhere, and
// each is of one tenant.
func TestFleet(t *testing.T) {
	for _, size := range []int{10_000, 100_000, 1_000_000} {
		f := newFleet(size, 10)
		for _, anywhere := range []bool{false, true} {
			seen, at := make([]bool, size), 0
			for range size {
				if seen[at] {
					t.Fatalf("%d devices: %d comes twice", size, at)
				}
				seen[at] = true
				at = f.after(at, anywhere)
			}
		}
	}
	f := newFleet(10_000, 10)
	now := time.Now()
	first, last := f.observation(0, now), f.observation(9_999, now)
	if first.TenantID != tenantID(0) || last.TenantID != tenantID(9) || first.Account != account(0) || first.AzureDeviceID == last.AzureDeviceID {
		t.Errorf("the first device is %+v, the last %+v", first, last)
	}
	f.turn(65)
	if f.observation(65, now).State != compliance.StateNonCompliant || f.observation(64, now).State != compliance.StateCompliant {
		t.Error("another device turned than was told")
	}
	f.turn(65)
	if f.observation(65, now).State != compliance.StateCompliant {
		t.Error("a device did not turn back")
	}
	if strings.Contains(first.AzureDeviceID, " ") || len(first.AzureDeviceID) != 36 {
		t.Errorf("an Azure id is %q", first.AzureDeviceID)
	}
}
