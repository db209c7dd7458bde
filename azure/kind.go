package azure

// Kind is what went wrong, as an error of its own: errors.Is(err,
// azure.ErrThrottled). Its text is stable, fit to store and to label a metric.
type Kind string

// The kinds of error. A channel may have none of some.
const (
	// ErrInvalid: the report has faults and was not sent. Mend the report; the
	// error names field and value.
	ErrInvalid Kind = "invalid"

	// ErrUnsupported: this channel does not serve the device's platform. The
	// error says which channel does.
	ErrUnsupported Kind = "unsupported"

	// ErrDeviceNotFound: Azure does not know the device in this tenant. After
	// a registration that can be replication, so try again for a while; then
	// the device must register anew.
	ErrDeviceNotFound Kind = "device_not_found"

	// ErrUserNotFound: Azure does not know the device's user in this tenant.
	ErrUserNotFound Kind = "user_not_found"

	// ErrNotProvisioned: the tenant has not been set up for this channel.
	// Nothing of this tenant goes through until it is; the error says what is
	// missing.
	ErrNotProvisioned Kind = "not_provisioned"

	// ErrUnauthorized: no token could be had, or the tenant does not accept
	// it. Error.ErrorCode holds the AADSTS number where Entra gave one.
	// Nothing of this tenant goes through until its administrator, or whoever
	// keeps the credential, acts.
	ErrUnauthorized Kind = "unauthorized"

	// ErrForbidden: the token was accepted and the write was not: a permission
	// or its consent is missing, the application is not an approved MDM
	// application, or the device is in a restricted administrative unit.
	ErrForbidden Kind = "forbidden"

	// ErrThrottled: Microsoft asks to slow down. Wait for Error.RetryAfter, or
	// back off where it is zero.
	ErrThrottled Kind = "throttled"

	// ErrUnavailable: Microsoft could not be reached, did not answer, or
	// answered that it cannot serve now. Back off and try again.
	ErrUnavailable Kind = "unavailable"

	// ErrConflict: another write to the same object was under way. Try again.
	ErrConflict Kind = "conflict"

	// ErrRejected: Microsoft understood the report and refused it for good.
	// The same report will be refused again.
	ErrRejected Kind = "rejected"

	// ErrUnexpected: an answer that the channel does not know: a redirect, an
	// answer that is too long or not what the protocol says, or a status
	// without a meaning here. Nothing is assumed about the report.
	ErrUnexpected Kind = "unexpected"

	// ErrCanceled: the caller's context ended. errors.Is also finds
	// context.Canceled or context.DeadlineExceeded.
	ErrCanceled Kind = "canceled"
)

// Error answers the kind's text.
func (k Kind) Error() string { return string(k) }
