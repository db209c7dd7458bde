package simtest

import (
	"sync"
	"time"
)

// clock is the store's. It jumps, so that it differs from the engines' own, which
// is the bubble's.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
	jumps  []jump
}

type jump struct {
	at time.Time // by the bubble's clock
	by time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *clock) jump(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += by
	c.jumps = append(c.jumps, jump{time.Now(), by})
}

// jumped reports whether the clock jumped at or after a moment of the
// bubble's.
func (c *clock) jumped(since time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.jumps)
	return n > 0 && !c.jumps[n-1].at.Before(since)
}

// store answers what the store's clock showed at a moment of the bubble's.
func (c *clock) store(at time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	var offset time.Duration
	for _, j := range c.jumps {
		if !j.at.After(at) {
			offset += j.by
		}
	}
	return at.Add(offset).UTC().Truncate(time.Microsecond)
}
