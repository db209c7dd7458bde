// Package azuresim simulates Microsoft's side of device status reporting:
// Entra's token service and the part of Microsoft Graph that carries devices.
// It is meant for tests and demonstrations of anything that talks to these
// services, in this module or elsewhere, and imports the standard library only.
// It shares no code and no table with the channels of this module, so that one
// misreading of Microsoft cannot pass on both sides.
//
// A [Simulator] holds tenants, applications, users and devices. It serves
//
//   - in process, as an http.RoundTripper for Microsoft's production host names
//     ([Simulator.Transport], [Simulator.Client]); works inside a
//     testing/synctest bubble, so that hours pass in microseconds;
//   - as an http.Handler, mounted wherever you like;
//   - over TLS on loopback ([Simulator.Listen]), under one address that is the
//     Entra authority and Graph at once;
//   - as a program for hosts written in any language: cmd/azuresim.
//
// # A world in five lines
//
//	sim := azuresim.New(nil)
//	tenant := sim.AddTenant(azuresim.Tenant{})
//	app := sim.AddApplication(azuresim.Application{Roles: []string{"Device.ReadWrite.All"}, ApprovedMDM: true})
//	sim.Consent(tenant.ID, app.ClientID)
//	device := sim.AddDevice(tenant.ID, azuresim.Device{OperatingSystem: "Windows"})
//
// The secret is app.Secrets[0].Value; sim.Client() is the HTTP client to give
// to MSAL, azidentity, azcore or net/http, with production addresses.
//
// # What is checked
//
//  1. A token request: tenant, application, consent, secret (wrong, expired) or
//     assertion (certificate by thumbprint or by subject name and issuer,
//     signature, audience, times, jti; federated issuer), scope. Refusals have
//     Microsoft's AADSTS numbers and JSON shape.
//  2. A Graph call: signature, lifetime and audience of the token, the
//     application's standing in the tenant, claims challenges, roles, then
//     quotas, then the request.
//  3. A PATCH: properties, types, platform of the device, approval of the
//     application, administrative unit. All of it applies, or nothing.
//  4. A batch: at most 20 items, unique ids, a content type beside each body,
//     relative addresses, dependencies; then each item like a call of its own,
//     in an order of chance.
//
// # What goes wrong
//
// [Simulator.Inject] scripts faults, [Throttle] sets quotas and how they are
// counted, [Options] sets lags. [Simulator.Requests] and [Simulator.Writes]
// tell what was received and what was applied.
//
// # Loopback and instance discovery
//
// MSAL and azidentity ask login.microsoftonline.com about authorities that they
// do not know. Through [Loopback.Client] the question ends at the simulator,
// which vouches for loopback addresses. Any other client needs its instance
// discovery switched off.
//
// # Guesses
//
// Microsoft does not document the following. Tests that rest on it prove
// something about the simulator only; a setting, where there is one, is named.
//
//   - How requests are counted against a limit, and whether refused ones count:
//     Throttle.Model, Throttle.CountRefused. A token bucket counts refused
//     requests up to 1.8 times the limit and no further.
//   - From which level on requests of priority low are refused:
//     Throttle.LowShare. Priority high is treated like normal.
//   - The second part of x-ms-throttle-scope, and that a $batch as a whole
//     costs nothing beside its items.
//   - How far reads lag, and how long a new device answers 404:
//     Options.ReadLag, Options.ReplicationLag. A lagging read is never newer
//     than the lag and never older; Microsoft's may be anything between.
//   - That an application which is not an approved MDM gets 403
//     Authorization_RequestDenied for isManaged and isCompliant, and may write
//     the rest.
//   - Texts of errors other than the one on devices that are not Windows, and
//     the order in which faults of one request are found.
//   - The HTTP status of some AADSTS numbers, and a skew of five minutes for the
//     times of an assertion. Graph allows an expired token no skew at all.
//   - That a certificate assertion needs a jti; Microsoft documents the claim,
//     not what happens without it.
//   - What revokes a token: [Simulator.Challenge] says when it counts again.
//   - The addresses in Tenant.Endpoints, and the object id of their principal.
//   - That a deleted device is kept 30 days to the second, and that directory
//     synchronization restores hybrid devices as not compliant.
//
// # Known differences
//
//   - Access tokens are signed with ES256 by a key that follows from the seed;
//     Microsoft signs with RS256. The published keys say so. They live one hour
//     with or without the capability CP1, where Microsoft gives up to a day.
//   - Of OData there is $select, $top, $count, and $filter with eq, ne,
//     startswith and "and". Anything else is answered
//     Request_UnsupportedQuery. There is no delta query.
//   - Users, service principals and compliance management partners are
//     read-only.
package azuresim
