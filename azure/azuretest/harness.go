package azuretest

import (
	"testing"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// Harness connects the suite with a reporter and with the Microsoft, real or
// simulated, behind it. NewReporter and NewReport are needed; a part that is
// nil skips the rules that need it.
//
// Every subtest begins with a call of NewReporter and runs alone, so the other
// functions may keep to the world that NewReporter made last. The t they are
// given is the subtest's.
type Harness struct {
	// NewReporter makes a world in which nothing was reported yet, and a
	// reporter in it. It should make one attempt a call, or not wait between
	// attempts (graph: MaxRetries -1), or faults take as long as its retries.
	NewReporter func(t *testing.T) azure.Reporter

	// NewReport answers a valid report of the nth device, n from 0 to 63. The
	// device exists in the world. The same n gives the same device. The suite
	// sets ID, State, KeepObject, Inventory, Trigger and UpdatedAt itself.
	NewReport func(t *testing.T, n int) azure.Report

	// Standing answers what Microsoft holds of r's device now:
	// StateCompliant or StateNonCompliant of a managed one, StateRemoved of
	// one that is unmanaged and non-compliant, StateUnspecified where nothing
	// was reported yet. present is false where the device has no directory
	// object (any more).
	Standing func(t *testing.T, r azure.Report) (state compliance.State, present bool)

	// Inventory answers what Microsoft holds of the device's inventory.
	Inventory func(t *testing.T, r azure.Report) azure.Inventory

	// Calls answers how many requests about devices have reached Microsoft in
	// this world so far, whatever became of them.
	Calls func(t *testing.T) int

	// Fault makes every request about r's device meet f from now on, those of
	// Check, DeleteObject and Verify included, until mend is called. Other
	// devices are not concerned, save by Unauthorized. A nil mend: this
	// world cannot do f, and the rules that need it are skipped.
	Fault func(t *testing.T, r azure.Report, f Fault) (mend func())

	// Settle lets a channel that answers later come to its verdicts, for
	// example by moving the clock of a simulation. Where it is nil, Check is
	// asked up to 100 times.
	Settle func(t *testing.T)
}

// Fault is what Microsoft does to the requests about one device.
type Fault string

// The faults.
const (
	Throttled     Fault = "Throttled"     // refused, 429: nothing is applied
	Unavailable   Fault = "Unavailable"   // 503, or no connection: nothing is applied
	DeviceUnknown Fault = "DeviceUnknown" // Azure does not know the device: 404
	Unauthorized  Fault = "Unauthorized"  // Entra gives no token for the tenant, or Graph does not take it: 401
	Forbidden     Fault = "Forbidden"     // 403: nothing is applied
	LostAnswer    Fault = "LostAnswer"    // the report is applied, and the connection ends before the answer
	NoAnswer      Fault = "NoAnswer"      // nothing is applied, and no answer comes until the caller's context ends
)

// answered are the faults that come to an end by themselves, with the kind
// that the error must have; empty: any.
var answered = []struct {
	fault Fault
	kind  azure.Kind
}{
	{Throttled, azure.ErrThrottled},
	{Unavailable, azure.ErrUnavailable},
	{DeviceUnknown, azure.ErrDeviceNotFound},
	{Unauthorized, azure.ErrUnauthorized},
	{Forbidden, azure.ErrForbidden},
	{LostAnswer, ""},
}
