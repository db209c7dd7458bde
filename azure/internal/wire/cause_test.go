package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mdmkit/devicestatus/azure"
)

type slow struct{}

func (slow) Error() string   { return canary }
func (slow) Timeout() bool   { return true }
func (slow) Temporary() bool { return true }

func TestCallFailure(t *testing.T) {
	// As net/http wraps it, with the address in the text.
	over := func(err error) error {
		return &url.Error{Op: "Patch", URL: "https://graph.microsoft.com/" + canary, Err: err}
	}
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	const (
		notSent = azure.OutcomeNotSent
		unknown = azure.OutcomeUnknown
	)
	for _, tt := range []struct {
		why     string
		err     error
		tries   int
		outcome azure.Outcome
		text    string
	}{
		{"refused", over(dial(os.NewSyscallError("connect", syscall.ECONNREFUSED))), 1, notSent, "connection refused"},
		{"refused after an attempt that may have arrived", over(dial(syscall.ECONNREFUSED)), 2, unknown, "connection refused"},
		{"refused by the proxy", over(&net.OpError{Op: "proxyconnect", Net: "tcp", Err: dial(syscall.ECONNREFUSED)}), 1, notSent, "connection refused"},
		{"refused by a SOCKS proxy", over(&net.OpError{Op: "socks connect", Err: errors.New(canary)}), 1, notSent, "the connection broke"},
		{"no such name", over(dial(&net.DNSError{Err: canary, Name: canary, Server: canary, IsNotFound: true})), 1, notSent, "no such host"},
		{"names do not resolve now", over(&net.DNSError{Err: canary, Name: canary, IsTemporary: true}), 1, notSent, "the host's name could not be resolved"},
		{"a certificate of nobody's", over(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), 1, notSent, "the server's certificate is not trusted"},
		{"unknown authority, bare", over(x509.UnknownAuthorityError{}), 1, notSent, "the server's certificate is not trusted"},
		{"another host's certificate", over(x509.HostnameError{Certificate: &x509.Certificate{}, Host: canary}), 1, notSent, "the server's certificate is not trusted"},
		{"an expired certificate", over(x509.CertificateInvalidError{Reason: x509.Expired, Detail: canary}), 1, notSent, "the server's certificate is not trusted"},
		{"reset while reading", over(&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}), 1, unknown, "connection reset by peer"},
		{"broken while writing", over(&net.OpError{Op: "write", Err: syscall.EPIPE}), 1, unknown, "broken pipe"},
		{"closed before an answer", over(io.EOF), 1, unknown, "the connection was closed without an answer"},
		{"cut off", fmt.Errorf(canary+": %w", io.ErrUnexpectedEOF), 1, unknown, "unexpected EOF"},
		{"closed here", over(net.ErrClosed), 1, unknown, "use of closed network connection"},
		{"one try's limit", over(context.DeadlineExceeded), 1, unknown, "no answer within the time limit of one try"},
		{"one try's limit, while waiting for a token", context.DeadlineExceeded, 0, notSent, "no answer within the time limit of one try"},
		{"canceled by somebody inside", over(context.Canceled), 1, unknown, "the request was given up, not by the caller"},
		{"a timeout of another kind", over(slow{}), 1, unknown, "no answer in time"},
		{"anything else", over(errors.New(canary)), 1, unknown, "the connection broke"},
		{"a host's policy failed before the transport", errors.New(canary), 0, notSent, "the connection broke"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			c := NewCall(t.Context(), "id-1", nil)
			c.attempts.Store(int32(tt.tries))
			got := CallFailure(t.Context(), "op", tt.err, c)
			want := azure.Error{Op: "op", Kind: azure.ErrUnavailable, Scope: azure.ScopeService, Outcome: tt.outcome, ClientRequestID: "id-1"}
			if diff := cmp.Diff(want, *got, cmpopts.IgnoreFields(azure.Error{}, "Err")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got.Err == nil || got.Err.Error() != tt.text {
				t.Errorf("the cause is %v, want %q", got.Err, tt.text)
			}
			if errors.Is(got, context.Canceled) || errors.Is(got, context.DeadlineExceeded) {
				t.Error("looks as if the caller's own context had ended")
			}
			if s := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(s, canary) {
				t.Errorf("the text of the cause came through: %s", s)
			}
		})
	}
}

func TestCallFailureOfCallersEnd(t *testing.T) {
	for _, tt := range []struct {
		why     string
		tries   int
		outcome azure.Outcome
	}{
		{"before anything was sent", 0, azure.OutcomeNotSent},
		{"while an answer was awaited", 1, azure.OutcomeUnknown},
	} {
		t.Run(tt.why, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errors.New(canary))
			c := NewCall(ctx, "id-1", nil)
			c.attempts.Store(int32(tt.tries))
			// Whatever it broke by, the caller's end is what it was.
			got := CallFailure(ctx, "op", &tokenError{errors.New("AADSTS65001 " + canary)}, c)
			want := azure.Error{
				Op: "op", Kind: azure.ErrCanceled, Scope: azure.ScopeDevice, Outcome: tt.outcome,
				ClientRequestID: "id-1", Err: context.Canceled,
			}
			if diff := cmp.Diff(want, *got, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if strings.Contains(got.Error(), canary) {
				t.Errorf("the text of the cause came through: %v", got)
			}
		})
	}
}

func TestCallFailureWithoutToken(t *testing.T) {
	for _, tt := range []struct {
		why     string
		tries   int
		outcome azure.Outcome
	}{
		{"nothing was sent", 0, azure.OutcomeNotSent},
		{"an attempt with the token before may have been applied", 1, azure.OutcomeUnknown},
	} {
		t.Run(tt.why, func(t *testing.T) {
			c := NewCall(t.Context(), "id-1", nil)
			c.attempts.Store(int32(tt.tries))
			got := CallFailure(t.Context(), "op", fmt.Errorf(canary+": %w", &tokenError{errors.New("AADSTS7000112: " + canary)}), c)
			want := azure.Error{
				Op: "op", Kind: azure.ErrUnauthorized, Scope: azure.ScopeTenant, Outcome: tt.outcome,
				ErrorCode: "AADSTS7000112", ClientRequestID: "id-1",
				Err: noToken("no token: the application is disabled in this tenant"),
			}
			if diff := cmp.Diff(want, *got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestCallFailureOfTooLongAnAnswer(t *testing.T) {
	c := NewCall(t.Context(), "id-1", nil)
	c.attempts.Store(1)
	got := CallFailure(t.Context(), "op", fmt.Errorf(canary+": %w", ErrTooLong), c)
	want := azure.Error{
		Op: "op", Kind: azure.ErrUnexpected, Scope: azure.ScopeService, Outcome: azure.OutcomeUnknown,
		ClientRequestID: "id-1", Err: ErrTooLong,
	}
	if diff := cmp.Diff(want, *got, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestCallIsTheContextOfItsRequests(t *testing.T) {
	type key struct{}
	c := NewCall(context.WithValue(t.Context(), key{}, "v"), "id-1", nil)
	derived, cancel := context.WithCancel(c)
	defer cancel()
	if callOf(derived) != c {
		t.Error("the call is not found in a context derived from it")
	}
	if derived.Value(key{}) != "v" {
		t.Error("the caller's values are lost")
	}
	if callOf(t.Context()) != nil {
		t.Error("a call was found in another's context")
	}
}
