package azuresim

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// accessClaims are the claims of the access tokens issued here. They follow
// the tokens of version 1.0 that Graph accepts.
type accessClaims struct {
	Audience     string   `json:"aud"`
	Issuer       string   `json:"iss"`
	IssuedAt     int64    `json:"iat"`
	NotBefore    int64    `json:"nbf"`
	Expires      int64    `json:"exp"`
	AppID        string   `json:"appid"`
	AppIDACR     string   `json:"appidacr"` // 1 secret, 2 certificate or assertion
	IDP          string   `json:"idp"`
	IDType       string   `json:"idtyp"`
	ObjectID     string   `json:"oid"`
	Roles        []string `json:"roles,omitempty"`
	Subject      string   `json:"sub"`
	TenantID     string   `json:"tid"`
	UTI          string   `json:"uti"`
	Version      string   `json:"ver"`
	Capabilities []string `json:"xms_cc,omitempty"`
	// Answered is the claims challenge that the token request carried. It has
	// no counterpart at Microsoft, who keep such things on their side.
	Answered string `json:"azuresim_claims,omitempty"`
}

// declares tells whether the token request named a client capability.
func (c *accessClaims) declares(capability string) bool {
	return slices.Contains(c.Capabilities, capability)
}

func (c *accessClaims) expired(now time.Time) bool { return now.Unix() >= c.Expires }

// numericDate is a JWT date, written as a number or, by some issuers, as a
// number in quotes. Fractions are cut.
type numericDate struct {
	at    time.Time
	given bool
}

func (d *numericDate) UnmarshalJSON(raw []byte) error {
	text := string(raw)
	if text == "null" {
		return nil
	}
	if len(text) > 1 && text[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return err
	}
	if !(seconds > -1e11 && seconds < 1e11) {
		return strconv.ErrRange
	}
	d.at, d.given = time.Unix(int64(seconds), 0), true
	return nil
}

// audiences is the aud claim: one text or several.
type audiences []string

func (a *audiences) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '[' {
		return json.Unmarshal(raw, (*[]string)(a))
	}
	var one string
	if err := json.Unmarshal(raw, &one); err != nil {
		return err
	}
	*a = audiences{one}
	return nil
}

// requestedClaims is what the claims parameter of a token request asks for.
type requestedClaims struct {
	capabilities []string
	notBefore    string // value of access_token.nbf
}

// parseClaimsParameter reads the claims parameter. Unknown members are
// nobody's business here.
func parseClaimsParameter(text string) (requestedClaims, error) {
	if text == "" {
		return requestedClaims{}, nil
	}
	type member struct {
		Value  json.RawMessage `json:"value"`
		Values []string        `json:"values"`
	}
	var parameter struct {
		AccessToken map[string]*member `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &parameter); err != nil {
		return requestedClaims{}, err
	}
	var asked requestedClaims
	if m := parameter.AccessToken["xms_cc"]; m != nil {
		asked.capabilities = m.Values
	}
	if m := parameter.AccessToken["nbf"]; m != nil {
		var value any
		if json.Unmarshal(m.Value, &value) == nil {
			switch v := value.(type) {
			case string:
				asked.notBefore = v
			case float64:
				asked.notBefore = strconv.FormatInt(int64(v), 10)
			}
		}
	}
	return asked, nil
}
