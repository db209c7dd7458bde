package msal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/stretchr/testify/require"

	"github.com/mdmkit/devicestatus/azure/msal"
)

// Nothing that opens a door is found in an error, a log, an address or in the
// text of any value of this package.
func TestNothingLeaks(t *testing.T) {
	const token = "canary-token-Zk3"
	certs := chain(t, 9)
	text := pemOf(t, certs, testKey())
	keyBody := base64.StdEncoding.EncodeToString(testKey().D.Bytes())
	var logged strings.Builder
	azlog.SetListener(func(_ azlog.Event, line string) { logged.WriteString(line + "\n") })
	t.Cleanup(func() { azlog.SetListener(nil) })
	azlog.SetEvents() // all of them

	var seen strings.Builder
	write := func(v any) {
		for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			fmt.Fprintf(&seen, form+"\n", v)
		}
		for _, h := range []slog.Handler{slog.NewTextHandler(&seen, nil), slog.NewJSONHandler(&seen, nil)} {
			slog.New(h).Info("x", "v", v)
		}
		b, _ := json.Marshal(v)
		seen.Write(b)
	}
	writeError := func(err error) {
		write(err)
		for err != nil {
			seen.WriteString(err.Error() + "\n")
			err = errors.Unwrap(err)
		}
	}

	secret := func(o *msal.Options) (*msal.Credential, error) {
		return msal.NewClientSecretCredential(app, "canary-secret-Qx7", o)
	}
	cert := func(o *msal.Options) (*msal.Credential, error) {
		c, key, err := msal.ParsePEM(text)
		require.NoError(t, err)
		return msal.NewClientCertificateCredential(app, c, key, o)
	}
	signed := func(o *msal.Options) (*msal.Credential, error) {
		return msal.NewClientAssertionCredential(app, func(context.Context) (string, error) { return "canary-assertion-Wv5", nil }, o)
	}
	failing := func(o *msal.Options) (*msal.Credential, error) {
		return msal.NewClientAssertionCredential(app, func(context.Context) (string, error) {
			return "", errors.New("cannot renew canary-assertion-Wv5")
		}, o)
	}
	// echo puts everything that was sent and a token into the answer.
	echo := func(status int) func(int, url.Values) *http.Response {
		return func(_ int, form url.Values) *http.Response {
			sent := form.Encode() + " " + form.Get("client_secret") + form.Get("client_assertion") + " " + token
			body, _ := json.Marshal(map[string]any{"error": sent, "error_description": "AADSTS7000215: " + sent, "trace_id": sent, "access_token": token})
			return reply(status, string(body), "X-Echo", sent)
		}
	}
	answers := map[string]func(int, url.Values) *http.Response{
		"token": func(int, url.Values) *http.Response {
			return reply(200, `{"expires_in":3600,"access_token":"`+token+`"}`)
		},
		"200":     echo(200),
		"400":     echo(400),
		"401":     echo(401),
		"500":     echo(500),
		"garbage": func(int, url.Values) *http.Response { return reply(200, `{"access_token":"`+token+`"`) },
		"network": nil,
	}
	assertions := []string{"canary-assertion-Wv5"}
	for _, make := range []func(*msal.Options) (*msal.Credential, error){secret, cert, signed, failing} {
		for name, answer := range answers {
			e := &entra{answer: answer}
			if answer == nil {
				e.before = func(req *http.Request) error {
					if req.Method == http.MethodPost {
						return &url.Error{Op: "Post", URL: req.URL.String() + "?" + token, Err: errors.New(token)}
					}
					return nil
				}
			}
			o := once(e)
			o.Logging.IncludeBody = true
			o.PerCallPolicies = nil
			c, err := make(o)
			require.NoError(t, err)
			tk, err := c.GetToken(t.Context(), forGraph())
			if (err == nil) != (tk.Token == token) || name != "token" && err == nil {
				t.Errorf("%s: token %q, %v", name, tk.Token, err)
			}
			writeError(err)
			write(c)
			write(struct{ C *msal.Credential }{c})
			write(struct{ c any }{c})
			write(*o)
			write(o)
			for _, line := range e.urls {
				seen.WriteString(line + "\n")
			}
			for _, f := range e.forms {
				if a := f.Get("client_assertion"); a != "" {
					assertions = append(assertions, a)
				}
			}
			c.Discard(token)
		}
	}
	byCert, err := msal.Certificate(certs, testKey())
	require.NoError(t, err)
	for _, p := range []msal.Proof{msal.Secret("canary-secret-Qx7"), byCert, {}} {
		write(p)
		write(&p)
		write([]msal.Proof{p})
		write(struct{ p msal.Proof }{p})
		seen.WriteString(p.String() + p.GoString())
	}
	_, _, err = msal.ParsePEM(append(text, text...))
	writeError(err)

	require.NotEmpty(t, logged.String(), "azcore logged nothing, so nothing was proved of it")
	seen.WriteString(logged.String())
	if len(assertions) < 3 {
		t.Fatal("no assertion was seen")
	}
	canaries := append(assertions, "canary-secret-Qx7", token, keyBody, "BEGIN PRIVATE KEY", "canary")
	for _, canary := range slices.Compact(canaries) {
		if at := strings.Index(seen.String(), canary); at >= 0 {
			t.Errorf("%.60q is found: %q", canary, seen.String()[max(0, at-150):min(seen.Len(), at+100)])
		}
	}
	if bytes.Contains([]byte(seen.String()), testKey().D.Bytes()) {
		t.Error("the key is found")
	}
}

func TestStrings(t *testing.T) {
	c := secretCredential(t, over(&entra{}))
	want := "msal.Credential(client id " + app + ", client secret, login.microsoftonline.com)"
	var none *msal.Credential
	for _, tc := range []struct{ got, want string }{
		{c.String(), want}, {c.GoString(), want}, {fmt.Sprint(c), want}, {c.LogValue().String(), want},
		{none.String(), "msal.Credential(none)"},
		{msal.Secret("x").String(), "msal.Proof(client secret, redacted)"},
		{msal.Secret("x").LogValue().String(), "msal.Proof(client secret, redacted)"},
		{msal.Secret("").String(), "msal.Proof(none)"},
		{msal.Options{TenantID: tenantA}.String(), `msal.Options{authority "", tenant "` + tenantA + `", max tenants 0, refusal memory 0s, request timeout 0s}`},
		{(&msal.Error{Code: "AADSTS1"}).LogValue().String(), "msal: no token: AADSTS1"},
	} {
		if tc.got != tc.want {
			t.Errorf("text %q, want %q", tc.got, tc.want)
		}
	}
}

// The options are copied: what the caller does to them later is nothing.
func TestOptionsAreCopied(t *testing.T) {
	e := &entra{}
	o := over(e)
	c := secretCredential(t, o)
	*o = msal.Options{TenantID: "nonsense", ClientOptions: azcore.ClientOptions{}}
	get(t, c, forGraph())
	if e.asked() != 1 {
		t.Error("the transport given was not used")
	}
}
