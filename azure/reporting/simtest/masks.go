package simtest

// What is known to be wrong, so that a simulation finds the rest.
const (
	maskValid        = false // details of a removed record beside another
	maskNewEnrolment = false // a removed id is deleted though its device enrolled anew
	maskLeavers      = false // the pair of who left an id that another record claims stays
	maskClosing      = false // a closing's message counts as done when it is accepted
	maskLeft         = false // an older record takes over what a newer one removed and left
)
