package reporting

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mdmkit/devicestatus/compliance"
)

// What a wave counts: the turns within an hour, in slots, under clocks that go
// wrong too.
func TestWave(t *testing.T) {
	type turn struct {
		after time.Duration // of the one before
		n     int
		many  bool // too many
		first bool
	}
	for _, tc := range []struct {
		name    string
		devices int
		least   int
		share   float64
		turns   []turn
	}{
		{"more than the least", 100, 20, 0.05, []turn{{0, 20, false, false}, {time.Minute, 1, true, true}, {time.Minute, 1, true, false}}},
		{"more than the share", 1000, 20, 0.05, []turn{{0, 50, false, false}, {time.Minute, 1, true, true}}},
		{"an hour later they do not count", 100, 20, 0.05, []turn{{0, 20, false, false}, {time.Hour + 5*time.Minute, 20, false, false}, {0, 1, true, true}}},
		{"an alarm ends and comes again", 100, 20, 0.05, []turn{{0, 21, true, true}, {2 * time.Hour, 1, false, false}, {0, 20, true, true}}},
		{"within the hour they do", 100, 20, 0.05, []turn{{0, 10, false, false}, {30 * time.Minute, 10, false, false}, {20 * time.Minute, 1, true, true}}},
		{"a clock that was set back by days", 100, 20, 0.05, []turn{{0, 20, false, false}, {-48 * time.Hour, 20, false, false}}},
		{"one that turned before alone", 100, 20, 0.05, []turn{{0, 21, true, true}, {0, 0, true, false}}},
		{"no least", 10, 0, 0.5, []turn{{0, 5, false, false}, {0, 1, true, true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var w wave
			now := noon
			for i, turn := range tc.turns {
				now = now.Add(turn.after)
				many, first := w.turn(turn.n, now, tc.devices, tc.least, tc.share)
				if many != turn.many || first != turn.first {
					t.Errorf("turn %d: too many %v, first %v; want %v, %v", i, many, first, turn.many, turn.first)
				}
				if w.Alarm.IsZero() == many {
					t.Errorf("turn %d: alarm since %v", i, w.Alarm)
				}
			}
			if len(w.Slots) > int(guardWindow/guardSlot)+1 {
				t.Errorf("%d slots are kept", len(w.Slots))
			}
		})
	}
}

func TestWaveKeepsFewSlots(t *testing.T) {
	var w wave
	for i := range 10_000 {
		w.turn(1, noon.Add(time.Duration(i)*time.Second), 1_000_000, 20, 0.05)
	}
	if len(w.Slots) > int(guardWindow/guardSlot)+1 || w.Count < 3300 || w.Count > 3600+300 {
		t.Errorf("%d slots with %d turns, want an hour's", len(w.Slots), w.Count)
	}
}

// An alarm stands until an hour without turns has passed.
func TestAlarmed(t *testing.T) {
	var w wave
	if w.alarmed(noon) {
		t.Error("an alarm of nothing")
	}
	w.turn(30, noon, 10, 20, 0.05)
	for after, want := range map[time.Duration]bool{0: true, time.Hour: true, 66 * time.Minute: false} {
		if got := w.alarmed(noon.Add(after)); got != want {
			t.Errorf("%v later: %v, want %v", after, got, want)
		}
	}
}

// A device counts once an hour for each way that it turns.
func TestTurns(t *testing.T) {
	var have turns
	now := noon
	for i, step := range []struct {
		after time.Duration
		to    compliance.State
		want  bool
	}{
		{0, nonCompliant, true}, {time.Minute, compliant, true}, {time.Minute, nonCompliant, false}, {time.Minute, compliant, false},
		{time.Minute, removed, true}, {57 * time.Minute, nonCompliant, false}, {5 * time.Minute, nonCompliant, true}, {time.Minute, compliant, true},
		{-48 * time.Hour, removed, true}, // the clock was set back
	} {
		now = now.Add(step.after)
		if got := have.turn(step.to, now); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

func TestWaveOfAStanding(t *testing.T) {
	var g guard
	got := []*wave{g.wave(compliant), g.wave(nonCompliant), g.wave(removed), g.wave(none)}
	if got[0] != &g.Compliant || got[1] != &g.NonCompliant || got[2] != &g.Removed || got[3] != nil {
		t.Errorf("waves %v of %p", got, &g)
	}
	if diff := cmp.Diff("{\"devices\":0}", string(encodeJSON(&g))); diff != "" {
		t.Errorf("an empty guard (-want +got)\n%s", diff)
	}
}
