package simtest

// What is known to be wrong, so that a simulation finds the rest.
const (
	maskBatches      = false // of two observations of a device in one call the newest can be lost
	maskLinger       = false // the linger is forgotten when the standing changes
	maskLateRemovals = false // a removal that arrives after a newer check-in is stale
	maskClosing      = false // a closing's message counts as done when it is accepted
)
