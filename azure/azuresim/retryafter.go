package azuresim

import (
	"math"
	"strconv"
	"time"
)

// RetryAfter writes the Retry-After header of a throttled request, which may
// come again after wait. Empty text: no header.
type RetryAfter func(wait time.Duration, now time.Time) string

// RetryAfterSeconds writes whole seconds, rounded up, at least 1: the default.
func RetryAfterSeconds(wait time.Duration, _ time.Time) string {
	return strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))
}

// RetryAfterFraction writes seconds with three decimals, such as 2.128, which
// Graph has been seen to send.
func RetryAfterFraction(wait time.Duration, _ time.Time) string {
	return strconv.FormatFloat(math.Ceil(wait.Seconds()*1000)/1000, 'f', 3, 64)
}

// RetryAfterDate answers a writer of dates in one of the three forms of HTTP:
// http.TimeFormat, time.RFC850 or time.ANSIC. Dates are rounded up to the next
// second and in UTC.
func RetryAfterDate(layout string) RetryAfter {
	return func(wait time.Duration, now time.Time) string {
		at := now.Add(wait + time.Second - 1).Truncate(time.Second).UTC()
		text := at.Format(layout)
		if layout == time.RFC850 {
			text = at.Format("Monday, 02-Jan-06 15:04:05 GMT")
		}
		return text
	}
}

// RetryAfterText answers a writer that always writes the same text: nonsense,
// a constant 1, or nothing.
func RetryAfterText(text string) RetryAfter {
	return func(time.Duration, time.Time) string { return text }
}
