package main

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/azure/azuresim"
)

// unkilled are moments at which nobody is killed.
type unkilled struct{}

func (unkilled) reach(int, moment) bool { return false }

// testHost is a host of some devices, each of which has changed once.
func testHost(t *testing.T, devices int) *host {
	t.Helper()
	sim := azuresim.New(nil)
	tenant := sim.AddTenant(azuresim.Tenant{})
	return newHost(1, newWorld(1, sim, []string{tenant.ID}, devices), unkilled{})
}

// drain takes batches as long as there are any, and answers how often each
// device was in one.
func drain(h *host, worker int, acknowledge bool) map[string]int {
	seen := map[string]int{}
	for {
		b, _ := h.next(worker)
		if len(b.Observations) == 0 {
			return seen
		}
		for _, o := range b.Observations {
			seen[o.DeviceID]++
		}
		if acknowledge {
			if err := h.took(taken{Worker: worker, Batch: b.Number}); err != nil {
				panic(err)
			}
		}
	}
}

// What was not acknowledged is handed over again: when its worker has died, or
// after a while.
func TestHandedOverAgain(t *testing.T) {
	const devices = 50
	synctest.Test(t, func(t *testing.T) {
		h := testHost(t, devices)
		all := drain(h, 1, false)
		if len(all) != devices {
			t.Fatalf("%d devices were handed over, want %d", len(all), devices)
		}
		if none := drain(h, 2, false); len(none) > 0 {
			t.Errorf("%d devices were handed over while another has them", len(none))
		}
		h.died()
		if diff := cmp.Diff(all, drain(h, 1, false)); diff != "" {
			t.Errorf("after a death (-first +again):\n%s", diff)
		}
		time.Sleep(patience + time.Millisecond)
		if got := drain(h, 2, true); len(got) != devices {
			t.Errorf("%d devices were handed over after a while, want %d", len(got), devices)
		}
		if n := h.waiting(); n != 0 {
			t.Errorf("%d changes wait, want none", n)
		}
		h.died()
		if none := drain(h, 1, false); len(none) > 0 {
			t.Errorf("%d devices were handed over again that were acknowledged", len(none))
		}
	})
}

func TestUnknownBatch(t *testing.T) {
	h := testHost(t, 1)
	if err := h.took(taken{Batch: 9}); err == nil {
		t.Error("a batch that was never handed over is acknowledged")
	}
}

// Every moment is drawn, and none that never comes.
func TestDeaths(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	drawn := map[moment]int{}
	for range 1000 {
		d := drawDeath(rng, time.Second)
		drawn[d.moment]++
		if d.count < 1 || d.delay < 0 || d.delay > time.Second {
			t.Errorf("drew %+v", d)
		}
	}
	for m, name := range momentNames {
		if drawn[m] == 0 {
			t.Errorf("nobody dies %s", name)
		}
		delete(drawn, m)
	}
	if len(drawn) > 0 {
		t.Errorf("drew moments without a name: %v", drawn)
	}
}
