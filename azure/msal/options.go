package msal

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/mdmkit/devicestatus/internal/guid"
)

// Options of the constructors. The zero value, and a nil pointer, mean the
// defaults named here. It is copied by the constructor.
type Options struct {
	// ClientOptions of the Azure SDK. Cloud names the authority: the public
	// cloud by default, cloud.AzureGovernment, cloud.AzureChina, or a
	// configuration of your own whose ActiveDirectoryAuthorityHost is an https
	// address without a path. Retry.MaxRetryDelay is 5 seconds by default.
	// Logging.IncludeBody is ignored: the bodies hold secrets. APIVersion has
	// no meaning here.
	//
	// A Transport that is an *http.Client is copied and the copy follows no
	// redirect. Any other Transport must not follow one either; it is given
	// requests whose body it cannot rewind, so that the client under it cannot
	// post the secret a second time.
	azcore.ClientOptions

	// TenantID is the tenant, a GUID, of requests that name none. Empty: such
	// a request is an error.
	TenantID string

	// DisableInstanceDiscovery switches off the question to
	// login.microsoftonline.com whether the authority is a known one. It is
	// asked only where the authority is none of Microsoft's own hosts, so it
	// matters for private clouds and for a simulator on loopback. Switched off,
	// you answer for the authority.
	DisableInstanceDiscovery bool

	// MaxTenants is how many tenants are kept, each with its tokens and its
	// MSAL clients: about 7 kB and the text of the tokens. Beyond it the one
	// not used for the longest time leaves, and costs two requests when it
	// comes back. 0 means 10,000; negative is an error.
	MaxTenants int

	// RefusalMemory is how long Entra's refusal of a request is remembered. 0
	// means one minute; negative: not at all. Network errors, throttling and
	// faults of Entra (5xx) are never remembered.
	RefusalMemory time.Duration

	// RequestTimeout bounds one token request with its metadata and retries,
	// also when every caller that waits for it is patient. 0 means one minute;
	// negative is an error.
	RequestTimeout time.Duration
}

const (
	defaultMaxTenants     = 10_000
	defaultRefusalMemory  = time.Minute
	defaultRequestTimeout = time.Minute
	defaultMaxRetryDelay  = 5 * time.Second
)

// resolved answers a copy with every default filled in, or what is wrong.
func (o *Options) resolved() (Options, error) {
	var r Options
	if o != nil {
		r = *o
	}
	if r.TenantID != "" {
		if !guid.Valid(r.TenantID) {
			return r, fmt.Errorf("msal: Options.TenantID %.40q is not a GUID", r.TenantID)
		}
		r.TenantID = guid.Canonical(r.TenantID)
	}
	if r.MaxTenants < 0 {
		return r, fmt.Errorf("msal: Options.MaxTenants is %d, want 0 or more", r.MaxTenants)
	}
	if r.RequestTimeout < 0 {
		return r, fmt.Errorf("msal: Options.RequestTimeout is %s, want 0 or more", r.RequestTimeout)
	}
	if r.MaxTenants == 0 {
		r.MaxTenants = defaultMaxTenants
	}
	if r.RefusalMemory == 0 {
		r.RefusalMemory = defaultRefusalMemory
	}
	if r.RequestTimeout == 0 {
		r.RequestTimeout = defaultRequestTimeout
	}
	if r.Retry.MaxRetryDelay == 0 {
		r.Retry.MaxRetryDelay = defaultMaxRetryDelay
	}
	r.Logging.IncludeBody = false
	return r, nil
}

// String answers the settings without the transport and the policies, which
// may hold secrets of their own.
func (o Options) String() string {
	return fmt.Sprintf("msal.Options{authority %q, tenant %q, max tenants %d, refusal memory %s, request timeout %s}",
		o.Cloud.ActiveDirectoryAuthorityHost, o.TenantID, o.MaxTenants, o.RefusalMemory, o.RequestTimeout)
}

// GoString answers String.
func (o Options) GoString() string { return o.String() }

// Format writes String, whatever the verb.
func (o Options) Format(f fmt.State, _ rune) { io.WriteString(f, o.String()) }

// LogValue answers String.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }
