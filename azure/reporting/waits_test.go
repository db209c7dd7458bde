package reporting

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBackOff(t *testing.T) {
	var got []time.Duration
	for _, tries := range []int{1, 2, 3, 9, 10, 20, 21, 1000} {
		got = append(got, backOff(tries, 5*time.Second, time.Hour))
	}
	want := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 1280 * time.Second, 2560 * time.Second, time.Hour, time.Hour, time.Hour}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("backOff (-want +got)\n%s", diff)
	}
}

func TestAbsentRetry(t *testing.T) {
	for tries, want := range map[int]time.Duration{
		1: 30 * time.Second, 2: 2 * time.Minute, 3: 10 * time.Minute, 4: 30 * time.Minute, 5: time.Hour, 28: time.Hour, 29: 24 * time.Hour, 500: 24 * time.Hour,
	} {
		if got := absentRetry(tries); got != want {
			t.Errorf("after %d tries: %v, want %v", tries, got, want)
		}
	}
}

// A wait that a clock makes longer than it can be is over.
func TestSoon(t *testing.T) {
	for _, tc := range []struct {
		name    string
		t, want time.Time
	}{
		{"passed", noon.Add(-time.Hour), noon.Add(-time.Hour)},
		{"to come", noon.Add(time.Hour), noon.Add(time.Hour)},
		{"a clock that is a bit off", noon.Add(time.Hour + mostAhead), noon.Add(time.Hour + mostAhead)},
		{"a clock that was set back", noon.Add(time.Hour + mostAhead + time.Second), noon},
		{"by years", noon.AddDate(50, 0, 0), noon},
		{"none", time.Time{}, time.Time{}},
	} {
		if got := soon(tc.t, time.Hour, noon); !got.Equal(tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	if got := waited(noon.Add(-time.Minute), time.Hour, noon); !got.Equal(noon.Add(59 * time.Minute)) {
		t.Errorf("a wait that began a minute ago ends at %v", got)
	}
	if got := waited(noon.Add(24*time.Hour), time.Hour, noon); !got.Equal(noon) {
		t.Errorf("a wait that begins tomorrow ends at %v, want now", got)
	}
}
