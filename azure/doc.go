// Package azure defines how a device's standing is reported to Microsoft: the
// [Report] that goes out, the [Receipt] or [*Error] that comes back, and the
// interfaces that every channel implements.
//
// # Contract of a Reporter
//
//  1. A report is sent or it is refused: a nil error means that Microsoft
//     accepted it, and the Receipt says when.
//  2. An error is an [*Error]. Its Kind says what happened and is what
//     errors.Is compares; its Scope says whom it concerns: this device, its
//     whole tenant, or the service; its Outcome says what is known of
//     Microsoft's side: not sent, refused, or unknown.
//  3. An unknown outcome (a connection lost after sending, a deadline, a 5xx)
//     is neither failure nor success. Sending the same report again is
//     harmless and is what settles it.
//  4. A State that is not one of the three reportable ones, an identifier that
//     is not a GUID and a platform that is not known refuse the report before
//     any call, with all faults named at once. A fault of the inventory never
//     does: it is mended, and Receipt.Notes says how.
//  5. Only [compliance.StateRemoved] removes.
//  6. A context that ended before the call sends nothing.
//
// # Order
//
// A Reporter sends what it is given when it is given it; it does not know what
// was reported before. Whoever calls it keeps the reports of one device in
// order and never sends two of them at once; within one ReportBatch the
// reporter does that itself.
//
// # What the kinds mean
//
// Each Kind's comment says what to do. As a rule: [ErrThrottled],
// [ErrUnavailable] and [ErrConflict] are worth another try, later than
// RetryAfter; [ErrCanceled] is the caller's own doing; the rest stays as it is
// until somebody changes something: the report, the device, or the tenant.
//
// All types of this package are values without hidden state. Whatever holds a
// user's name or a device's name (Report, Inventory) does not print it.
package azure
