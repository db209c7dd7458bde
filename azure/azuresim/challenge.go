package azuresim

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ClaimsEncoding is how a claims challenge is written into WWW-Authenticate.
type ClaimsEncoding uint8

// The encodings in which the claims of a challenge have been met.
const (
	ClaimsStandard ClaimsEncoding = iota // base64, padded: the default
	ClaimsStandardUnpadded
	ClaimsURLSafe
	ClaimsURLSafeUnpadded
)

func (e ClaimsEncoding) encode(claims string) string {
	switch e {
	case ClaimsStandardUnpadded:
		return base64.RawStdEncoding.EncodeToString([]byte(claims))
	case ClaimsURLSafe:
		return base64.URLEncoding.EncodeToString([]byte(claims))
	case ClaimsURLSafeUnpadded:
		return base64.RawURLEncoding.EncodeToString([]byte(claims))
	default:
		return base64.StdEncoding.EncodeToString([]byte(claims))
	}
}

// pendingChallenge is a revocation that tokens have to answer.
type pendingChallenge struct {
	at       time.Time
	value    string // of access_token.nbf
	claims   string
	encoding ClaimsEncoding
}

// Challenge revokes the tokens that an application holds for a tenant, as an
// event of continuous access evaluation does. From now on a token is answered
// 401 with a claims challenge, if its request declared the client capability
// CP1; one that did not goes on until it expires. A token counts again when it
// was issued in a later second, or when its request carried the claims of the
// challenge. Challenge does nothing where the tenant did not consent.
func (s *Simulator) Challenge(tenantID, clientID string, encoding ClaimsEncoding) {
	t := s.tenantByID(tenantID)
	if t == nil {
		return
	}
	now := s.now()
	value := strconv.FormatInt(now.Unix(), 10)
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.principals[strings.ToLower(clientID)]; p != nil {
		p.challenge = &pendingChallenge{
			at: now, value: value, encoding: encoding,
			claims: fmt.Sprintf(`{"access_token":{"nbf":{"essential":true,"value":%q}}}`, value),
		}
	}
}

// refuses tells whether a token has yet to answer the challenge.
func (p *pendingChallenge) refuses(c *accessClaims) bool {
	if p == nil || !c.declares("CP1") {
		return false
	}
	return c.IssuedAt <= p.at.Unix() && c.Answered != p.value
}

// header is the WWW-Authenticate value of the challenge.
func (p *pendingChallenge) header(cloud Cloud) string {
	return fmt.Sprintf(`Bearer realm="", authorization_uri="%s/common/oauth2/authorize", error="insufficient_claims", claims="%s"`,
		cloud.AuthorityURL(), p.encoding.encode(p.claims))
}
