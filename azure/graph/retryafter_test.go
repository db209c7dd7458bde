package graph_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// A Retry-After is obeyed in every form, and never undercut; nonsense means
// backing off; what is too long to sleep is handed to the caller.
func TestRetryAfter(t *testing.T) {
	const (
		backsOff = -1 // waits by its own rule
		date     = "Tue, 24 Nov 2026 06:00:00 GMT"
	)
	for _, tc := range []struct {
		name, value string
		date        string
		wait        time.Duration // exactly; backsOff
		surfaced    time.Duration // not slept: told in the error
	}{
		{name: "seconds", value: "10", wait: 10 * time.Second},
		{name: "one", value: "1", wait: time.Second},
		{name: "fraction", value: "2.128", wait: 2128 * time.Millisecond},
		{name: "below a second", value: "0.249", wait: 249 * time.Millisecond},
		{name: "below a millisecond", value: "1.0001", wait: 1001 * time.Millisecond},
		{name: "space around", value: " 3 ", wait: 3 * time.Second},
		{name: "RFC 1123", value: "Tue, 24 Nov 2026 06:00:07 GMT", date: date, wait: 7 * time.Second},
		{name: "RFC 850", value: "Tuesday, 24-Nov-26 06:00:07 GMT", date: date, wait: 7 * time.Second},
		{name: "ANSI C", value: "Tue Nov 24 06:00:07 2026", date: date, wait: 7 * time.Second},
		// synctest begins at midnight UTC 2000-01-01.
		{name: "date without a Date", value: "Sat, 01 Jan 2000 00:00:09 GMT", wait: 9 * time.Second},
		{name: "date and a broken Date", value: "Sat, 01 Jan 2000 00:00:09 GMT", date: "soon", wait: 9 * time.Second},
		{name: "zero", value: "0", wait: backsOff},
		{name: "negative", value: "-1", wait: backsOff},
		{name: "not a number", value: "NaN", wait: backsOff},
		{name: "infinite", value: "Inf", wait: backsOff},
		{name: "exponent", value: "1e300", wait: backsOff},
		{name: "hexadecimal", value: "0x10", wait: backsOff},
		{name: "words", value: "soon", wait: backsOff},
		{name: "many digits", value: "99999999999999999999999999", wait: backsOff},
		{name: "past", value: "Tue, 24 Nov 2026 05:00:00 GMT", date: date, wait: backsOff},
		{name: "absent", wait: backsOff},
		{name: "at the bound", value: "60", wait: time.Minute},
		{name: "beyond the bound", value: "60.001", surfaced: 60001 * time.Millisecond},
		{name: "minutes", value: "300", surfaced: 5 * time.Minute},
		{name: "a day", value: "86400", surfaced: 24 * time.Hour},
		{name: "a day by date", value: "Wed, 25 Nov 2026 06:00:00 GMT", date: date, surfaced: 24 * time.Hour},
	} {
		for _, status := range []int{429, 503} {
			for form, item := range map[string]bool{"call": false, "item": true} {
				t.Run(tc.name+"/"+form+"/"+http.StatusText(status), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s := newStub(t, func(n int, r sent) (*http.Response, error) {
							header := []string{}
							if tc.value != "" {
								header = append(header, "Retry-After", tc.value)
							}
							if n > 0 {
								return reply(204, ""), nil
							}
							if tc.date != "" {
								header = append(header, "Date", tc.date)
							}
							return reply(status, fault("TooManyRequests"), header...), nil
						})
						if item {
							s = batchStub(t, func(n int, r sent, item batchItem) string {
								if n > 0 {
									return itemReply(item.ID, 204, "null")
								}
								header := map[string]string{}
								if tc.value != "" {
									header["retry-after"] = tc.value
								}
								return itemReplyWith(item.ID, status, header, fault("TooManyRequests"))
							}, tc.date)
						}
						r := stubReporter(t, s, policy.RetryOptions{})
						began := time.Now()
						var err error
						if item {
							err = r.ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0].Err
						} else {
							_, err = r.Report(t.Context(), report1(compliance.StateCompliant))
						}
						waited := time.Since(began)
						if tc.surfaced > 0 {
							e, ok := errors.AsType[*azure.Error](err)
							require.True(t, ok, "%v", err)
							if e.RetryAfter != tc.surfaced || waited != 0 || len(s.requests()) != 1 || e.StatusCode != status {
								t.Errorf("%v after %v and %d requests, want RetryAfter %v at once", e, waited, len(s.requests()), tc.surfaced)
							}
							return
						}
						require.NoError(t, err)
						require.Len(t, s.requests(), 2)
						if tc.wait == backsOff {
							if waited < 640*time.Millisecond || waited > 1040*time.Millisecond {
								t.Errorf("backed off for %v, want 0.64 to 1.04 s", waited)
							}
							return
						}
						if waited < tc.wait || waited > tc.wait+time.Millisecond {
							t.Errorf("waited %v, want %v", waited, tc.wait)
						}
					})
				})
			}
		}
	}
}

// Exhausted retries tell how long Microsoft asked to wait.
func TestRetryAfterIsToldAtTheEnd(t *testing.T) {
	for _, retry := range []policy.RetryOptions{once, {MaxRetries: 2}} {
		synctest.Test(t, func(t *testing.T) {
			s := newStub(t, inTurn(always(429, fault("TooManyRequests"), "Retry-After", "2.128")))
			_, err := stubReporter(t, s, retry).Report(t.Context(), report1(compliance.StateCompliant))
			e, ok := errors.AsType[*azure.Error](err)
			require.True(t, ok, "%v", err)
			if e.RetryAfter != 2128*time.Millisecond || !errors.Is(err, azure.ErrThrottled) || e.Outcome != azure.OutcomeUnknown {
				t.Errorf("%v", e)
			}
			if want := int(max(0, retry.MaxRetries)) + 1; len(s.requests()) != want {
				t.Errorf("%d requests, want %d", len(s.requests()), want)
			}
		})
	}
}

// Backing off doubles, with a jitter, up to the bound, in calls and in items.
func TestBackOffGrows(t *testing.T) {
	for _, item := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newStub(t, inTurn(always(503, "")))
			if item {
				s = batchStub(t, func(_ int, _ sent, item batchItem) string { return itemReply(item.ID, 503, "null") }, "")
			}
			r := stubReporter(t, s, policy.RetryOptions{MaxRetries: 6, RetryDelay: time.Second, MaxRetryDelay: 10 * time.Second})
			if item {
				require.ErrorIs(t, r.ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0].Err, azure.ErrUnavailable)
			} else {
				_, err := r.Report(t.Context(), report1(compliance.StateCompliant))
				require.ErrorIs(t, err, azure.ErrUnavailable)
			}
			seen := s.requests()
			require.Len(t, seen, 7)
			previous := time.Duration(0)
			for i := range seen[1:] {
				wait := seen[i+1].at.Sub(seen[i].at)
				// Two growths of a doubling with jitter cannot overlap until the bound.
				if wait < min(previous, 8*time.Second) || wait < 800*time.Millisecond || wait > 10*time.Second {
					t.Errorf("item %v: wait %d is %v after %v", item, i+1, wait, previous)
				}
				previous = wait
			}
			if previous < 8*time.Second {
				t.Errorf("item %v: the last wait is %v", item, previous)
			}
		})
	}
}

// "No delay" is none: for items and for calls, whose retry policy in the SDK
// would make a minute of it.
func TestNoDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := newStub(t, inTurn(always(503, ""), always(503, ""), always(204, "")))
		_, err := stubReporter(t, s, policy.RetryOptions{RetryDelay: -1}).Report(t.Context(), report1(compliance.StateCompliant))
		require.NoError(t, err)
		b := batchStub(t, func(n int, _ sent, item batchItem) string {
			return itemReply(item.ID, []int{503, 503, 204}[n], "null")
		}, "")
		require.NoError(t, stubReporter(t, b, policy.RetryOptions{RetryDelay: -1}).ReportBatch(t.Context(), numbered(1, compliance.StateCompliant))[0].Err)
		if waited := time.Since(began); waited > time.Millisecond {
			t.Errorf("waited %v", waited)
		}
	})
}
