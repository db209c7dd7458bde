package simtest

// What is known to be wrong, so that a simulation finds the rest.
const (
	maskHour         = false // an observation that changes nothing does not order later ones within an hour
	maskUnknownTimes = false // an enrolment without a time counts as older than one with
	maskOlderClaims  = false // an older record takes over after the newest enrolment's removal
	maskBrokenText   = false // a name with broken UTF-8 is another each hour
	maskBehind       = false // Run spins where the store's clock is behind
	maskProbes       = false // two channels probe side by side
	maskTies         = false // the digest of a tie that lost makes the next observation unchanged
	maskReportOnly   = false // nothing is planned anew after report-only
	maskOlderUsers   = false // the pair of an older record's user stays as it is
	maskBatches      = false // of two observations of a device in one call the newest can be lost
	maskLinger       = false // the linger is forgotten when the standing changes
	maskDetails      = false // details of records that own nothing, and in report-only
)
