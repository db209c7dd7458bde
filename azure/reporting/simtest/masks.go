package simtest

// What is known to be wrong, so that a simulation finds the rest.
const (
	maskBatches      = true // of two observations of a device in one call the newest can be lost
	maskLinger       = true // the linger is forgotten when the standing changes
	maskValid        = true // details of a removed record beside another
	maskNewEnrolment = true // a removed id is deleted though its device enrolled anew
	maskLeavers      = true // the pair of who left an id that another record claims stays
	maskClosing      = true // a closing's message counts as done when it is accepted
)
