package main

import (
	"sync"
	"time"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

// session is what belongs to one client's job.
type session struct {
	mu      sync.Mutex
	script  talk.Script
	calls   []call
	batches int
	first   map[string]time.Time // each path's first call
	second  map[string]bool      // had another
	tokens  float64              // of the script's bucket
	filled  time.Time
	seen    talk.Seen
}

func newSession() *session {
	return &session{first: map[string]time.Time{}, second: map[string]bool{}}
}

// check answers what the calls amount to.
func (s *session) check() talk.Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	seen.Calls = len(s.calls)
	written := map[int]bool{}
	for _, c := range s.calls {
		seen.BodyBytes += len(c.body)
		if c.gzip {
			seen.Compressed++
		}
		items, err := c.items()
		if err == errMislabeled {
			seen.Mislabeled++
		}
		if err != nil {
			note(&seen, err)
			continue
		}
		for i, it := range items {
			n, err := it.device()
			switch {
			case err != nil:
				note(&seen, err)
			case c.lost || c.refused != nil && c.refused[i]:
			case written[n]:
				seen.Repeats++
			default:
				written[n] = true
			}
		}
	}
	seen.Devices = len(written)
	return seen
}

func note(seen *talk.Seen, wrong error) {
	if seen.Wrong++; seen.Problem == "" {
		seen.Problem = wrong.Error()
	}
}
