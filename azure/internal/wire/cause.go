package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/mdmkit/devicestatus/azure"
)

// ErrTooLong is what reading an answer ends in beyond its bound.
var ErrTooLong = errors.New("the answer is longer than any this protocol knows")

// CallFailure answers why a call has no answer. The text of err is not used:
// transports print addresses, and a host's own may print anything. What is
// known of it is told in words of this package.
func CallFailure(ctx context.Context, op string, err error, c *Call) *azure.Error {
	e := &azure.Error{
		Op: op, Kind: azure.ErrUnavailable, Scope: azure.ScopeService, Outcome: azure.OutcomeUnknown,
		ClientRequestID: c.ClientRequestID,
	}
	if c.Attempts() == 0 {
		e.Outcome = azure.OutcomeNotSent
	}
	if ended := ctx.Err(); ended != nil {
		e.Kind, e.Scope, e.Err = azure.ErrCanceled, azure.ScopeDevice, ended
		return e
	}
	if refused, ok := errors.AsType[*tokenError](err); ok {
		// An attempt before it, with the token before, may have been applied.
		t := tokenFailure(op, refused.err)
		t.Outcome, t.ClientRequestID = e.Outcome, e.ClientRequestID
		return t
	}
	if errors.Is(err, ErrTooLong) {
		e.Kind, e.Err = azure.ErrUnexpected, ErrTooLong
		return e
	}
	e.Err = cause(err)
	// A refused connection after a broken one leaves the outcome unknown.
	if c.Attempts() == 1 && beforeSending(err) {
		e.Outcome = azure.OutcomeNotSent
	}
	return e
}

// beforeSending reports whether err arose before a request could leave: the
// name, the connection or the certificate failed.
func beforeSending(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		switch op.Op {
		case "dial", "proxyconnect", "socks connect":
			return true
		}
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	return certificateFault(err)
}

func certificateFault(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok
}

// cause answers what is known of a broken call, without its text. It is never
// context.Canceled or context.DeadlineExceeded: a caller must be able to tell
// the end of its own context by these.
func cause(err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return errors.New("no such host")
		}
		return errors.New("the host's name could not be resolved")
	}
	if certificateFault(err) {
		return errors.New("the server's certificate is not trusted")
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case errors.Is(err, io.EOF):
		return errors.New("the connection was closed without an answer")
	case errors.Is(err, net.ErrClosed):
		return net.ErrClosed
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer within the time limit of one try")
	case errors.Is(err, context.Canceled):
		return errors.New("the request was given up, not by the caller")
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errors.New("no answer in time")
	}
	return errors.New("the connection broke")
}
