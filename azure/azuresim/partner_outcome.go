package azuresim

import (
	"slices"
	"sync"
	"time"
)

// MessageOutcome is what becomes, on script, of messages after they were
// accepted. What is left out goes as usual.
type MessageOutcome struct {
	// Match chooses the messages; it sees one as it is accepted, must not
	// change it and must not call the simulator. Nil: every one.
	Match func(PartnerMessage) bool
	// Times is how many messages it meets. Zero: all, until removed.
	Times int

	// Delay is added to Options.Partner.ProcessingDelay.
	Delay time.Duration
	// Never leaves the message running for ever.
	Never bool
	// Failed makes it fail, with ErrorCode (empty: 500) and ErrorDetail. What
	// it says of its devices is not kept.
	Failed      bool
	ErrorCode   string
	ErrorDetail string
}

// outcomes are the scripted outcomes in their order.
type outcomes struct {
	mu     sync.Mutex
	active []*activeOutcome
}

type activeOutcome struct {
	outcome MessageOutcome
	met     int
}

// Decide scripts what becomes of messages. The first outcome that matches a
// message decides, alone. The function that Decide answers removes it; it may
// be called at any time and more than once, and changes nothing for messages
// that were accepted before.
func (s *Simulator) Decide(o MessageOutcome) (remove func()) {
	added := &activeOutcome{outcome: o}
	s.outcomes.mu.Lock()
	defer s.outcomes.mu.Unlock()
	s.outcomes.active = append(s.outcomes.active, added)
	return func() {
		s.outcomes.mu.Lock()
		defer s.outcomes.mu.Unlock()
		s.outcomes.remove(added)
	}
}

func (o *outcomes) remove(gone *activeOutcome) {
	o.active = slices.DeleteFunc(slices.Clone(o.active), func(a *activeOutcome) bool { return a == gone })
}

// pick finds what is scripted for a message; nil: nothing.
func (o *outcomes) pick(m PartnerMessage) *MessageOutcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range o.active {
		if a.outcome.Match != nil && !a.outcome.Match(m) {
			continue
		}
		a.met++
		if a.outcome.Times > 0 && a.met >= a.outcome.Times {
			o.remove(a)
		}
		return &a.outcome
	}
	return nil
}
