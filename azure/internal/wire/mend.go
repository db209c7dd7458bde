package wire

import (
	"net/http"
	"strconv"
	"time"
)

// exactRetryAfter tells the SDK's retry policy, which reads whole seconds and
// one form of date, how long Microsoft really asks to wait: it sets
// Retry-After-Ms, which that policy reads first. The millisecond headers that
// other services of Microsoft send count where Retry-After does not say; they
// are put into Retry-After, for the error. Nonsense is taken out, so that the
// policy backs off instead.
func exactRetryAfter(resp *http.Response) {
	h := resp.Header
	wait := RetryAfter(h.Get("Retry-After"), h.Get("Date"), time.Now())
	said := wait > 0
	for _, name := range [...]string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if wait == 0 {
			wait = milliseconds(h.Get(name))
		}
		h.Del(name)
	}
	if wait == 0 {
		h.Del("Retry-After")
		return
	}
	h.Set("Retry-After-Ms", strconv.FormatInt(wait.Milliseconds(), 10))
	if !said {
		h.Set("Retry-After", strconv.FormatFloat(wait.Seconds(), 'f', -1, 64))
	}
}

// milliseconds answers zero for nonsense, as RetryAfter does.
func milliseconds(value string) time.Duration {
	ms, err := strconv.ParseInt(value, 10, 64)
	if err != nil || ms <= 0 || ms > mostWait.Milliseconds() {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}
