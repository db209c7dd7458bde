package wire

import (
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// exactRetryAfter tells the SDK's retry policy, which reads whole seconds and
// one form of date, how long Microsoft really asks to wait: it sets
// Retry-After-Ms, which that policy reads first. Nonsense is taken out, so
// that it backs off instead. The original stays in Retry-After for the error.
type exactRetryAfter struct{}

func (exactRetryAfter) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	if err != nil || resp.StatusCode < 300 {
		return resp, err
	}
	value := resp.Header.Get("Retry-After")
	resp.Header.Del("Retry-After-Ms")
	resp.Header.Del("X-Ms-Retry-After-Ms")
	if value == "" {
		return resp, nil
	}
	if wait := RetryAfter(value, resp.Header.Get("Date"), time.Now()); wait > 0 {
		resp.Header.Set("Retry-After-Ms", strconv.FormatInt(wait.Milliseconds(), 10))
	} else {
		resp.Header.Del("Retry-After")
	}
	return resp, nil
}
