// Package azuresim simulates Microsoft's side of device status reporting:
// Entra's token service, the part of Microsoft Graph that carries devices, and
// the Intune partner compliance services.
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
//
//  2. A Graph call: signature, lifetime and audience of the token, the
//     application's standing in the tenant, claims challenges, roles, then
//     quotas, then the request.
//
//  3. A PATCH: properties, types, platform of the device, approval of the
//     application, administrative unit. All of it applies, or nothing.
//
//  4. A batch: at most 20 items, unique ids, a content type beside each body,
//     relative addresses, dependencies; then each item like a call of its own,
//     in an order of chance.
//
//  5. A call of a partner service: the token (signature, lifetime, the audience
//     https://api.manage.microsoft.com/ with its slash, consent), that the
//     tenant publishes the address, api-version, role, then the body: members
//     in their exact letters and types, none too many; in the Content of a
//     message also both entries of each device and what they have in common.
//
// # The partner services
//
// A tenant is ready for a partner when its administrator consented to the
// application ([Simulator.Consent], or the page at
// {authority}/{tenant}/adminconsent) and registered it for platforms
// ([Simulator.RegisterPartner]). The partner then provisions the tenant and
// reports. Every message runs until Options.Partner.ProcessingDelay has passed;
// then it is Completed or Failed, and the newest LastUpdateTime of each device
// is its standing ([Simulator.PartnerStanding], [Simulator.PartnerHistory]),
// which reaches the device in Entra after Options.Partner.DirectoryDelay. No
// goroutine does this: whoever looks at a tenant finds all done that is due.
// [Simulator.Decide] scripts what becomes of messages, [PartnerFault] answers
// failures in the services' own words, [Simulator.SetEndpoints] publishes any
// address, and [Simulator.Strays] tells where a client went that believed it.
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
//
// About the partner services Microsoft publishes nothing. Public code shows the
// addresses' form, the requests, the answers that succeed, 409, 204 with zeros,
// and that a 200 can carry a failure. Beyond that all is guessed:
//
//   - The host names and paths that are published, and that an address which
//     the tenant no longer publishes answers 404.
//   - The answers 400, 401, 403, 404, 405 and 415 and the order of checks; which
//     role each call needs: update_device_attributes for messages,
//     manage_partner_compliance_policy for policies, either for provisioning.
//   - That the audience may also be the service's application id, that an
//     audience without the slash is refused, and that there are no claims
//     challenges.
//   - Which new tokens are refused, and how often: PartnerOptions.FreshTokens.
//   - That unknown, repeated and missing members are refused; that texts except
//     Os may be blank; that fractions of seconds are taken; that State is 0; that
//     one message has both entries of a device, and that notManaged beside
//     compliant is refused.
//   - That a message of several devices is refused unless
//     PartnerOptions.ManyDevices, and fails as a whole, while its other devices
//     are kept, when one of them fails.
//   - Every ErrorCode but 202, the HTTP status of a refusal
//     (PartnerOptions.RefusalStatus), and that Completed has none.
//   - That a message id may come again with the same Content, and is refused with
//     another; that ids are known to the partner who used them alone; how long
//     (PartnerOptions.MessageLifetime) and what becomes of unknown ones
//     (PartnerOptions.UnknownMessage).
//   - The texts of a running status (PartnerOptions.Running), how long it takes
//     (PartnerOptions.ProcessingDelay) and until Entra shows it
//     (PartnerOptions.DirectoryDelay).
//   - That an equal LastUpdateTime does not replace a standing, and that a device
//     or user that is unknown, a platform that does not fit or that the tenant has
//     not registered the partner for fail a message late rather than at once.
//   - The texts of Os beyond macOS (PartnerOptions.OSTexts) and of the Android
//     policy (PartnerOptions.AndroidText); Content of any length
//     (PartnerOptions.MaxContentBytes); no quota.
//   - That a tenant without a registration can be provisioned, that the policies
//     of one that is not provisioned answer like those of an unregistered
//     platform, that the zeros of a 204 stand in OData-EntityId
//     (PartnerOptions.UnregisteredStatus), and that deprovisioning needs no
//     addresses, keeps policies and changes no device.
//   - That an assignment replaces the earlier one and may be empty; that All users
//     and All devices are refused by the ids that Intune gives them.
//   - How complianceManagementPartners follows: partnerState from provisioning,
//     unresponsive from silence (PartnerOptions.UnresponsiveAfter), the heartbeat
//     from accepted messages and provisioning, the assignments from the policies'
//     groups beside the administrator's.
//   - That the consent page sends tenant and state back beside an error, and
//     that consent given in another tenant than was asked counts there.
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
