package wire

import (
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// pauseAfterFresh is how long to wait when Microsoft rejects a token that was
// issued a moment ago, which it does now and then before all of its servers
// know it. Nobody documents how long that lasts; two seconds is a guess.
const pauseAfterFresh = 2 * time.Second

// discarder is a credential that can forget a token, so that the next one is a
// new one. The msal package's can; others answer what they have cached.
type discarder interface{ Discard(token string) }

// front sits before the bearer policy in each attempt. A 401 that is no claims
// challenge (the bearer policy answers those itself) is tried again with a new
// token, and once more after a pause. Whatever comes back has its Retry-After
// mended. The two are one policy because each costs every call an allocation.
type front struct {
	cred discarder // nil: the credential cannot forget
	once bool      // one attempt and no more
}

func (p *front) Do(req *policy.Request) (*http.Response, error) {
	resp, err := p.authorized(req)
	if err == nil && resp.StatusCode >= 300 {
		exactRetryAfter(resp)
	}
	return resp, err
}

func (p *front) authorized(req *policy.Request) (*http.Response, error) {
	for try := 0; ; try++ {
		resp, err := req.Next()
		if err != nil || resp.StatusCode != http.StatusUnauthorized {
			return resp, err
		}
		if p.cred != nil {
			p.cred.Discard(strings.TrimPrefix(req.Raw().Header.Get("Authorization"), "Bearer "))
		}
		if p.once || try == 2 || !worthNewToken(resp) {
			return resp, nil
		}
		if try == 1 {
			pause := time.NewTimer(pauseAfterFresh)
			select {
			case <-pause.C:
			case <-req.Raw().Context().Done():
				pause.Stop()
				return nil, req.Raw().Context().Err()
			}
		}
		runtime.Drain(resp)
		if err := req.RewindBody(); err != nil {
			return nil, err
		}
	}
}

// worthNewToken reports whether another token could be accepted. Where the
// application itself is unknown or switched off in the tenant, none is.
func worthNewToken(resp *http.Response) bool {
	body, err := runtime.Payload(resp)
	if err != nil {
		return true
	}
	fault, _ := ParseFault(body)
	return !strings.EqualFold(fault.Code, "Authorization_IdentityNotFound") &&
		!strings.EqualFold(fault.Code, "Authorization_IdentityDisabled")
}
