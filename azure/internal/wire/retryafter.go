package wire

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// mostWait is the longest Retry-After that is believed. Microsoft documents no
// bound; what asks for more than a week is taken for nonsense.
const mostWait = 7 * 24 * time.Hour

// RetryAfter answers how long a Retry-After asks to wait: seconds, whole or
// with a fraction, or any of the three forms of an HTTP date, which is compared
// with the answer's own Date where that can be read and with now elsewhere.
// Zero means that it does not say: absent, zero, past, or nonsense. The caller
// backs off by its own rule then.
func RetryAfter(value, date string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if decimal(value) {
		seconds, err := strconv.ParseFloat(value, 64)
		if err != nil || seconds > mostWait.Seconds() {
			return 0
		}
		// Rounded up to the milliseconds that the SDK's retry policy reads, so
		// that nobody comes back early.
		return time.Duration(math.Ceil(seconds*1000)) * time.Millisecond
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(date); err == nil {
		now = sent
	}
	wait := at.Sub(now)
	if wait <= 0 || wait > mostWait {
		return 0
	}
	return time.Duration(math.Ceil(float64(wait)/float64(time.Millisecond))) * time.Millisecond
}

// decimal reports whether s is digits with at most one point between or behind
// them. Signs, exponents, NaN and infinities are nonsense here.
func decimal(s string) bool {
	points := 0
	for i := range len(s) {
		switch {
		case s[i] == '.' && i > 0:
			points++
		case s[i] < '0' || s[i] > '9':
			return false
		}
	}
	return points <= 1
}
