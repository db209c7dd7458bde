// Package graph reports Windows devices to Microsoft Graph.
//
// A [Reporter] is an Azure SDK client like any other: it takes an
// azcore.TokenCredential and options that embed azcore.ClientOptions, so that
// cloud, transport, retries, telemetry, logging and tracing are set in the
// usual place. One Reporter serves any number of tenants; each has a pipeline
// and a token of its own.
//
// # What is sent
//
//  1. Report is one PATCH of /devices(deviceId='…') with isManaged and
//     isCompliant, always both, and of the inventory the device name and the
//     version, where they are set. 204 is the truth; a read shortly after may
//     still show the old value.
//  2. A 400 to a report with inventory is repeated with the two booleans
//     alone, since a name that Microsoft does not like must not keep a
//     lock-out from being sent; Receipt.Notes says so.
//  3. A 400 to the two alone is followed by a read of the device's operating
//     system: on anything but Windows, Microsoft lets no application write,
//     and the error is [azure.ErrUnsupported].
//  4. StateRemoved takes two steps. First the device is made unmanaged and
//     non-compliant. Then its object is read, and deleted unless it is
//     hybrid-joined, or Entra does not say how it is joined.
//     Report.KeepObject and Options.KeepObjects leave out the second step.
//     Deleting discards what Entra keeps with the object (BitLocker and LAPS
//     secrets among it).
//  5. ReportBatch carries up to 20 devices a call, several calls at once,
//     never two reports of one device in one call or at the same time.
//
// Microsoft lets only an approved MDM application write Windows devices. The
// application permission is Device.ReadWrite.All.
//
// # Retrying
//
// Calls are retried by Options.Retry, the Azure SDK's own: after 408, 429 and
// 5xx as usual, and also after 404, which right after a registration can be
// replication, and 409. Items of a batch are retried the same way. A
// Retry-After is understood in every form that Microsoft was seen to send;
// one longer than Retry.MaxRetryDelay (60 s) is not slept but returned in
// Error.RetryAfter. With Retry.MaxRetries -1 each request is sent once, a
// claims challenge apart; points 2 to 4 above are requests of their own.
//
// Facts about Microsoft are from its documentation of Microsoft Graph v1.0:
// update device, delete device, JSON batching, throttling, and error
// responses.
package graph
