package simtest

// What is known to be wrong, so that a simulation finds the rest.
const (
	maskBatches      = false // of two observations of a device in one call the newest can be lost
	maskLinger       = false // the linger is forgotten when the standing changes
	maskValid        = false // details of a removed record beside another
	maskNewEnrolment = false // a removed id is deleted though its device enrolled anew
	maskLeavers      = false // the pair of who left an id that another record claims stays
	maskClosing      = false // a closing's message counts as done when it is accepted
)
