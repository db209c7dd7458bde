package wire

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, tt := range []struct {
		why, value, date string
		want             time.Duration
	}{
		{"whole seconds", "120", "", 2 * time.Minute},
		{"one", "1", "", time.Second},
		{"a fraction", "2.128", "", 2128 * time.Millisecond},
		{"below one", "0.249", "", 249 * time.Millisecond},
		{"a fraction is rounded up, never earlier", "0.0001", "", time.Millisecond},
		{"of a fraction that no float holds exactly", "0.57", "", 570 * time.Millisecond},
		{"spaces around", " 5\t", "", 5 * time.Second},
		{"leading zeros", "007", "", 7 * time.Second},
		{"nothing behind the point", "5.", "", 5 * time.Second},
		{"the longest that is believed", "604800", "", 7 * 24 * time.Hour},
		{"longer", "604800.001", "", 0},
		{"seconds of years", "99999999999", "", 0},

		{"absent", "", "", 0},
		{"spaces", "  ", "", 0},
		{"zero", "0", "", 0},
		{"zero with a fraction", "0.000", "", 0},
		{"negative", "-1", "", 0},
		{"a sign", "+5", "", 0},
		{"an exponent", "1e3", "", 0},
		{"an exponent beyond any", "1e300", "", 0},
		{"digits beyond any float", strings.Repeat("9", 400), "", 0},
		{"not a number", "NaN", "", 0},
		{"infinite", "Inf", "", 0},
		{"hexadecimal", "0x10", "", 0},
		{"underscores", "1_000", "", 0},
		{"two points", "1.2.3", "", 0},
		{"a point in front", ".5", "", 0},
		{"a decimal comma", "1,5", "", 0},
		{"two headers that a proxy made one", "5, 10", "", 0},
		{"a unit", "5s", "", 0},
		{"digits of another script", "٣", "", 0},
		{"text", "soon", "", 0},

		{"a date, by this machine's clock", at(90 * time.Second), "", 90 * time.Second},
		{"a date, by the answer's own, which is an hour ahead", at(time.Hour + 30*time.Second), at(time.Hour), 30 * time.Second},
		{"a date, by the answer's own, which is an hour behind", at(-time.Hour + 30*time.Second), at(-time.Hour), 30 * time.Second},
		{"an answer whose own date cannot be read", at(30 * time.Second), "yesterday", 30 * time.Second},
		{"the form of RFC 850", now.Add(time.Minute).Format(time.RFC850), "", time.Minute},
		{"the form of C", now.Add(time.Minute).Format(time.ANSIC), "", time.Minute},
		{"now", at(0), "", 0},
		{"past", at(-time.Second), "", 0},
		{"past by the answer's own clock", at(time.Minute), at(2 * time.Minute), 0},
		{"further off than is believed", at(8 * 24 * time.Hour), "", 0},
		{"a year off", "Fri, 31 Dec 9999 23:59:59 GMT", "", 0},
		{"a date in the form of JSON", "2026-01-31T10:01:00Z", "", 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if got := RetryAfter(tt.value, tt.date, now); got != tt.want {
				t.Errorf("RetryAfter(%q, %q) = %v, want %v", tt.value, tt.date, got, tt.want)
			}
		})
	}
	t.Run("a date is never rounded down below a millisecond", func(t *testing.T) {
		if got, want := RetryAfter(at(time.Second), "", now.Add(time.Microsecond)), time.Second; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, v := range []string{"", "5", "0.249", "-1", "1e300", "NaN", "604800", "Sat, 31 Jan 2026 10:01:00 GMT", "Saturday, 31-Jan-26 10:01:00 GMT"} {
		f.Add(v, "")
		f.Add(v, "Sat, 31 Jan 2026 10:00:00 GMT")
	}
	now := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value, date string) {
		got := RetryAfter(value, date, now)
		if got < 0 || got > mostWait {
			t.Fatalf("%v", got)
		}
		if got%time.Millisecond != 0 {
			t.Fatalf("%v is no number of milliseconds: the SDK would come back early", got)
		}
		if whole := time.Duration(milliseconds(value)); whole > 0 && whole <= mostWait/1000 && value[0] != '+' {
			if got != whole*1000 {
				t.Fatalf("%q seconds are %v", value, got)
			}
		}
	})
}

func TestExactRetryAfter(t *testing.T) {
	const date = "Sat, 31 Jan 2026 10:00:00 GMT"
	for _, tt := range []struct {
		why      string
		in, want http.Header
	}{
		{"nothing said", http.Header{}, http.Header{}},
		{"no header at all", nil, nil},
		{"whole seconds", http.Header{"Retry-After": {"5"}}, http.Header{"Retry-After": {"5"}, "Retry-After-Ms": {"5000"}}},
		{"a fraction", http.Header{"Retry-After": {"0.249"}}, http.Header{"Retry-After": {"0.249"}, "Retry-After-Ms": {"249"}}},
		{"an old form of date", http.Header{"Date": {date}, "Retry-After": {"Saturday, 31-Jan-26 10:00:07 GMT"}},
			http.Header{"Date": {date}, "Retry-After": {"Saturday, 31-Jan-26 10:00:07 GMT"}, "Retry-After-Ms": {"7000"}}},
		{"two lines: the first", http.Header{"Retry-After": {"5", "9"}}, http.Header{"Retry-After": {"5", "9"}, "Retry-After-Ms": {"5000"}}},
		{"nonsense", http.Header{"Retry-After": {"NaN"}}, http.Header{}},
		{"zero", http.Header{"Retry-After": {"0"}}, http.Header{}},
		{"both: Retry-After is the documented one", http.Header{"Retry-After": {"5"}, "Retry-After-Ms": {"1"}},
			http.Header{"Retry-After": {"5"}, "Retry-After-Ms": {"5000"}}},
		{"all three", http.Header{"Retry-After": {"5"}, "Retry-After-Ms": {"1"}, "X-Ms-Retry-After-Ms": {"2"}},
			http.Header{"Retry-After": {"5"}, "Retry-After-Ms": {"5000"}}},
		{"milliseconds alone", http.Header{"Retry-After-Ms": {"1500"}}, http.Header{"Retry-After": {"1.5"}, "Retry-After-Ms": {"1500"}}},
		{"milliseconds alone, under the older name", http.Header{"X-Ms-Retry-After-Ms": {"20"}}, http.Header{"Retry-After": {"0.02"}, "Retry-After-Ms": {"20"}}},
		{"milliseconds beside nonsense", http.Header{"Retry-After": {"-1"}, "Retry-After-Ms": {"1500"}}, http.Header{"Retry-After": {"1.5"}, "Retry-After-Ms": {"1500"}}},
		{"nonsense in milliseconds", http.Header{"Retry-After-Ms": {"-5"}, "X-Ms-Retry-After-Ms": {"9223372036854775807"}}, http.Header{}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			exactRetryAfter(&http.Response{Header: tt.in})
			if diff := cmp.Diff(tt.want, tt.in); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
