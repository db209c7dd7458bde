package intune

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/azure/internal/wire"
)

// Options of a Reporter. The zero value holds the documented defaults; New
// copies it.
type Options struct {
	// ClientOptions are the Azure SDK's own. The authority of Cloud decides
	// which service is used: the global one (the default) or US Government's;
	// others have none. Transport: redirects are never followed; of an
	// *http.Client a copy is used. APIVersion is not supported.
	azcore.ClientOptions

	// DiscoveryLifetime is how long a tenant's addresses are kept. Default 24
	// hours. They are dropped earlier when one of them fails.
	DiscoveryLifetime time.Duration

	// UserLifetime is how long the object id of a user principal name is
	// believed. Default 24 hours. MaxUsers is how many are kept; default
	// 100,000.
	UserLifetime time.Duration
	MaxUsers     int

	// MaxTenants bounds how many tenants' pipelines, tokens and addresses are
	// kept; the one not used for longest leaves first. Default 10,000.
	MaxTenants int

	// MessagesInFlight is how many messages one ReportBatch has under way at
	// once. Default 8; a guess, since no quota is documented.
	MessagesInFlight int

	// DevicesPerMessage is how many devices of one tenant ReportBatch puts
	// into one message. Default 1. A message carries an array, so more are
	// likely to work, but nobody outside Microsoft has documented it; and the
	// verdict on a message is then the verdict on all of its devices, whose
	// receipts all name it by the ID of its first report.
	DevicesPerMessage int

	// OSTexts are the texts of Os in a message. Default: macOS, iOS, iPadOS,
	// Android. Only macOS is known to be right. Entries given here replace
	// the defaults one by one.
	OSTexts map[azure.Platform]string

	// PolicyTexts are the texts of Platform in a compliance policy. Default:
	// macOS; iOS, for iPadOS too; Android. Only the first two are known to be
	// right. Entries given here replace the defaults one by one.
	PolicyTexts map[azure.Platform]string

	// PartnerID is this partner's id among a tenant's compliance partners, a
	// GUID, for Preflight. Empty: Preflight looks at every partner of the
	// tenant.
	PartnerID string

	// TrustedHosts are hosts, each with a port where it is not 443, that may be
	// given a token besides those of Microsoft's service: a simulator's, or a
	// relay's. They come from code, never from a tenant.
	TrustedHosts []string
}

// ServiceName is the name of the partner services in
// cloud.Configuration.Services. An entry there gives the audience of tokens,
// and its Endpoint the domain under which the services' hosts lie, as in
// https://manage.microsoft.com. It is needed only for clouds that this package
// does not know.
const ServiceName cloud.ServiceName = "intunePartnerCompliance"

// service is where a cloud's partner services are.
type service struct{ audience, domain string }

func serviceOf(c cloud.Configuration) (service, error) {
	if own, ok := c.Services[ServiceName]; ok {
		domain := strings.TrimRight(strings.TrimPrefix(own.Endpoint, "https://"), "/")
		if own.Audience == "" || domain == "" || strings.ContainsAny(domain, "/:@?#") {
			return service{}, fmt.Errorf("Cloud.Services[%q] needs an audience and an https endpoint without port and path", ServiceName)
		}
		return service{own.Audience, strings.ToLower(domain)}, nil
	}
	switch wire.AuthorityHost(c.ActiveDirectoryAuthorityHost) {
	case "", "login.microsoftonline.com":
		return service{"https://api.manage.microsoft.com/", "manage.microsoft.com"}, nil
	case "login.microsoftonline.us":
		return service{"https://api.manage.microsoft.us/", "manage.microsoft.us"}, nil
	}
	return service{}, fmt.Errorf("the authority %q has no partner compliance services that are known", c.ActiveDirectoryAuthorityHost)
}

// withDefaults answers a copy of o with every default filled in.
func (o *Options) withDefaults() (Options, error) {
	var own Options
	if o != nil {
		own = *o
	}
	var faults []error
	number := func(name string, value *int, standard int) {
		if *value < 0 {
			faults = append(faults, fmt.Errorf("%s %d is negative", name, *value))
		}
		if *value == 0 {
			*value = standard
		}
	}
	span := func(name string, value *time.Duration) {
		if *value < 0 {
			faults = append(faults, fmt.Errorf("%s %v is negative", name, *value))
		}
		if *value == 0 {
			*value = 24 * time.Hour
		}
	}
	span("DiscoveryLifetime", &own.DiscoveryLifetime)
	span("UserLifetime", &own.UserLifetime)
	number("MaxUsers", &own.MaxUsers, 100_000)
	number("MaxTenants", &own.MaxTenants, 10_000)
	number("MessagesInFlight", &own.MessagesInFlight, 8)
	number("DevicesPerMessage", &own.DevicesPerMessage, 1)
	if own.APIVersion != "" {
		faults = append(faults, fmt.Errorf("APIVersion %q: the versions of the services cannot be chosen", own.APIVersion))
	}
	own.OSTexts = texts(own.OSTexts, map[azure.Platform]string{
		azure.PlatformMacOS: "macOS", azure.PlatformIOS: "iOS", azure.PlatformIPadOS: "iPadOS", azure.PlatformAndroid: "Android",
	})
	own.PolicyTexts = texts(own.PolicyTexts, map[azure.Platform]string{
		azure.PlatformMacOS: "macOS", azure.PlatformIOS: "iOS", azure.PlatformIPadOS: "iOS", azure.PlatformAndroid: "Android",
	})
	own.TrustedHosts = slices.Clone(own.TrustedHosts)
	for i, host := range own.TrustedHosts {
		own.TrustedHosts[i] = strings.ToLower(host)
	}
	return own, errors.Join(faults...)
}

func texts(own, standard map[azure.Platform]string) map[azure.Platform]string {
	maps.Copy(standard, own)
	return standard
}
