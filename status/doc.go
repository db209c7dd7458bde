// Package status holds what an administrator sees of a device's report to
// Azure: the four fields of the Azure Device Details, the reason of each field
// that is blank, and what Microsoft accepted before.
//
// The package is pure: no context, no clock, no I/O, no state. Its types are
// plain values, safe to copy; reading one from several goroutines is safe.
//
// # What it promises
//
//   - [ClientCode] is an open set. Devices are newer than servers, so a text
//     that this package does not know is kept as it came.
//   - [ReportState] and [BlankReason] are closed sets. Reading an unknown text
//     is an error.
//   - Every zero value can be written: as text it is empty, in the JSON of a
//     [Device] it is left out, so that one blank row does not spoil a page.
//   - Everything that is written reads back as the same value.
//
// # From the device to a code
//
// Microsoft's library on the device, MSAL, says whether the device obtained
// its Azure id. [ParseClientCode] reads the code from an agent that sends one.
// [MSALError], for iOS and macOS, and [AndroidException] make it out of MSAL's
// error for an agent that sends that instead.
//
// # Limits
//
// A ClientCode converted from a string, not parsed, has its meaning and its
// text all the same, but == compares spellings: parse before comparing. The
// numbers behind ReportState and BlankReason may change with any version;
// store and compare the text.
package status
