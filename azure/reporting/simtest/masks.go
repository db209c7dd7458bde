package simtest

// What is known to be wrong, so that a simulation finds the rest.
const (
	maskValid        = true // details of a removed record beside another
	maskNewEnrolment = true // a removed id is deleted though its device enrolled anew
	maskLeavers      = true // the pair of who left an id that another record claims stays
	maskClosing      = true // a closing's message counts as done when it is accepted
	maskLeft         = true // an older record takes over what a newer one removed and left
)
