package main

import (
	"math/rand/v2"
	"time"
)

// moment is when a worker is killed.
type moment uint8

const (
	momentNever   moment = iota
	momentStart          // right after its start
	momentTime           // at any time
	momentHanded         // with a batch in hand: about to observe, observing, or done and not acknowledged
	momentTaken          // when it has said that a batch is taken, and has no answer yet
	momentRequest        // when a request of its is at Microsoft, before it is acted on
	momentAnswer         // when Microsoft has acted and not answered
	momentWrite          // as momentRequest, of a request that writes: then it is stopped, and not killed
)

var momentNames = map[moment]string{
	momentStart: "at start", momentTime: "at any time", momentHanded: "with a batch in hand", momentTaken: "acknowledging",
	momentRequest: "before Microsoft acts", momentAnswer: "before Microsoft answers",
}

// moments are told what a worker does.
type moments interface {
	// reach says that a worker is at a moment, and answers whether that
	// killed or stopped it.
	reach(worker int, m moment) bool
}

// death is when a life ends.
type death struct {
	moment moment
	count  int           // the how many-th of its kind
	delay  time.Duration // after that; for momentTime and momentStart after the start
}

// drawDeath draws one. Requests are many, batches fewer.
func drawDeath(rng *rand.Rand, life time.Duration) death {
	d := death{count: 1 + rng.IntN(4)}
	switch dice := rng.Float64(); {
	case dice < 0.15:
		d.moment, d.delay = momentStart, rand.N(min(life, 150*time.Millisecond))
	case dice < 0.30:
		d.moment, d.delay = momentTime, time.Duration(rng.Int64N(int64(life)))
	case dice < 0.55:
		d.moment, d.delay = momentHanded, time.Duration(rng.Int64N(int64(4*time.Millisecond)))
	case dice < 0.70:
		d.moment = momentTaken
	case dice < 0.85:
		d.moment, d.count = momentRequest, 1+rng.IntN(30)
	default:
		d.moment, d.count = momentAnswer, 1+rng.IntN(30)
	}
	return d
}
