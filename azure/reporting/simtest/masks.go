package simtest

// What is known to be wrong, so that a simulation finds the rest.
const (
	maskBatches      = true // of two observations of a device in one call the newest can be lost
	maskLinger       = true // the linger is forgotten when the standing changes
	maskLateRemovals = true // a removal that arrives after a newer check-in is stale
	maskClosing      = true // a closing's message counts as done when it is accepted
)
