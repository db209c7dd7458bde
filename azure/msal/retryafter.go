package msal

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// mostRetryAfter bounds what is believed: beyond it Retry-After is nonsense.
const mostRetryAfter = 7 * 24 * time.Hour

// retryAfter reads how long the answer asks to wait: whole or broken seconds,
// or an HTTP date, which is compared with the answer's own Date. What is
// absent, past or nonsense is zero.
func retryAfter(h http.Header) time.Duration {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if s == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		if !(seconds > 0 && seconds <= mostRetryAfter.Seconds()) {
			return 0
		}
		return time.Duration(math.Ceil(seconds * float64(time.Second)))
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0
	}
	from, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		from = time.Now()
	}
	if wait := at.Sub(from); wait > 0 && wait <= mostRetryAfter {
		return wait
	}
	return 0
}
