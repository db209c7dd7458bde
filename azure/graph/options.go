package graph

import (
	"maps"
	"net/http"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/mdmkit/devicestatus/azure/internal/wire"
)

// Options of a Reporter. The zero value holds the documented defaults; New
// copies it.
type Options struct {
	// ClientOptions are the Azure SDK's own. Of Cloud, the authority decides
	// which Graph is used: the global one (the default), US Government L4 or
	// China; for others see [ServiceName] and [CloudUSGovernmentDoD].
	// Transport: redirects are never followed; of an *http.Client a copy is
	// used. Default: a client of its own with TLS 1.2 and up. Retry: see the
	// package comment. APIVersion is not supported.
	azcore.ClientOptions

	// KeepObjects limits every removal to its first step, as
	// Report.KeepObject does for one: no directory object is deleted.
	KeepObjects bool

	// BatchesInFlight is how many $batch calls one ReportBatch has under way
	// at once. Default 4. Microsoft's quota of 20 writes a second and tenant
	// is reached by one.
	BatchesInFlight int

	// MaxTenants bounds how many tenants' pipelines, with their tokens, are
	// kept; the one not used for longest leaves first. Default 10,000.
	MaxTenants int
}

const (
	defaultBatchesInFlight = 4
	defaultMaxTenants      = 10_000
)

// ServiceName is Microsoft Graph's name in cloud.Configuration.Services. An
// entry there gives the root, as in https://graph.microsoft.com, and the
// audience of tokens, which is the root where it is empty. It is needed only
// for clouds that this package does not know.
const ServiceName = wire.GraphService

// CloudUSGovernmentDoD answers the configuration of US Government L5, whose
// Graph has a root of its own while its authority is that of
// cloud.AzureGovernment.
func CloudUSGovernmentDoD() cloud.Configuration {
	return withGraph(cloud.AzureGovernment, "https://dod-graph.microsoft.us")
}

func withGraph(c cloud.Configuration, root string) cloud.Configuration {
	c.Services = maps.Clone(c.Services)
	if c.Services == nil {
		c.Services = map[cloud.ServiceName]cloud.ServiceConfiguration{}
	}
	c.Services[ServiceName] = cloud.ServiceConfiguration{Endpoint: root, Audience: root}
	return c
}

// retryCodes are the statuses after which a write is tried again, unless the
// host names its own.
func retryCodes(own []int) []int {
	if own != nil {
		return slices.Clone(own)
	}
	return []int{
		http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		http.StatusNotFound, http.StatusConflict,
	}
}
