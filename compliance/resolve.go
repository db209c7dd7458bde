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
	highest := -1
	for _, a := range actions {
		if r := rank(a); r > highest {
			most, highest = a, r
		}
	}
	return most, highest >= 0
}

// rank orders the actions. Known actions below Retire keep their number;
// whatever is unknown lies above all of them.
func rank(a Action) int {
	const unknown, removal = 1 << 8, 2 << 8
	switch {
	case a == ActionRetire:
		return removal
	case a == ActionUnspecified, a > ActionRetire:
		return unknown + int(a)
	}
	return int(a)
}
