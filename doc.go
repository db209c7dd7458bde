// Package devicestatus is the front page of a library that an MDM or UEM
// service embeds to report its devices' standing to Microsoft Entra ID
// (Azure), where Conditional Access decides who may open mail and files. It
// holds no code; each layer below is a package, useful alone.
//
// # The way of the data
//
//	a policy's actions   -> compliance.Resolve       the most restrictive action decides
//	a standing           -> azure.Report             what Microsoft is told of one device
//	what a host sees     -> reporting.Engine         durable; decides what is reported when
//	a report             -> azure.Reporter           the router: graph or intune; fake in a unit test
//	Microsoft's answer   -> azure.Receipt            or an *azure.Error with kind, scope and outcome
//	what came of it      -> status.Device            the Azure Device Details an administrator sees
//
// # Packages
//
//   - compliance: policy actions, compliance states, and which action decides.
//     Pure.
//   - status: the Azure Device Details of a device: four fields, why a blank one
//     is blank, and the client status codes with their mapping from MSAL's
//     errors. Pure.
//   - azure: Report, Receipt, Error, the interfaces of every channel, and the
//     router by platform.
//   - azure/graph: the channel of Windows devices, Microsoft Graph.
//   - azure/intune: the channel of phones, tablets and Macs, the Intune partner
//     compliance services; and how a tenant is set up for it.
//   - azure/msal: tokens for many tenants, as an azcore.TokenCredential. Any
//     credential of azidentity works in its place.
//   - azure/reporting: the engine: keeps what a host sees of its devices and has
//     the newest standing of each reported, in order, paced and durable; with
//     memstore, a store in memory, sqlstore, one on SQLite or PostgreSQL and a
//     module of its own, storetest, the contract of a store as a test suite, and
//     simtest, the engine simulated over any store.
//   - azure/fake: a Reporter in memory, for unit tests of a host.
//   - azure/azuretest: the contract of Reporter as a test suite.
//   - azure/azuresim: Microsoft's side, simulated: Entra's tokens, Graph and the
//     partner services with quotas and faults, in process or as a program.
//
// # Which platform goes where
//
// Microsoft takes the compliance of Windows devices through Microsoft Graph,
// and lets no application write other devices there. iOS, iPadOS, Android and
// macOS are reported through the Intune partner compliance services, which
// accept a message at once and say later what became of it.
package devicestatus
