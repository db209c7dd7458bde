package simtest

// What is known to be wrong, so that a simulation finds the rest.
const (
	maskHour         = true // an observation that changes nothing does not order later ones within an hour
	maskUnknownTimes = true // an enrolment without a time counts as older than one with
	maskOlderClaims  = true // an older record takes over after the newest enrolment's removal
	maskBrokenText   = true // a name with broken UTF-8 is another each hour
	maskBehind       = true // Run spins where the store's clock is behind
	maskProbes       = true // two channels probe side by side
	maskTies         = true // the digest of a tie that lost makes the next observation unchanged
	maskReportOnly   = true // nothing is planned anew after report-only
	maskOlderUsers   = true // the pair of an older record's user stays as it is
	maskBatches      = true // of two observations of a device in one call the newest can be lost
	maskLinger       = true // the linger is forgotten when the standing changes
	maskClosing      = true // a closing's message counts as done when it is accepted
	maskDetails      = true // details of records that own nothing, and in report-only
)
