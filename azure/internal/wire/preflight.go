package wire

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/mdmkit/devicestatus/azure"
)

// mostSkew is how far this machine's clock may be from Microsoft's: beyond
// five minutes Entra refuses assertions and tokens look expired or not yet
// valid.
const mostSkew = 5 * time.Minute

// soon is how long before its end a credential is reported.
const soon = 30 * 24 * time.Hour

// Preflight collects the findings of one channel about one tenant.
type Preflight struct {
	Channel  string
	Findings []azure.Finding
}

// Add adds a finding.
func (p *Preflight) Add(check string, state azure.CheckState, saw, advice string) {
	p.Findings = append(p.Findings, azure.Finding{Check: p.Channel + ": " + check, State: state, Saw: saw, Advice: advice})
}

// Fail adds the finding of a call that failed.
func (p *Preflight) Fail(check, advice string, e *azure.Error) {
	state, saw := azure.CheckFailed, string(e.Kind)
	if e.StatusCode != 0 {
		saw += " (" + strings.TrimRight(fmt.Sprintf("%d %s", e.StatusCode, e.ErrorCode), " ") + ")"
	} else if e.ErrorCode != "" {
		saw += " (" + e.ErrorCode + ")"
	}
	if e.Err != nil {
		saw += ": " + e.Err.Error()
	}
	if e.Kind == azure.ErrThrottled || e.Kind == azure.ErrCanceled {
		state = azure.CheckNotPossible
	}
	p.Findings = append(p.Findings, azure.Finding{Check: p.Channel + ": " + check, State: state, Saw: saw, Advice: advice, Err: e})
}

// Skip adds a check that depends on a failed one.
func (p *Preflight) Skip(check, because string) {
	p.Add(check, azure.CheckNotPossible, "not checked, since "+because+" failed", "mend that first")
}

// Token checks that a token can be had, and answers whether it can.
func (p *Preflight) Token(ctx context.Context, cred azcore.TokenCredential, name, scope, tenantID string) bool {
	token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}, TenantID: tenantID, EnableCAE: true})
	if err != nil {
		var e *azure.Error
		if ended := ctx.Err(); ended != nil {
			e = &azure.Error{Op: p.Channel + ": preflight", Kind: azure.ErrCanceled, Scope: azure.ScopeTenant, Outcome: azure.OutcomeNotSent, Err: ended}
		} else {
			e = tokenFailure(p.Channel+": preflight", err)
		}
		p.Fail(name, "see the AADSTS number's meaning; check tenant, client id, credential and consent", e)
		return false
	}
	saw := "a token until " + token.ExpiresOn.UTC().Format(time.RFC3339)
	if roles := rolesOf(token.Token); len(roles) > 0 {
		saw += " with the roles " + strings.Join(roles, ", ")
	}
	p.Add(name, azure.CheckPassed, saw, "")
	return true
}

// Expiry checks when the credential ends, where it says.
func (p *Preflight) Expiry(cred azcore.TokenCredential) {
	const check = "credential's end"
	const ask = "see in Microsoft's portal when the secret ends, and rotate it before"
	known, ok := cred.(interface{ ExpiresOn() (time.Time, bool) })
	if !ok {
		p.Add(check, azure.CheckNotPossible, "this kind of credential does not say when it ends", ask)
		return
	}
	switch ends, said := known.ExpiresOn(); {
	case !said:
		p.Add(check, azure.CheckNotPossible, "nothing says when this credential ends, as with a client secret", ask)
	case time.Until(ends) <= 0:
		p.Add(check, azure.CheckFailed, "ended "+ends.UTC().Format(time.RFC3339), "register a new certificate")
	case time.Until(ends) < soon:
		p.Add(check, azure.CheckFailed, "ends "+ends.UTC().Format(time.RFC3339), "register a new certificate within the month")
	default:
		p.Add(check, azure.CheckPassed, "ends "+ends.UTC().Format(time.RFC3339), "")
	}
}

// Clock compares this machine's clock with an answer's Date.
func (p *Preflight) Clock(a Answer) {
	const check = "clock"
	var date string
	if a.Header != nil {
		date = a.Header.Get("Date")
	}
	at, err := http.ParseTime(date)
	if err != nil {
		p.Add(check, azure.CheckNotPossible, "Microsoft's answer carries no date", "compare this machine's clock with a time server")
		return
	}
	skew := time.Since(at).Round(time.Second)
	if skew.Abs() > mostSkew {
		p.Add(check, azure.CheckFailed, fmt.Sprintf("this machine's clock differs from Microsoft's by %v", skew), "set this machine's clock by a time server")
		return
	}
	p.Add(check, azure.CheckPassed, fmt.Sprintf("differs from Microsoft's by %v", skew), "")
}

// rolesOf answers the application permissions that a token names. Microsoft
// does not promise that a client can read its tokens: a hint, not a proof.
func rolesOf(token string) []string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return nil
	}
	var claims struct {
		Roles []string `json:"roles"`
	}
	if json.Unmarshal(text, &claims) != nil {
		return nil
	}
	roles := slices.DeleteFunc(claims.Roles, func(role string) bool { return Identifier(role) == "" })
	slices.Sort(roles)
	return roles
}
