package main

import (
	"fmt"
	"strings"

	"github.com/mdmkit/devicestatus/azure"
	"github.com/mdmkit/devicestatus/compliance"
)

// fault is what is wrong with one place of a fleet file.
type fault struct {
	line   int
	column string // name of the column; empty: the line as a whole
	what   string // the value and what is wrong with it
	// effect is what became of the row: one of the effects below.
	effect string
}

const (
	effectRefused   = "the row is not used"
	effectStricter  = "the device counts as non-compliant"
	effectUnknown   = "it counts as a code that is not known"
	effectMended    = "sent without what is wrong"
	effectLeftOut   = "left out"
	effectNoColumn  = "the column is not used"
	effectDuplicate = "the row is not used, the stricter one is"
	effectForeign   = "the rows are not used"
)

// refused reports whether the fault cost the whole row.
func (f fault) refused() bool { return f.effect == effectRefused || f.effect == effectDuplicate }

// in names the fault with its file, as compilers do.
func (f fault) in(file string) string {
	column := f.column
	if column != "" {
		column += ": "
	}
	return fmt.Sprintf("%s:%d: %s%s; %s", file, f.line, column, f.what, f.effect)
}

// countFaults counts the rows that faults cost, and those that they did not.
func countFaults(faults []fault) (refused, flawed int) {
	lost := map[int]bool{}
	for _, f := range faults {
		if f.effect != effectNoColumn {
			lost[f.line] = lost[f.line] || f.refused()
		}
	}
	for _, whole := range lost {
		if whole {
			refused++
		} else {
			flawed++
		}
	}
	return refused, flawed
}

// quote shows a value that should have been something else, cut to what still
// tells where it came from. Of a value with an @ it shows the length: a user's
// name has got into the wrong column.
func quote(value string) string {
	const most = 40
	switch {
	case value == "":
		return "a blank"
	case strings.Contains(value, "@"):
		return size(value)
	case len(value) > most:
		return fmt.Sprintf("%q... (%d bytes)", value[:most], len(value))
	}
	return fmt.Sprintf("%q", value)
}

// size stands for a value that is a person's, or may be.
func size(value string) string { return fmt.Sprintf("of %d bytes", len(value)) }

// isGUID asks the library, so that there is one idea of what a GUID is.
func isGUID(id string) bool {
	return azure.Report{
		TenantID: id, DeviceID: id, Platform: azure.PlatformWindows, State: compliance.StateCompliant,
	}.Validate() == nil
}

// isUser reports whether name can be the user principal name of a device's
// user, asking the library too.
func isUser(name string) bool {
	const anyID = "11111111-1111-4111-8111-111111111111"
	return azure.Report{
		TenantID: anyID, DeviceID: anyID, UserPrincipalName: name, Platform: azure.PlatformIOS, State: compliance.StateCompliant,
	}.Validate() == nil
}
