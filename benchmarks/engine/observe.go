package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdmkit/devicestatus/azure/reporting"
)

// callsAtHand is how many calls are made ready before the clock runs, which is
// the same at all sizes, so that it does not look like growth.
const callsAtHand = 20

// observe measures Observe on n devices, in calls of 1,000, by several callers
// at once. turned: each turns before. What was observed is held against
// expected, which takes out of an answer what there has to be of each device.
func (b *bench) observe(ctx context.Context, n, callers int, anywhere, turned bool, expected func(reporting.Observed) int) (round, error) {
	m := &meter{server: b.server}
	var as atomic.Int64
	calls := make([][]reporting.Observation, 0, callsAtHand)
	for done := 0; done < n; {
		calls = calls[:0]
		for len(calls) < callsAtHand && done < n {
			call := make([]reporting.Observation, 0, inOneCall)
			seen := time.Now()
			for len(call) < inOneCall && done < n {
				at := b.fleet.next
				if turned {
					b.fleet.turn(at)
				}
				call = append(call, b.fleet.observation(at, seen))
				b.fleet.next = b.fleet.after(at, anywhere)
				done++
			}
			calls = append(calls, call)
		}
		m.start()
		err := b.inParallel(ctx, calls, callers, func(o reporting.Observed) error {
			if len(o.Refused) > 0 {
				return fmt.Errorf("an observation was refused: %w", o.Refused[0].Err)
			}
			if expected != nil {
				as.Add(int64(expected(o)))
			}
			return nil
		})
		m.stop()
		if err != nil {
			return round{}, err
		}
	}
	if expected != nil && int(as.Load()) != n {
		return round{}, fmt.Errorf("%d of %d observations were what they should be", as.Load(), n)
	}
	return m.round(n), nil
}

func (b *bench) inParallel(ctx context.Context, calls [][]reporting.Observation, callers int, each func(reporting.Observed) error) error {
	var next atomic.Int64
	var running sync.WaitGroup
	failed := make(chan error, callers)
	for range callers {
		running.Go(func() {
			for {
				at := int(next.Add(1)) - 1
				if at >= len(calls) {
					return
				}
				o, err := b.engine.Observe(ctx, calls[at]...)
				if err := errors.Join(err, each(o)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	running.Wait()
	close(failed)
	return <-failed
}
