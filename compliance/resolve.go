package compliance

// Resolve answers the standing that the actions of one policy evaluation lead
// to. Its rules are numbered in the package documentation: the most
// restrictive action wins, no action is compliant, and a value that is not
// known is non-compliant unless ActionRetire is among the actions. It never
// answers StateUnspecified and does not allocate.
func Resolve(actions ...Action) State {
	most, ok := MostRestrictive(actions...)
	switch {
	case !ok, most == ActionSendAlert:
		return StateCompliant
	case most == ActionRetire:
		return StateRemoved
	}
	return StateNonCompliant
}

// MostRestrictive answers the most restrictive of the actions, and false with
// ActionUnspecified if there was none.
//
// A value that is not known ranks above ActionQuarantine, for it may restrict
// as much, and below ActionRetire, for it is never a removal. It is answered
// as it was given, so that a log shows its number; of several, the largest
// number. So the answer does not depend on the order of the actions.
func MostRestrictive(actions ...Action) (most Action, ok bool) {
	highest := 0
	for _, a := range actions {
		highest = max(highest, rank(a))
	}
	return Action(highest & 0xff), highest != 0
}

// rank orders the actions and carries the action in its low byte: known ones
// below Retire, then whatever is unknown, then Retire. It is never 0. It adds
// where a switch would read better, for the compiler makes that free of jumps,
// which the mix of a fleet's actions would mispredict.
func rank(a Action) int {
	const known, unknown, removal = 1 << 8, 2 << 8, 3 << 8
	r := known
	if a-ActionSendAlert > ActionRetire-ActionSendAlert { // wraps around for ActionUnspecified
		r = unknown
	}
	if a == ActionRetire {
		r = removal
	}
	return r + int(a)
}
