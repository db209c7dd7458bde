// Package azuresim simulates Microsoft's side of device status reporting:
// Entra's token service and the part of Microsoft Graph that carries devices.
// It is meant for tests and demonstrations of anything that talks to these
// services, in this module or elsewhere, and imports the standard library only.
//
// A [Simulator] holds tenants, applications, users and devices. It serves
//
//   - in process, as an http.RoundTripper for Microsoft's production host names
//     ([Simulator.Transport], [Simulator.Client]); works inside a
//     testing/synctest bubble, so that hours pass in microseconds;
//   - as an http.Handler, mounted wherever you like;
//   - over TLS on loopback ([Simulator.Listen]);
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
// # What goes wrong
//
// [Simulator.Inject] scripts faults, [Throttle] sets quotas and how they are
// counted, [Options] sets lags. [Simulator.Requests] and [Simulator.Writes]
// tell what was received and what was applied.
package azuresim
