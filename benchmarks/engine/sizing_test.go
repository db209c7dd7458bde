package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFullReportByHand(t *testing.T) {
	for _, tc := range []struct {
		devices, tenants int
		want             time.Duration
		share            float64 // of what is allowed, once a week
	}{
		{10_000, 1, 500 * time.Second, 500. / 604_800},
		{1_000_000, 1, 50_000 * time.Second, 50_000. / 604_800},
		{10_000_000, 1, 500_000 * time.Second, 500_000. / 604_800},
		{1_000_000, 5, 10_000 * time.Second, 10_000. / 604_800},
		// From six tenants on it is the application that is limited: 35,000 in 5 minutes.
		{1_050_000, 6, 150 * time.Minute, 9_000. / 604_800},
		{1_050_000, 1000, 150 * time.Minute, 9_000. / 604_800},
	} {
		got := fullReport(tc.devices, tc.tenants)
		if (got - tc.want).Abs() > time.Millisecond {
			t.Errorf("%d devices of %d tenants: %v, want %v", tc.devices, tc.tenants, got, tc.want)
		}
		if share := weekly(tc.devices, tc.tenants); share < tc.share-1e-6 || share > tc.share+1e-6 {
			t.Errorf("%d devices of %d tenants: %v of what is allowed, want %v", tc.devices, tc.tenants, share, tc.share)
		}
	}
}

func TestFleetSizes(t *testing.T) {
	got, err := fleetSizes("10000x1,1000000x100")
	if err != nil || len(got) != 2 || got[0] != (fleetSize{10_000, 1}) || got[1] != (fleetSize{1_000_000, 100}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, wrong := range []string{"", "10", "x1", "10x", "5x6", "-1x1", "10x0", "10x1,"} {
		if got, err := fleetSizes(wrong); err == nil {
			t.Errorf("%q is %v", wrong, got)
		}
	}
}

// What is said of the machine is said of the cells: a simulation that is taken
// later leaves it.
func TestSizingLeavesTheMachine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	was := &results{Machine: machine{CPU: "another", Cores: 64}, Rounds: 3, Cells: []*cell{{Store: "SQLite", Devices: 10_000}}}
	if err := was.save(path); err != nil {
		t.Fatal(err)
	}
	o := options{json: path, parts: []string{"sizing"}}
	o.plan.Rounds = 5
	r, err := take(t.Context(), o)
	if err != nil || r.Machine != was.Machine || r.Rounds != 3 || len(r.Cells) != 1 {
		t.Errorf("after a simulation: %+v, %d rounds, %v", r.Machine, r.Rounds, err)
	}
	o.json = ""
	if r, err := take(t.Context(), o); err != nil || r.Machine.Cores == 0 || r.Rounds != 5 {
		t.Errorf("of nothing: %+v, %d rounds, %v", r.Machine, r.Rounds, err)
	}
}

func TestLasting(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 59 * time.Second: "59 s", 500 * time.Second: "8 min 20 s", 50_000 * time.Second: "13 h 53 min", 500_000 * time.Second: "5 d 18 h",
	} {
		if got := lasting(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestFigures(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   figure
	}{
		{nil, figure{}}, {[]float64{3}, figure{3, 3, 3}}, {[]float64{5, 1, 3}, figure{3, 1, 5}}, {[]float64{4, 1, 3, 2}, figure{2.5, 1, 4}},
	} {
		if diff := cmp.Diff(tc.want, figureOf(tc.values)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tc.values, diff)
		}
	}
	for v, want := range map[float64]string{0: "0.00", 1.234: "1.23", 12.34: "12.3", 999.6: "1,000", 1_234_567: "1,234,567", 100: "100"} {
		if got := short(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

func TestTargets(t *testing.T) {
	r := someCells()
	r.at(onPostgres, 1_000_000).find(whatClaim, 1, false).Rounds[0].Millis = 3.1
	r.at(onPostgres, 10_000).find(whatClaim, 1, false).Rounds[0].Millis = 2
	got := map[string]float64{}
	for _, t := range r.targets() {
		got[t.what] = t.got
	}
	if ratio := got["PostgreSQL: a claim at 1,000,000 devices, times one at 10,000, by the clock"]; ratio < 1.54 || ratio > 1.56 {
		t.Errorf("claims: %v in %v", ratio, got)
	}
	if drained := got["PostgreSQL: devices a second drained by 4 workers"]; drained != 8000 {
		t.Errorf("drained: %v in %v", drained, got)
	}
	for _, t2 := range []struct {
		target
		met bool
	}{
		{target{got: 2, least: 2}, true}, {target{got: 1.9, least: 2}, false}, {target{got: 1.5, most: 1.5}, true}, {target{got: 1.6, most: 1.5}, false},
	} {
		if t2.target.met() != t2.met {
			t.Errorf("%+v is met: %t", t2.target, t2.target.met())
		}
	}
}
