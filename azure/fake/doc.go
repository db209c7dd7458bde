// Package fake is Azure in memory, for the unit tests of services that report
// device standings and for demos. It needs no network, no tenant and no clock,
// and does not import testing.
//
// A [Reporter] implements every interface of package azure: Reporter,
// BatchReporter, Checker, Deleter, InventoryCarrier and Verifier. It refuses
// and mends the same reports as the channels do, for it runs their code.
//
// # What it holds
//
//   - [Reporter.Calls]: every report that it was given, with its answer, in
//     order; [Reporter.Accepted]: the reports that it accepted.
//   - [Reporter.Devices] and [Reporter.Device]: the directory, that is what
//     Azure holds after them. What a report's inventory left empty keeps its
//     value.
//
// # What it does on request
//
//   - [Reporter.Inject] makes calls fail, in any way a channel can: by device,
//     by tenant, the next n, every one, the third one; refused, lost before or
//     after the write was applied, late.
//   - [Options.SettleAfter] makes it answer later, as the channel of phones
//     and Macs does: Report answers a receipt in progress, Check settles it.
//   - [Options.RegisteredOnly] makes it know those devices only that
//     [Reporter.Register] put there.
//
// # Where it is simpler than Microsoft
//
// It serves all platforms, each as its own channel would: a Windows device
// loses its directory object in the second step of a removal, others have no
// such step. It has no quotas, no replication and no credentials: what fails
// because of them is injected. A program in another language, or a test of the
// channels themselves, wants package azuresim.
package fake
