package wire

import (
	"net/http"
	"strconv"
	"time"
)

// exactRetryAfter tells the SDK's retry policy, which reads whole seconds and
// one form of date, how long Microsoft really asks to wait: it sets
// Retry-After-Ms, which that policy reads first. Nonsense is taken out, so
// that it backs off instead. Otherwise the original stays in Retry-After, for
// the error.
func exactRetryAfter(resp *http.Response) {
	value := resp.Header.Get("Retry-After")
	resp.Header.Del("Retry-After-Ms")
	resp.Header.Del("X-Ms-Retry-After-Ms")
	if value == "" {
		return
	}
	if wait := RetryAfter(value, resp.Header.Get("Date"), time.Now()); wait > 0 {
		resp.Header.Set("Retry-After-Ms", strconv.FormatInt(wait.Milliseconds(), 10))
	} else {
		resp.Header.Del("Retry-After")
	}
}
