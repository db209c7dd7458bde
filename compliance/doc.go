// Package compliance decides what Azure is told about a device from the
// actions of the compliance policies that apply to it now.
//
// The package is pure: no context, no clock, no I/O, no state. Everything in
// it is safe for concurrent use.
//
// # What it promises
//
// [Resolve] turns the actions of one policy evaluation into one [State]. The
// first rule that matches decides:
//
//  1. [ActionRetire] is among the actions: [StateRemoved]. Nothing else ever
//     removes a device.
//  2. A value is among them that this package does not know, [ActionUnspecified]
//     included: [StateNonCompliant]. It fails closed; a Send Alert beside it
//     does not help.
//  3. [ActionQuarantine], [ActionBlockAppConnect] or [ActionBlockEmail] is among
//     them: [StateNonCompliant].
//  4. Only [ActionSendAlert], once or several times: [StateCompliant].
//  5. No action at all: [StateCompliant]. The evaluation ran and found nothing.
//
// Order and repetition of the actions do not matter.
//
// # Limits
//
// Resolve is for a device that was evaluated. A device that was not is
// [StateUnspecified], which Resolve never answers: do not call it with no
// actions to say that nothing is known.
//
// The numbers behind Action and State may change with any version. Neither
// store nor compare them; write the text, which MarshalText gives and
// UnmarshalText reads.
package compliance
