package simtest

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// trace is what happened in a world, step by step: two runs of one seed have
// the same. It keeps a hash of all lines and the last of them.
type trace struct {
	mu    sync.Mutex
	began time.Time
	log   io.Writer // may be nil
	lines int
	sum   uint64
	told  int
	tail  [kept]entry // of the lines that tell something
}

// idle reports whether a line is of an engine that finds nothing to do.
func idle(line string) bool {
	return strings.Contains(line, " next due: ") || strings.HasSuffix(line, " queues: []")
}

// kept is how many lines are shown of a world that went wrong.
const kept = 120

func (t *trace) add(format string, args ...any) { t.say(fmt.Sprintf(format, args...)) }

func (t *trace) say(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := time.Since(t.began)
	t.sum = digest(t.sum^uint64(at), line)
	t.lines++
	if !idle(line) {
		t.tail[t.told%kept] = entry{at, line}
		t.told++
	}
	if t.log != nil {
		fmt.Fprintln(t.log, entry{at, line})
	}
}

// entry is one line and when it was written.
type entry struct {
	at   time.Duration
	text string
}

func (e entry) String() string {
	day := e.at / (24 * time.Hour)
	return fmt.Sprintf("day %d %v %s", day, e.at-day*24*time.Hour, e.text)
}

// last answers the last lines that tell something, oldest first.
func (t *trace) last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := make([]string, 0, kept)
	for i := max(0, t.told-kept); i < t.told; i++ {
		lines = append(lines, t.tail[i%kept].String())
	}
	return lines
}

// steps makes one goroutine wake at a time: each sleeps to a moment that is
// its own before it does anything that others can see. Moments are odd numbers
// of nanoseconds; what an engine sleeps to by itself is not.
type steps struct {
	seed  uint64
	mu    sync.Mutex
	taken map[int64]uint64 // who wakes when
	n     int
}

// pause sleeps between low and high, and answers the dice of this step. They,
// and the length of the sleep, belong to the seed, the moment and what is about
// to be done. Two that are about to do the same at the same moment wake
// together: that only happens to reads, which do not mind.
func (s *steps) pause(what string, low, high time.Duration) dice {
	now := time.Now()
	who := digest(s.seed^uint64(now.UnixNano()), what)
	d := dice{rngOf(s.seed, who)}
	s.sleepTo(now.Add(d.between(low, high)), who)
	return d
}

func (s *steps) sleepTo(at time.Time, who uint64) {
	now := time.Now()
	if !at.After(now) {
		at = now.Add(time.Microsecond)
	}
	wake := at.UnixNano() | 1
	s.mu.Lock()
	for other, taken := s.taken[wake]; taken && other != who; other, taken = s.taken[wake] {
		wake += 2
	}
	s.taken[wake] = who
	s.n++
	s.mu.Unlock()
	time.Sleep(time.Duration(wake - now.UnixNano()))
	s.mu.Lock()
	delete(s.taken, wake)
	s.mu.Unlock()
}

func (s *steps) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}
