package compliance_test

import (
	"encoding/json"
	"fmt"

	"github.com/mdmkit/devicestatus/compliance"
)

func ExampleResolve() {
	fmt.Println(compliance.Resolve(compliance.ActionSendAlert, compliance.ActionQuarantine))
	fmt.Println(compliance.Resolve(compliance.ActionSendAlert))
	fmt.Println(compliance.Resolve()) // the evaluation ended with no action
	fmt.Println(compliance.Resolve(compliance.ActionBlockEmail, compliance.ActionRetire))
	// Output:
	// non-compliant
	// compliant
	// compliant
	// removed
}

// An action of a newer policy server must neither pass as harmless nor remove
// the device.
func ExampleResolve_unknown() {
	var action compliance.Action
	err := action.UnmarshalText([]byte("wipe-sim"))
	fmt.Println(err)
	fmt.Println(compliance.Resolve(compliance.ActionSendAlert, action))
	// Output:
	// unknown Action "wipe-sim"
	// non-compliant
}

func ExampleMostRestrictive() {
	fmt.Println(compliance.MostRestrictive(compliance.ActionBlockEmail, compliance.ActionQuarantine, compliance.ActionSendAlert))
	fmt.Println(compliance.MostRestrictive(compliance.ActionQuarantine, compliance.Action(42)))
	fmt.Println(compliance.MostRestrictive())
	// Output:
	// quarantine true
	// Action(42) true
	// unspecified false
}

func ExampleAction_UnmarshalText() {
	var policy struct{ Actions []compliance.Action }
	if err := json.Unmarshal([]byte(`{"Actions": ["Send Alert", "Block AppConnect Apps"]}`), &policy); err != nil {
		fmt.Println(err)
	}
	fmt.Println(policy.Actions)
	// Output: [send-alert block-appconnect]
}

func ExampleState_UnmarshalText() {
	var state compliance.State
	fmt.Println(state)
	if err := state.UnmarshalText([]byte("Non-Compliant")); err != nil {
		fmt.Println(err)
	}
	fmt.Println(state)
	// Output:
	// unspecified
	// non-compliant
}
