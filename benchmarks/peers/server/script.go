package main

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mdmkit/devicestatus/benchmarks/peers/talk"
)

// throttled is the answer to what finds the bucket empty. A constant second is
// a wait that Graph was seen to ask for.
var throttled = talk.Answer{Status: http.StatusTooManyRequests, RetryAfter: "1"}

// take keeps a call and decides by the script what becomes of it; nil: it
// succeeds, but for the items in c.refused. ids are those of a batch's items.
func (s *session) take(c *call, ids [][]byte) *talk.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	var answer *talk.Answer
	if s.script != (talk.Script{}) {
		if c.batch {
			answer = s.takeBatch(c, ids)
		} else {
			answer = s.takeOne(c)
		}
		if answer != nil {
			c.lost = true
		}
	}
	s.calls = append(s.calls, *c)
	return answer
}

func (s *session) takeOne(c *call) *talk.Answer {
	began, again := s.first[c.path]
	switch {
	case !again:
		s.first[c.path] = time.Now()
		if s.script.First != nil {
			return s.script.First
		}
	case !s.second[c.path]:
		s.second[c.path] = true
		s.seen.Gaps = append(s.seen.Gaps, time.Since(began))
	}
	if !s.draw() {
		return &throttled
	}
	if _, ok := c.text(); !ok {
		return &talk.Answer{Status: http.StatusBadRequest}
	}
	return nil
}

func (s *session) takeBatch(c *call, ids [][]byte) *talk.Answer {
	first := s.batches == 0
	s.batches++
	if first && s.script.First != nil && s.script.RefuseOf20 == 0 {
		a := *s.script.First
		if len(ids) > 0 {
			a.Body = strings.ReplaceAll(a.Body, "{id}", string(ids[0]))
		}
		return &a
	}
	c.refused = make([]bool, len(ids))
	for i := range ids {
		c.refused[i] = first && i < s.script.RefuseOf20 || !s.draw()
		if c.refused[i] {
			s.seen.Throttled++
		}
	}
	if !slices.Contains(c.refused, true) {
		c.refused = nil
	}
	return nil
}

// draw takes one write from the bucket.
func (s *session) draw() bool {
	if s.script.Burst == 0 {
		return true
	}
	now := time.Now()
	s.tokens = min(float64(s.script.Burst), s.tokens+now.Sub(s.filled).Seconds()*s.script.PerSecond)
	s.filled = now
	if s.tokens < 1 {
		return false
	}
	s.tokens--
	return true
}

// itemRetryAfter is what a throttled item of a batch is told to wait.
func (s *session) itemRetryAfter() string {
	if s.script.First != nil {
		return s.script.First.RetryAfter
	}
	return throttled.RetryAfter
}
