package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// behind sits after the bearer policy in each attempt. Of a 401 it tells the
// gate that the token was not accepted, and rewrites the claims of a challenge
// to the padded standard base64 that the bearer policy reads. Microsoft was
// seen to send url-safe and unpadded forms too; for those that policy fails
// the call.
type behind struct{ gate *gate }

func (p *behind) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	p.gate.lost()
	headers := resp.Header.Values("WWW-Authenticate")
	for i, h := range headers {
		headers[i] = mendClaims(h)
	}
	return resp, nil
}

// mendClaims answers one WWW-Authenticate value with every claims parameter in
// standard base64. A value that no form of base64 decodes to a JSON object is
// taken out, so that the answer stays the 401 that it is: no credential could
// use it.
func mendClaims(header string) string {
	const mark = `claims="`
	var b strings.Builder
	rest := header
	for {
		before, after, found := strings.Cut(rest, mark)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		value, tail, closed := strings.Cut(after, `"`)
		if !closed {
			b.WriteString(mark + after)
			return b.String()
		}
		b.WriteString(mark)
		if claims, ok := decodeClaims(value); ok {
			b.WriteString(base64.StdEncoding.EncodeToString(claims))
		}
		b.WriteString(`"`)
		rest = tail
	}
}

// decodeClaims takes base64 in the standard and the url-safe alphabet, padded
// or not.
func decodeClaims(s string) ([]byte, bool) {
	s = strings.TrimRight(strings.TrimSpace(s), "=")
	s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	claims, err := base64.RawStdEncoding.DecodeString(s)
	return claims, err == nil && bytes.HasPrefix(claims, []byte("{")) && json.Valid(claims)
}
